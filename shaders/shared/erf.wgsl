// erf and the normal distribution function.
//
// |x| < 1: the Maclaurin series of erf; beyond: the Chebyshev fit of erfc in Press et al., Numerical
// Recipes, section 6.2 (fractional error below 1.2e-7).
fn erfc_positive(z: T) -> T {
    let t = 1.0 / (1.0 + 0.5 * z);
    let p = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
        + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    return t * exp(-z * z + p);
}
fn erf_series(x: T) -> T {
    let s = x * x;
    return x * (1.1283791671 + s * (-0.3761263890 + s * (0.1128379167 + s * (-0.0268661706 + s * (0.0052239776
        + s * (-0.0008548327 + s * (0.0001205533 + s * (-0.0000149256 + s * (0.0000016462
        + s * -0.0000001637)))))))));
}
fn erf_accurate(x: T) -> T {
    let a = min(abs(x), T(10.0));
    let value = select(sign(x) * (1.0 - erfc_positive(a)), erf_series(x), a < T(1.0));
    return select(value, x, (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u));
}
// P(X <= x) of the standard normal distribution, accurate in the left tail too.
fn normal_cdf(x: T) -> T {
    let z = x * 0.7071067811865476;
    let tail = 0.5 * erfc_positive(min(abs(z), T(13.0)));
    let outer = select(1.0 - tail, tail, x < T(0.0));
    let value = select(outer, 0.5 + 0.5 * erf_series(z), abs(z) < T(1.0));
    return select(value, x, (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u));
}
