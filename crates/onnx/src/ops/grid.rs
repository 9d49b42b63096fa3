//! Images sampled where a grid says, grids, and convolutions that sample between the pixels.

use anygrad_core::{DType, Error};
use anygrad_graph::Tensor;

use super::Row;
use super::sample::{Between, Outside, sampled};
use super::windows::{Windows, by_axes, space};
use crate::Element;
use crate::Host;
use crate::node::{Node, count};
use crate::value::{Outputs, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("AffineGrid", affine),
    ("DeformConv", |n| by_axes(n, [deformed::<1>, deformed::<2>, deformed::<3>])),
    ("GridSample", grid_sample),
];

/// x `[n, c, sizes...]` at the places of a grid `[n, outs..., axes]`, which counts from -1 to 1 along each axis, the
/// last axis first: `[n, c, outs...]`.
fn grid_sample<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, grid) = (node.tensor(0)?, node.tensor(1)?);
    let (shape, wanted) = (x.shape(), grid.shape());
    let axes = shape.rank().saturating_sub(2);
    if axes == 0 || wanted.rank() != axes + 2 || wanted[0] != shape[0] || wanted[axes + 1] != axes {
        return wrong(format!("a grid {wanted} for an image {shape}"));
    }
    if axes > 3 {
        return unsupported(format!("grids with {axes} axes"));
    }
    let between = match node.text("mode", "linear").as_str() {
        "nearest" => Between::Nearest,
        "linear" | "bilinear" => Between::Linear,
        "cubic" | "bicubic" => Between::Cubic,
        other => return wrong(format!("mode is {other:?}")),
    };
    let aligned = node.flag("align_corners");
    let outside = match node.text("padding_mode", "zeros").as_str() {
        "zeros" => Outside::Zeros,
        "border" => Outside::Border,
        "reflection" => Outside::Mirrored { shift: if aligned { 0.0 } else { 0.5 } },
        other => return wrong(format!("padding_mode is {other:?}")),
    };
    let points: usize = wanted[1..=axes].iter().product();
    let flat = grid.reshape(&[shape[0], points, axes]).cast(DType::F32);
    let place = |axis: usize| {
        let (along, size) = (flat.at(2, axes - 1 - axis), shape[axis + 2] as f64);
        match aligned {
            true => (along + 1.0) * ((size - 1.0) / 2.0),
            false => ((along + 1.0) * size - 1.0) / 2.0,
        }
    };
    let places: Vec<Tensor<'g>> = (0..axes).map(place).collect();
    let y = sampled(x, &places, between, outside)?;
    node.same(y.permute(&[0, 2, 1]).reshape(&[&shape[..2], &wanted[1..=axes]].concat()))
}

/// theta `[n, axes, axes + 1]` times every place (x, y, (z,) 1) of an image: `[n, sizes..., axes]`.
fn affine<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let theta = node.tensor(0)?;
    let told = node.host(1)?.to_i64();
    let Some(sizes) = told.get(2..).filter(|sizes| matches!(sizes.len(), 2 | 3)) else {
        return wrong(format!("the size is {told:?}; 4 or 5 numbers were expected"));
    };
    let sizes = sizes.iter().map(|&x| count("a size", x)).collect::<Result<Vec<_>, _>>()?;
    let axes = sizes.len();
    let batch = count("a size", told[0])?;
    if theta.shape()[..] != [batch, axes, axes + 1] {
        return wrong(format!("theta is {}, the size {told:?}", theta.shape()));
    }
    let aligned = node.flag("align_corners");
    // The column of theta that a coordinate is multiplied with, `[n, 1..., axes]`.
    let column = |index: usize| {
        let spread = [&[batch][..], &vec![1; axes], &[axes]].concat();
        theta.at(2, index).reshape(&spread)
    };
    let mut grid = column(axes);
    for (axis, &size) in sizes.iter().enumerate() {
        if size > 1 << 24 {
            return unsupported(format!("a grid with {size} places along an axis"));
        }
        let place = |k: usize| match aligned {
            true => -1.0 + 2.0 * k as f64 / (size as f64 - 1.0).max(1.0),
            false => -1.0 + (2.0 * k as f64 + 1.0) / size as f64,
        };
        let places: Vec<f64> = (0..size).map(place).collect();
        let mut spread = vec![1; axes + 2];
        spread[axis + 1] = size;
        let places = Host::from_f64(Element::Float, &spread, &places)?.to_array()?;
        let places = node.graph.constant(places).cast(theta.dtype());
        grid = grid + column(axes - 1 - axis) * places;
    }
    node.same(grid.broadcast_to(&[&[batch][..], &sizes, &[axes]].concat()))
}

/// A convolution whose windows read at places of their own: regular places plus `offset`, with the weights of `mask`.
fn deformed<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, weight, offset) = (node.tensor(0)?, node.tensor(1)?, node.tensor(2)?);
    let (shape, kernels, offsets) = (x.shape(), weight.shape(), offset.shape());
    if kernels.rank() != N + 2 || offsets.rank() != N + 2 {
        return wrong(format!("a weight {kernels} and offsets {offsets} for an input {shape}"));
    }
    let windows = Windows::<N>::of(node, Windows::<N>::kernel_of(node, weight)?, space(x))?;
    let groups = count("group", node.int("group", 1))?.max(1);
    let parts = count("offset_group", node.int("offset_group", 1))?.max(1);
    let (n, c, out) = (shape[0], shape[1], kernels[0]);
    let kernel: usize = windows.kernel.iter().product();
    let outs = offsets[2..].to_vec();
    let points: usize = outs.iter().product();
    if !c.is_multiple_of(parts) || !out.is_multiple_of(groups) || kernels[1].saturating_mul(groups) != c {
        return wrong(format!("{c} channels in {groups} groups, {parts} of offsets, and a weight {kernels}"));
    }
    if offsets[..2] != [n, parts.saturating_mul(kernel * N)] {
        return wrong(format!("offsets {offsets} for {parts} groups of {kernel} places along {N} axes"));
    }
    let offset = offset.cast(DType::F32).reshape(&[n * parts, kernel, N, points]);
    let mut places = Vec::new();
    for axis in 0..N {
        let regular = regular_places(node, &windows, axis, &outs)?;
        let along = offset.at(2, axis).reshape(&[&[n * parts, kernel][..], &outs].concat()) + regular;
        places.push(along.reshape(&[n * parts, kernel * points]));
    }
    let images = x.reshape(&[&[n * parts, c / parts], &shape[2..]].concat());
    let mut columns = sampled(images, &places, Between::Linear, Outside::Zeros)?;
    if let Some(mask) = node.maybe_tensor(4)? {
        columns = columns * mask.reshape(&[n * parts, kernel * points, 1]);
    }
    let columns = columns
        .reshape(&[n, parts, kernel, points, c / parts])
        .permute(&[0, 1, 4, 2, 3])
        .reshape(&[n, groups, c / groups * kernel, points]);
    let weight = weight.reshape(&[1, groups, out / groups, c / groups * kernel]);
    let mut y = weight.matmul(columns).reshape(&[&[n, out][..], &outs].concat());
    if let Some(bias) = node.maybe_tensor(3)? {
        y = y + bias.reshape(&[&[out][..], &[1; N]].concat());
    }
    node.same(y)
}

/// Where the windows read along one axis without offsets: `[kernel, outs...]`, of size 1 along the other axes.
fn regular_places<'g, const N: usize>(
    node: &Node<'_, 'g>,
    windows: &Windows<N>,
    axis: usize,
    outs: &[usize],
) -> Result<Tensor<'g>, Error> {
    let inner: usize = windows.kernel[axis + 1..].iter().product();
    let kernel: usize = windows.kernel.iter().product();
    let mut spread = vec![1; N + 1];
    spread[0] = kernel;
    spread[axis + 1] = outs[axis];
    let place = |position: usize| {
        let (tap, out) = (position / outs[axis] / inner % windows.kernel[axis], position % outs[axis]);
        let place = out * windows.stride[axis] + tap * windows.dilation[axis];
        place as f64 - windows.padding[axis][0] as f64
    };
    let places: Vec<f64> = (0..kernel * outs[axis]).map(place).collect();
    Ok(node.graph.constant(Host::from_f64(Element::Float, &spread, &places)?.to_array()?))
}
