//! Operators of the domain `com.microsoft` that onnxruntime's tools write into quantized models: operators of floats
//! on numbers that are quantized before and after.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::Row;
use super::integer_products::{Side, centred, product, side};
use super::quantize::rounded_to;
use crate::Element;
use crate::node::Node;
use crate::value::{Outputs, Stop, wrong};

pub(super) const ROWS: &[Row] = &[
    ("QGemm", gemm),
    ("QLinearAdd", |n| requantized(n, real(n, 0)? + real(n, 3)?, 6, 0)),
    ("QLinearConcat", concat),
    ("QLinearGlobalAveragePool", global_average),
    ("QLinearLeakyRelu", |n| {
        let (x, alpha) = (real(n, 0)?, n.float("alpha", 0.01));
        requantized(n, x.gt(0.0).select(x, x * alpha), 3, 0)
    }),
    ("QLinearMul", |n| requantized(n, real(n, 0)? * real(n, 3)?, 6, 0)),
    ("QLinearSoftmax", softmax),
    ("QLinearSigmoid", |n| requantized(n, real(n, 0)?.sigmoid(), 3, 0)),
];

/// A number of an input for all elements.
fn scalar<'g>(node: &Node<'_, 'g>, input: usize) -> Result<Tensor<'g>, Stop> {
    let x = node.tensor(input)?;
    match x.shape().elements() {
        1 => Ok(x.reshape(&[])),
        _ => wrong(format!("input {input} is {}, one number was expected", x.shape())),
    }
}

/// The real numbers of three inputs from one on: integers, their scale and their zero point.
fn real<'g>(node: &Node<'_, 'g>, input: usize) -> Result<Tensor<'g>, Stop> {
    let x = node.tensor(input)?;
    let x = if node.has(input + 2) { x - scalar(node, input + 2)? } else { x };
    Ok(x.cast(DType::F32) * scalar(node, input + 1)?)
}

/// Real numbers as multiples of the scale `input`, with the zero point of the input behind it; of the type of the
/// input `like`.
fn requantized<'g>(node: &Node<'_, 'g>, y: Tensor<'g>, input: usize, like: usize) -> Outputs<'g> {
    let zero = if node.has(input + 1) { Some(scalar(node, input + 1)?) } else { None };
    let element = node.element(like)?;
    node.give(rounded_to(y / scalar(node, input)?, zero, element)?, element)
}

/// Parts with scales of their own along an axis.
fn concat<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let mut parts = Vec::new();
    for input in (2..node.inputs.len()).step_by(3) {
        parts.push(real(node, input)?);
    }
    let Some(first) = parts.first() else { return wrong("nothing to join") };
    let axis = node.axis(1, first.shape().rank())?;
    requantized(node, node.graph.concat(&parts, axis as isize), 0, 2)
}

/// Shares along an axis; before version 13 of the operator, which an attribute tells, along all axes from it on.
fn softmax<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = real(node, 0)?;
    let shape = x.shape();
    let axis = node.axis(-1, shape.rank())?;
    if node.int("opset", 1) >= 13 {
        return requantized(node, x.softmax(axis as isize), 3, 0);
    }
    let rows: usize = shape[..axis].iter().product();
    let shares = x.reshape(&[rows, shape[axis..].iter().product()]).softmax(1);
    requantized(node, shares.reshape(&shape), 3, 0)
}

/// The mean of each channel, channels in front of or behind the space.
fn global_average<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = real(node, 0)?;
    let rank = x.shape().rank() as isize;
    if rank < 3 {
        return wrong(format!("takes [n, c, sizes...], {} was given", x.shape()));
    }
    let first = if node.flag("channels_last") { 1 } else { 2 };
    let axes: Vec<isize> = (first..first + rank - 2).collect();
    requantized(node, x.mean(&axes, true), 3, 0)
}

/// alpha a b + c, exact but for the scales; without a scale for it the result is a float.
fn gemm<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let turned = |x: Tensor<'g>, flag: &str| if node.flag(flag) { x.t() } else { x };
    let a = turned(centred(node, 0, 2, Side::All)?, "transA");
    // Zero points and scales of b are for its columns, which are the rows where it is turned.
    let columns = if node.flag("transB") { Side::Rows } else { Side::Columns };
    let b = turned(centred(node, 3, 5, columns)?, "transB");
    let mut sum = product(a, b)?;
    if let Some(c) = node.maybe_tensor(6)? {
        sum = sum + c;
    }
    let scale = scalar(node, 1)? * side(node.tensor(4)?, Side::Columns) * node.float("alpha", 1.0);
    let y = sum.cast(DType::F32) * scale;
    if node.has(7) { requantized(node, y, 7, 0) } else { node.give(y, Element::Float) }
}
