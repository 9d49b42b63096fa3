//! Floats as integers with a scale and a zero point, and back.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::Row;
use crate::Element;
use crate::node::{Node, axis_of, count, typed};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] =
    &[("DequantizeLinear", dequantized), ("DynamicQuantizeLinear", dynamic), ("QuantizeLinear", quantized)];

/// The types that numbers are quantized to, and their limits.
fn limits(element: Element) -> Result<(f64, f64), Stop> {
    match (element.bits(), element.range()) {
        (Some(..=16), Some((low, high))) => Ok((low as f64, high as f64)),
        _ => unsupported(format!("quantization to {element}")),
    }
}

/// Scales or zero points, so that they broadcast over x: one for all, one for each place of an axis, or one for each
/// block of an axis.
fn spread<'g>(node: &Node<'_, 'g>, numbers: Tensor<'g>, x: Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    let (sizes, shape) = (numbers.shape(), x.shape());
    if sizes.elements() == 1 {
        return Ok(numbers.reshape(&[]));
    }
    let axis = match node.int("axis", 1) {
        // A line has one axis only.
        _ if shape.rank() == 1 => 0,
        axis => axis_of(axis, shape.rank())?,
    };
    let block = count("block_size", node.int("block_size", 0))?;
    if block == 0 {
        if sizes.rank() != 1 || sizes[0] != shape[axis] {
            return wrong(format!("scales or zero points {sizes} for axis {axis} of {shape}"));
        }
        let mut spread = vec![1; shape.rank()];
        spread[axis] = sizes[0];
        return Ok(numbers.reshape(&spread));
    }
    let blocks = shape[axis].div_ceil(block);
    if sizes.rank() != shape.rank() || sizes[..] != shape.with(axis, blocks)[..] {
        return wrong(format!(
            "scales or zero points {sizes} for blocks of {block} along axis {axis} of {shape}"
        ));
    }
    let repeated = numbers.repeat_interleave(block.min(shape[axis]), axis as isize);
    Ok(repeated.narrow(axis as isize, 0..shape[axis]))
}

/// x / scale, rounded to even where it is half-way, plus the zero point, held to the limits of the type.
fn quantized<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, scale) = (node.tensor(0)?, node.tensor(1)?);
    let element = match (node.has(2), node.element_attribute("output_dtype")?) {
        (true, told) => {
            let element = node.element(2)?;
            if told.is_some_and(|told| told != element) {
                return wrong(format!("output_dtype is {told:?}, the zero point {element}"));
            }
            element
        }
        (false, told) => told.unwrap_or(Element::Uint8),
    };
    // The type in which is divided.
    let precision = node.element_attribute("precision")?.and_then(Element::dtype).unwrap_or(scale.dtype());
    let divided = x.cast(precision) / spread(node, scale, x)?.cast(precision);
    let zero = node.maybe_tensor(2)?.map(|zero| spread(node, zero, x)).transpose()?;
    node.give(rounded_to(divided, zero, element)?, element)
}

/// Multiples of a scale as integers of the zero point's type, that input of the node.
pub(super) fn requantized<'g>(node: &Node<'_, 'g>, y: Tensor<'g>, zero: usize) -> Outputs<'g> {
    let element = node.element(zero)?;
    let zero = node.tensor(zero)?;
    let zero = if zero.shape().elements() == 1 { zero.reshape(&[]) } else { zero };
    node.give(rounded_to(y, Some(zero), element)?, element)
}

/// The nearest integers, of two the even one, plus a zero point, held to the limits of a type.
pub(super) fn rounded_to<'g>(
    y: Tensor<'g>,
    zero: Option<Tensor<'g>>,
    element: Element,
) -> Result<Tensor<'g>, Stop> {
    let (low, high) = limits(element)?;
    let whole = y.cast(DType::F32).round();
    let whole = match zero {
        Some(zero) => whole + zero.cast(DType::F32),
        None => whole,
    };
    Ok(whole.clip(low, high).cast(DType::I32))
}

/// (x - zero point) * scale
fn dequantized<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, scale) = (node.tensor(0)?, node.tensor(1)?);
    let element = node.element_attribute("output_dtype")?.unwrap_or(node.element(1)?);
    let Some(dtype) = element.dtype().filter(|_| element.is_float()) else {
        return wrong(format!("an output of {element}"));
    };
    let centred = match node.maybe_tensor(2)? {
        Some(zero) => x - spread(node, zero, x)?,
        None => x,
    };
    let y = centred.cast(DType::F32) * spread(node, scale, x)?.cast(DType::F32);
    node.give(y.cast(dtype), element)
}

/// The scale and zero point of `UINT8` at which x, and 0, just fit; and x in these.
fn dynamic<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let axes: Vec<isize> = (0..x.shape().rank() as isize).collect();
    let (high, low) = (x.max(&axes, false).maximum(0.0), x.min(&axes, false).minimum(0.0));
    let range = high - low;
    let scale = range.eq(0.0).select(1.0, range) / 255.0;
    let zero = (-low / scale).clip(0.0, 255.0).round();
    let y = ((x / scale).round() + zero).clip(0.0, 255.0);
    let whole = |x: Tensor<'g>| typed(x.cast(DType::I32), Element::Uint8);
    Ok(vec![whole(y), typed(scale, node.element(0)?), whole(zero)])
}
