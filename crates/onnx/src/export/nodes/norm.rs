//! Normalizations and softmax.

use anygrad_core::{Array, DType, Error, Result};
use anygrad_graph::ValueId;

use super::{Seen, counted};
use crate::export::emit::Emitter;
use crate::export::scribe::Setting;
use crate::export::twins::Size;
use crate::export::units::Call;

/// ONNX normalizes channels along the second axis.
pub(super) fn has_channels_second(seen: &Seen<'_>) -> bool {
    seen.axis() == Some(1)
}

/// A weight, or one of these numbers where there is none.
fn weight(e: &mut Emitter<'_>, given: Option<ValueId>, sizes: &[Size], otherwise: f32) -> Result<String> {
    if let Some(id) = given {
        return e.exact(id);
    }
    let sizes = sizes.iter().map(|size| size.fixed()).collect::<Result<Vec<_>>>()?;
    let numbers = vec![otherwise; sizes.iter().product()];
    Ok(e.scribe.constant("constant", &Array::f32(&sizes, numbers)?))
}

fn epsilon(call: &Call) -> Result<(&'static str, Setting)> {
    Ok(("epsilon", Setting::Float(call.attributes()?.float("eps")?)))
}

pub(super) fn batch_norm(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let x = e.exact(call.x(0))?;
    let channels = [e.sizes(call.x(0))[1]];
    let scale = weight(e, call.input("scale"), &channels, 1.0)?;
    let bias = weight(e, call.input("bias"), &channels, 0.0)?;
    let mean = weight(e, call.input("mean"), &channels, 0.0)?;
    let variance = weight(e, call.input("variance"), &channels, 1.0)?;
    let y = e.node("BatchNormalization", &[&x, &scale, &bias, &mean, &variance], &[epsilon(call)?]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn instance_norm(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let x = e.exact(call.x(0))?;
    let channels = [e.sizes(call.x(0))[1]];
    let scale = weight(e, call.input("scale"), &channels, 1.0)?;
    let bias = weight(e, call.input("bias"), &channels, 0.0)?;
    let y = e.node("InstanceNormalization", &[&x, &scale, &bias], &[epsilon(call)?]);
    e.set(call.y(), y);
    Ok(())
}

fn axis_of(e: &Emitter<'_>, call: &Call) -> Result<usize> {
    let axis = call.attributes()?.int("axis")?;
    counted(axis, e.sizes(call.x(0)).len()).ok_or_else(|| Error::internal(format!("axis {axis}")))
}

pub(super) fn layer_norm(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (x, axis) = (e.exact(call.x(0))?, axis_of(e, call)?);
    let sizes = e.sizes(call.x(0))[axis..].to_vec();
    let mut inputs = vec![x, weight(e, call.input("scale"), &sizes, 1.0)?];
    if let Some(bias) = call.input("bias") {
        inputs.push(e.exact(bias)?);
    }
    let settings = [("axis", Setting::Int(axis as i64)), epsilon(call)?];
    let y = e.scribe.node("LayerNormalization", inputs, 1, &settings).swap_remove(0);
    e.set(call.y(), y);
    Ok(())
}

/// x / sqrt(mean of x^2 + eps), times the scale.
pub(super) fn rms_norm(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (x, axis) = (e.exact(call.x(0))?, axis_of(e, call)?);
    if e.dtype(call.x(0)) != DType::F32 {
        return Err(Error::unsupported("takes f32: cast what is given"));
    }
    let axes: Vec<i64> = (axis as i64..e.sizes(call.x(0)).len() as i64).collect();
    let axes = e.scribe.ints(&axes);
    let eps = e.scribe.constant("constant", &Array::scalar(call.attributes()?.float("eps")? as f32));
    let square = e.node("Mul", &[&x, &x], &[]);
    let mean = e.node("ReduceMean", &[&square, &axes], &[("keepdims", Setting::Int(1))]);
    let more = e.node("Add", &[&mean, &eps], &[]);
    let root = e.node("Sqrt", &[&more], &[]);
    let mut y = e.node("Div", &[&x, &root], &[]);
    if let Some(scale) = call.input("scale") {
        let scale = e.exact(scale)?;
        y = e.node("Mul", &[&y, &scale], &[]);
    }
    e.set(call.y(), y);
    Ok(())
}

/// The operator works along the last axis, the composite along any.
pub(super) fn softmax(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let operator = if call.name == "softmax" { "Softmax" } else { "LogSoftmax" };
    let axis = if call.is_composite { call.attributes()?.int("axis")? } else { -1 };
    let x = e.exact(call.x(0))?;
    let y = e.node(operator, &[&x], &[("axis", Setting::Int(axis))]);
    e.set(call.y(), y);
    Ok(())
}
