//! Products of integers of 8 bits, added up exactly in 32.
//!
//! Kernels add in 32-bit floats, which are exact up to 2^24. Where the sum of all products may be larger, one operand
//! is cut into its lower and upper four bits, and the sum into parts, so that no part is; the parts are added as
//! integers.

use anygrad_core::{Array, DType, Error};
use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

use super::Row;
use super::conv::options;
use super::quantize::requantized;
use super::windows::by_axes;
use crate::Element;
use crate::node::Node;
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("ConvInteger", |n| by_axes(n, [convolved::<1>, convolved::<2>, convolved::<3>])),
    ("MatMulInteger", |n| {
        let a = centred(n, 0, 2, Side::Rows)?;
        let b = centred(n, 1, 3, Side::Columns)?;
        n.give(product(a, b)?, Element::Int32)
    }),
    ("QLinearConv", |n| by_axes(n, [rescaled::<1>, rescaled::<2>, rescaled::<3>])),
    ("QLinearMatMul", |n| {
        let a = centred(n, 0, 2, Side::Rows)?;
        let b = centred(n, 3, 5, Side::Columns)?;
        let product = product(a, b)?;
        let scale = side(n.tensor(1)?, Side::Rows) * side(n.tensor(4)?, Side::Columns) / n.tensor(6)?;
        requantized(n, product.cast(DType::F32) * scale, 7)
    }),
];

/// Sums of floats below this are exact.
const EXACT: usize = 1 << 24;

/// The largest operand: 8 bits less a zero point of 8 bits.
const LARGEST: usize = 255;

/// What a zero point of one axis belongs to.
#[derive(Clone, Copy)]
pub(super) enum Side {
    /// Rows of a left operand.
    Rows,
    /// Columns of a right operand.
    Columns,
    /// Outputs of a weight.
    Outputs { axes: usize },
    /// One for all.
    All,
}

/// A number for each row, column or output, so that it broadcasts.
pub(super) fn side(x: Tensor<'_>, side: Side) -> Tensor<'_> {
    let shape = x.shape();
    match (side, &shape[..]) {
        (Side::Rows, &[rows]) if rows > 1 => x.reshape(&[rows, 1]),
        (Side::Outputs { axes }, &[outputs]) if outputs > 1 => {
            x.reshape(&[&[outputs][..], &vec![1; axes + 1]].concat())
        }
        (_, &[1]) => x.reshape(&[]),
        _ => x,
    }
}

/// An input of 8 bits less its zero point, `i32`.
pub(super) fn centred<'g>(
    node: &Node<'_, 'g>,
    input: usize,
    zero: usize,
    kind: Side,
) -> Result<Tensor<'g>, Stop> {
    let element = node.element(input)?;
    if !matches!(element, Element::Int8 | Element::Uint8) {
        return unsupported(format!("exact products of {element}"));
    }
    let x = node.tensor(input)?;
    Ok(match node.maybe_tensor(zero)? {
        Some(zero) => x - side(zero, kind),
        None => x,
    })
}

/// An operand as floats, with what each part counts: whole where sums of `terms` products are exact, otherwise its
/// lower and upper four bits. And the most terms that are exact.
fn parts<'g>(x: Tensor<'g>, terms: usize) -> Result<(Vec<(Tensor<'g>, i64)>, usize), Error> {
    let most = EXACT / (LARGEST * LARGEST);
    if terms <= most {
        return Ok((vec![(x.cast(DType::F32), 1)], most));
    }
    let low = x.bitwise_and(number(x, 15)?);
    let high = x.shift_right(number(x, 4)?);
    Ok((vec![(low.cast(DType::F32), 1), (high.cast(DType::F32), 16)], EXACT / (LARGEST * 16)))
}

fn number<'g>(x: Tensor<'g>, number: i64) -> Result<Tensor<'g>, Error> {
    Ok(x.graph().constant(Array::i32_from_i64(&[], &[number])?))
}

/// Parts of a sum, each exact as a float, added as integers.
fn added<'g>(parts: Vec<(Tensor<'g>, i64)>) -> Result<Tensor<'g>, Stop> {
    let mut sum: Option<Tensor<'g>> = None;
    for (part, times) in parts {
        let part = part.cast(DType::I32);
        let part = if times == 1 { part } else { part * number(part, times)? };
        sum = Some(match sum {
            Some(sum) => sum + part,
            None => part,
        });
    }
    match sum {
        Some(sum) => Ok(sum),
        None => wrong("a sum of no products"),
    }
}

/// a b, of integers.
pub(super) fn product<'g>(a: Tensor<'g>, b: Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    let (rows, columns) = (a.shape(), b.shape());
    let (Some(&terms), Some(inner)) = (rows.last(), columns.rank().checked_sub(2).or(Some(0))) else {
        return wrong(format!("{rows} times {columns}"));
    };
    if columns.rank() == 0 || columns[inner] != terms {
        return wrong(format!("{rows} times {columns}"));
    }
    let (halves, most) = parts(b, terms)?;
    let a = a.cast(DType::F32);
    let mut all = Vec::new();
    for first in (0..terms).step_by(most) {
        let range = first..terms.min(first + most);
        let left = a.narrow(-1, range.clone());
        for (half, times) in &halves {
            all.push((left.matmul(half.narrow(inner as isize, range.clone())), *times));
        }
    }
    added(all)
}

/// The convolution of integers.
fn convolution<'g, const N: usize>(
    x: Tensor<'g>,
    weight: Tensor<'g>,
    conv: Conv<N>,
) -> Result<Tensor<'g>, Stop> {
    let (shape, kernels) = (x.shape(), weight.shape());
    let window: usize = kernels[2..].iter().product();
    let (channels, groups) = (kernels[1], conv.groups.max(1));
    if channels.saturating_mul(groups) != shape[1] {
        return wrong(format!("an input {shape} and a weight {kernels} in {groups} groups"));
    }
    let (halves, most) = parts(weight, channels * window)?;
    let step = most / window.max(1);
    if step == 0 {
        return unsupported(format!("an exact sum over a kernel of {window} elements, more than {most}"));
    }
    let x = x.cast(DType::F32);
    let mut all = Vec::new();
    for first in (0..channels).step_by(step) {
        let range = first..channels.min(first + step);
        // The same channels of every group.
        let grouped = [&[shape[0], groups, channels], &shape[2..]].concat();
        let some = [&[shape[0], groups * range.len()], &shape[2..]].concat();
        let images = match range.len() == channels {
            true => x,
            false => x.reshape(&grouped).narrow(2, range.clone()).reshape(&some),
        };
        for (half, times) in &halves {
            all.push((images.conv_nd(half.narrow(1, range.clone()), conv), *times));
        }
    }
    added(all)
}

fn convolved<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = centred(node, 0, 2, Side::All)?;
    let weight = centred(node, 1, 3, Side::Outputs { axes: N })?;
    let conv = options::<N>(node, x, weight)?;
    node.give(convolution(x, weight, conv)?, Element::Int32)
}

/// `(x - x0) * (w - w0) + bias`, times the scales of both, as an integer of the result's scale.
fn rescaled<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = centred(node, 0, 2, Side::All)?;
    let weight = centred(node, 3, 5, Side::Outputs { axes: N })?;
    let conv = options::<N>(node, x, weight)?;
    let mut sum = convolution(x, weight, conv)?;
    // Along the channels of the result.
    let channels = |x: Tensor<'g>| match x.shape()[..] {
        [count] if count > 1 => x.reshape(&[&[count][..], &[1; N]].concat()),
        [1] => x.reshape(&[]),
        _ => x,
    };
    if let Some(bias) = node.maybe_tensor(8)? {
        sum = sum + channels(bias);
    }
    let scale = channels(node.tensor(1)?) * channels(node.tensor(4)?) / channels(node.tensor(6)?);
    requantized(node, sum.cast(DType::F32) * scale, 7)
}
