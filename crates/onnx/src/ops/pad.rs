//! Borders, and elements that move between channels and space.

use std::array::from_fn;

use anygrad_core::{Array, Shape};
use anygrad_graph::Tensor;
use anygrad_graph::ops::{BlockOrder, PadMode, Pool};

use super::Row;
use super::windows::{pads, sizes_of};
use crate::node::{Node, axis_of, count};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("CenterCropPad", center),
    ("Col2Im", columns),
    ("DepthToSpace", |n| n.same(n.tensor(0)?.depth_to_space(block(n)?, order(n)?))),
    ("Pad", pad),
    ("SpaceToDepth", |n| n.same(n.tensor(0)?.space_to_depth(block(n)?, order(n)?))),
];

/// Elements added in front of and behind an axis; taken away where it is negative.
type Ends = [i64; 2];

fn pad<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let rank = x.shape().rank();
    let (amounts, value) = if node.opset < 11 {
        let name = if node.opset < 2 { "paddings" } else { "pads" };
        (node.ints(name).unwrap_or_default(), node.float("value", 0.0))
    } else {
        let value = node.maybe_host(2)?.and_then(|host| host.to_f64().first().copied());
        (node.host(1)?.to_i64(), value.unwrap_or(0.0))
    };
    let axes: Vec<usize> = match node.maybe_ints(3)? {
        Some(axes) => axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<_, Stop>>()?,
        None => (0..rank).collect(),
    };
    if amounts.len() != 2 * axes.len() {
        return wrong(format!("{} pads for {} axes", amounts.len(), axes.len()));
    }
    let mut ends = vec![[0; 2]; rank];
    for (at, &axis) in axes.iter().enumerate() {
        ends[axis] = [amounts[at], amounts[at + axes.len()]];
    }
    let mode = match node.text("mode", "constant").as_str() {
        "constant" => None,
        "reflect" => Some(PadMode::Reflect),
        "edge" => Some(PadMode::Edge),
        "wrap" => Some(PadMode::Wrap),
        other => return unsupported(format!("mode {other:?}")),
    };
    node.same(bordered(x, &ends, mode, value)?)
}

/// What is taken away goes first, then borders are added: a number, or the elements themselves.
fn bordered<'g>(x: Tensor<'g>, ends: &[Ends], mode: Option<PadMode>, value: f64) -> Result<Tensor<'g>, Stop> {
    let shape = x.shape();
    let (mut kept, mut added, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for (&[before, behind], &size) in ends.iter().zip(&shape[..]) {
        let result = (size as i64).checked_add(before).and_then(|n| n.checked_add(behind));
        let Some(result) = result.filter(|n| (0..1 << 31).contains(n)) else {
            return wrong(format!("an axis of {size} elements is given {before} and {behind} more"));
        };
        sizes.push(result as usize);
        let cut = |end: i64| (end.min(0).unsigned_abs() as usize).min(size);
        kept.push(cut(before).min(size - cut(behind))..size - cut(behind));
        added.push((before.max(0) as usize, behind.max(0) as usize));
    }
    if kept.iter().any(|kept| kept.is_empty()) {
        // Nothing of the input is left.
        return match mode {
            None => {
                let number = x.graph().constant(Array::from_f64(Shape::SCALAR, x.dtype(), &[value]));
                Ok(number.broadcast_to(&sizes))
            }
            Some(mode) => wrong(format!("{mode:?} of no elements")),
        };
    }
    let x = kept.into_iter().enumerate().fold(x, |x, (axis, kept)| x.narrow(axis as isize, kept));
    Ok(match mode {
        Some(mode) => x.pad_with(&added, mode),
        None => x.pad(&added, value),
    })
}

/// Axes cut or padded with zeros at both ends; the odd element is cut, or added, behind.
fn center<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let shape = x.shape();
    let wanted = node.host(1)?.to_i64();
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) => axes.iter().map(|&axis| axis_of(axis, shape.rank())).collect::<Result<_, Stop>>()?,
        None => (0..shape.rank()).collect(),
    };
    if axes.len() != wanted.len() {
        return wrong(format!("{} sizes for {} axes", wanted.len(), axes.len()));
    }
    let mut ends = vec![[0; 2]; shape.rank()];
    for (&axis, &size) in axes.iter().zip(&wanted) {
        let more = count("a size", size)? as i64 - shape[axis] as i64;
        ends[axis] = [more / 2, more - more / 2];
    }
    node.same(bordered(x, &ends, None, 0.0)?)
}

fn block(node: &Node<'_, '_>) -> Result<usize, Stop> {
    match count("blocksize", node.int("blocksize", 0))? {
        0 => wrong("blocksize is 0"),
        size => Ok(size),
    }
}

fn order(node: &Node<'_, '_>) -> Result<BlockOrder, Stop> {
    match node.text("mode", "DCR").as_str() {
        "DCR" => Ok(BlockOrder::DepthFirst),
        "CRD" => Ok(BlockOrder::ChannelFirst),
        other => wrong(format!("mode is {other:?}")),
    }
}

fn columns<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    match node.host(1)?.len() {
        1 => columns_nd::<1>(node),
        2 => columns_nd::<2>(node),
        3 => columns_nd::<3>(node),
        axes => unsupported(format!("images with {axes} axes")),
    }
}

/// Columns `[n, c * block, windows]` added up where the windows lie in an image: `[n, c, image]`.
fn columns_nd<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let list = |input: usize| -> Result<[usize; N], Stop> {
        let sizes = node.host(input)?.to_i64();
        let sizes = sizes.iter().map(|&x| count("a size", x)).collect::<Result<Vec<_>, Stop>>()?;
        match <[usize; N]>::try_from(sizes) {
            Ok(sizes) if !sizes.contains(&0) => Ok(sizes),
            _ => wrong(format!("input {input} does not tell {N} sizes from 1 on")),
        }
    };
    let (image, kernel) = (list(1)?, list(2)?);
    let stride = sizes_of(node, "strides")?.unwrap_or([1; N]);
    let dilation = sizes_of(node, "dilations")?.unwrap_or([1; N]);
    let padding = pads::<N>(node)?;
    let x = node.tensor(0)?;
    if kernel.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).is_none() {
        return wrong(format!("blocks of {kernel:?}"));
    }
    // A border that windows lie in wholly is a part of the image that is cut off.
    let larger: [usize; N] =
        from_fn(|axis| image[axis].saturating_add(padding[axis][0]).saturating_add(padding[axis][1]));
    crate::host::elements(&larger)?;
    let window = Pool { kernel, stride, padding: [[0; 2]; N], dilation, ceil_mode: false };
    let y = x.fold(larger, window);
    let cut = |y: Tensor<'g>, axis: usize| {
        let first = padding[axis][0];
        y.narrow(axis as isize + 2, first..first.saturating_add(image[axis]))
    };
    node.same((0..N).fold(y, cut))
}
