// Rounding, remainders and tests of floats.

fn ceil_of(x: T) -> T { return ceil(x); }
// A half goes to the even neighbour.
fn round_of(x: T) -> T { return round(x); }
fn trunc_of(x: T) -> T { return trunc(x); }

// |a| modulo |b| with the sign of a. A quotient that was rounded to a whole number takes off one
// divisor too many, which shows in the sign.
fn fmod(a: T, b: T) -> T {
    let x = abs(a);
    let y = abs(b);
    let whole = floor(x / y);
    let first = fma(-whole, y, x);
    let second = select(first, first + y, first < T(0.0));
    let third = select(second, second - y, second >= y);
    // Everything fits below an infinite divisor.
    let fits = (y > T(3.4028234e38)) & (x <= T(3.4028234e38));
    let value = select(third, x, fits | (x < y));
    let wrong = (y == T(0.0)) | (x > T(3.4028234e38)) | is_nan(a) | is_nan(b);
    return select(select(value, -value, a < T(0.0)), bitcast<T>(U(0x7fc00000u)), wrong);
}
// The same with the sign of b, of a rest of 0 too: made of bits, as drivers take -0 for 0.
fn remainder(a: T, b: T) -> T {
    let r = fmod(a, b);
    let other_side = (r != T(0.0)) & ((r < T(0.0)) != (b < T(0.0)));
    let rest = select(r, r + b, other_side & !is_nan(r));
    let zero = bitcast<T>(bitcast<U>(b) & U(0x80000000u));
    return select(rest, zero, r == T(0.0));
}

fn test_nan(x: T) -> U { return truth(is_nan(x)); }
fn test_infinite(x: T) -> U { return truth((bitcast<U>(x) & U(0x7fffffffu)) == U(0x7f800000u)); }
fn test_finite(x: T) -> U { return truth((bitcast<U>(x) & U(0x7f800000u)) != U(0x7f800000u)); }
