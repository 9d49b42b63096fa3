//! Views, joining and cutting, products of matrices, sums.

use anygrad_core::{Array, DType, Error, Result, Shape};

use super::Seen;
use crate::export::emit::Emitter;
use crate::export::scribe::{Setting, data_type};
use crate::export::twins::Size;
use crate::export::units::Call;

pub(super) fn reshape(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (x, from, to) = (e.exact(call.x(0))?, e.sizes(call.x(0)).to_vec(), e.sizes(call.y()).to_vec());
    let y = e.reshape(&x, &from, &to)?;
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn permute(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let x = e.exact(call.x(0))?;
    let perm = call.attributes()?.ints("axes")?.to_vec();
    let y = e.node("Transpose", &[&x], &[("perm", Setting::Ints(perm))]);
    e.set(call.y(), y);
    Ok(())
}

/// An end that lies before the first element.
const BEFORE_ALL: i64 = -i32::MAX as i64;

pub(super) fn slice(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let [axis, first] = [attributes.int("axis")?, attributes.int("first")?];
    let [count, step] = [attributes.int("count")?, attributes.int("step")?];
    let size = e.sizes(call.x(0))[axis as usize];
    // What is turned around twice is what it was.
    if let Some((turned, name)) = e.turned.get(&call.x(0))
        && *turned == axis as usize
        && step == -1
        && size == Size::Fixed(count as usize)
    {
        let name = name.clone();
        e.set(call.y(), name);
        return Ok(());
    }
    let x = e.exact(call.x(0))?;
    let end = first + count * step;
    let end = if end < 0 { BEFORE_ALL } else { end };
    let inputs = [first, end, axis, step].map(|value| e.scribe.ints(&[value]));
    let y = e.node("Slice", &[&x, &inputs[0], &inputs[1], &inputs[2], &inputs[3]], &[]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn concat(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let axis = call.attributes()?.int("axis")?;
    let inputs = call.inputs.iter().map(|(_, id)| e.exact(*id)).collect::<Result<Vec<_>>>()?;
    let y = e.scribe.node("Concat", inputs, 1, &[("axis", Setting::Int(axis))]).swap_remove(0);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn split(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let axis = Setting::Int(attributes.int("axis")?);
    let sizes = e.scribe.ints(attributes.ints("sizes")?);
    let x = e.exact(call.x(0))?;
    let parts = e.scribe.node("Split", vec![x, sizes], call.outputs.len(), &[("axis", axis)]);
    for (&(_, id), part) in call.outputs.iter().zip(parts) {
        e.set(id, part);
    }
    Ok(())
}

pub(super) fn pad(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    if attributes.ints("step")?.iter().any(|step| *step != 1) {
        return Err(Error::unsupported("ONNX pads outside only, not between elements"));
    }
    let value = Array::from_f64(Shape::SCALAR, e.dtype(call.x(0)), &[attributes.float("value")?]);
    let pads = e.scribe.ints(&[attributes.ints("before")?, attributes.ints("behind")?].concat());
    let (x, value) = (e.exact(call.x(0))?, e.scribe.constant("constant", &value));
    let y = e.node("Pad", &[&x, &pads, &value], &[]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn matmul(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (a, b) = (e.exact(call.x(0))?, e.exact(call.x(1))?);
    let y = e.node("MatMul", &[&a, &b], &[]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn cast(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (x, to) = (e.loose(call.x(0))?, data_type(e.dtype(call.y())));
    let name = e.node("Cast", &[&x.name], &[("to", Setting::Int(to.into()))]);
    e.set_loose(call.y(), crate::export::emit::Known { name, ..x });
    Ok(())
}

/// Reductions keep their axes, of size 1.
pub(super) fn reduce(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let operator = match call.name {
        "sum" => "ReduceSum",
        "max" => "ReduceMax",
        "min" => "ReduceMin",
        _ => "ReduceProd",
    };
    let axes = e.scribe.ints(call.attributes()?.ints("axes")?);
    let (mut x, dtype) = (e.exact(call.x(0))?, e.dtype(call.x(0)));
    let to = |dtype| [("to", Setting::Int(data_type(dtype).into()))];
    if dtype == DType::Bool {
        x = e.node("Cast", &[&x], &to(DType::I32));
    }
    let mut y = e.node(operator, &[&x, &axes], &[("keepdims", Setting::Int(1))]);
    if dtype == DType::Bool {
        y = e.node("Cast", &[&y], &to(DType::Bool));
    }
    e.set(call.y(), y);
    Ok(())
}

/// The mean of nothing is not defined there.
pub(super) fn has_elements(seen: &Seen<'_>) -> bool {
    !seen.input("x").contains(&Size::Fixed(0))
}

pub(super) fn mean(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let x = e.exact(call.x(0))?;
    if attributes.ints("axes")?.is_empty() {
        e.set(call.y(), x);
        return Ok(());
    }
    let axes = e.scribe.ints(attributes.ints("axes")?);
    let keepdims = Setting::Int(attributes.is("keepdims").into());
    let y = e.node("ReduceMean", &[&x, &axes], &[("keepdims", keepdims)]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn cumsum(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let (x, axis) = (e.exact(call.x(0))?, e.scribe.int(attributes.int("axis")?));
    let set = |name: &'static str| (name, Setting::Int(attributes.is(name).into()));
    let y = e.node("CumSum", &[&x, &axis], &[set("exclusive"), set("reverse")]);
    e.set(call.y(), y);
    Ok(())
}
