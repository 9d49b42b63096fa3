//! Arithmetic, comparisons, logic, the usual activations and conversions; WGSL in
//! `shaders/shared/pointwise.wgsl`.

use anygrad_core::DType;

use super::{
    ANY, BOOL, EVERY, FLOAT, Function, INTEGER, NUMBER, ResultType, SAME, SIGNED, TRUTH, call, none,
    propagate, truth, two,
};
use crate::{IntoTensor, Tensor};

binary! {
    /// a + b
    add: "add", NUMBER, SAME, |x| x[0] + x[1], |at, _| vec![Some(at.dy()), Some(at.dy())];
    /// a - b
    sub: "sub", NUMBER, SAME, |x| x[0] - x[1], |at, _| two(at, || at.dy(), || -at.dy());
    /// a * b
    mul: "mul", NUMBER, SAME, |x| x[0] * x[1], |at, _| two(at, || at.dy() * at.x[1], || at.dy() * at.x[0]);
    /// a / b, floats
    div: "div", FLOAT, SAME, |x| x[0] / x[1],
        |at, _| two(at, || at.dy() / at.x[1], || -(at.dy() * at.y[0] / at.x[1]));
    /// a / b towards minus infinity, integers; 0 where b is 0.
    floor_div: "floor_div", INTEGER, SAME, |x| if x[1] == 0.0 { 0.0 } else { (x[0] / x[1]).floor() }, none;
    /// a - b floor_div(a, b), which has the sign of b; 0 where b is 0.
    modulo: "modulo", INTEGER, SAME,
        |x| if x[1] == 0.0 { 0.0 } else { x[0] - x[1] * (x[0] / x[1]).floor() }, none;
    /// a to the power of b. A negative a has powers of whole b only; NaN otherwise.
    pow: "power", FLOAT, SAME, |x| x[0].powf(x[1]),
        |at, _| two(at, || at.dy() * at.x[1] * at.x[0].pow(at.x[1] - 1.0), || {
            // Where a is not positive, y = a^b has no derivative in b; PyTorch and Keras give 0.
            let log = at.x[0].gt(0.0).select(at.x[0], 1.0).log();
            at.dy() * at.y[0] * log
        });
    /// The larger of a and b; NaN if either is. On a tie the gradient goes to a.
    maximum: "maximum", NUMBER, SAME, |x| propagate(x[0], x[1], x[0].max(x[1])), |at, _| {
        let first = at.x[0].ge(at.x[1]);
        two(at, || first.select(at.dy(), 0.0), || first.select(0.0, at.dy()))
    };
    /// The smaller of a and b; NaN if either is. On a tie the gradient goes to a.
    minimum: "minimum", NUMBER, SAME, |x| propagate(x[0], x[1], x[0].min(x[1])), |at, _| {
        let first = at.x[0].le(at.x[1]);
        two(at, || first.select(at.dy(), 0.0), || first.select(0.0, at.dy()))
    };
    /// a == b
    eq: "eq", ANY, BOOL, |x| truth(x[0] == x[1]), none;
    /// a != b
    ne: "ne", ANY, BOOL, |x| truth(x[0] != x[1]), none;
    /// a < b
    lt: "lt", NUMBER, BOOL, |x| truth(x[0] < x[1]), none;
    /// a <= b
    le: "le", NUMBER, BOOL, |x| truth(x[0] <= x[1]), none;
    /// a > b
    gt: "gt", NUMBER, BOOL, |x| truth(x[0] > x[1]), none;
    /// a >= b
    ge: "ge", NUMBER, BOOL, |x| truth(x[0] >= x[1]), none;
    /// Both are true.
    logical_and: "logical_and", TRUTH, SAME, |x| truth(x[0] * x[1] != 0.0), none;
    /// One is true, or both.
    logical_or: "logical_or", TRUTH, SAME, |x| truth(x[0] + x[1] != 0.0), none;
}

unary! {
    /// -x
    neg(): "neg", SIGNED, SAME, |x| -x[0], |at, _| vec![Some(-at.dy())];
    /// |x|; its derivative at 0 is 0.
    abs(): "abs_value", SIGNED, SAME, |x| x[0].abs(), |at, _| vec![Some(at.dy() * at.x[0].sign())];
    /// -1, 0 or 1
    sign(): "sign_of", SIGNED, SAME, |x| if x[0] == 0.0 { 0.0 } else { x[0].signum() }, none;
    /// The largest whole number not above x.
    floor(): "floor_of", FLOAT, SAME, |x| x[0].floor(), none;
    /// x * x
    square(): "square", FLOAT, SAME, |x| x[0] * x[0], |at, _| vec![Some(at.dy() * at.x[0] * 2.0)];
    /// The square root; NaN below 0.
    sqrt(): "square_root", FLOAT, SAME, |x| x[0].sqrt(), |at, _| vec![Some(at.dy() * 0.5 / at.y[0])];
    /// 1 / sqrt(x)
    rsqrt(): "reciprocal_square_root", FLOAT, SAME, |x| 1.0 / x[0].sqrt(),
        |at, _| vec![Some(at.dy() * at.y[0] / at.x[0] * -0.5)];
    /// 1 / x
    reciprocal(): "reciprocal", FLOAT, SAME, |x| 1.0 / x[0], |at, _| vec![Some(-(at.dy() * at.y[0].square()))];
    /// e^x
    exp(): "exponential", FLOAT, SAME, |x| x[0].exp(), |at, _| vec![Some(at.dy() * at.y[0])];
    /// e^x - 1, accurate near 0
    expm1(): "expm1", FLOAT, SAME, |x| x[0].exp_m1(), |at, _| vec![Some(at.dy() * (at.y[0] + 1.0))];
    /// The natural logarithm; NaN below 0.
    log(): "logarithm", FLOAT, SAME, |x| x[0].ln(), |at, _| vec![Some(at.dy() / at.x[0])];
    /// log(1 + x), accurate near 0
    log1p(): "log1p", FLOAT, SAME, |x| x[0].ln_1p(), |at, _| vec![Some(at.dy() / (at.x[0] + 1.0))];
    /// sin(x), radians
    sin(): "sine", FLOAT, SAME, |x| x[0].sin(), |at, _| vec![Some(at.dy() * at.x[0].cos())];
    /// cos(x), radians
    cos(): "cosine", FLOAT, SAME, |x| x[0].cos(), |at, _| vec![Some(-(at.dy() * at.x[0].sin()))];
    /// 1 / (1 + e^-x)
    sigmoid(): "sigmoid", FLOAT, SAME, |x| 1.0 / (1.0 + (-x[0]).exp()),
        |at, _| vec![Some(at.dy() * at.y[0] * (1.0 - at.y[0]))];
    /// The hyperbolic tangent.
    tanh(): "tanh_of", FLOAT, SAME, |x| x[0].tanh(), |at, _| vec![Some(at.dy() * (1.0 - at.y[0].square()))];
    /// The error function.
    erf(): "erf", FLOAT, SAME, |x| erf(x[0]),
        |at, _| vec![Some(at.dy() * (-at.x[0].square()).exp() * std::f64::consts::FRAC_2_SQRT_PI)];
    /// x where it is positive, otherwise 0; NaN stays NaN.
    relu(): "relu", FLOAT, SAME, |x| propagate(x[0], x[0], x[0].max(0.0)),
        |at, _| vec![Some(at.y[0].gt(0.0).select(at.dy(), 0.0))];
    /// relu, at most 6
    relu6(): "relu6", FLOAT, SAME, |x| propagate(x[0], x[0], x[0].clamp(0.0, 6.0)),
        |at, _| vec![Some(at.y[0].gt(0.0).logical_and(at.y[0].lt(6.0)).select(at.dy(), 0.0))];
    /// x where it is positive, otherwise `alpha` x.
    leaky_relu(alpha): "leaky_relu", FLOAT, SAME, |x| if x[0] < 0.0 { x[1] * x[0] } else { x[0] },
        |at, c| vec![Some(at.x[0].gt(0.0).select(at.dy(), at.dy() * c[0]))];
    /// x where it is positive, otherwise `alpha` (e^x - 1).
    elu(alpha): "elu", FLOAT, SAME, |x| if x[0] < 0.0 { x[1] * x[0].exp_m1() } else { x[0] },
        |at, c| vec![Some(at.x[0].gt(0.0).select(at.dy(), at.dy() * (at.x[0].minimum(0.0).exp() * c[0])))];
    /// x held between `low` and `high`; NaN stays NaN.
    clip(low, high): "clip", FLOAT, SAME, |x| propagate(x[0], x[0], x[0].max(x[1]).min(x[2])),
        |at, c| vec![Some(at.x[0].ge(c[0]).logical_and(at.x[0].le(c[1])).select(at.dy(), 0.0))];
    /// x sigmoid(x), also called swish
    silu(): "silu", FLOAT, SAME, |x| x[0] / (1.0 + (-x[0]).exp()), |at, _| {
        let s = at.x[0].sigmoid();
        vec![Some(at.dy() * (s + at.y[0] * (1.0 - s)))]
    };
    /// log(1 + e^x) without overflow
    softplus(): "softplus", FLOAT, SAME, |x| softplus(x[0]), |at, _| vec![Some(at.dy() * at.x[0].sigmoid())];
    /// log(sigmoid(x)) without underflow
    log_sigmoid(): "log_sigmoid", FLOAT, SAME, |x| -softplus(-x[0]), |at, _| vec![Some(at.dy() * (-at.x[0]).sigmoid())];
    /// x Phi(x), with Phi the normal distribution function (Hendrycks, Gimpel 2016).
    gelu(): "gelu_erf", FLOAT, SAME, |x| 0.5 * x[0] * erfc(-x[0] * std::f64::consts::FRAC_1_SQRT_2), |at, _| {
        let x = at.x[0];
        let cdf = (x * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
        let density = (x.square() * -0.5).exp() * 0.398_942_280_401_432_7;
        vec![Some(at.dy() * (cdf + x * density))]
    };
    /// The tanh form of gelu, as GPT-2 uses it.
    gelu_tanh(): "gelu_tanh", FLOAT, SAME, |x| {
        let z = 0.797_884_560_802_865_4 * (x[0] + 0.044715 * x[0].powi(3));
        x[0] / (1.0 + (-2.0 * z).exp())
    }, |at, _| {
        let x = at.x[0];
        let s = ((x + x * x.square() * 0.044715) * 1.595_769_121_605_730_8).sigmoid();
        let slope = (x.square() * 0.134145 + 1.0) * 1.595_769_121_605_730_8;
        vec![Some(at.dy() * (s + x * s * (1.0 - s) * slope))]
    };
    /// Not x, for truth values.
    logical_not(): "logical_not", TRUTH, SAME, |x| 1.0 - x[0], none;
    /// The same element: planners copy with it.
    identity(): "identity", EVERY, SAME, |x| x[0], |at, _| vec![Some(at.dy())];

    /// As `f32`.
    f32_from_i32(): "f32_of_i32", &[DType::I32], ResultType::Fixed(DType::F32), |x| x[0], none;
    /// As `f32`.
    f32_from_u32(): "f32_of_u32", &[DType::U32], ResultType::Fixed(DType::F32), |x| x[0], none;
    /// Truth as 0 and 1.
    f32_from_bool(): "f32_of_u32", TRUTH, ResultType::Fixed(DType::F32), |x| x[0], none;
    /// Towards zero, saturating; NaN is 0.
    i32_from_f32(): "i32_of_f32", FLOAT, ResultType::Fixed(DType::I32), |x| f64::from(x[0] as i32), none;
    /// Towards zero, saturating; NaN is 0.
    u32_from_f32(): "u32_of_f32", FLOAT, ResultType::Fixed(DType::U32), |x| f64::from(x[0] as u32), none;
    /// The same bits.
    i32_from_u32(): "i32_of_u32", &[DType::U32], ResultType::Fixed(DType::I32), |x| x[0], none;
    /// The same bits.
    u32_from_i32(): "u32_of_i32", &[DType::I32], ResultType::Fixed(DType::U32), |x| x[0], none;
    /// Whether x is not 0.
    bool_from_f32(): "bool_of_f32", FLOAT, BOOL, |x| truth(x[0] != 0.0), none;
    /// Whether x is not 0.
    bool_from_i32(): "bool_of_i32", &[DType::I32], BOOL, |x| truth(x[0] != 0.0), none;
    /// Whether x is not 0.
    bool_from_u32(): "bool_of_u32", &[DType::U32], BOOL, |x| truth(x[0] != 0.0), none;
    /// Truth as 0 and 1.
    i32_from_bool(): "i32_of_u32", TRUTH, ResultType::Fixed(DType::I32), |x| x[0], none;
    /// Truth as 0 and 1.
    u32_from_bool(): "identity_u32", TRUTH, ResultType::Fixed(DType::U32), |x| x[0], none;
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// erf by its Maclaurin series near 0 and by erfc further out; about 1e-15.
pub(super) fn erf(x: f64) -> f64 {
    if x.abs() < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        1.0 - erfc(x)
    }
}

/// erfc by Lentz's evaluation of its continued fraction, for x >= 2; through erf below.
pub(super) fn erfc(x: f64) -> f64 {
    if x.is_nan() {
        f64::NAN
    } else if x < 2.0 {
        if x < -2.0 { 2.0 - erfc(-x) } else { 1.0 - erf(x) }
    } else {
        let mut fraction = 0.0;
        for n in (1..120).rev() {
            fraction = f64::from(n) / 2.0 / (x + fraction);
        }
        (-x * x).exp() / (x + fraction) / std::f64::consts::PI.sqrt()
    }
}
