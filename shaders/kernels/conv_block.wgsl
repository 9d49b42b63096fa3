// Convolution of images with channels last, or its input gradient, for GPUs: a product of blocks, see
// shared/block.
//
// from: [n, from_h, from_w, depth]; see conv_pixels
// w: [taps, depth, channels], or [taps, channels, depth] with W_ALONG_DEPTH
// y: [n, to_h, to_w, channels], whole vec4s
// a is `from`, a row a pixel of y; b is w; terms are (tap, channel of `from`). Taps outside of the image
// are 0. One workgroup makes ROWS pixels of COLUMNS channels.
// The input gradient of a strided convolution is one product for each remainder of the pixels' positions by
// the stride, with APART: those of one remainder have the same taps, all others are 0.
// Dispatch: remainders * ceil(pixels / ROWS) * column_blocks workgroups.
// Reads `from` once per tap and block of channels, w once per ROWS pixels, writes y once.
// use: group, vec4, conv_pixels, conv_terms, block
// hole: epilogue
// variant conv_block_128x128: use pixel_vec4; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant conv_block_64x64: use pixel_vec4; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant conv_block_few: use pixel_scalar; ROWS = 128u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u

@group(0) @binding(1) var<storage, read> from_pixels: array<Pixel>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

override W_ALONG_DEPTH: bool;
const A_TURNED = true;
override B_TURNED: bool = W_ALONG_DEPTH;

override APART: bool;

struct Task {
    exists: bool,
    row: u32,
    column: u32,
    first: u32,
    last: u32,
    // Of the pixels' positions by the stride, and the taps that meet them.
    remainder: vec2<u32>,
    taps: Taps,
}
// Pixels of y.
alias Rows = array<vec3<u32>, 4>;

// How far apart the pixels of one product are.
fn spacing() -> vec2<u32> {
    return select(vec2(1u), vec2(STRIDE_Y, STRIDE_X), APART);
}
fn task_of(index: u32) -> Task {
    let step = spacing();
    let of_column = index / params.column_blocks;
    let blocks = (params.pixels + ROWS - 1u) / ROWS;
    let product = of_column / blocks;
    let row = (of_column - product * blocks) * ROWS;
    let column = (index - of_column * params.column_blocks) * COLUMNS;
    let remainder = vec2(product / step.y, product % step.y);
    let first_tap = select(vec2(0u), (remainder + params.before) % step, APART);
    let taps = taps_from(first_tap, step);
    return Task(remainder.x < step.x, row, column, 0u, taps.terms, remainder, taps);
}
// Image, row and column of a pixel; those past the last row or column are not stored.
fn made(task: Task, index: u32) -> vec3<u32> {
    let step = spacing();
    let size = (params.to_size + step - 1u) / step;
    let line = index / size.y;
    let image = line / size.x;
    let at = vec2(line - image * size.x, index - line * size.y);
    return vec3(image, at * step + task.remainder);
}
fn rows_of(task: Task, row: u32) -> Rows {
    // Those past the end repeat the last pixel, which is not stored.
    let last = params.pixels - 1u;
    return Rows(
        made(task, min(row, last)),
        made(task, min(row + 1u, last)),
        made(task, min(row + 2u, last)),
        made(task, min(row + 3u, last)),
    );
}
fn fetch_a(task: Task, rows: Rows, term: u32, n: u32) -> vec4<f32> {
    return quad_at(rows[n], quad_of(task.taps, term));
}
fn fetch_b(task: Task, column: u32, term: u32, n: u32) -> vec4<f32> {
    let along = select(n, 0u, W_ALONG_DEPTH);
    let counted = quotient(term + along, params.depth);
    let d = term + along - counted * params.depth;
    let at = tap_at(task.taps, counted);
    let tap = at.x * params.kernel.y + at.y;
    var place = (tap * params.depth + d) * params.channels + column;
    if W_ALONG_DEPTH {
        place = (tap * params.channels + column + n) * params.depth + d;
    }
    return select(vec4(0.0), w[place / 4u], term + along < task.last);
}
fn put(task: Task, row: u32, column: u32, sums: vec4<f32>) {
    let pixel = made(task, row);
    if row < params.pixels && all(pixel.yz < params.to_size) && column < params.channels {
        let index = (pixel.x * params.to_size.x + pixel.y) * params.to_size.y + pixel.z;
        let to = (index * params.channels + column) / 4u;
        y[to] = epilogue(sums, to);
    }
}
