//! Functions of elements, with broadcasting.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{Row, known, text};
use crate::Element;
use crate::node::{Node, wrapped};
use crate::value::{Outputs, Stop, unsupported, wrong};

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
    ("Round", |n| n.same(n.tensor(0)?.round())),
    ("Sign", |n| n.same(n.tensor(0)?.sign())),
    ("Sin", |n| n.same(n.tensor(0)?.sin())),
    ("Sinh", |n| n.same(n.tensor(0)?.sinh())),
    ("Sqrt", |n| n.same(n.tensor(0)?.sqrt())),
    ("Sub", |n| arithmetic(n, |a, b| a.checked_sub(b), |a, b| a - b)),
    ("Tan", |n| n.same(n.tensor(0)?.tan())),
    ("Xor", |n| logic(n, |a, b| a.logical_xor(b))),
];

/// Arithmetic of two inputs of one type: integers that are known at once, all else on the device.
pub(super) fn arithmetic<'g>(
    node: &Node<'_, 'g>,
    whole: impl Fn(i64, i64) -> Option<i64>,
    tensor: impl Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
) -> Outputs<'g> {
    if !is_placed(node)
        && let Some(value) = known::integers(node, None, |[a, b]| whole(a, b))?
    {
        return Ok(vec![value]);
    }
    let (a, b) = operands(node)?;
    node.same(wrapped(tensor(a, b), node.element(0)?))
}

/// Whether the second input says with which axis of the first its own begin, as up to version 6 it may.
fn is_placed(node: &Node<'_, '_>) -> bool {
    node.opset < 7 && node.flag("broadcast") && node.maybe_int("axis").is_some()
}

/// The two inputs, so that they broadcast by NumPy's rule.
pub(super) fn operands<'g>(node: &Node<'_, 'g>) -> Result<(Tensor<'g>, Tensor<'g>), Stop> {
    let (a, b) = (node.tensor(0)?, node.tensor(1)?);
    if !is_placed(node) {
        return Ok((a, b));
    }
    let (rank, mut sizes) = (a.shape().rank(), b.shape().to_vec());
    let axis = node.axis(0, rank)?;
    if axis + sizes.len() > rank {
        return wrong(format!("{} from axis {axis} of {} on", b.shape(), a.shape()));
    }
    sizes.resize(rank - axis, 1);
    Ok((a, b.reshape(&sizes)))
}

/// a / b; of integers towards zero, and 0 where b is 0.
pub(super) fn divided<'g>(a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
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
    if !is_placed(node)
        && let Some(value) =
            known::integers(node, Some(Element::Bool), |[a, b]| Some(i64::from(whole(a, b))))?
    {
        return Ok(vec![value]);
    }
    if node.element(0)? == Element::String {
        return if node.op() == "Equal" { text::equal(node) } else { unsupported("an order of text") };
    }
    let (a, b) = operands(node)?;
    node.give(tensor(a, b), Element::Bool)
}

fn logic<'g>(node: &Node<'_, 'g>, function: impl Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>) -> Outputs<'g> {
    let (a, b) = operands(node)?;
    node.give(function(a, b), Element::Bool)
}
