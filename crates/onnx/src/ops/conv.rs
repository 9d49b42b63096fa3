//! Convolutions.

use std::array::from_fn;

use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

use super::Row;
use super::windows::{AutoPad, Windows, auto_pad, by_axes, pads, sizes_of, space};
use crate::node::{Node, count};
use crate::value::{Outputs, Stop, wrong};

/// The longest axis that is reckoned with.
const LONGEST: i64 = 1 << 31;

pub(super) const ROWS: &[Row] = &[
    ("Conv", |n| by_axes(n, [conv::<1>, conv::<2>, conv::<3>])),
    ("ConvTranspose", |n| by_axes(n, [transposed::<1>, transposed::<2>, transposed::<3>])),
];

/// The options of a convolution, for an input and a weight.
pub(super) fn options<'g, const N: usize>(
    node: &Node<'_, 'g>,
    x: Tensor<'g>,
    weight: Tensor<'g>,
) -> Result<Conv<N>, Stop> {
    if weight.shape().rank() != N + 2 {
        return wrong(format!("a weight {} for an input {}", weight.shape(), x.shape()));
    }
    let Windows { stride, dilation, padding, .. } =
        Windows::<N>::of(node, Windows::<N>::kernel_of(node, weight)?, space(x))?;
    Ok(Conv { stride, padding, dilation, groups: count("group", node.int("group", 1))? })
}

fn conv<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, weight) = (node.tensor(0)?, node.tensor(1)?);
    let conv = options::<N>(node, x, weight)?;
    node.same(match node.maybe_tensor(2)? {
        Some(bias) => x.conv_nd_with_bias(weight, bias, conv),
        None => x.conv_nd(weight, conv),
    })
}

/// Every input element adds its multiple of the kernel to the result, which is cut, or gets zeros, at both ends.
fn transposed<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, weight) = (node.tensor(0)?, node.tensor(1)?);
    if weight.shape().rank() != N + 2 {
        return wrong(format!("a weight {} for an input {}", weight.shape(), x.shape()));
    }
    let kernel = Windows::<N>::kernel_of(node, weight)?;
    let stride = sizes_of(node, "strides")?.unwrap_or([1; N]);
    let dilation = sizes_of(node, "dilations")?.unwrap_or([1; N]);
    let groups = count("group", node.int("group", 1))?;
    let extra = match node.ints("output_padding").filter(|extra| !extra.is_empty()) {
        None => [0; N],
        Some(extra) => match <[i64; N]>::try_from(extra) {
            Ok(extra) if extra.iter().all(|extra| (0..=LONGEST).contains(extra)) => extra,
            Ok(extra) => return wrong(format!("output_padding is {extra:?}")),
            Err(extra) => return wrong(format!("output_padding is {extra:?} for {N} axes")),
        },
    };
    let input: [usize; N] = space(x);
    // What the elements reach, without any padding.
    let reach = |axis: usize| {
        let steps = (input[axis] as i64 - 1).checked_mul(stride[axis] as i64)?;
        let span = (kernel[axis] as i64 - 1).checked_mul(dilation[axis] as i64)?;
        steps.checked_add(span)?.checked_add(1).filter(|&reach| reach <= LONGEST)
    };
    let Some(reach) = (0..N).map(reach).collect::<Option<Vec<i64>>>() else {
        return wrong(format!("{} by strides {stride:?} and dilations {dilation:?}", x.shape()));
    };
    // What is cut off in front and behind; where it is negative, zeros are added.
    let cut = cuts::<N>(node, input, stride, &reach, extra)?;
    let conv = Conv { stride, dilation, groups, padding: cut.map(|ends| ends.map(|n| n.max(0) as usize)) };
    let mut y = x.conv_transpose_nd(weight, conv, [0; N]);
    if cut.iter().flatten().any(|&n| n < 0) {
        let zeros = cut.map(|[before, after]| (before.min(0).unsigned_abs(), after.min(0).unsigned_abs()));
        let zeros = zeros.map(|(before, after)| (before as usize, after as usize));
        y = y.pad(&[&[(0, 0); 2], &zeros[..]].concat(), 0.0);
    }
    if let Some(bias) = node.maybe_tensor(2)? {
        let channels = bias.shape().elements();
        y = y + bias.reshape(&[&[channels][..], &[1; N]].concat());
    }
    node.same(y)
}

/// Elements cut off at both ends of each axis.
fn cuts<const N: usize>(
    node: &Node<'_, '_>,
    input: [usize; N],
    stride: [usize; N],
    reach: &[i64],
    extra: [i64; N],
) -> Result<[[i64; 2]; N], Stop> {
    let kind = auto_pad(node)?;
    let told: Option<[i64; N]> = match node.ints("output_shape").filter(|sizes| !sizes.is_empty()) {
        // Some exporters tell batch and channels, too.
        Some(sizes) if sizes.len() == N || sizes.len() == N + 2 => {
            Some(from_fn(|axis| sizes[sizes.len() - N + axis]))
        }
        Some(sizes) => return wrong(format!("output_shape is {sizes:?} for {N} axes")),
        None if matches!(kind, AutoPad::Upper | AutoPad::Lower) => {
            Some(from_fn(|axis| input[axis].saturating_mul(stride[axis]) as i64))
        }
        None => None,
    };
    let Some(output) = told else {
        let pads = if kind == AutoPad::Valid { [[0; 2]; N] } else { pads(node)? };
        if pads.iter().flatten().any(|&pad| pad as i64 > LONGEST) {
            return wrong(format!("pads are {pads:?}"));
        }
        return Ok(from_fn(|axis| [pads[axis][0] as i64, pads[axis][1] as i64 - extra[axis]]));
    };
    if let Some(size) = output.iter().find(|size| !(1..=LONGEST).contains(*size)) {
        return wrong(format!("an output of size {size}"));
    }
    Ok(from_fn(|axis| {
        let all = (reach[axis] + extra[axis] - output[axis]).max(0);
        let before = if kind == AutoPad::Upper { all / 2 } else { all - all / 2 };
        [before, reach[axis] - before - output[axis]]
    }))
}
