//! Linear models.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::labels::{ClassLabels, chosen};
use super::{constant, floats, rows, transformed};
use crate::Element;
use crate::node::{Node, count, typed};
use crate::ops::Row;
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(in crate::ops) const ROWS: &[Row] = &[("LinearClassifier", classifier), ("LinearRegressor", regressor)];

/// x W + b for weights of `outputs` rows; no intercepts are 0.
fn scores<'g>(node: &Node<'_, 'g>, x: Tensor<'g>, outputs: usize) -> Result<Tensor<'g>, Stop> {
    let weights = constant(node, &[outputs, x.shape()[1]], &floats(node, "coefficients"), DType::F32)?;
    let (y, intercepts) = (x.matmul(weights.t()), floats(node, "intercepts"));
    if intercepts.is_empty() {
        return Ok(y);
    }
    Ok(y + constant(node, &[outputs], &intercepts, DType::F32)?)
}

fn regressor<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let y = scores(node, rows(node, 0)?, count("targets", node.int("targets", 1))?)?;
    node.give(transformed(node, y)?, Element::Float)
}

/// The class with the highest score. One row of weights for two classes scores the second; the first has its
/// negative.
fn classifier<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = rows(node, 0)?;
    let labels = ClassLabels::of(node, "classlabels_ints")?;
    let outputs = match (floats(node, "coefficients").len(), x.shape()[1]) {
        (weights, features @ 1..) if weights > 0 && weights.is_multiple_of(features) => weights / features,
        (weights, features) => return wrong(format!("{weights} coefficients for {features} features")),
    };
    let y = scores(node, x, outputs)?;
    let y = if outputs == 1 && labels.len() == 2 { node.graph.concat(&[-y, y], 1) } else { y };
    if y.shape()[1] != labels.len() || labels.len() < 2 {
        return unsupported(format!("{} scores for {} classes", y.shape()[1], labels.len()));
    }
    Ok(vec![chosen(node, &labels, y.argmax(1))?, typed(transformed(node, y)?, Element::Float)])
}
