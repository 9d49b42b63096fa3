// The pointwise functions, each named as its row in `crates/graph/src/ops/pointwise/`.
//
// T is f32 or vec4<f32>, I, U and B go with it; truth values are U of 0 and 1.
// WGSL lets a compiler assume that NaN does not occur, so `x != x` and `max` lose it: NaN is found
// by its bits, and passes through every function as it does in PyTorch.
// use: half, trigonometry, rounding, integer, special

fn is_nan(x: T) -> B {
    return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u);
}
fn truth(x: B) -> U {
    return select(U(0u), U(1u), x);
}

fn identity(x: T) -> T { return x; }
fn add(a: T, b: T) -> T { return a + b; }
fn sub(a: T, b: T) -> T { return a - b; }
fn mul(a: T, b: T) -> T { return a * b; }
fn div(a: T, b: T) -> T { return a / b; }
fn maximum(a: T, b: T) -> T { return select(max(a, b), a + b, is_nan(a) | is_nan(b)); }
fn minimum(a: T, b: T) -> T { return select(min(a, b), a + b, is_nan(a) | is_nan(b)); }

fn eq(a: T, b: T) -> U { return truth(a == b); }
fn ne(a: T, b: T) -> U { return truth((a != b) | is_nan(a) | is_nan(b)); }
fn lt(a: T, b: T) -> U { return truth(a < b); }
fn le(a: T, b: T) -> U { return truth(a <= b); }
fn gt(a: T, b: T) -> U { return truth(a > b); }
fn ge(a: T, b: T) -> U { return truth(a >= b); }
fn where_select(condition: U, a: T, b: T) -> T { return select(b, a, condition != U(0u)); }
fn logical_and(a: U, b: U) -> U { return a & b; }
fn logical_or(a: U, b: U) -> U { return a | b; }
fn logical_not(a: U) -> U { return U(1u) - a; }

fn neg(x: T) -> T { return -x; }
fn abs_value(x: T) -> T { return abs(x); }
fn sign_of(x: T) -> T { return select(sign(x), x, is_nan(x)); }
fn floor_of(x: T) -> T { return floor(x); }
fn square(x: T) -> T { return x * x; }
fn square_root(x: T) -> T { return sqrt(x); }
fn reciprocal_square_root(x: T) -> T { return 1.0 / sqrt(x); }
fn reciprocal(x: T) -> T { return 1.0 / x; }
fn exponential(x: T) -> T { return select(exp(x), x, is_nan(x)); }
fn sine(x: T) -> T { return sin(x); }
fn cosine(x: T) -> T { return cos(x); }
fn logarithm(x: T) -> T { return select(log(x), bitcast<T>(U(0x7fc00000u)), (x < T(0.0)) | is_nan(x)); }

// log(1 + x): for small x the rounding of 1 + x is made up for (Kahan; Higham, Accuracy and
// Stability of Numerical Algorithms, section 1.14.1).
fn log1p(x: T) -> T {
    let u = 1.0 + x;
    let exact = u == T(1.0);
    let scaled = logarithm(u) * (x / select(u - 1.0, T(1.0), exact));
    return select(select(scaled, x, exact), logarithm(u), abs(u) > T(1e30));
}

// exp(x) - 1: a series where the subtraction would cancel.
fn expm1(x: T) -> T {
    let series = x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0
        + x * (1.0 / 720.0 + x * (1.0 / 5040.0)))))));
    return select(exponential(x) - 1.0, series, abs(x) < T(0.5));
}

// a^b for real a: WGSL's pow is undefined for negative a.
fn power(a: T, b: T) -> T {
    let whole = floor(b) == b;
    let odd = whole & (floor(b * 0.5) * 2.0 != b);
    let magnitude = exp2(b * log2(abs(a)));
    let signed = select(magnitude, -magnitude, odd & (a < T(0.0)));
    let real = select(signed, bitcast<T>(U(0x7fc00000u)), (a < T(0.0)) & !whole);
    let exact = select(real, a * a, b == T(2.0));
    let exact1 = select(exact, a, b == T(1.0));
    return select(select(exact1, T(1.0), b == T(0.0)), a + b, is_nan(a) | is_nan(b));
}

fn relu(x: T) -> T { return select(max(x, T(0.0)), x, is_nan(x)); }
fn relu6(x: T) -> T { return select(clamp(x, T(0.0), T(6.0)), x, is_nan(x)); }
fn leaky_relu(x: T, alpha: T) -> T { return select(x, alpha * x, x < T(0.0)); }
fn elu(x: T, alpha: T) -> T { return select(x, alpha * expm1(min(x, T(0.0))), x < T(0.0)); }
fn clip(x: T, low: T, high: T) -> T { return select(clamp(x, low, high), x, is_nan(x)); }
fn sigmoid(x: T) -> T { return 1.0 / (1.0 + exponential(-x)); }
fn tanh_of(x: T) -> T { return tanh_accurate(x); }
fn silu(x: T) -> T { return x * sigmoid(x); }
// log(1 + exp(x)) without overflow.
fn softplus(x: T) -> T { return relu(x) + log1p(exponential(-abs(x))); }
fn log_sigmoid(x: T) -> T { return -softplus(-x); }
fn erf(x: T) -> T { return erf_accurate(x); }
// x times the normal distribution function.
fn gelu_erf(x: T) -> T { return x * normal_cdf(x); }
fn gelu_tanh(x: T) -> T {
    // 0.5 (1 + tanh(z)) is sigmoid(2 z), which keeps its small values.
    return x * sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x));
}

fn add_i32(a: I, b: I) -> I { return a + b; }
fn sub_i32(a: I, b: I) -> I { return a - b; }
fn mul_i32(a: I, b: I) -> I { return a * b; }
fn maximum_i32(a: I, b: I) -> I { return max(a, b); }
fn minimum_i32(a: I, b: I) -> I { return min(a, b); }
// Rounded towards minus infinity, as Python does; 0 where b is 0.
fn floor_div_i32(a: I, b: I) -> I {
    let divisor = select(b, I(1), b == I(0));
    let quotient = a / divisor;
    let above = (quotient * divisor != a) & ((a < I(0)) != (divisor < I(0)));
    return select(select(quotient, quotient - 1, above), I(0), b == I(0));
}
// a - b floor_div(a, b): of the sign of b; 0 where b is 0.
fn modulo_i32(a: I, b: I) -> I {
    return select(a - b * floor_div_i32(a, b), I(0), b == I(0));
}
fn neg_i32(x: I) -> I { return -x; }
fn abs_value_i32(x: I) -> I { return abs(x); }
fn identity_i32(x: I) -> I { return x; }
fn eq_i32(a: I, b: I) -> U { return truth(a == b); }
fn ne_i32(a: I, b: I) -> U { return truth(a != b); }
fn lt_i32(a: I, b: I) -> U { return truth(a < b); }
fn le_i32(a: I, b: I) -> U { return truth(a <= b); }
fn gt_i32(a: I, b: I) -> U { return truth(a > b); }
fn ge_i32(a: I, b: I) -> U { return truth(a >= b); }
fn where_select_i32(condition: U, a: I, b: I) -> I { return select(b, a, condition != U(0u)); }
fn add_u32(a: U, b: U) -> U { return a + b; }
fn sub_u32(a: U, b: U) -> U { return a - b; }
fn mul_u32(a: U, b: U) -> U { return a * b; }
fn maximum_u32(a: U, b: U) -> U { return max(a, b); }
fn minimum_u32(a: U, b: U) -> U { return min(a, b); }
fn floor_div_u32(a: U, b: U) -> U { return select(a / max(b, U(1u)), U(0u), b == U(0u)); }
fn modulo_u32(a: U, b: U) -> U { return select(a % max(b, U(1u)), U(0u), b == U(0u)); }
fn identity_u32(x: U) -> U { return x; }
fn eq_u32(a: U, b: U) -> U { return truth(a == b); }
fn ne_u32(a: U, b: U) -> U { return truth(a != b); }
fn lt_u32(a: U, b: U) -> U { return truth(a < b); }
fn le_u32(a: U, b: U) -> U { return truth(a <= b); }
fn gt_u32(a: U, b: U) -> U { return truth(a > b); }
fn ge_u32(a: U, b: U) -> U { return truth(a >= b); }
fn where_select_u32(condition: U, a: U, b: U) -> U { return select(b, a, condition != U(0u)); }

// Conversions. A float outside the integer's range saturates, NaN becomes 0.
fn f32_of_i32(x: I) -> T { return T(x); }
fn f32_of_u32(x: U) -> T { return T(x); }
fn i32_of_f32(x: T) -> I {
    let low = select(I(clamp(x, T(-2147483648.0), T(2147483520.0))), I(2147483647), x >= T(2147483648.0));
    return select(low, I(0), is_nan(x));
}
fn u32_of_f32(x: T) -> U {
    let low = select(U(clamp(x, T(0.0), T(4294967040.0))), U(4294967295u), x >= T(4294967296.0));
    return select(low, U(0u), is_nan(x));
}
fn i32_of_u32(x: U) -> I { return I(x); }
fn u32_of_i32(x: I) -> U { return U(x); }
fn bool_of_f32(x: T) -> U { return truth((x != T(0.0)) | is_nan(x)); }
fn bool_of_i32(x: I) -> U { return truth(x != I(0)); }
fn bool_of_u32(x: U) -> U { return truth(x != U(0u)); }
