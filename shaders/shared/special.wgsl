// Exponentials and logarithms of other bases, the complement and the inverse of erf, and the
// logarithm of the gamma function with its derivatives.
// use: erf

fn exponential_2(x: T) -> T { return select(exp2(x), x, is_nan(x)); }
fn logarithm_2(x: T) -> T { return select(log2(x), bitcast<T>(U(0x7fc00000u)), (x < T(0.0)) | is_nan(x)); }
fn logarithm_10(x: T) -> T { return logarithm(x) * 0.4342944819032518; }

fn erfc_of(x: T) -> T {
    let tail = erfc_positive(min(abs(x), T(13.0)));
    let outer = select(tail, 2.0 - tail, x < T(0.0));
    return select(select(outer, 1.0 - erf_series(x), abs(x) < T(0.5)), x, is_nan(x));
}
// Giles, Approximating the erfinv function (GPU Computing Gems, 2011), single precision.
fn erfinv(x: T) -> T {
    let a = abs(x);
    let w = -logarithm((1.0 - a) * (1.0 + a));
    let c = w - 2.5;
    let inner = 1.50140941 + c * (0.246640727 + c * (-0.00417768164 + c * (-0.00125372503 + c * (0.00021858087
        + c * (-4.39150654e-6 + c * (-3.5233877e-6 + c * (3.43273939e-7 + c * 2.81022636e-8)))))));
    let s = sqrt(w) - 3.0;
    let outer = 2.83297682 + s * (1.00167406 + s * (0.00943887047 + s * (-0.0076224613 + s * (0.00573950773
        + s * (-0.00367342844 + s * (0.00134934322 + s * (0.000100950558 - s * 0.000200214257)))))));
    let value = x * select(outer, inner, w < T(5.0));
    let infinite = select(bitcast<T>(U(0x7f800000u)), bitcast<T>(U(0xff800000u)), x < T(0.0));
    return select(select(value, infinite, a == T(1.0)), not_a_number(), (a > T(1.0)) | is_nan(x));
}

// log(gamma(x)): Stirling's series from 7 on; below, gamma(x) = gamma(x + n) / (x (x + 1) ...); for
// negative x by reflection.
fn lgamma_positive(x: T) -> T {
    var shifted = x;
    var product = T(1.0);
    for (var i = 0u; i < 7u; i++) {
        let small = shifted < T(7.0);
        product = select(product, product * shifted, small);
        shifted = select(shifted, shifted + 1.0, small);
    }
    let r = 1.0 / shifted;
    let series = r * (1.0 / 12.0 - r * r * (1.0 / 360.0 - r * r * (1.0 / 1260.0)));
    return (shifted - 0.5) * log(shifted) - shifted + 0.9189385332046727 + series - log(product);
}
fn lgamma(x: T) -> T {
    let a = abs(x);
    let fraction = a - floor(a);
    let near = min(fraction, 1.0 - fraction);
    let positive = lgamma_positive(select(1.0 - x, x, x > T(0.0)));
    let reflected = log(3.141592653589793 / sine_of_half_turn(3.141592653589793 * near)) - positive;
    let value = select(reflected, positive, x > T(0.0));
    let infinite = ((x <= T(0.0)) & (near == T(0.0))) | (a > T(3e36));
    return select(select(value, bitcast<T>(U(0x7f800000u)), infinite), x, is_nan(x));
}
// What a negative place is away from the whole number next to it.
fn from_whole(x: T) -> T { return x - round(x); }
// The sine of an angle between -pi / 2 and pi / 2, small ones to the last place: WGSL's own is only as good
// as 2^-11 of 1. The series of Taylor to the eleventh power, 6e-8 off at the end.
fn sine_of_half_turn(x: T) -> T {
    let q = x * x;
    return x - x * q * (1.0 / 6.0) * (1.0 - q * (1.0 / 20.0) * (1.0 - q * (1.0 / 42.0)
        * (1.0 - q * (1.0 / 72.0) * (1.0 - q * (1.0 / 110.0)))));
}
fn digamma_positive(x: T) -> T {
    var shifted = x;
    var sum = T(0.0);
    for (var i = 0u; i < 6u; i++) {
        let small = shifted < T(6.0);
        sum = select(sum, sum + 1.0 / shifted, small);
        shifted = select(shifted, shifted + 1.0, small);
    }
    let r = 1.0 / (shifted * shifted);
    return log(shifted) - 0.5 / shifted - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0))) - sum;
}
fn digamma(x: T) -> T {
    let angle = 3.141592653589793 * from_whole(x);
    let positive = digamma_positive(select(1.0 - x, x, x > T(0.0)));
    let value = select(positive - 3.141592653589793 * cos(angle) / sine_of_half_turn(angle), positive, x > T(0.0));
    let pole = (x < T(0.0)) & (from_whole(x) == T(0.0));
    let at_zero = select(value, -1.0 / x, x == T(0.0));
    return select(select(at_zero, not_a_number(), pole), x, is_nan(x));
}
fn trigamma_positive(x: T) -> T {
    var shifted = x;
    var sum = T(0.0);
    for (var i = 0u; i < 6u; i++) {
        let small = shifted < T(6.0);
        sum = select(sum, sum + 1.0 / (shifted * shifted), small);
        shifted = select(shifted, shifted + 1.0, small);
    }
    let q = 1.0 / shifted;
    let r = q * q;
    return q + 0.5 * r + q * r * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0)))) + sum;
}
fn trigamma(x: T) -> T {
    let sine = sine_of_half_turn(3.141592653589793 * from_whole(x)) * 0.3183098861837907;
    let positive = trigamma_positive(select(1.0 - x, x, x > T(0.0)));
    return select(select(1.0 / (sine * sine) - positive, positive, x > T(0.0)), x, is_nan(x));
}
