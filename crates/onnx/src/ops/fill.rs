//! Tensors made of sizes and a few numbers, and tensors repeated.

use anygrad_core::{DType, Shape};

use super::parts::{self, MOST_LISTED};
use super::{Row, known};
use crate::host::elements;
use crate::node::{Node, count, typed};
use crate::value::{Outputs, Stop, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("ConstantOfShape", constant_of_shape),
    ("Expand", expand),
    ("EyeLike", eye_like),
    ("Range", range),
    ("Tile", tile),
];

/// Sizes that an input tells.
fn sizes_of(node: &Node<'_, '_>, input: usize) -> Result<Vec<usize>, Stop> {
    node.host(input)?.to_i64().iter().map(|&size| count("a size", size)).collect()
}

/// One number in all places: listed where there are few, as shapes are made of these.
fn constant_of_shape<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = sizes_of(node, 0)?;
    let one = match node.tensor_attribute("value")? {
        Some(host) => host,
        None => Host::from_f64(Element::Float, &[1], &[0.0])?.into(),
    };
    if one.len() != 1 {
        return wrong(format!("the value {one} is not one number"));
    }
    Ok(vec![parts::expand(node, &one.reshaped(&[])?.into(), &sizes)?])
}

/// Stretched to a shape, which may itself be stretched where it says 1.
fn expand<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (value, wanted) = (node.value(0)?, sizes_of(node, 1)?);
    let sizes = Shape::new(&value.sizes()?)?.broadcast(&Shape::new(&wanted)?)?;
    Ok(vec![parts::expand(node, &value, &sizes)?])
}

/// Ones on a diagonal, `k` columns to the right of the main one, of the first input's sizes.
fn eye_like<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let [rows, columns] = sizes[..] else { return wrong(format!("{sizes:?} is no matrix")) };
    let element = match node.element_attribute("dtype")? {
        Some(element) => element,
        None => node.element(0)?,
    };
    let k = node.int("k", 0);
    let many = elements(&sizes)?;
    if many <= known::MOST {
        let one = |at: usize| {
            let (row, column) = ((at / columns) as i64, (at % columns) as i64);
            f64::from(u8::from(row.checked_add(k) == Some(column)))
        };
        let numbers: Vec<f64> = (0..many).map(one).collect();
        return Ok(vec![Host::from_f64(element, &sizes, &numbers)?.into()]);
    }
    let Some(dtype) = element.dtype() else { return wrong("an identity matrix of text") };
    let k = k.clamp(-(rows as i64), columns as i64) as f64;
    let diagonal = node.graph.arange(k, k + rows as f64, 1.0, DType::I32).reshape(&[rows, 1]);
    let columns = node.graph.arange(0.0, columns as f64, 1.0, DType::I32);
    Ok(vec![typed(diagonal.eq(columns).cast(dtype), element)])
}

/// start, start + delta, ... up to before `limit`.
fn range<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let list = |many: usize| match many {
        many if many <= MOST_LISTED => Ok(many),
        many => unsupported(format!("a range of {many} numbers; at most {MOST_LISTED} are listed")),
    };
    if element.is_integer() {
        let ends = [node.host(0)?, node.host(1)?, node.host(2)?].map(|host| host.to_i64().first().copied());
        let [Some(start), Some(limit), Some(delta)] = ends else { return wrong("a range without its ends") };
        if delta == 0 {
            return wrong("a range whose step is 0");
        }
        let [from, to] = [i128::from(start), i128::from(limit)];
        let length = if delta > 0 { to - from } else { from - to };
        let many = u128::try_from(length).unwrap_or(0).div_ceil(u128::from(delta.unsigned_abs()));
        let many = list(usize::try_from(many).unwrap_or(usize::MAX))?;
        let numbers: Vec<i64> = (0..many as i64).map(|i| start.wrapping_add(i.wrapping_mul(delta))).collect();
        return Ok(vec![Host::new(element, &[many], Data::Int(numbers))?.into()]);
    }
    let (start, limit, delta) = (node.number(0)?, node.number(1)?, node.number(2)?);
    let many = ((limit - start) / delta).ceil();
    if delta == 0.0 || !many.is_finite() {
        return wrong(format!("{start} to {limit} by {delta} is no range"));
    }
    let many = list(many.max(0.0) as usize)?;
    let numbers: Vec<f64> = (0..many).map(|i| start + i as f64 * delta).collect();
    Ok(vec![Host::from_f64(element, &[many], &numbers)?.into()])
}

/// Repeated along each axis. The first version repeats along one.
fn tile<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (value, old) = (node.value(0)?, node.sizes(0)?);
    let mut repeats = sizes_of(node, 1)?;
    if node.opset < 6 {
        let (times, axis) = (repeats.first().copied(), sizes_of(node, 2)?.first().copied());
        repeats = vec![1; old.len()];
        match (times, axis.and_then(|axis| repeats.get_mut(axis))) {
            (Some(times), Some(slot)) => *slot = times,
            _ => return wrong(format!("no axis {axis:?} of {old:?} to repeat along")),
        }
    }
    if repeats.len() != old.len() {
        return wrong(format!("repeats {repeats:?} of {old:?}"));
    }
    let times = |(&size, &times): (&usize, &usize)| size.checked_mul(times);
    let sizes: Option<Vec<usize>> = old.iter().zip(&repeats).map(times).collect();
    let Some(sizes) = sizes else { return wrong(format!("{old:?} repeated {repeats:?} times")) };
    let many = elements(&sizes)?;
    if many == 0 {
        return Ok(vec![parts::empty(value.element()?, &sizes)?]);
    }
    if let Some(host) = parts::on_host(&value, many) {
        return Ok(vec![parts::arranged(&host, &sizes, |_, index| {
            index.iter().zip(&old).fold(0, |at, (&i, &size)| at * size + i % size)
        })?]);
    }
    node.same(node.tensor(0)?.tile(&repeats))
}
