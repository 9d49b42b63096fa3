//! The operators of `ai.onnx.ml`, in which libraries of classical machine learning write their models.
//!
//! Scores are computed in 32 bits. Maps are no values here: `ZipMap` gives the scores as a tensor.

pub(super) mod features;
mod forest;
pub(super) mod labels;
pub(super) mod linear;
pub(super) mod svm;
pub(super) mod trees;

use anygrad_core::{Array, DType, Shape};
use anygrad_graph::Tensor;

use crate::host::elements;
use crate::node::Node;
use crate::value::{Stop, unsupported, wrong};

/// The numbers of an attribute; none where it is missing.
fn floats(node: &Node<'_, '_>, name: &str) -> Vec<f64> {
    node.floats(name).unwrap_or_default()
}

/// The same, which may also stand in a tensor: `name` or `name_as_tensor`.
fn numbers(node: &Node<'_, '_>, name: &str) -> Result<Vec<f64>, Stop> {
    let tensor = node.tensor_attribute(&format!("{name}_as_tensor"))?;
    Ok(tensor.map_or_else(|| floats(node, name), |host| host.to_f64()))
}

/// Integers of an attribute; none where it is missing.
fn ints(node: &Node<'_, '_>, name: &str) -> Vec<i64> {
    node.ints(name).unwrap_or_default()
}

/// Numbers as a constant of the graph.
fn constant<'g>(
    node: &Node<'_, 'g>,
    sizes: &[usize],
    numbers: &[f64],
    dtype: DType,
) -> Result<Tensor<'g>, Stop> {
    if elements(sizes)? != numbers.len() {
        return wrong(format!("{} numbers where {sizes:?} were expected", numbers.len()));
    }
    Ok(node.graph.constant(Array::from_f64(Shape::new(sizes)?, dtype, numbers)))
}

/// An input of numbers as floats, `[batch, features]`; a vector is one row.
fn rows<'g>(node: &Node<'_, 'g>, input: usize) -> Result<Tensor<'g>, Stop> {
    let x = node.tensor(input)?.cast(DType::F32);
    match *x.shape() {
        [_, _] => Ok(x),
        [features] => Ok(x.reshape(&[1, features])),
        _ => wrong(format!("input {input} is {}; [batch, features] was expected", x.shape())),
    }
}

/// Scores `[batch, classes]` as they are wanted.
fn transformed<'g>(node: &Node<'_, 'g>, scores: Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    transformed_by(scores, &node.text("post_transform", "NONE"))
}

fn transformed_by<'g>(scores: Tensor<'g>, name: &str) -> Result<Tensor<'g>, Stop> {
    Ok(match name {
        "NONE" => scores,
        "LOGISTIC" => scores.sigmoid(),
        "SOFTMAX" => scores.softmax(-1),
        "SOFTMAX_ZERO" => softmax_zero(scores),
        "PROBIT" => (scores * 2.0 - 1.0).erfinv() * std::f64::consts::SQRT_2,
        other => return unsupported(format!("post_transform is {other:?}")),
    })
}

/// Softmax, but a score of 0 stays 0 before the shares are made: e^-max times the score.
fn softmax_zero(scores: Tensor<'_>) -> Tensor<'_> {
    let largest = scores.max(&[-1], true);
    let is_zero = scores.abs().le(1e-7);
    let parts = is_zero.select(scores * (-largest).exp(), (scores - largest).exp());
    let sum = parts.sum(&[-1], true);
    sum.eq(0.0).select(0.5, parts / sum)
}
