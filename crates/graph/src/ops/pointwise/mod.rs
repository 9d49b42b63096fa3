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
use crate::{At, Attributes, Call, Grads, IntoTensor, Layout, Lowering, Meta, Op, Origin, Tensor, Values};

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

    fn attributes(&self) -> Attributes {
        Attributes::new().with("constants", &self.constants[..])
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

mod cases;
mod elementary;
mod integer;
mod rounding;
mod special;
mod trigonometry;

pub(in crate::ops) use cases::cases;
use elementary::{erf, erfc};

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
