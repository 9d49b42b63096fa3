//! Softmax and what is like it.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{Row, widest};
use crate::node::Node;
use crate::value::Outputs;

pub(super) const ROWS: &[Row] = &[
    ("Hardmax", |n| along(n, hardmax)),
    ("LogSoftmax", |n| along(n, |x| x.in_f32(|x| x.log_softmax(-1)))),
    ("Softmax", |n| along(n, |x| x.in_f32(|x| x.softmax(-1)))),
];

/// A function of the last axis, along the axis that is asked for. Up to version 12 that is `axis` and all behind it
/// as one, from 1 unless told otherwise; then `axis` alone, the last.
fn along<'g>(node: &Node<'_, 'g>, function: impl FnOnce(Tensor<'g>) -> Tensor<'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let shape = x.shape();
    let rank = shape.rank();
    if rank == 0 || shape.elements() == 0 {
        return node.same(if rank == 0 { function(x.reshape(&[1])).reshape(&[]) } else { x });
    }
    if node.opset < 13 {
        let axis = node.int("axis", 1);
        // The axis may be the one behind the last.
        let axis = if axis == rank as i64 { rank } else { node.axis(1, rank)? };
        let rows: usize = shape[..axis].iter().product();
        return node.same(function(x.reshape(&[rows, shape.elements() / rows])).reshape(&shape));
    }
    let axis = node.axis(-1, rank)?;
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(axis, rank - 1);
    node.same(function(x.permute(&order)).permute(&order))
}

/// 1 at the first of the largest, 0 elsewhere.
fn hardmax(x: Tensor<'_>) -> Tensor<'_> {
    let size = x.shape().last().copied().unwrap_or(1);
    let places = x.graph().arange(0.0, size as f64, 1.0, DType::I32);
    let best = widest(x).argmax(-1);
    best.unsqueeze(best.shape().rank()).eq(places).cast(x.dtype())
}
