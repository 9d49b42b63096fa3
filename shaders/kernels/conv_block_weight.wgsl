// Weight gradient of a convolution of images with channels last, and the sums of dy for a bias, for GPUs: a
// product of blocks, see shared/block.
//
// from: x [n, from_h, from_w, depth]   dy: [n, to_h, to_w, channels], whole vec4s
// y: [parts, taps * depth + 1, channels]; the row behind the last one sums up dy
// a is x, a row a (tap, channel of x); b is dy; terms are pixels of dy, `pixels_per_part` for each part.
// One workgroup makes ROWS x COLUMNS weights of one part.
// Dispatch: parts * row_blocks * column_blocks workgroups.
// Reads x once per tap and block of channels, dy once per ROWS rows, writes y once.
// use: group, vec4, conv_pixels, conv_terms, block
// variant conv_block_weight_128x128: use pixel_vec4; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant conv_block_weight_128x64: use pixel_vec4; ROWS = 128u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant conv_block_weight_64x64: use pixel_vec4; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant conv_block_weight_few: use pixel_scalar; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u

@group(0) @binding(1) var<storage, read> from_pixels: array<Pixel>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

const A_TURNED = false;
const B_TURNED = false;

struct Task {
    exists: bool,
    row: u32,
    column: u32,
    first: u32,
    last: u32,
    part: u32,
}
// (tap, channel of x) of four rows, and which of them is the bias.
struct Rows {
    quad: Quad,
    ones: vec4<f32>,
}

fn weight_rows() -> u32 {
    return params.kernel.x * params.kernel.y * params.depth;
}
fn task_of(index: u32) -> Task {
    let block = index / params.column_blocks;
    let part = block / params.row_blocks;
    let first = part * params.pixels_per_part;
    return Task(
        part < params.parts,
        (block - part * params.row_blocks) * ROWS,
        (index - block * params.column_blocks) * COLUMNS,
        first,
        min(first + params.pixels_per_part, params.pixels),
        part,
    );
}
fn rows_of(task: Task, row: u32) -> Rows {
    let is_bias = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(weight_rows());
    return Rows(quad_of(taps_from(vec2(0u), vec2(1u)), row), select(vec4(0.0), vec4(1.0), is_bias));
}
fn fetch_a(task: Task, rows: Rows, term: u32, n: u32) -> vec4<f32> {
    // One division for four neighbours.
    var pixel = pixel_at(term);
    if n > 0u {
        pixel = advanced(pixel, vec3(0u, 0u, 1u));
    }
    if n > 1u {
        pixel = advanced(pixel, vec3(0u, 0u, 1u));
    }
    if n > 2u {
        pixel = advanced(pixel, vec3(0u, 0u, 1u));
    }
    return select(vec4(0.0), quad_at(pixel, rows.quad) + rows.ones, term + n < task.last);
}
fn fetch_b(task: Task, column: u32, term: u32, n: u32) -> vec4<f32> {
    return select(vec4(0.0), dy[((term + n) * params.channels + column) / 4u], term + n < task.last);
}
fn put(task: Task, row: u32, column: u32, sums: vec4<f32>) {
    if row <= weight_rows() && column < params.channels {
        y[((task.part * (weight_rows() + 1u) + row) * params.channels + column) / 4u] = sums;
    }
}
