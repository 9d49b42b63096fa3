//! Windows that slide along one to three axes: what convolutions and poolings share.

use std::array::from_fn;

use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

use crate::node::{Node, count};
use crate::value::{Outputs, Stop, unsupported, wrong};

/// Strides, dilations and padding of windows along `N` axes.
pub(super) struct Windows<const N: usize> {
    pub(super) kernel: [usize; N],
    pub(super) stride: [usize; N],
    pub(super) dilation: [usize; N],
    pub(super) padding: [[usize; 2]; N],
}

impl<const N: usize> Windows<N> {
    /// The attributes of a node, for an input of these sizes along the axes.
    pub(super) fn of(node: &Node<'_, '_>, kernel: [usize; N], input: [usize; N]) -> Result<Self, Stop> {
        let stride = sizes_of(node, "strides")?.unwrap_or([1; N]);
        let dilation = sizes_of(node, "dilations")?.unwrap_or([1; N]);
        let padding = match auto_pad(node)? {
            AutoPad::Valid => [[0; 2]; N],
            AutoPad::Upper => Conv::same(input, kernel, stride, dilation).padding,
            AutoPad::Lower => {
                Conv::same(input, kernel, stride, dilation).padding.map(|[before, after]| [after, before])
            }
            AutoPad::Given => pads(node)?,
        };
        Ok(Windows { kernel, stride, dilation, padding })
    }

    /// The kernel of a weight, which `kernel_shape` must not contradict.
    pub(super) fn kernel_of(node: &Node<'_, '_>, weight: Tensor<'_>) -> Result<[usize; N], Stop> {
        let kernel = space(weight);
        match sizes_of::<N>(node, "kernel_shape")? {
            Some(told) if told != kernel => {
                wrong(format!("kernel_shape is {told:?}, the weight is {}", weight.shape()))
            }
            _ => Ok(kernel),
        }
    }
}

/// How padding is told.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum AutoPad {
    /// By `pads`.
    Given,
    Valid,
    /// As many results as the stride gives; the odd element behind.
    Upper,
    /// The same, the odd element in front.
    Lower,
}

pub(super) fn auto_pad(node: &Node<'_, '_>) -> Result<AutoPad, Stop> {
    match node.text("auto_pad", "NOTSET").as_str() {
        "NOTSET" | "" => Ok(AutoPad::Given),
        "VALID" => Ok(AutoPad::Valid),
        "SAME_UPPER" => Ok(AutoPad::Upper),
        "SAME_LOWER" => Ok(AutoPad::Lower),
        other => wrong(format!("auto_pad is {other:?}")),
    }
}

/// A list with one size from 1 on for each axis, where it is given.
pub(super) fn sizes_of<const N: usize>(node: &Node<'_, '_>, name: &str) -> Result<Option<[usize; N]>, Stop> {
    let Some(numbers) = node.ints(name).filter(|numbers| !numbers.is_empty()) else { return Ok(None) };
    let sizes = numbers.iter().map(|&x| count(name, x)).collect::<Result<Vec<_>, Stop>>()?;
    match <[usize; N]>::try_from(sizes) {
        Ok(sizes) if !sizes.contains(&0) => Ok(Some(sizes)),
        _ => wrong(format!("{name} is {numbers:?}; {N} numbers from 1 on were expected")),
    }
}

/// `pads`, all befores first, by axis; zeros where they are not given.
pub(super) fn pads<const N: usize>(node: &Node<'_, '_>) -> Result<[[usize; 2]; N], Stop> {
    match node.ints("pads").filter(|pads| !pads.is_empty()) {
        None => Ok([[0; 2]; N]),
        Some(pads) if pads.len() == 2 * N => {
            let pads = pads.iter().map(|&x| count("a pad", x)).collect::<Result<Vec<_>, Stop>>()?;
            Ok(from_fn(|axis| [pads[axis], pads[axis + N]]))
        }
        Some(pads) => wrong(format!("pads are {pads:?}; {} numbers were expected", 2 * N)),
    }
}

/// The sizes behind the first two axes.
pub(super) fn space<const N: usize>(x: Tensor<'_>) -> [usize; N] {
    let shape = x.shape();
    from_fn(|axis| shape.get(axis + 2).copied().unwrap_or(1))
}

/// The rule for as many axes as the first input has behind batch and channels.
pub(super) fn by_axes<'a, 'g>(
    node: &Node<'a, 'g>,
    rules: [for<'b, 'c> fn(&Node<'b, 'c>) -> Outputs<'c>; 3],
) -> Outputs<'g> {
    match node.sizes(0)?.len() {
        rank @ 3..=5 => rules[rank - 3](node),
        rank => {
            unsupported(format!("windows along {} axes, of an input with {rank}", rank.saturating_sub(2)))
        }
    }
}
