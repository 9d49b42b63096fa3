// Inverse trigonometric and hyperbolic functions to a few units in the last place. WGSL allows its
// own ones to be wrong in the fourth digit. The polynomials are those of Cephes (Moshier, single
// precision).

fn not_a_number() -> T {
    return bitcast<T>(U(0x7fc00000u));
}

// The arc tangent of a >= 0: beyond tan(3 pi / 8) by 1 / a, beyond tan(pi / 8) by (a - 1) / (a + 1).
fn arctan_positive(a: T) -> T {
    let far = a > T(2.414213562373095);
    let middle = (a > T(0.4142135623730951)) & !far;
    let x = select(select(a, (a - 1.0) / (a + 1.0), middle), -1.0 / a, far);
    let base = select(select(T(0.0), T(0.7853981633974483), middle), T(1.5707963267948966), far);
    let z = x * x;
    let series = (((0.0805374449538 * z - 0.138776856032) * z + 0.199777106478) * z - 0.333329491539) * z * x;
    return base + (series + x);
}
fn arctan(x: T) -> T {
    let value = arctan_positive(abs(x));
    return select(select(value, -value, x < T(0.0)), x, (x == T(0.0)) | is_nan(x));
}
// The angle of the point (x, y): -pi to pi. Two infinities are taken as equally large.
fn arctan2(y: T, x: T) -> T {
    let a = abs(y);
    let b = abs(x);
    let large = T(3e38);
    let alike = ((a == b) & (a > T(0.0))) | ((a > large) & (b > large));
    let ratio = select(a / b, T(1.0), alike);
    let zero = a == T(0.0);
    // Neither 0 / 0 nor x / infinity is left to the division.
    let first = select(arctan_positive(ratio), T(0.0), zero | ((b > large) & (a <= large)));
    // The sign of -0 counts as well.
    let left = (bitcast<U>(x) >> U(31u)) == U(1u);
    let below = (bitcast<U>(y) >> U(31u)) == U(1u);
    let half = select(first, 3.141592653589793 - first, left);
    return select(select(half, -half, below), x + y, is_nan(x) | is_nan(y));
}
// The arc sine of 0 <= a <= 1, with a square root beyond 1/2.
fn arcsin_positive(a: T) -> T {
    let far = a > T(0.5);
    let z = select(a * a, 0.5 * (1.0 - a), far);
    let x = select(a, sqrt(z), far);
    let series = ((((0.042163199048 * z + 0.024181311049) * z + 0.045470025998) * z + 0.074953002686) * z
        + 0.16666752422) * z * x;
    let value = series + x;
    return select(value, 1.5707963267948966 - 2.0 * value, far);
}
fn arcsin(x: T) -> T {
    let a = abs(x);
    let value = arcsin_positive(min(a, T(1.0)));
    let signed = select(select(value, -value, x < T(0.0)), x, x == T(0.0));
    return select(signed, not_a_number(), (a > T(1.0)) | is_nan(x));
}
fn arccos(x: T) -> T {
    let a = abs(x);
    let near_1 = 2.0 * arcsin_positive(sqrt(0.5 * max(1.0 - a, T(0.0))));
    let far = select(near_1, 3.141592653589793 - near_1, x < T(0.0));
    let value = select(1.5707963267948966 - arcsin_positive(min(a, T(0.5))) * sign(x), far, a > T(0.5));
    return select(value, not_a_number(), (a > T(1.0)) | is_nan(x));
}

// Half of exp(a) as a product, which is finite where exp(a) is not yet needed to be.
fn half_exponential(a: T) -> T {
    let root = exp(0.5 * a);
    return 0.5 * root * root;
}
fn sinh_of(x: T) -> T {
    let a = abs(x);
    let z = x * x;
    let series = x * (1.0 + z * (1.0 / 6.0 + z * (1.0 / 120.0 + z * (1.0 / 5040.0 + z * (1.0 / 362880.0)))));
    let half = half_exponential(a);
    let large = sign(x) * (half - 0.25 / half);
    return select(select(large, series, a < T(1.0)), x, is_nan(x));
}
fn cosh_of(x: T) -> T {
    let half = half_exponential(abs(x));
    return select(half + 0.25 / half, x, is_nan(x));
}
fn arctanh(x: T) -> T {
    let a = abs(x);
    let value = 0.5 * sign(x) * log1p(2.0 * a / (1.0 - a));
    return select(select(value, x, x == T(0.0)), not_a_number(), (a > T(1.0)) | is_nan(x));
}
// Beyond 1e8 the square would add nothing, and overflow further on.
fn arcsinh(x: T) -> T {
    let a = abs(x);
    let z = min(a, T(1e8)) * min(a, T(1e8));
    let value = select(log1p(a + z / (1.0 + sqrt(1.0 + z))), logarithm(a) + 0.6931471805599453, a > T(1e8));
    return select(select(value, -value, x < T(0.0)), x, (x == T(0.0)) | is_nan(x));
}
fn arccosh(x: T) -> T {
    let t = min(x, T(1e8)) - 1.0;
    let value = select(log1p(t + sqrt(t * (t + 2.0))), logarithm(x) + 0.6931471805599453, x > T(1e8));
    return select(value, not_a_number(), (x < T(1.0)) | is_nan(x));
}
