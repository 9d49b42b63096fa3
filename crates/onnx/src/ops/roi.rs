//! Regions of images, brought to one size.

use anygrad_core::{DType, Error};
use anygrad_graph::Tensor;

use super::Row;
use crate::node::{Node, count};
use crate::value::{Outputs, Stop, unsupported, wrong};
use crate::{Element, Host};

pub(super) const ROWS: &[Row] = &[("MaxRoiPool", max_pool), ("RoiAlign", align)];

/// The most samples of all regions that are laid out at once, without channels.
const MOST_SAMPLES: usize = 1 << 27;

/// x `[n, c, h, w]` as rows of channels `[n * h * w, c]`.
fn pixels(x: Tensor<'_>) -> Tensor<'_> {
    let shape = x.shape();
    x.permute(&[0, 2, 3, 1]).reshape(&[shape[0] * shape[2] * shape[3], shape[1]])
}

/// An image and the sizes that its regions are brought to.
fn image<'g>(node: &Node<'_, 'g>, pooled: [i64; 2]) -> Result<(Tensor<'g>, [usize; 2]), Stop> {
    let x = node.tensor(0)?;
    if x.shape().rank() != 4 {
        return wrong(format!("takes images [n, c, h, w], {} was given", x.shape()));
    }
    match [count("a pooled size", pooled[0])?, count("a pooled size", pooled[1])?] {
        sizes if sizes.contains(&0) => wrong(format!("regions of size {sizes:?}")),
        sizes => Ok((x, sizes)),
    }
}

/// Samples of all regions along one axis.
struct Samples<'g> {
    /// The pixels before and behind each, `i32`, and what each counts: `[regions, samples]`.
    pixels: [(Tensor<'g>, Tensor<'g>); 2],
    /// Which of the samples a region has, 1 or 0.
    counted: Tensor<'g>,
    /// Samples of one bin.
    grid: usize,
}

/// Bilinear samples at regular places of each bin, their mean or the largest.
fn align<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, pooled) = image(node, [node.int("output_height", 1), node.int("output_width", 1)])?;
    let (rois, owners) = (node.tensor(1)?.cast(DType::F32), node.tensor(2)?);
    let (shape, regions) = (x.shape(), rois.shape().first().copied().unwrap_or(0));
    if rois.shape()[..] != [regions, 4] || owners.shape()[..] != [regions] {
        return wrong(format!("regions {} of images {}", rois.shape(), owners.shape()));
    }
    if regions == 0 {
        let sizes = [0, shape[1], pooled[0], pooled[1]];
        return Ok(vec![Host::from_f64(node.element(0)?, &sizes, &[])?.into()]);
    }
    // Before version 16 coordinates were those of corners.
    let default = if node.opset < 16 { "output_half_pixel" } else { "half_pixel" };
    let half_pixel = match node.text("coordinate_transformation_mode", default).as_str() {
        "half_pixel" => true,
        "output_half_pixel" => false,
        other => return wrong(format!("coordinate_transformation_mode is {other:?}")),
    };
    let scale = node.float("spatial_scale", 1.0);
    let shift = if half_pixel { 0.5 } else { 0.0 };
    let rois = rois * scale - shift;
    let ratio = count("sampling_ratio", node.int("sampling_ratio", 0))?;
    let mut along = Vec::new();
    let mut counts = vec![1.0; if ratio > 0 { 1 } else { regions }];
    // Boxes are (x, y, x, y).
    for (axis, &bins) in pooled.iter().enumerate() {
        let column = |column: usize| rois.narrow(1, column..column + 1);
        let (start, end) = (column(1 - axis), column(3 - axis));
        // Without half pixels no region is smaller than a pixel.
        let extent = if half_pixel { end - start } else { (end - start).maximum(1.0) };
        let grids = match ratio {
            0 => adaptive(&node.host(1)?.to_f64(), 1 - axis, scale, half_pixel, bins)?,
            ratio => vec![ratio],
        };
        counts.iter_mut().zip(&grids).for_each(|(count, &grid)| *count *= grid as f64);
        along.push(samples(node, start, extent / bins as f64, bins, &grids, shape[axis + 2])?);
    }
    let all =
        regions.checked_mul(pooled[0] * along[0].grid).and_then(|n| n.checked_mul(pooled[1] * along[1].grid));
    if all.is_none_or(|all| all > MOST_SAMPLES) {
        return unsupported(format!("{regions} regions with more than {MOST_SAMPLES} samples"));
    }
    let owner = owners.reshape(&[regions, 1, 1]) * whole(node, shape[2] * shape[3])?;
    let table = pixels(x);
    let mut corners = Vec::new();
    for (row, row_weight) in &along[0].pixels {
        for (column, column_weight) in &along[1].pixels {
            let index = owner + row.unsqueeze(2) * whole(node, shape[3])? + column.unsqueeze(1);
            let weight = row_weight.unsqueeze(2) * column_weight.unsqueeze(1);
            corners.push(table.gather(0, index) * weight.unsqueeze(3));
        }
    }
    let counted = (along[0].counted.unsqueeze(2) * along[1].counted.unsqueeze(1)).unsqueeze(3);
    let bins =
        |y: Tensor<'g>| y.reshape(&[regions, pooled[0], along[0].grid, pooled[1], along[1].grid, shape[1]]);
    let number = constant(node, &[counts.len(), 1, 1, 1], &counts)?;
    let y = match node.text("mode", "avg").as_str() {
        "avg" => {
            let sum = corners.into_iter().reduce(|a, b| a + b).map(|sum| sum * counted);
            sum.map(|sum| bins(sum).sum(&[2, 4], false) / number.maximum(1.0))
        }
        // The largest of the weighted corners, as the operator has it.
        "max" => {
            let largest = corners.into_iter().reduce(|a, b| a.maximum(b));
            let largest =
                largest.map(|y| bins(counted.gt(0.0).select(y, f64::NEG_INFINITY)).max(&[2, 4], false));
            largest.map(|y| number.gt(0.0).select(y, 0.0))
        }
        other => return wrong(format!("mode is {other:?}")),
    };
    match y {
        Some(y) => node.same(y.permute(&[0, 3, 1, 2])),
        None => wrong("no corners"),
    }
}

/// Samples of a bin along an axis: as many as it has pixels, rounded up.
fn adaptive(
    rois: &[f64],
    column: usize,
    scale: f64,
    half_pixel: bool,
    bins: usize,
) -> Result<Vec<usize>, Stop> {
    let grid = |roi: &[f64]| {
        let extent = (roi[column + 2] - roi[column]) * scale;
        let extent = if half_pixel { extent } else { extent.max(1.0) };
        match (extent / bins as f64).ceil() {
            grid if grid < 65536.0 => Ok(grid.max(0.0) as usize),
            grid => wrong(format!("a region with {grid} samples in a bin")),
        }
    };
    rois.chunks_exact(4).map(grid).collect()
}

/// Samples at `start + bin * (k + (i + 0.5) / grid)`. Places more than a pixel outside count nothing, others are
/// brought to the border.
fn samples<'g>(
    node: &Node<'_, 'g>,
    start: Tensor<'g>,
    bin: Tensor<'g>,
    bins: usize,
    grids: &[usize],
    size: usize,
) -> Result<Samples<'g>, Stop> {
    let most = grids.iter().copied().max().unwrap_or(0).max(1);
    let all = most.checked_mul(bins).and_then(|n| n.checked_mul(grids.len()));
    if all.is_none_or(|all| all > MOST_SAMPLES) {
        return unsupported(format!("{} regions with {most} samples in each of {bins} bins", grids.len()));
    }
    let (mut ways, mut counted) = (Vec::new(), Vec::new());
    for &grid in grids {
        for k in 0..bins * most {
            let (bin, i) = (k / most, k % most);
            ways.push(bin as f64 + (i as f64 + 0.5) / grid.max(1) as f64);
            counted.push(f64::from(u8::from(i < grid)));
        }
    }
    let sizes = [grids.len(), bins * most];
    let place = start + bin * constant(node, &sizes, &ways)?;
    let last = size as f64 - 1.0;
    let near = place.ge(-1.0).logical_and(place.le(size as f64)).cast(DType::F32);
    let place = place.clip(0.0, last);
    let before = place.floor();
    let share = place - before;
    let pixel = |place: Tensor<'g>| place.clip(0.0, last).cast(DType::I32);
    Ok(Samples {
        pixels: [(pixel(before), (1.0 - share) * near), (pixel(before + 1.0), share * near)],
        counted: constant(node, &sizes, &counted)?,
        grid: most,
    })
}

/// The largest pixel of each bin. A region reaches from pixel to pixel, both among it; bins that share a pixel both
/// have it, and bins without any give 0. Rois are `(image, x, y, x, y)`.
fn max_pool<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let pooled = node.ints("pooled_shape").unwrap_or_default();
    let &[high, wide] = pooled.as_slice() else {
        return wrong(format!("pooled_shape is {pooled:?}"));
    };
    let (x, pooled) = image(node, [high, wide])?;
    let (shape, scale) = (x.shape(), node.float("spatial_scale", 1.0));
    let rois = node.host(1)?;
    let &[regions, 5] = rois.sizes() else { return wrong(format!("rois {rois}")) };
    let all = pooled[0].checked_mul(pooled[1]).and_then(|n| n.checked_mul(regions));
    if all.is_none_or(|all| all > MOST_SAMPLES) {
        return unsupported(format!("{regions} regions of {pooled:?} bins"));
    }
    let mut bins: Vec<Vec<usize>> = Vec::new();
    for roi in rois.to_f64().chunks_exact(5) {
        let [rows, columns] = [0, 1].map(|axis| {
            let place = |column: usize| (roi[column] * scale).round();
            ranges(place(2 - axis), place(4 - axis), pooled[axis], shape[axis + 2])
        });
        let image = roi[0];
        if !(image >= 0.0 && image < shape[0] as f64) {
            return wrong(format!("a region of image {image} of {}", shape[0]));
        }
        for rows in &rows {
            for columns in &columns {
                let at = |row: usize| {
                    let first = (image as usize * shape[2] + row) * shape[3];
                    columns.clone().map(move |column| first + column)
                };
                bins.push(rows.clone().flat_map(at).collect());
            }
        }
    }
    let most = bins.iter().map(Vec::len).max().unwrap_or(0).max(1);
    if bins.len().checked_mul(most).is_none_or(|all| all > MOST_SAMPLES) {
        return unsupported(format!("{regions} regions with bins of {most} pixels"));
    }
    // A bin with fewer pixels has its first one several times, one without any none.
    let padded = |bin: &Vec<usize>| {
        let first = bin.first().map_or(-1, |&first| first as i64);
        bin.iter().map(|&p| p as i64).chain(std::iter::repeat(first)).take(most).collect::<Vec<_>>()
    };
    let indices: Vec<i64> = bins.iter().flat_map(padded).collect();
    let sizes = [regions * pooled[0] * pooled[1], most];
    let indices =
        node.graph.constant(Host::new(Element::Int64, &sizes, crate::Data::Int(indices))?.to_array()?);
    let y = pixels(x).gather(0, indices).max(&[1], false);
    node.same(y.reshape(&[regions, pooled[0], pooled[1], shape[1]]).permute(&[0, 3, 1, 2]))
}

/// The pixels of each bin of a region from one pixel to another.
fn ranges(start: f64, end: f64, bins: usize, size: usize) -> Vec<std::ops::Range<usize>> {
    let bin = (end - start + 1.0).max(1.0) / bins as f64;
    let inside = |place: f64| (place + start).clamp(0.0, size as f64) as usize;
    (0..bins)
        .map(|k| {
            let first = inside((k as f64 * bin).floor());
            first..inside(((k + 1) as f64 * bin).ceil()).max(first)
        })
        .collect()
}

fn constant<'g>(node: &Node<'_, 'g>, sizes: &[usize], numbers: &[f64]) -> Result<Tensor<'g>, Error> {
    Ok(node.graph.constant(Host::from_f64(Element::Float, sizes, numbers)?.to_array()?))
}

fn whole<'g>(node: &Node<'_, 'g>, number: usize) -> Result<Tensor<'g>, Error> {
    Ok(node.graph.constant(Host::ints(&[number as i64]).reshaped(&[])?.to_array()?))
}
