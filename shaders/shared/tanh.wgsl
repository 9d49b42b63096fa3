// tanh to a few units in the last place. WGSL's own may be off by 1e-5 absolute.
//
// |x| < 0.55: the Taylor series; beyond: 1 - 2 / (exp(2|x|) + 1), which no longer cancels.
fn tanh_accurate(x: T) -> T {
    let a = abs(x);
    let s = x * x;
    let series = x * (1.0 + s * (-0.3333333333 + s * (0.1333333333 + s * (-0.0539682540 + s * (0.0218694885
        + s * (-0.0088632355 + s * (0.0035921280 + s * (-0.0014558344 + s * 0.0005900274))))))));
    let large = sign(x) * (1.0 - 2.0 / (exp(2.0 * min(a, T(20.0))) + 1.0));
    let value = select(large, series, a < T(0.55));
    return select(value, x, (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u));
}
