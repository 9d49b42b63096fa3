// use: pool_window
override INCLUDE_PADDING: bool;
override SUM: bool;
// By how much a window divides its sum: its elements in the image, or in the padded image. At least 1.
// By nothing for a sum.
fn count_of(window: vec2<u32>) -> f32 {
    if SUM {
        return 1.0;
    }
    // Counted from the start of the padding.
    let corner = window * vec2(STRIDE_Y, STRIDE_X);
    let first = select(params.before, vec2(0u), INCLUDE_PADDING);
    let end = params.before + params.in_size + select(vec2(0u), params.after, INCLUDE_PADDING);
    // Taps before `first`, and taps before `end`.
    let skipped = taps_within(max(first, corner) - corner);
    let reached = min(taps_within(max(end, corner) - corner), params.kernel);
    let count = max(reached, skipped) - skipped;
    return f32(max(count.x * count.y, 1u));
}
// ceil(distance / dilation)
fn taps_within(distance: vec2<u32>) -> vec2<u32> {
    return vec2((distance.x + DILATION_Y - 1u) / DILATION_Y, (distance.y + DILATION_X - 1u) / DILATION_X);
}
