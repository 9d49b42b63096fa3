// What the pooling kernels for images with channels last share.
// use: pointwise, tanh, erf

struct Params {
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    images: u32,
}
// Vec4s of a pixel, and windows of an image: constants, because a division by a variable costs more than
// a load on a software adapter.
override CHANNELS: u32;
override ROWS: u32;
override COLUMNS: u32;

// A window and four of its channels.
struct Place {
    image: u32,
    window: vec2<u32>,
    // Of the window's first pixel in an image of `in_size`.
    first: u32,
    channel: u32,
}

fn place_of(i: u32) -> Place {
    let pixel = i / CHANNELS;
    let line = pixel / COLUMNS;
    let image = line / ROWS;
    let window = vec2(line - image * ROWS, pixel - line * COLUMNS);
    let row = (image * params.in_size.x + window.x * 2u) * params.in_size.y;
    let channel = i - pixel * CHANNELS;
    return Place(image, window, (row + window.y * 2u) * CHANNELS + channel, channel);
}

fn is_larger(a: vec4<f32>, b: vec4<f32>) -> vec4<bool> {
    return (a > b) | (is_nan(a) & !is_nan(b));
}

// The larger of two, the first of equal ones.
fn larger(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return select(a, b, is_larger(b, a));
}
