//! Functions of elements, as formulas of ONNX's operators.

use anygrad_core::{Array, Context, DType, Error, Result, Shape};

use super::Seen;
use crate::export::emit::{Emitter, Known};
use crate::export::formula::{self, Formula};
use crate::export::scribe::{Setting, data_type};
use crate::export::twins::Size;
use crate::export::units::Call;

/// a, b, c are the operands, c0 and c1 the constants of the function.
const FORMULAS: &[(&str, &str)] = &[
    ("add", "Add(a, b)"),
    ("sub", "Sub(a, b)"),
    ("mul", "Mul(a, b)"),
    ("div", "Div(a, b)"),
    (
        "floor_div",
        "Where(Equal(b, 0), 0, Div(Sub(a, Mod(a, Where(Equal(b, 0), 1, b))), Where(Equal(b, 0), 1, b)))",
    ),
    ("modulo", REMAINDER),
    ("pow", "Pow(a, b)"),
    ("maximum", "Max(a, b)"),
    ("minimum", "Min(a, b)"),
    ("eq", "Equal(a, b)"),
    ("ne", "Not(Equal(a, b))"),
    ("lt", "Less(a, b)"),
    ("le", "LessOrEqual(a, b)"),
    ("gt", "Greater(a, b)"),
    ("ge", "GreaterOrEqual(a, b)"),
    ("logical_and", "And(a, b)"),
    ("logical_or", "Or(a, b)"),
    ("logical_xor", "Xor(a, b)"),
    ("logical_not", "Not(a)"),
    ("select", "Where(a, b, c)"),
    ("neg", "Neg(a)"),
    ("abs", "Abs(a)"),
    ("sign", "Sign(a)"),
    ("floor", "Floor(a)"),
    ("ceil", "Ceil(a)"),
    ("round", "Round(a)"),
    ("trunc", "Mul(Sign(a), Floor(Abs(a)))"),
    ("isnan", "IsNaN(a)"),
    ("isinf", "IsInf(a)"),
    ("isfinite", "Not(Or(IsNaN(a), IsInf(a)))"),
    ("fmod", "Mod(a, b; fmod=1)"),
    ("remainder", "Sub(a, Mul(b, Floor(Div(a, b))))"),
    ("square", "Mul(a, a)"),
    ("sqrt", "Sqrt(a)"),
    ("rsqrt", "Reciprocal(Sqrt(a))"),
    ("reciprocal", "Reciprocal(a)"),
    ("exp", "Exp(a)"),
    ("exp2", "Pow(2, a)"),
    ("expm1", "Sub(Exp(a), 1)"),
    ("log", "Log(a)"),
    ("log2", "Mul(Log(a), 1.4426950408889634)"),
    ("log10", "Mul(Log(a), 0.4342944819032518)"),
    ("log1p", "Log(Add(a, 1))"),
    ("sin", "Sin(a)"),
    ("cos", "Cos(a)"),
    ("asin", "Asin(a)"),
    ("acos", "Acos(a)"),
    ("atan", "Atan(a)"),
    ("sinh", "Sinh(a)"),
    ("cosh", "Cosh(a)"),
    ("asinh", "Asinh(a)"),
    ("acosh", "Acosh(a)"),
    ("atanh", "Atanh(a)"),
    ("sigmoid", "Sigmoid(a)"),
    ("tanh", "Tanh(a)"),
    ("erf", "Erf(a)"),
    ("erfc", "Sub(1, Erf(a))"),
    ("relu", "Relu(a)"),
    ("relu6", "Clip(a, 0, 6)"),
    ("leaky_relu", "LeakyRelu(a; alpha=c0)"),
    ("elu", "Elu(a; alpha=c0)"),
    ("clip", "Clip(a, c0, c1)"),
    ("silu", "Mul(a, Sigmoid(a))"),
    ("softplus", "Softplus(a)"),
    ("log_sigmoid", "Neg(Softplus(Neg(a)))"),
    ("gelu", "Mul(Mul(a, 0.5), Add(Erf(Mul(a, 0.7071067811865476)), 1))"),
    (
        "gelu_tanh",
        "Mul(Mul(a, 0.5), Add(Tanh(Mul(Add(a, Mul(Mul(Mul(a, a), a), 0.044715)), 0.7978845608028654)), 1))",
    ),
    ("bitwise_and", "BitwiseAnd(a, b)"),
    ("bitwise_or", "BitwiseOr(a, b)"),
    ("bitwise_xor", "BitwiseXor(a, b)"),
    ("bitwise_not", "BitwiseNot(a)"),
];

/// The remainder of integers, with the sign of b; 0 where b is 0.
const REMAINDER: &str = "Where(Equal(b, 0), 0, Mod(a, Where(Equal(b, 0), 1, b)))";

/// What differs for other dtypes than that of floats.
fn formula_of(name: &str, dtype: DType) -> Option<&'static str> {
    match (name, dtype) {
        ("select", DType::Bool) => Some("Or(And(a, b), And(Not(a), c))"),
        ("remainder", DType::I32 | DType::U32) => Some(REMAINDER),
        ("fmod", DType::I32 | DType::U32) => {
            Some("Where(Equal(b, 0), 0, Mod(a, Where(Equal(b, 0), 1, b); fmod=1))")
        }
        _ => formula(FORMULAS, name),
    }
}

/// Composites of one operand that ONNX has an operator for.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("selu", "Selu(a)"),
    ("mish", "Mish(a)"),
    ("hard_sigmoid", "HardSigmoid(a; alpha=0.16666666666666666)"),
    ("hard_swish", "HardSwish(a)"),
    ("celu", "Celu(a; alpha=c0)"),
    ("softsign", "Softsign(a)"),
];

fn formula(table: &'static [(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Conversions to another dtype.
pub(in crate::export) fn is_cast(name: &str) -> bool {
    ["f32_from_", "i32_from_", "u32_from_", "bool_from_"].iter().any(|start| name.starts_with(start))
}

/// Whether this is a function of elements that can be written.
pub(super) fn knows(name: &str) -> bool {
    is_cast(name) || formula(FORMULAS, name).is_some()
}

/// A function of elements.
pub(super) fn function(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    if call.name == "add" && biased(e, call)? {
        return Ok(());
    }
    let operands = call.inputs.iter().map(|(_, id)| e.loose(*id)).collect::<Result<Vec<_>>>()?;
    let name = if is_cast(call.name) {
        let to = Setting::Int(data_type(e.dtype(call.y())).into());
        e.node("Cast", &[&operands[0].name], &[("to", to)])
    } else {
        let constants = call.attributes()?.floats("constants")?;
        let dtype = e.dtype(call.x(call.inputs.len() - 1));
        let text = formula_of(call.name, dtype).ok_or_else(|| Error::internal("no formula"))?;
        write(e, &formula::read(text, constants)?, &operands, dtype).context(|| text)?
    };
    let sizes =
        operands.into_iter().map(|known| known.sizes).reduce(|a, b| broadcast(&a, &b)).unwrap_or_default();
    e.set_loose(call.y(), Known { name, sizes });
    Ok(())
}

/// A composite that is one operator.
pub(super) fn activation(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let text = formula(ACTIVATIONS, call.name).ok_or_else(|| Error::internal("no formula"))?;
    let constants: Vec<f64> = call.attributes()?.float("alpha").into_iter().collect();
    let x = e.loose(call.x(0))?;
    let name = write(e, &formula::read(text, &constants)?, std::slice::from_ref(&x), DType::F32)?;
    e.set_loose(call.y(), Known { name, ..x });
    Ok(())
}

/// ONNX's slope broadcasts to x, not x to the slope.
pub(super) fn can_prelu(seen: &Seen<'_>) -> bool {
    seen.input("x") == seen.output()
}

pub(super) fn prelu(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (x, slope) = (e.exact(call.x(0))?, e.loose(call.x(1))?);
    let y = e.node("PRelu", &[&x, &slope.name], &[]);
    e.set(call.y(), y);
    Ok(())
}

/// The sizes of what broadcasts.
fn broadcast(a: &[Size], b: &[Size]) -> Vec<Size> {
    let rank = a.len().max(b.len());
    let of = |sizes: &[Size], axis: usize| {
        (axis + sizes.len()).checked_sub(rank).map_or(Size::ONE, |at| sizes[at])
    };
    (0..rank).map(|axis| if of(a, axis) == Size::ONE { of(b, axis) } else { of(a, axis) }).collect()
}

/// Numbers in a formula are of the dtype of its operands.
fn write(e: &mut Emitter<'_>, formula: &Formula<'_>, operands: &[Known], dtype: DType) -> Result<String> {
    match formula {
        Formula::Operand(at) => {
            let known = operands.get(*at).ok_or_else(|| Error::internal(format!("no operand {at}")))?;
            Ok(known.name.clone())
        }
        Formula::Number(value) => {
            Ok(e.scribe.constant("constant", &Array::from_f64(Shape::SCALAR, dtype, &[*value])))
        }
        Formula::Operator { name, inputs, settings } => {
            let inputs =
                inputs.iter().map(|input| write(e, input, operands, dtype)).collect::<Result<Vec<_>>>()?;
            let setting = |(name, value): &(&str, f64)| match *name {
                "alpha" => Ok(("alpha", Setting::Float(*value))),
                "fmod" => Ok(("fmod", Setting::Int(*value as i64))),
                _ => Err(Error::internal(format!("no setting {name:?}"))),
            };
            let settings = settings.iter().map(setting).collect::<Result<Vec<_>>>()?;
            Ok(e.scribe.node(name, inputs, 1, &settings).swap_remove(0))
        }
    }
}

/// A product of matrices and a bias that nothing else reads between are one operator: whether it was that.
fn biased(e: &mut Emitter<'_>, call: &Call) -> Result<bool> {
    let [(_, first), (_, second)] = call.inputs[..] else { return Ok(false) };
    for (product, bias) in [(first, second), (second, first)] {
        let (known, addend) = (e.loose(product)?, e.loose(bias)?);
        if e.uses(product) != 1 || known.sizes.len() != 2 || known.sizes != e.sizes(call.y()) {
            continue;
        }
        let Some(at) = e.scribe.nodes.iter().rposition(|node| node.output[..] == [known.name.clone()]) else {
            continue;
        };
        if e.scribe.nodes[at].op_type() != "MatMul" || broadcast(&known.sizes, &addend.sizes) != known.sizes {
            continue;
        }
        let [a, b] = &e.scribe.nodes[at].input[..] else { continue };
        let inputs = [a.clone(), b.clone(), addend.name];
        e.scribe.nodes.remove(at);
        let y = e.node("Gemm", &inputs.each_ref().map(String::as_str), &[]);
        e.set(call.y(), y);
        return Ok(true);
    }
    Ok(false)
}
