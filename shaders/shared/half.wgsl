// 16-bit floats: f16 (IEEE) and bf16 (the upper half of an f32), two in a word, the first in its
// lower bits. In registers each stands in the lower half of a u32.
//
// The conversions are arithmetic on bits: WGSL's pack2x16float leaves open how it rounds and what
// becomes of numbers beyond the largest f16, and adapters differ on subnormal numbers.
fn half_at(word: u32, place: u32) -> u32 {
    return (word >> ((place & 1u) * 16u)) & 0xffffu;
}
fn halves_of(words: vec2<u32>) -> vec4<u32> {
    return vec4<u32>(words.x & 0xffffu, words.x >> 16u, words.y & 0xffffu, words.y >> 16u);
}
fn words_of(halves: vec4<u32>) -> vec2<u32> {
    return halves.xz | (halves.yw << vec2<u32>(16u));
}

fn f32_of_f16(half: U) -> T {
    let magnitude = half & U(0x7fffu);
    // The exponent's bias is 15 in f16, 127 in f32; the largest exponent stays the largest.
    let normal = (magnitude << U(13u)) + U(112u << 23u);
    let beyond = normal + U(112u << 23u);
    let subnormal = bitcast<U>(T(magnitude) * T(5.9604644775390625e-8));
    let number = select(normal, beyond, magnitude >= U(0x7c00u));
    let bits = select(number, subnormal, magnitude < U(0x400u));
    return bitcast<T>(bits | ((half & U(0x8000u)) << U(16u)));
}
// To the nearest, ties to even; beyond 65,504 and a half step infinity.
fn f16_of_f32(x: T) -> U {
    let bits = bitcast<U>(x);
    let magnitude = bits & U(0x7fffffffu);
    let odd = (magnitude >> U(13u)) & U(1u);
    let normal = min((magnitude - U(112u << 23u) + U(0xfffu) + odd) >> U(13u), U(0x7c00u));
    // Below 2^-14 the step is 2^-24: the fraction moves right by what the exponent is short of that.
    let shift = min(U(126u) - min(magnitude >> U(23u), U(125u)), U(25u));
    let fraction = (magnitude & U(0x7fffffu)) | U(0x800000u);
    let subnormal = (fraction + (U(1u) << (shift - U(1u))) - U(1u) + ((fraction >> shift) & U(1u))) >> shift;
    let number = select(normal, subnormal, magnitude < U(113u << 23u));
    return select(number, U(0x7e00u), magnitude > U(0x7f800000u)) | ((bits >> U(16u)) & U(0x8000u));
}
fn f32_of_bf16(half: U) -> T {
    return bitcast<T>(half << U(16u));
}
// To the nearest, ties to even; NaN stays one.
fn bf16_of_f32(x: T) -> U {
    let bits = bitcast<U>(x);
    let nearest = (bits + U(0x7fffu) + ((bits >> U(16u)) & U(1u))) >> U(16u);
    let is_nan = (bits & U(0x7fffffffu)) > U(0x7f800000u);
    return select(nearest, (bits >> U(16u)) | U(0x40u), is_nan);
}
