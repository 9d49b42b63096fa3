// use: pool_window
override INCLUDE_PADDING: bool;
// By how much a window divides its sum: its elements in the image, or in the padded image. At least 1.
fn count_of(window: vec2<u32>) -> f32 {
    // Counted from the start of the padding.
    let corner = window * params.stride;
    let first = select(params.before, vec2(0u), INCLUDE_PADDING);
    let end = params.before + params.in_size + select(vec2(0u), params.after, INCLUDE_PADDING);
    // Taps before `first`, and taps before `end`.
    let skipped = (max(first, corner) - corner + params.dilation - 1u) / params.dilation;
    let reached = min((max(end, corner) - corner + params.dilation - 1u) / params.dilation, params.kernel);
    let count = max(reached, skipped) - skipped;
    return f32(max(count.x * count.y, 1u));
}
