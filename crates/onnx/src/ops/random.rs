//! Random numbers: a function of the seed and the place of an element, so a run gives what the run before gave.
//!
//! A node without a seed has that of its name, which keeps two of them apart.

use std::f64::consts::TAU;

use anygrad_core::Array;
use anygrad_graph::Tensor;

use super::{Row, rounded, wide};
use crate::node::{Node, count, typed};
use crate::value::{Outputs, Stop, unsupported, wrong};
use crate::{Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("Bernoulli", |n| {
        let x = wide(n.tensor(0)?);
        let y = uniform(n, &x.shape(), 0)?.lt(x);
        cast(n, y, n.element_attribute("dtype")?.unwrap_or(n.element(0)?))
    }),
    ("Dropout", dropout),
    ("Multinomial", multinomial),
    ("RandomNormal", |n| normal(n, &shape(n)?, Element::Float)),
    ("RandomNormalLike", |n| normal(n, &n.sizes(0)?, n.element(0)?)),
    ("RandomUniform", |n| between(n, &shape(n)?, Element::Float)),
    ("RandomUniformLike", |n| between(n, &n.sizes(0)?, n.element(0)?)),
];

fn shape(node: &Node<'_, '_>) -> Result<Vec<usize>, Stop> {
    node.ints("shape").unwrap_or_default().iter().map(|&size| count("a size", size)).collect()
}

/// A seed for each part of a node's numbers: FNV-1a over the bits of its seed, or over its name.
fn seed(node: &Node<'_, '_>, part: u8) -> u32 {
    let name = node.proto.output.iter().find(|name| !name.is_empty()).map_or("", String::as_str);
    let given = node.attribute("seed").map(|seed| seed.f.unwrap_or(0.0).to_bits().to_le_bytes().to_vec());
    let given = given.or_else(|| Some(node.scope.named(name).into_bytes()));
    given
        .iter()
        .flatten()
        .chain(&[part])
        .fold(0x811c_9dc5, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn counter<'g>(node: &Node<'_, 'g>) -> Result<Tensor<'g>, Stop> {
    Ok(node.graph.constant(Array::u32(&[], [0])?))
}

/// Numbers from 0 to below 1.
fn uniform<'g>(node: &Node<'_, 'g>, sizes: &[usize], part: u8) -> Result<Tensor<'g>, Stop> {
    Ok(node.graph.random_uniform(sizes, seed(node, part), counter(node)?))
}

/// As the type that `dtype` names, or else another.
fn as_asked<'g>(node: &Node<'_, 'g>, y: Tensor<'g>, otherwise: Element) -> Outputs<'g> {
    let element = node.element_attribute("dtype")?.unwrap_or(otherwise);
    if !element.is_float() {
        return unsupported(format!("random numbers of {element}"));
    }
    node.give(rounded(y, element), element)
}

fn cast<'g>(node: &Node<'_, 'g>, y: Tensor<'g>, element: Element) -> Outputs<'g> {
    match element.dtype() {
        Some(dtype) => node.give(y.cast(dtype), element),
        None => unsupported("random text"),
    }
}

/// Uniform from `low` to below `high`.
fn between<'g>(node: &Node<'_, 'g>, sizes: &[usize], otherwise: Element) -> Outputs<'g> {
    let (low, high) = (node.float("low", 0.0), node.float("high", 1.0));
    as_asked(node, uniform(node, sizes, 0)? * (high - low) + low, otherwise)
}

/// Normal, by two uniform numbers (Box and Muller, 1958).
fn normal<'g>(node: &Node<'_, 'g>, sizes: &[usize], otherwise: Element) -> Outputs<'g> {
    let (mean, scale) = (node.float("mean", 0.0), node.float("scale", 1.0));
    let above_zero = uniform(node, sizes, 0)? * -1.0 + 1.0;
    let radius = (above_zero.log() * -2.0).sqrt();
    let y = radius * (uniform(node, sizes, 1)? * TAU).cos();
    as_asked(node, y * scale + mean, otherwise)
}

/// Class numbers `[batch, sample_size]`, drawn by the logarithms of their shares `[batch, classes]`.
fn multinomial<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = wide(node.tensor(0)?);
    let (batch, classes) = match *x.shape() {
        [batch, classes] if classes > 0 => (batch, classes),
        _ => return wrong(format!("logarithms of shares {}; [batch, classes] was expected", x.shape())),
    };
    let samples = count("sample_size", node.int("sample_size", 1))?;
    let sums = x.softmax(1).cumsum(1, false, false).unsqueeze(1);
    let below = sums.le(uniform(node, &[batch, samples], 0)?.unsqueeze(2));
    // Sums that are rounded may end before 1.
    let y = below.sum(&[2], false).minimum((classes - 1) as i32);
    node.give(y, node.element_attribute("dtype")?.unwrap_or(Element::Int32))
}

/// In training a share of the elements is set to 0 and the others are divided by what is left; else x itself.
/// Output 1 says which stay.
fn dropout<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.value(0)?, node.element(0)?);
    // Up to version 6 training is what is not `is_test`, from 12 on an input asks for it.
    let (training, rate) = match node.opset {
        ..7 => (!node.flag("is_test"), node.float("ratio", 0.5)),
        7..12 => (false, 0.0),
        _ if !node.has(2) || node.host(2)?.to_i64() == [0] => (false, 0.0),
        _ => (true, node.number_or(1, 0.5)?),
    };
    let sizes = node.sizes(0)?;
    // Up to version 9 the mask has the type of x.
    let mask_type = if node.opset < 10 { element } else { Element::Bool };
    if !training || rate == 0.0 {
        if !node.wants(1) {
            return Ok(vec![x]);
        }
        let ones = Host::from_f64(mask_type, &[], &[1.0])?.to_array()?;
        return Ok(vec![x, typed(node.graph.constant(ones).broadcast_to(&sizes), mask_type)]);
    }
    if !(0.0..1.0).contains(&rate) {
        return wrong(format!("ratio is {rate}; from 0 to below 1 was expected"));
    }
    let stays = uniform(node, &sizes, 0)?.ge(rate);
    let y = stays.select(wide(node.tensor(0)?) * (1.0 / (1.0 - rate)), 0.0);
    let mask = match mask_type.dtype() {
        Some(dtype) => stays.cast(dtype),
        None => return unsupported("text"),
    };
    Ok(vec![typed(rounded(y, element), element), typed(mask, mask_type)])
}
