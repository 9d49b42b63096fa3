//! Convolutions.

use std::array::from_fn;

use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

use super::Row;
use crate::node::{Node, count};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[("Conv", conv)];

/// Strides, dilations and padding of windows along `N` axes, as `Conv` and the poolings have them.
pub(super) struct Windows<const N: usize> {
    pub(super) kernel: [usize; N],
    pub(super) stride: [usize; N],
    pub(super) dilation: [usize; N],
    pub(super) padding: [[usize; 2]; N],
}

impl<const N: usize> Windows<N> {
    /// The attributes of a node, for an input of these sizes along the axes.
    pub(super) fn of(node: &Node<'_, '_>, kernel: [usize; N], input: [usize; N]) -> Result<Self, Stop> {
        let list = |name: &str| -> Result<[usize; N], Stop> {
            let Some(numbers) = node.ints(name) else { return Ok([1; N]) };
            let sizes = numbers.iter().map(|&x| count(name, x)).collect::<Result<Vec<_>, Stop>>()?;
            match <[usize; N]>::try_from(sizes) {
                Ok(sizes) if !sizes.contains(&0) => Ok(sizes),
                _ => wrong(format!("{name} is {numbers:?}; {N} numbers from 1 on were expected")),
            }
        };
        let (stride, dilation) = (list("strides")?, list("dilations")?);
        let padding = match node.text("auto_pad", "NOTSET").as_str() {
            "VALID" => [[0; 2]; N],
            same @ ("SAME_UPPER" | "SAME_LOWER") => {
                let upper = Conv::same(input, kernel, stride, dilation).padding;
                if same == "SAME_UPPER" { upper } else { upper.map(|[before, after]| [after, before]) }
            }
            "NOTSET" | "" => match node.ints("pads") {
                None => [[0; 2]; N],
                Some(pads) if pads.len() == 2 * N => {
                    let pads = pads.iter().map(|&x| count("a pad", x)).collect::<Result<Vec<_>, Stop>>()?;
                    from_fn(|axis| [pads[axis], pads[axis + N]])
                }
                Some(pads) => return wrong(format!("pads are {pads:?}; {} numbers were expected", 2 * N)),
            },
            other => return wrong(format!("auto_pad is {other:?}")),
        };
        Ok(Windows { kernel, stride, dilation, padding })
    }
}

/// The sizes behind the first two axes.
pub(super) fn space<const N: usize>(x: Tensor<'_>) -> [usize; N] {
    let shape = x.shape();
    from_fn(|axis| shape.get(axis + 2).copied().unwrap_or(1))
}

fn conv<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    match node.sizes(0)?.len() {
        3 => conv_nd::<1>(node),
        4 => conv_nd::<2>(node),
        5 => conv_nd::<3>(node),
        rank => unsupported(format!("convolution along {} axes", rank.saturating_sub(2))),
    }
}

fn conv_nd<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, weight) = (node.tensor(0)?, node.tensor(1)?);
    if weight.shape().rank() != N + 2 {
        return wrong(format!("a weight {} for an input {}", weight.shape(), x.shape()));
    }
    let windows = Windows::<N>::of(node, space(weight), space(x))?;
    let groups = count("group", node.int("group", 1))?;
    let Windows { stride, dilation, padding, .. } = windows;
    let conv = Conv { stride, padding, dilation, groups };
    node.same(match node.maybe_tensor(2)? {
        Some(bias) => x.conv_nd_with_bias(weight, bias, conv),
        None => x.conv_nd(weight, conv),
    })
}
