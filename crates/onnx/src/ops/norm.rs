//! Normalizations. All are computed in 32 bits and rounded once.

use anygrad_graph::Tensor;

use super::{Row, rounded, wide};
use crate::node::{Node, axis_of, count, typed};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("BatchNormalization", batch),
    ("GroupNormalization", group),
    ("InstanceNormalization", instance),
    ("LRN", lrn),
    ("LayerNormalization", layer),
    ("LpNormalization", lp),
    ("MeanVarianceNormalization", mean_variance),
    ("RMSNormalization", rms),
];

/// What is added to a variance unless told otherwise.
const EPSILON: f64 = 1e-5;

/// The first input in 32 bits.
fn input<'g>(node: &Node<'_, 'g>) -> Result<Tensor<'g>, Stop> {
    Ok(wide(node.tensor(0)?))
}

/// Sizes of one axis spread along axis 1 of `rank`.
fn along_channels<'g>(x: Tensor<'g>, rank: usize) -> Result<Tensor<'g>, Stop> {
    let shape = x.shape();
    match shape.rank() {
        1 if rank >= 2 => {
            let mut sizes = vec![1; rank - 1];
            sizes[0] = shape[0];
            Ok(x.reshape(&sizes))
        }
        // Before version 9 a mean may belong to each place: `spatial` is 0.
        _ if shape.rank() + 1 == rank => Ok(x),
        _ => wrong(format!("{shape} along the channels of an input of {rank} axes")),
    }
}

/// scale (x - mean) / sqrt(variance + epsilon) + bias. In training mean and variance are those of the batch, and
/// outputs 1 and 2 the running ones: running momentum + batch (1 - momentum).
fn batch<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (input(node)?, node.element(0)?);
    let rank = x.shape().rank();
    if rank < 2 {
        return unsupported(format!("an input of {rank} axes"));
    }
    // Up to version 13 further outputs ask for training, up to 6 `is_test` must not be set.
    let training = match node.opset {
        ..7 => !node.flag("is_test") && (1..5).any(|output| node.wants(output)),
        7..14 => (1..5).any(|output| node.wants(output)),
        _ => node.flag("training_mode"),
    };
    let weight = |input: usize| along_channels(wide(node.tensor(input)?), rank);
    let epsilon = node.float("epsilon", EPSILON);
    let (scale, bias) = (weight(1)?, weight(2)?);
    let made =
        |mean: Tensor<'g>, variance: Tensor<'g>| (x - mean) * (scale * (variance + epsilon).rsqrt()) + bias;
    if !training {
        return node.give(rounded(made(weight(3)?, weight(4)?), element), element);
    }
    if node.wants(3) || node.wants(4) {
        return unsupported("saved means and variances, outputs 3 and 4");
    }
    if scale.shape().rank() != rank - 1 || scale.shape()[1..].iter().any(|&size| size != 1) {
        return unsupported("training with spatial = 0");
    }
    let axes: Vec<isize> = (0..rank as isize).filter(|&axis| axis != 1).collect();
    let (mean, variance) = (x.mean(&axes, true), x.variance(&axes, true, 0));
    let momentum = node.float("momentum", 0.9);
    let channels = x.shape()[1];
    let running = |input: usize, now: Tensor<'g>| -> Result<Value<'g>, Stop> {
        let before = wide(node.tensor(input)?);
        let y = before * momentum + now.reshape(&[channels]) * (1.0 - momentum);
        Ok(typed(rounded(y, node.element(input)?), node.element(input)?))
    };
    let y = typed(rounded(made(mean, variance), element), element);
    Ok(vec![y, running(3, mean)?, running(4, variance)?])
}

/// Each group of neighbouring channels of an example on its own. Version 18 has a scale and a bias for each group,
/// 21 for each channel.
fn group<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (input(node)?, node.element(0)?);
    let groups = count("num_groups", node.int("num_groups", 0))?;
    let channels = x.shape().get(1).copied().unwrap_or(0);
    let weight = |input: usize| -> Result<Tensor<'g>, Stop> {
        let weight = wide(node.tensor(input)?);
        let each = node.opset < 21 && groups > 0 && channels.is_multiple_of(groups);
        Ok(if each { weight.repeat_interleave(channels / groups, 0) } else { weight })
    };
    let y = x.group_norm(groups, Some(weight(1)?), Some(weight(2)?), node.float("epsilon", EPSILON));
    node.give(rounded(y, element), element)
}

/// Each channel of an example on its own.
fn instance<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (scale, bias) = (wide(node.tensor(1)?), wide(node.tensor(2)?));
    let y = input(node)?.instance_norm(Some(scale), Some(bias), node.float("epsilon", EPSILON));
    node.give(rounded(y, node.element(0)?), node.element(0)?)
}

fn lrn<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let size = count("size", node.int("size", 0))?;
    let (alpha, beta, bias) = (node.float("alpha", 1e-4), node.float("beta", 0.75), node.float("bias", 1.0));
    let y = input(node)?.local_response_norm(size, alpha, beta, bias);
    node.give(rounded(y, node.element(0)?), node.element(0)?)
}

/// The axes from `axis` on, and that one.
fn row_axes(node: &Node<'_, '_>, rank: usize) -> Result<(usize, Vec<isize>), Stop> {
    let axis = node.axis(-1, rank)?;
    Ok((axis, (axis as isize..rank as isize).collect()))
}

/// (x - mean) / sqrt(variance + epsilon) over `axis` and all axes behind it, times scale, plus bias. Outputs 1 and 2
/// are the mean and the reciprocal of the root, of the type `stash_type`.
fn layer<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (input(node)?, node.element(0)?);
    let (axis, axes) = row_axes(node, x.shape().rank())?;
    let epsilon = node.float("epsilon", EPSILON);
    let (scale, bias) = (wide(node.tensor(1)?), node.maybe_tensor(2)?.map(wide));
    let row = &x.shape()[axis..];
    let fits = [Some(scale), bias].into_iter().flatten().all(|weight| weight.shape()[..] == *row);
    let y = if fits {
        x.layer_norm(axis as isize, Some(scale), bias, epsilon)
    } else {
        let y = x.layer_norm(axis as isize, None, None, epsilon) * scale;
        bias.map_or(y, |bias| y + bias)
    };
    let mut outputs = vec![typed(rounded(y, element), element)];
    if node.wants(1) || node.wants(2) {
        let stash = node.element_attribute("stash_type")?.unwrap_or(crate::Element::Float);
        let root = (x.variance(&axes, true, 0) + epsilon).rsqrt();
        outputs.extend([x.mean(&axes, true), root].map(|y| typed(rounded(y, stash), stash)));
    }
    Ok(outputs)
}

/// x / sqrt(mean(x^2) + epsilon) over `axis` and all axes behind it, times scale.
fn rms<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, scale, element) = (input(node)?, wide(node.tensor(1)?), node.element(0)?);
    let (axis, _) = row_axes(node, x.shape().rank())?;
    let epsilon = node.float("epsilon", EPSILON);
    let y = if scale.shape()[..] == x.shape()[axis..] {
        x.rms_norm(axis as isize, Some(scale), epsilon)
    } else {
        x.rms_norm(axis as isize, None, epsilon) * scale
    };
    node.give(rounded(y, element), element)
}

/// x / |x| along an axis, by the 1- or 2-norm; 0 where that is 0.
fn lp<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (input(node)?, node.element(0)?);
    let axis = node.axis(-1, x.shape().rank())? as isize;
    let norm = match node.int("p", 2) {
        p @ (1 | 2) => x.norm(p as f64, &[axis], true),
        p => return unsupported(format!("p is {p}; known are 1 and 2")),
    };
    let y = norm.eq(0.0).select(0.0, x / norm);
    node.give(rounded(y, element), element)
}

/// (x - mean) / (standard deviation + 1e-9) over `axes`.
fn mean_variance<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (input(node)?, node.element(0)?);
    let rank = x.shape().rank();
    // Version 1 has `across_channels`, from 9 on it is `axes`.
    let default = if node.flag("across_channels") { vec![0, 1, 2, 3] } else { vec![0, 2, 3] };
    let given = node.ints("axes").unwrap_or(default);
    let axes =
        given.iter().map(|&axis| Ok(axis_of(axis, rank)? as isize)).collect::<Result<Vec<_>, Stop>>()?;
    let centred = x - x.mean(&axes, true);
    let y = if node.opset < 9 && node.maybe_int("normalize_variance") == Some(0) {
        centred
    } else {
        centred / (x.std(&axes, true, 0) + 1e-9)
    };
    node.give(rounded(y, element), element)
}
