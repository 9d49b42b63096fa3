//! Losses of classes.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{Row, rounded, wide};
use crate::node::{Node, typed};
use crate::value::{Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("NegativeLogLikelihoodLoss", |n| {
        let loss = likelihood(n, wide(n.tensor(0)?))?;
        n.give(rounded(loss, n.element(0)?), n.element(0)?)
    }),
    ("SoftmaxCrossEntropyLoss", |n| {
        let logs = wide(n.tensor(0)?).log_softmax(1);
        let loss = likelihood(n, logs)?;
        let element = n.element(0)?;
        Ok([loss, logs].map(|y| typed(rounded(y, element), element)).into())
    }),
];

/// -weight[class] log p[class] of logarithms `[n, classes, ..]` at the classes `[n, ..]` of input 1, each or as a
/// sum, or as a mean by the weights. What has the class `ignore_index` does not count.
fn likelihood<'g>(node: &Node<'_, 'g>, logs: Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    let (shape, classes) = (logs.shape(), node.tensor(1)?);
    if shape.rank() < 2 || *classes.shape() != *shape.without(|axis| axis == 1) {
        return wrong(format!("classes {} for scores {shape}", classes.shape()));
    }
    let ignored = match node.maybe_int("ignore_index") {
        // A class that no 32 bits hold is none that is there.
        Some(index) => i32::try_from(index).ok().map(|index| classes.eq(index)),
        None => None,
    };
    let picked = logs.gather_elements(1, classes.unsqueeze(1)).squeeze(1);
    let weights = match node.maybe_tensor(2)? {
        Some(weights) => Some(wide(weights).gather(0, classes)),
        None => ignored.map(|_| classes.cast(DType::F32).full_like(1.0)),
    };
    let weights = weights.map(|weights| ignored.map_or(weights, |ignored| ignored.select(0.0, weights)));
    let losses = weights.map_or(-picked, |weights| {
        let picked = ignored.map_or(picked, |ignored| ignored.select(0.0, picked));
        -(picked * weights)
    });
    Ok(match node.text("reduction", "mean").as_str() {
        "none" => losses,
        "sum" => losses.sum_all(),
        "mean" => weights.map_or(losses.mean_all(), |weights| losses.sum_all() / weights.sum_all()),
        other => return unsupported(format!("reduction is {other:?}; known are none, sum and mean")),
    })
}
