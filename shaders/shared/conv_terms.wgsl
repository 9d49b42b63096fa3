// The terms of a convolution as a product of matrices: (tap, channel), channels within taps.
// use: conv_pixels

// The taps that count: all of them, or every `step`-th from `first` on.
struct Taps {
    first: vec2<u32>,
    step: vec2<u32>,
    // In a row of the kernel.
    in_row: u32,
    // Terms of all of them.
    terms: u32,
}

fn taps_from(first: vec2<u32>, step: vec2<u32>) -> Taps {
    let count = (max(params.kernel, first) - first + step - 1u) / step;
    return Taps(first, step, count.y, count.x * count.y * params.depth);
}
// Row and column in the kernel of a tap.
fn tap_at(taps: Taps, tap: u32) -> vec2<u32> {
    let j = quotient(tap, taps.in_row);
    return taps.first + vec2(j, tap - j * taps.in_row) * taps.step;
}
// n / d for n below 2^20: the rounding errors are far smaller than the half that is added.
fn quotient(n: u32, d: u32) -> u32 {
    return u32((f32(n) + 0.5) * (1.0 / f32(d)));
}
