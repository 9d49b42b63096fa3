//! y[i] = f(a[i], b[i], ...)
//!
//! Each function is one row of a table here (method, WGSL function, Rust function, gradient) and
//! one WGSL function in `shaders/shared/pointwise.wgsl`. Operands broadcast by NumPy's rule. A number
//! takes the dtype of the tensor beside it: `x * 2.0` is `f16` where x is.

use std::fmt;
use std::ops;
use std::panic::Location;
use std::sync::Arc;

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};

use super::half::{convert, promote};
use crate::{At, Call, Case, Fill, Grads, IntoTensor, Layout, Lowering, Meta, Op, Origin, Tensor, Values};

/// A row of the table.
struct Function {
    name: &'static str,
    wgsl: &'static str,
    dtypes: &'static [DType],
    result: ResultType,
    /// The operands, then the constants.
    reference: fn(&[f64]) -> f64,
    gradient: for<'g, 'a> fn(&At<'g, 'a>, &[f64]) -> Grads<'g>,
}

enum ResultType {
    /// That of the last operand.
    Same,
    Fixed(DType),
}

const FLOAT: &[DType] = &[DType::F32];
const NUMBER: &[DType] = &[DType::F32, DType::I32, DType::U32];
const SIGNED: &[DType] = &[DType::F32, DType::I32];
const INTEGER: &[DType] = &[DType::I32, DType::U32];
const ANY: &[DType] = &[DType::F32, DType::I32, DType::U32, DType::Bool];
const TRUTH: &[DType] = &[DType::Bool];
/// What is copied bit by bit.
const EVERY: &[DType] = &[DType::F32, DType::F16, DType::BF16, DType::I32, DType::U32, DType::Bool];

struct Pointwise {
    function: &'static Function,
    constants: Vec<f64>,
}

impl fmt::Debug for Pointwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.function.name, self.constants)
    }
}

impl Op for Pointwise {
    fn name(&self) -> &'static str {
        self.function.name
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let last = x[x.len() - 1];
        // The condition of a select is a bool whatever the other operands are.
        let condition = usize::from(x.len() == 3);
        if condition == 1 && x[0].dtype != DType::Bool {
            return Err(Error::shape(format!("the condition is a bool, {} was given", x[0])));
        }
        for operand in &x[condition..] {
            if operand.dtype != last.dtype || !self.function.dtypes.contains(&operand.dtype) {
                let list = x.iter().map(|m| m.dtype.to_string()).collect::<Vec<_>>().join(", ");
                let allowed =
                    self.function.dtypes.iter().map(|d| d.to_string()).collect::<Vec<_>>().join(", ");
                return Err(Error::shape(format!("operands of {list}; wanted one dtype of {allowed}")));
            }
        }
        if let Some(other) = x.iter().find(|m| m.shape != last.shape) {
            return Err(Error::shape(format!("{} and {} differ", other.shape, last.shape)));
        }
        let dtype = match self.function.result {
            ResultType::Same => last.dtype,
            ResultType::Fixed(dtype) => dtype,
        };
        Ok(vec![Meta { dtype, shape: last.shape }])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let mut arguments = vec![0.0; x.len()];
        arguments.extend(&self.constants);
        let dtype = y[0].meta.dtype;
        for (i, result) in y[0].data.iter_mut().enumerate() {
            for (argument, operand) in arguments.iter_mut().zip(x) {
                *argument = operand.data[i];
            }
            let value = (self.function.reference)(&arguments);
            // Integer arithmetic wraps.
            *result = match dtype {
                DType::I32 => f64::from(value as i64 as i32),
                DType::U32 => f64::from(value as i64 as u32),
                _ => value,
            };
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        (self.function.gradient)(at, &self.constants)
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let suffix = match x[x.len() - 1].meta.dtype {
            DType::I32 if self.function.dtypes.len() > 1 => "_i32",
            DType::U32 | DType::Bool if self.function.dtypes.len() > 1 => "_u32",
            DType::F16 | DType::BF16 => "_u32",
            _ => "",
        };
        let function = format!("{}{suffix}", self.function.wgsl);
        Ok(Lowering::Pointwise(Call { function, constants: self.constants.clone() }))
    }

    fn accepts(&self, _input: usize, _layout: &Layout) -> bool {
        true
    }

    fn takes_halves(&self) -> bool {
        self.function.dtypes.contains(&DType::F16)
    }
}

/// All operands at one shape.
#[track_caller]
fn broadcast<'g>(operands: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
    let shape = operands.iter().try_fold(operands[0].shape(), |shape, x| shape.broadcast(&x.shape()));
    match shape {
        Ok(shape) => operands.iter().map(|x| x.broadcast_to(&shape)).collect(),
        // The mistake behind a poisoned operand is recorded already, and the first one counts.
        Err(error) => vec![operands[0].fail(error); operands.len()],
    }
}

/// The number that a scalar constant of `f32` stands for.
fn number(x: Tensor<'_>) -> Option<f64> {
    let scalar = !x.is_poison() && x.dtype() == DType::F32 && x.shape().rank() == 0;
    match scalar.then(|| x.graph().origin(x.id())) {
        Some(Origin::Constant(array)) => Some(array.to_f64()[0]),
        _ => None,
    }
}

/// Applies a function to operands of any shapes. Numbers do not count for the dtype of the result.
#[track_caller]
fn call<'g>(function: &'static Function, constants: Vec<f64>, operands: &[Tensor<'g>]) -> Tensor<'g> {
    let graph = operands[0].graph();
    let mut others = operands.iter().filter(|x| number(**x).is_none()).map(|x| x.dtype());
    let dtype = promote(others.clone());
    let integer = others.rfind(|&dtype| dtype != DType::Bool);
    let beside = |&x: &Tensor<'g>| match (number(x), integer) {
        (Some(value), Some(dtype @ (DType::I32 | DType::U32))) => {
            let array = Array::from_f64(Shape::SCALAR, dtype, &[value]);
            // A number that is none of the integers stays one, which `infer` refuses.
            if array.to_f64()[0] == value { graph.constant(array) } else { x }
        }
        _ => x,
    };
    let operands = broadcast(&operands.iter().map(beside).collect::<Vec<_>>());
    graph.apply_rounded(Arc::new(Pointwise { function, constants }), &operands, dtype, Location::caller())[0]
}

macro_rules! unary {
    ($($(#[$doc:meta])* $method:ident($($c:ident),*): $wgsl:literal, $dtypes:expr, $result:expr, $reference:expr, $gradient:expr;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            #[allow(clippy::should_implement_trait)]
            pub fn $method(self $(, $c: f64)*) -> Tensor<'g> {
                static FUNCTION: Function = Function {
                    name: stringify!($method), wgsl: $wgsl, dtypes: $dtypes, result: $result,
                    reference: $reference, gradient: $gradient,
                };
                // Constants are f32 on every device.
                let constants = vec![$(f64::from($c as f32)),*];
                call(&FUNCTION, constants, &[self])
            }
        )* }
    };
}

macro_rules! binary {
    ($($(#[$doc:meta])* $method:ident: $wgsl:literal, $dtypes:expr, $result:expr, $reference:expr, $gradient:expr;)*) => {
        impl<'g> Tensor<'g> { $(
            $(#[$doc])*
            #[track_caller]
            #[allow(clippy::should_implement_trait)]
            pub fn $method(self, other: impl IntoTensor<'g>) -> Tensor<'g> {
                static FUNCTION: Function = Function {
                    name: stringify!($method), wgsl: $wgsl, dtypes: $dtypes, result: $result,
                    reference: $reference, gradient: $gradient,
                };
                call(&FUNCTION, vec![], &[self, other.into_tensor(self.graph())])
            }
        )* }
    };
}

mod integer;
mod rounding;
mod special;
mod trigonometry;

fn truth(x: bool) -> f64 {
    f64::from(u8::from(x))
}

/// max and min that let NaN through, as PyTorch's.
fn propagate(a: f64, b: f64, otherwise: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { otherwise }
}

fn none<'g>(at: &At<'g, '_>, _: &[f64]) -> Grads<'g> {
    vec![None; at.x.len()]
}

/// The gradients of a binary function, each made only when wanted.
fn two<'g>(at: &At<'g, '_>, a: impl FnOnce() -> Tensor<'g>, b: impl FnOnce() -> Tensor<'g>) -> Grads<'g> {
    vec![at.wanted[0].then(a), at.wanted[1].then(b)]
}

const SAME: ResultType = ResultType::Same;
const BOOL: ResultType = ResultType::Fixed(DType::Bool);

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

impl<'g> Tensor<'g> {
    /// `a` where this is true, otherwise `b`. This is a `bool` tensor; everything broadcasts. (Called
    /// `where` elsewhere, which is a word of Rust.)
    #[track_caller]
    pub fn select(self, a: impl IntoTensor<'g>, b: impl IntoTensor<'g>) -> Tensor<'g> {
        static FUNCTION: Function = Function {
            name: "select",
            wgsl: "where_select",
            dtypes: ANY,
            result: ResultType::Same,
            reference: |x| if x[0] != 0.0 { x[1] } else { x[2] },
            gradient: |at, _| {
                let a = at.wanted[1].then(|| at.x[0].select(at.dy(), 0.0));
                let b = at.wanted[2].then(|| at.x[0].select(0.0, at.dy()));
                vec![None, a, b]
            },
        };
        call(&FUNCTION, vec![], &[self, a.into_tensor(self.graph()), b.into_tensor(self.graph())])
    }

    /// As another dtype. Floats become integers towards zero, saturating, NaN as 0; `i32` and `u32`
    /// keep their bits; what is not 0 is true. Floats are rounded to the nearest, ties to even, and
    /// beyond the largest `f16` (65,504 and half a step) to infinity. Integers become 16-bit floats
    /// by way of `f32`.
    #[track_caller]
    pub fn cast(self, dtype: DType) -> Tensor<'g> {
        match (self.dtype(), dtype) {
            (from, to) if from == to => self,
            (from, to) if from.is_float() && to.is_float() => convert(self, to, Location::caller()),
            (from, to) if from.is_half() => self.cast(DType::F32).cast(to),
            (from, to) if to.is_half() && !from.is_float() => self.cast(DType::F32).cast(to),
            (DType::I32, DType::F32) => self.f32_from_i32(),
            (DType::U32, DType::F32) => self.f32_from_u32(),
            (DType::Bool, DType::F32) => self.f32_from_bool(),
            (DType::F32, DType::I32) => self.i32_from_f32(),
            (DType::F32, DType::U32) => self.u32_from_f32(),
            (DType::U32, DType::I32) => self.i32_from_u32(),
            (DType::I32, DType::U32) => self.u32_from_i32(),
            (DType::F32, DType::Bool) => self.bool_from_f32(),
            (DType::I32, DType::Bool) => self.bool_from_i32(),
            (DType::U32, DType::Bool) => self.bool_from_u32(),
            (DType::Bool, DType::I32) => self.i32_from_bool(),
            (DType::Bool, DType::U32) => self.u32_from_bool(),
            (from, to) => self.fail(Error::unsupported(format!("cast: {from} to {to}"))),
        }
    }
}

macro_rules! operators {
    ($($trait:ident $operator:ident),*) => {$(
        impl<'g, R: IntoTensor<'g>> ops::$trait<R> for Tensor<'g> {
            type Output = Tensor<'g>;
            #[track_caller]
            fn $operator(self, other: R) -> Tensor<'g> { Tensor::$operator(self, other) }
        }
        operators!(@left $trait $operator f32, f64, i32);
    )*};
    (@left $trait:ident $operator:ident $($number:ty),*) => {$(
        impl<'g> ops::$trait<Tensor<'g>> for $number {
            type Output = Tensor<'g>;
            #[track_caller]
            fn $operator(self, other: Tensor<'g>) -> Tensor<'g> {
                Tensor::$operator(self.into_tensor(other.graph()), other)
            }
        }
    )*};
}
operators!(Add add, Sub sub, Mul mul, Div div);

impl<'g> ops::Neg for Tensor<'g> {
    type Output = Tensor<'g>;
    #[track_caller]
    fn neg(self) -> Tensor<'g> {
        Tensor::neg(self)
    }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// erf by its Maclaurin series near 0 and by erfc further out; about 1e-15.
fn erf(x: f64) -> f64 {
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
fn erfc(x: f64) -> f64 {
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

pub(super) fn cases() -> Vec<Case> {
    type Unary = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
    type Binary = for<'g> fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>;
    // (name, function, range of the inputs)
    let unary: &[(&str, Unary, f64, f64)] = &[
        ("neg", |x| -x, -2.0, 2.0),
        ("abs", |x| x.abs(), 0.1, 2.0),
        ("square", |x| x.square(), -2.0, 2.0),
        ("sqrt", |x| x.sqrt(), 0.1, 4.0),
        ("rsqrt", |x| x.rsqrt(), 0.2, 4.0),
        ("reciprocal", |x| x.reciprocal(), 0.3, 3.0),
        ("exp", |x| x.exp(), -5.0, 5.0),
        ("expm1", |x| x.expm1(), -2.0, 2.0),
        ("log", |x| x.log(), 0.1, 9.0),
        ("log1p", |x| x.log1p(), -0.6, 3.0),
        ("sin", |x| x.sin(), -3.0, 3.0),
        ("cos", |x| x.cos(), -3.0, 3.0),
        ("sigmoid", |x| x.sigmoid(), -8.0, 8.0),
        ("tanh", |x| x.tanh(), -4.0, 4.0),
        ("erf", |x| x.erf(), -3.0, 3.0),
        ("relu", |x| x.relu(), -2.0, 2.0),
        ("relu6", |x| x.relu6(), -3.0, 9.0),
        ("leaky_relu", |x| x.leaky_relu(0.2), -2.0, 2.0),
        ("elu", |x| x.elu(0.7), -2.0, 2.0),
        ("clip", |x| x.clip(-0.5, 0.75), -2.0, 2.0),
        ("silu", |x| x.silu(), -6.0, 6.0),
        ("softplus", |x| x.softplus(), -6.0, 6.0),
        ("log_sigmoid", |x| x.log_sigmoid(), -6.0, 6.0),
        ("gelu", |x| x.gelu(), -4.0, 4.0),
        ("gelu_tanh", |x| x.gelu_tanh(), -4.0, 4.0),
        ("identity", |x| x.identity(), -2.0, 2.0),
    ];
    let binary: &[(&str, Binary, f64, f64)] = &[
        ("add", |a, b| a + b, -2.0, 2.0),
        ("sub", |a, b| a - b, -2.0, 2.0),
        ("mul", |a, b| a * b, -2.0, 2.0),
        ("div", |a, b| a / b, 0.4, 2.0),
        ("pow", |a, b| a.pow(b), 0.3, 2.0),
        ("maximum", |a, b| a.maximum(b), -2.0, 2.0),
        ("minimum", |a, b| a.minimum(b), -2.0, 2.0),
    ];
    let comparisons: &[(&str, Binary)] = &[
        ("eq", |a, b| a.eq(b)),
        ("ne", |a, b| a.ne(b)),
        ("lt", |a, b| a.lt(b)),
        ("le", |a, b| a.le(b)),
        ("gt", |a, b| a.gt(b)),
        ("ge", |a, b| a.ge(b)),
    ];
    let mut cases = Vec::new();
    for &(name, f, low, high) in unary {
        let range = Fill::Uniform(low, high);
        cases.push(Case::new(format!("{name} 257"), move |x| f(x[0])).filled(&[257], DType::F32, range));
        // NaN and the infinities; no finite derivative there.
        let extremes =
            vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30];
        if !matches!(name, "sin" | "cos") {
            let case = Case::new(format!("{name} extremes"), move |x| f(x[0])).forward_only();
            cases.push(case.filled(&[9], DType::F32, Fill::Given(extremes)));
        }
    }
    for &(name, f, low, high) in binary {
        let range = || Fill::Uniform(low, high);
        for (a, b) in [(&[65][..], &[65][..]), (&[3, 1, 5], &[4, 1]), (&[7, 4], &[]), (&[2, 3, 8], &[8])] {
            let case = Case::new(format!("{name} {a:?} {b:?}"), move |x| f(x[0], x[1]));
            cases.push(case.filled(a, DType::F32, range()).filled(b, DType::F32, range()));
        }
    }
    for &(name, f) in comparisons {
        for dtype in [DType::F32, DType::I32] {
            let case = Case::new(format!("{name} {dtype}"), move |x| f(x[0], x[1])).forward_only();
            cases.push(case.filled(&[33], dtype, Fill::Below(4)).filled(&[33], dtype, Fill::Below(4)));
        }
        let nan = || Fill::Given(vec![f64::NAN, 1.0, f64::INFINITY]);
        let case = Case::new(format!("{name} NaN"), move |x| f(x[0], x[1])).forward_only();
        cases.push(case.filled(&[3], DType::F32, nan()).filled(&[3, 1], DType::F32, nan()));
    }
    cases.push(
        Case::new("select f32", |x| x[0].gt(0.0).select(x[1], x[2]))
            .input(&[5, 13])
            .input(&[5, 13])
            .input(&[13]),
    );
    cases.push(Case::new("cast f32 to i32", |x| x[0].cast(DType::I32)).forward_only().filled(
        &[8],
        DType::F32,
        Fill::Given(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.9, -1.9, 3e9, -3e9, 0.0]),
    ));
    for dtype in [DType::I32, DType::U32] {
        let case = Case::many(format!("numbers beside {dtype}"), |x| {
            vec![(x[0] + 3) * 2, x[0].gt(40), x[0].minimum(7)]
        });
        cases.push(case.forward_only().filled(&[37], dtype, Fill::Below(100)));
        let case = Case::many(format!("cast {dtype}"), |x| {
            let truth = x[0].cast(DType::Bool);
            vec![truth, truth.cast(DType::I32), truth.cast(DType::U32), truth.cast(DType::F32)]
        });
        cases.push(case.forward_only().filled(&[9], dtype, Fill::Below(3)));
        let case = Case::many(format!("select {dtype}"), |x| {
            let swapped = x[0].gt(x[1]);
            vec![
                swapped.select(x[1], x[0]),
                swapped.select(swapped.logical_not(), x[0].eq(x[1])),
                swapped.select(x[0], 5),
            ]
        });
        let case = case.forward_only().filled(&[5, 3], dtype, Fill::Below(9));
        cases.push(case.filled(&[3], dtype, Fill::Below(9)));
        cases.push(
            Case::new(format!("arithmetic {dtype}"), |x| (x[0] * x[1] + x[0]).maximum(x[1]).cast(DType::F32))
                .forward_only()
                .filled(&[37], dtype, Fill::Below(100))
                .filled(&[37], dtype, Fill::Below(100)),
        );
    }
    let integers = |numbers: &[i32]| Fill::Given(numbers.iter().map(|&n| f64::from(n)).collect());
    cases.push(
        Case::many("floor_div i32", |x| vec![x[0].floor_div(x[1]), x[0].modulo(x[1])])
            .forward_only()
            .filled(&[7], DType::I32, integers(&[7, -7, 6, -6, 0, i32::MIN, i32::MAX]))
            .filled(&[6, 1], DType::I32, integers(&[2, -2, 3, 0, -1, 1_000_003])),
    );
    cases.push(
        Case::many("floor_div u32", |x| vec![x[0].floor_div(x[1]), x[0].modulo(x[1])])
            .forward_only()
            .filled(&[4], DType::U32, Fill::Given(vec![7.0, 0.0, 4_294_967_295.0, 3_000_000_000.0]))
            .filled(&[4, 1], DType::U32, Fill::Given(vec![2.0, 0.0, 4_294_967_295.0, 1_000_003.0])),
    );
    cases.push(Case::new("sign 19", |x| x[0].sign() + x[0].floor()).forward_only().input(&[19]));
    cases.push(
        Case::new("logic 33", |x| {
            let (a, b) = (x[0].gt(0.0), x[1].gt(0.0));
            a.logical_and(b).logical_or(a.logical_not())
        })
        .forward_only()
        .input(&[33])
        .input(&[33]),
    );
    cases.extend(integer::cases());
    cases.extend(rounding::cases());
    cases.extend(special::cases());
    cases.extend(trigonometry::cases());
    cases
}
