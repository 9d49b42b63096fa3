//! Convolutions, pooling and resizing. Images stand channels first there as here.

use anygrad_core::{Array, Error, Result};
use anygrad_graph::Attributes;

use super::Seen;
use crate::export::emit::Emitter;
use crate::export::scribe::{Setting, Settings};
use crate::export::units::Call;

/// `before, after` of each axis as all before, then all after.
fn pads(attributes: &Attributes) -> Result<Vec<i64>> {
    let padding = attributes.ints("padding")?;
    let every = |from: usize| padding.iter().skip(from).step_by(2).copied();
    Ok(every(0).chain(every(1)).collect())
}

fn ints(attributes: &Attributes, ours: &str, name: &'static str) -> Result<(&'static str, Setting)> {
    Ok((name, Setting::Ints(attributes.ints(ours)?.to_vec())))
}

fn convolution(e: &Emitter<'_>, call: &Call) -> Result<Settings> {
    let attributes = call.attributes()?;
    let kernel = e.sizes(call.x(1))[2..].iter().map(|size| size.fixed().map(|size| size as i64));
    Ok(vec![
        ("kernel_shape", Setting::Ints(kernel.collect::<Result<_>>()?)),
        ints(attributes, "stride", "strides")?,
        ("pads", Setting::Ints(pads(attributes)?)),
        ints(attributes, "dilation", "dilations")?,
        ("group", Setting::Int(attributes.int("groups")?)),
    ])
}

pub(super) fn conv(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let settings = convolution(e, call)?;
    let inputs = call.inputs.iter().map(|(_, id)| e.exact(*id)).collect::<Result<Vec<_>>>()?;
    let y = e.scribe.node("Conv", inputs, 1, &settings).swap_remove(0);
    e.set(call.y(), y);
    Ok(())
}

/// The gradient of a convolution with respect to its input is what is called a transposed convolution.
pub(super) fn conv_transpose(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let mut settings = convolution(e, call)?;
    let (stride, padding, dilation) =
        (attributes.ints("stride")?, attributes.ints("padding")?, attributes.ints("dilation")?);
    let mut added = Vec::new();
    for axis in 0..stride.len() {
        let size = |id| e.sizes(id)[axis + 2].fixed().map(|size| size as i64);
        let (from, to, kernel) = (size(call.x(0))?, size(call.y())?, size(call.x(1))?);
        let whole = (from - 1) * stride[axis] + (kernel - 1) * dilation[axis] + 1;
        added.push(to - (whole - padding[2 * axis] - padding[2 * axis + 1]));
    }
    settings.push(("output_padding", Setting::Ints(added)));
    let (x, weight) = (e.exact(call.x(0))?, e.exact(call.x(1))?);
    let y = e.node("ConvTranspose", &[&x, &weight], &settings);
    e.set(call.y(), y);
    Ok(())
}

fn pooling(e: &Emitter<'_>, call: &Call) -> Result<Settings> {
    let attributes = call.attributes()?;
    Ok(vec![
        ints(attributes, "kernel", "kernel_shape")?,
        ints(attributes, "stride", "strides")?,
        ("pads", Setting::Ints(pads(attributes)?)),
        ("ceil_mode", Setting::Int(reaches_past(e, call)?.into())),
    ])
}

/// Whether a last window reaches past the padded input. Versions of ONNX differ in which windows ceil mode counts, so
/// it is asked for where it makes a difference only.
fn reaches_past(e: &Emitter<'_>, call: &Call) -> Result<bool> {
    let attributes = call.attributes()?;
    let [kernel, stride, padding, dilation] =
        ["kernel", "stride", "padding", "dilation"].map(|name| attributes.ints(name));
    let (kernel, stride, padding, dilation) = (kernel?, stride?, padding?, dilation?);
    for axis in 0..kernel.len() {
        let size = |id| e.sizes(id)[axis + 2].fixed().map(|size| size as i64);
        let whole = size(call.x(0))? + padding[2 * axis] + padding[2 * axis + 1];
        let last = (size(call.y())? - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
        if last > whole {
            return Ok(true);
        }
    }
    Ok(false)
}

fn pool(e: &mut Emitter<'_>, call: &Call, operator: &str, settings: &Settings) -> Result<()> {
    let x = e.exact(call.x(0))?;
    let y = e.node(operator, &[&x], settings);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn max_pool(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let mut settings = pooling(e, call)?;
    settings.push(ints(attributes, "dilation", "dilations")?);
    pool(e, call, "MaxPool", &settings)
}

pub(super) fn avg_pool(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let mut settings = pooling(e, call)?;
    settings.push(("count_include_pad", Setting::Int(attributes.is("count_include_pad").into())));
    if attributes.ints("dilation")?.iter().any(|dilation| *dilation != 1) {
        settings.push(ints(attributes, "dilation", "dilations")?);
        // Earlier versions have no dilation.
        e.opset = e.opset.max(19);
    }
    pool(e, call, "AveragePool", &settings)
}

pub(super) fn lp_pool(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let p = attributes.float("p")?;
    if p.fract() != 0.0 {
        return Err(Error::unsupported(format!("the power is a whole number in ONNX, not {p}")));
    }
    let mut settings = pooling(e, call)?;
    settings.extend([ints(attributes, "dilation", "dilations")?, ("p", Setting::Int(p as i64))]);
    pool(e, call, "LpPool", &settings)
}

/// The nearest elements have no filter, and runtimes know cubic interpolation along two axes alone.
pub(super) fn can_resize(seen: &Seen<'_>) -> bool {
    let attributes = &seen.composite.attributes;
    match attributes.text("mode") {
        Ok("nearest") => !attributes.is("antialias"),
        Ok("linear") => true,
        _ => attributes.int("axes").is_ok_and(|axes| axes == 2),
    }
}

pub(super) fn resize(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let x = e.exact(call.x(0))?;
    let (count, rank) = (attributes.int("axes")?, e.sizes(call.y()).len() as i64);
    let axes: Vec<i64> = (rank - count..rank).collect();
    let mut settings = vec![
        ("mode", Setting::Text(attributes.text("mode")?)),
        ("coordinate_transformation_mode", Setting::Text(attributes.text("coordinates")?)),
        ("antialias", Setting::Int(attributes.is("antialias").into())),
        ("exclude_outside", Setting::Int(attributes.is("exclude_outside").into())),
    ];
    if attributes.text("coordinates")? == "half_pixel_symmetric" {
        e.opset = e.opset.max(19);
    }
    if let Ok(rounding) = attributes.text("rounding") {
        settings.push(("nearest_mode", Setting::Text(rounding)));
    }
    if let Ok(a) = attributes.float("a") {
        settings.push(("cubic_coeff_a", Setting::Float(a)));
    }
    let (mut scales, mut sizes) = (String::new(), String::new());
    if let Ok(given) = attributes.floats("scales") {
        let all: Vec<f32> =
            (0..rank - count).map(|_| 1.0).chain(given.iter().map(|&scale| scale as f32)).collect();
        scales = e.scribe.constant("constant", &Array::f32(&[all.len()], all)?);
    } else {
        settings.push(("axes", Setting::Ints(axes)));
        let wanted = &e.sizes(call.y())[(rank - count) as usize..];
        let wanted =
            wanted.iter().map(|size| size.fixed().map(|size| size as i64)).collect::<Result<Vec<_>>>()?;
        sizes = e.scribe.ints(&wanted);
    }
    let mut inputs = vec![x, String::new(), scales, sizes];
    if inputs[3].is_empty() {
        inputs.truncate(3);
    }
    let y = e.scribe.node("Resize", inputs, 1, &settings).swap_remove(0);
    e.set(call.y(), y);
    Ok(())
}
