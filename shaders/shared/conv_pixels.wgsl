// What the convolutions of images with channels last share: which pixels a workgroup makes, and where
// their taps stand.
//
// from: [n, from_h, from_w, depth]   y: [n, to_h, to_w, channels]
// Forwards, from is x and depth its channels. For the input gradient from is dy, and y is dx.
// use: group

struct Params {
    from_size: vec2<u32>,
    to_size: vec2<u32>,
    kernel: vec2<u32>,
    dilation: vec2<u32>,
    before: vec2<u32>,
    depth: u32,
    channels: u32,
    // Of y, all images together; with APART those of one remainder.
    pixels: u32,
    // Workgroups side by side for all channels.
    column_blocks: u32,
    // Of the weight gradient: workgroups for the rows of w, parts of the sum over pixels.
    row_blocks: u32,
    parts: u32,
    pixels_per_part: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

override INPUT_GRADIENT: bool;
override STRIDE_Y: u32;
override STRIDE_X: u32;

const SUBGROUP = 8u;

// A pixel of y: image, row, column.
fn pixel_at(index: u32) -> vec3<u32> {
    let line = index / params.to_size.y;
    let image = line / params.to_size.x;
    return vec3(image, line - image * params.to_size.x, index - line * params.to_size.y);
}

struct Place {
    // The pixel of `from`, counted through all images.
    pixel: u32,
    inside: bool,
}

// Where tap (j, k) of a pixel stands.
fn tap_of(pixel: vec3<u32>, j: u32, k: u32) -> Place {
    // Before the image the differences wrap around and are far outside.
    var row = pixel.y * STRIDE_Y + j * params.dilation.x - params.before.x;
    var column = pixel.z * STRIDE_X + k * params.dilation.y - params.before.y;
    var inside = true;
    if INPUT_GRADIENT {
        // x[i] is tap j of the output o where o stride + j dilation - before = i.
        row = pixel.y + params.before.x - j * params.dilation.x;
        column = pixel.z + params.before.y - k * params.dilation.y;
        if STRIDE_Y > 1u || STRIDE_X > 1u {
            inside = row < 0x80000000u && column < 0x80000000u && row % STRIDE_Y == 0u && column % STRIDE_X == 0u;
            row /= STRIDE_Y;
            column /= STRIDE_X;
        }
    }
    inside = inside && row < params.from_size.x && column < params.from_size.y;
    return Place((pixel.x * params.from_size.x + row) * params.from_size.y + column, inside);
}

// How far apart two pixels are that are four steps apart.
fn four_pixels() -> vec3<u32> {
    return pixel_at(4u);
}

// The pixel `steps` further on.
fn advanced(pixel: vec3<u32>, steps: vec3<u32>) -> vec3<u32> {
    var next = pixel + steps;
    let row_ends = next.z >= params.to_size.y;
    next.z -= select(0u, params.to_size.y, row_ends);
    next.y += u32(row_ends);
    let image_ends = next.y >= params.to_size.x;
    next.y -= select(0u, params.to_size.x, image_ends);
    next.x += u32(image_ends);
    return next;
}
