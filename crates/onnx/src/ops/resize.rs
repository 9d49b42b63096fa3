//! Other numbers of elements along axes, made of those that are there.

use anygrad_core::DType;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Coordinates, Interpolation, Resize, Rounding};

use super::Row;
use crate::Element;
use crate::node::{Node, axis_of, count};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("ImageDecoder", |_| unsupported("images are decoded outside of a model: give it the pixels")),
    ("Resize", resize),
    ("Upsample", upsample),
];

/// What an axis becomes: its size, and by how much it grows.
type Wanted = (usize, f64);

fn resize<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let axes: Vec<usize> = match node.ints("axes") {
        Some(axes) => axes.iter().map(|&axis| axis_of(axis, sizes.len())).collect::<Result<_, Stop>>()?,
        None => (0..sizes.len()).collect(),
    };
    // Version 10 has the scales where later versions have parts to crop.
    let scales = node.maybe_host(if node.opset < 11 { 1 } else { 2 })?.filter(|host| !host.is_empty());
    let wanted = match (scales, node.maybe_ints(3)?) {
        (Some(scales), _) => by_scales(&sizes, &axes, &scales.to_f64())?,
        (None, Some(told)) => by_sizes(node, &sizes, &axes, &told)?,
        (None, None) => return wrong("neither scales nor sizes are given"),
    };
    if node.opset < 11 {
        return simple(node, &wanted);
    }
    let interpolation = match node.text("mode", "nearest").as_str() {
        "nearest" => Interpolation::Nearest(match node.text("nearest_mode", "round_prefer_floor").as_str() {
            "round_prefer_floor" => Rounding::RoundPreferFloor,
            "round_prefer_ceil" => Rounding::RoundPreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return wrong(format!("nearest_mode is {other:?}")),
        }),
        "linear" => Interpolation::Linear,
        "cubic" => Interpolation::Cubic { a: node.float("cubic_coeff_a", -0.75) },
        other => return wrong(format!("mode is {other:?}")),
    };
    let coordinates = match node.text("coordinate_transformation_mode", "half_pixel").as_str() {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        // Parts of axes have places of their own.
        "tf_crop_and_resize" => Coordinates::HalfPixel,
        other => return unsupported(format!("coordinate_transformation_mode {other:?}")),
    };
    let is_cropped = node.text("coordinate_transformation_mode", "") == "tf_crop_and_resize";
    let antialias = node.flag("antialias");
    if antialias && matches!(interpolation, Interpolation::Nearest(_)) {
        return wrong("antialias is for the modes linear and cubic");
    }
    let exclude_outside = node.flag("exclude_outside");
    let how = Resize { interpolation, coordinates, antialias, exclude_outside };
    if is_cropped {
        return cropped(node, &axes, &wanted, how);
    }
    made(node, interpolation, |x| x.resize_to(&wanted, how))
}

/// What scales make of sizes; `floor(size * scale)` in 32 bits, as the official shapes are computed.
fn by_scales(sizes: &[usize], axes: &[usize], scales: &[f64]) -> Result<Vec<Wanted>, Stop> {
    if scales.len() != axes.len() {
        return wrong(format!("{} scales for {} axes", scales.len(), axes.len()));
    }
    let mut wanted: Vec<Wanted> = sizes.iter().map(|&size| (size, 1.0)).collect();
    for (&axis, &scale) in axes.iter().zip(scales) {
        let size = (sizes[axis] as f32 * scale as f32).floor();
        if !(scale > 0.0 && size < (1u32 << 30) as f32) {
            return wrong(format!("axis {axis} of {} elements is multiplied by {scale}", sizes[axis]));
        }
        wanted[axis] = (size as usize, scale);
    }
    Ok(wanted)
}

/// Sizes as they are told, or the nearest that keep the proportions.
fn by_sizes(node: &Node<'_, '_>, sizes: &[usize], axes: &[usize], told: &[i64]) -> Result<Vec<Wanted>, Stop> {
    if told.len() != axes.len() {
        return wrong(format!("{} sizes for {} axes", told.len(), axes.len()));
    }
    let mut wanted: Vec<Wanted> = sizes.iter().map(|&size| (size, 1.0)).collect();
    for (&axis, &size) in axes.iter().zip(told) {
        let size = count("a size", size)?;
        wanted[axis] = (size, size as f64 / sizes[axis].max(1) as f64);
    }
    let scales = axes.iter().map(|&axis| wanted[axis].1);
    let scale = match node.text("keep_aspect_ratio_policy", "stretch").as_str() {
        "stretch" => return Ok(wanted),
        "not_larger" => scales.fold(f64::INFINITY, f64::min),
        "not_smaller" => scales.fold(0.0, f64::max),
        other => return wrong(format!("keep_aspect_ratio_policy is {other:?}")),
    };
    for &axis in axes {
        wanted[axis] = ((scale * sizes[axis] as f64 + 0.5) as usize, scale);
    }
    Ok(wanted)
}

/// Parts of axes, with a number for what lies outside.
fn cropped<'g>(node: &Node<'_, 'g>, axes: &[usize], wanted: &[Wanted], how: Resize) -> Outputs<'g> {
    let roi = node.host(1)?.to_f64();
    if roi.len() != 2 * axes.len() {
        return wrong(format!("a roi of {} numbers for {} axes", roi.len(), axes.len()));
    }
    let mut parts = vec![(0.0, 1.0); wanted.len()];
    for (at, &axis) in axes.iter().enumerate() {
        parts[axis] = (roi[at], roi[at + axes.len()]);
    }
    let sizes: Vec<usize> = wanted.iter().map(|(size, _)| *size).collect();
    let outside = node.float("extrapolation_value", 0.0);
    made(node, how.interpolation, |x| x.crop_and_resize(&parts, &sizes, how, outside))
}

/// Before version 11: places are `k / scale`, the nearest is the one below, or above where an axis shrinks.
fn simple<'g>(node: &Node<'_, 'g>, wanted: &[Wanted]) -> Outputs<'g> {
    let is_linear = match node.text("mode", "nearest").as_str() {
        "nearest" => false,
        "linear" | "bilinear" => true,
        other => return wrong(format!("mode is {other:?}")),
    };
    let how = |rounding| {
        let nearest = Interpolation::Nearest(rounding);
        Resize::new(if is_linear { Interpolation::Linear } else { nearest }, Coordinates::Asymmetric)
    };
    let sizes = node.sizes(0)?;
    let shrunk: Vec<Wanted> =
        wanted.iter().zip(&sizes).map(|(&to, &size)| if to.1 < 1.0 { to } else { (size, 1.0) }).collect();
    let rest: Vec<Wanted> = wanted.iter().map(|&(size, scale)| (size, scale.max(1.0))).collect();
    made(node, how(Rounding::Floor).interpolation, |x| {
        x.resize_to(&shrunk, how(Rounding::Ceil)).resize_to(&rest, how(Rounding::Floor))
    })
}

/// The scales are attributes before version 9 and an input from then on.
fn upsample<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let scales = match node.opset {
        ..7 => {
            let mut scales = vec![1.0; sizes.len()];
            for (name, behind) in [("height_scale", 2), ("width_scale", 1)] {
                if let Some(place) = sizes.len().checked_sub(behind) {
                    scales[place] = node.float(name, 1.0);
                }
            }
            scales
        }
        7..9 => node.floats("scales").unwrap_or_default(),
        _ => node.host(1)?.to_f64(),
    };
    let axes: Vec<usize> = (0..sizes.len()).collect();
    simple(node, &by_scales(&sizes, &axes, &scales)?)
}

/// The nearest elements as they are; means of integers rounded and held to the range of the type.
fn made<'g>(
    node: &Node<'_, 'g>,
    interpolation: Interpolation,
    resized: impl Fn(Tensor<'g>) -> Tensor<'g>,
) -> Outputs<'g> {
    let (x, element) = (node.tensor(0)?, node.element(0)?);
    if x.dtype().is_float() || matches!(interpolation, Interpolation::Nearest(_)) {
        return node.give(resized(x), element);
    }
    let y = resized(x.cast(DType::F32));
    let y = match element.range() {
        // Beyond 24 bits a float has no exact limits, and means of integers stay between these anyway.
        Some((low, high)) if element.bits().is_some_and(|bits| bits <= 16) => {
            y.round().clip(low as f64, high as f64)
        }
        Some(_) => y.round(),
        None if element == Element::Bool => return unsupported("means of truth values"),
        None => y,
    };
    node.give(y.cast(x.dtype()), element)
}
