//! Functions of elements, with broadcasting.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{Row, known, text};
use crate::Element;
use crate::node::{Node, wrapped};
use crate::value::{Outputs, Value, unsupported};

pub(super) const ROWS: &[Row] = &[
    ("Abs", |n| n.same(n.tensor(0)?.abs())),
    ("Acos", |n| n.same(n.tensor(0)?.acos())),
    ("Acosh", |n| n.same(n.tensor(0)?.acosh())),
    ("Add", |n| arithmetic(n, |a, b| a.checked_add(b), |a, b| a + b)),
    ("And", |n| logic(n, |a, b| a.logical_and(b))),
    ("Asin", |n| n.same(n.tensor(0)?.asin())),
    ("Asinh", |n| n.same(n.tensor(0)?.asinh())),
    ("Atan", |n| n.same(n.tensor(0)?.atan())),
    ("Atanh", |n| n.same(n.tensor(0)?.atanh())),
    ("Ceil", |n| n.same(n.tensor(0)?.ceil())),
    ("Cos", |n| n.same(n.tensor(0)?.cos())),
    ("Cosh", |n| n.same(n.tensor(0)?.cosh())),
    ("Div", |n| arithmetic(n, |a, b| a.checked_div(b), divided)),
    ("Equal", |n| comparison(n, |a, b| a == b, |a, b| a.eq(b))),
    ("Erf", |n| n.same(n.tensor(0)?.erf())),
    ("Exp", |n| n.same(n.tensor(0)?.exp())),
    ("Floor", |n| n.same(n.tensor(0)?.floor())),
    ("Greater", |n| comparison(n, |a, b| a > b, |a, b| a.gt(b))),
    ("GreaterOrEqual", |n| comparison(n, |a, b| a >= b, |a, b| a.ge(b))),
    ("Less", |n| comparison(n, |a, b| a < b, |a, b| a.lt(b))),
    ("LessOrEqual", |n| comparison(n, |a, b| a <= b, |a, b| a.le(b))),
    ("Log", |n| n.same(n.tensor(0)?.log())),
    ("Mul", |n| arithmetic(n, |a, b| a.checked_mul(b), |a, b| a * b)),
    ("Neg", |n| n.same(wrapped(n.tensor(0)?.neg(), n.element(0)?))),
    ("Not", |n| n.same(n.tensor(0)?.logical_not())),
    ("Or", |n| logic(n, |a, b| a.logical_or(b))),
    ("Reciprocal", |n| n.same(n.tensor(0)?.reciprocal())),
    ("Relu", |n| n.same(n.tensor(0)?.relu())),
    ("Round", |n| n.same(n.tensor(0)?.round())),
    ("Sigmoid", |n| n.same(n.tensor(0)?.sigmoid())),
    ("Sign", |n| n.same(n.tensor(0)?.sign())),
    ("Sin", |n| n.same(n.tensor(0)?.sin())),
    ("Sinh", |n| n.same(n.tensor(0)?.sinh())),
    ("Sqrt", |n| n.same(n.tensor(0)?.sqrt())),
    ("Sub", |n| arithmetic(n, |a, b| a.checked_sub(b), |a, b| a - b)),
    ("Tan", |n| n.same(n.tensor(0)?.tan())),
    ("Tanh", |n| n.same(n.tensor(0)?.tanh())),
    ("Xor", |n| logic(n, |a, b| a.logical_xor(b))),
];

/// Arithmetic of two inputs of one type: integers that are known at once, all else on the device.
fn arithmetic<'g>(
    node: &Node<'_, 'g>,
    whole: impl Fn(i64, i64) -> Option<i64>,
    tensor: impl Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
) -> Outputs<'g> {
    if let Some(value) = known::integers(node, None, |x| whole(x[0], x[1]))? {
        return Ok(vec![value]);
    }
    let element = node.element(0)?;
    node.same(wrapped(tensor(node.tensor(0)?, node.tensor(1)?), element))
}

/// a / b; of integers towards zero, and 0 where b is 0.
fn divided<'g>(a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
    match a.dtype() {
        DType::U32 => a.floor_div(b),
        DType::I32 => a.abs().floor_div(b.abs()) * a.sign() * b.sign(),
        _ => a / b,
    }
}

fn comparison<'g>(
    node: &Node<'_, 'g>,
    whole: impl Fn(i64, i64) -> bool,
    tensor: impl Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
) -> Outputs<'g> {
    if let Some(value) = known::integers(node, Some(Element::Bool), |x| Some(i64::from(whole(x[0], x[1]))))? {
        return Ok(vec![value]);
    }
    if node.element(0)? == Element::String {
        return if node.op() == "Equal" { text::equal(node) } else { unsupported("an order of text") };
    }
    node.give(tensor(node.tensor(0)?, node.tensor(1)?), Element::Bool)
}

fn logic<'g>(node: &Node<'_, 'g>, function: impl Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>) -> Outputs<'g> {
    Ok(vec![Value::Tensor(function(node.tensor(0)?, node.tensor(1)?), Element::Bool)])
}
