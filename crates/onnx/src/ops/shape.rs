//! Other shapes of the same elements, and what is asked about shapes.

use anygrad_core::Error;

use super::{Row, parts};
use crate::host::elements;
use crate::node::{Node, axis_of, count};
use crate::value::{Outputs, Stop, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("Constant", constant),
    ("Flatten", flatten),
    ("Identity", |n| Ok(vec![n.value(0)?])),
    ("Reshape", reshape),
    ("Shape", shape),
    ("Size", |n| {
        Ok(vec![
            Host::new(Element::Int64, &[], Data::Int(vec![n.sizes(0)?.iter().product::<usize>() as i64]))?
                .into(),
        ])
    }),
    ("Squeeze", squeeze),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

/// The first input with other sizes, known where it is known.
pub(super) fn reshaped<'g>(node: &Node<'_, 'g>, sizes: &[usize]) -> Outputs<'g> {
    Ok(vec![parts::reshape(node, &node.value(0)?, sizes)?])
}

fn constant<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    if let Some(host) = node.tensor_attribute("value")? {
        return Ok(vec![host.into()]);
    }
    if let Some(sparse) = node.attribute("sparse_value").and_then(|a| a.sparse_tensor.as_ref()) {
        return Ok(vec![node.importer.decoded_sparse(sparse)?.into()]);
    }
    let (float, int) = (node.floats("value_floats"), node.ints("value_ints"));
    let host = if let Some(x) = node.maybe_float("value_float") {
        Host::from_f64(Element::Float, &[], &[x])?
    } else if let Some(x) = node.maybe_int("value_int") {
        Host::new(Element::Int64, &[], Data::Int(vec![x]))?
    } else if let Some(x) = float {
        Host::from_f64(Element::Float, &[x.len()], &x)?
    } else if let Some(x) = int {
        Host::ints(&x)
    } else if let Some(x) = node.texts("value_strings") {
        Host::new(Element::String, &[x.len()], Data::Text(x.into_iter().map(String::into_bytes).collect()))?
    } else if node.attribute("value_string").is_some() {
        Host::new(Element::String, &[], Data::Text(vec![node.text("value_string", "").into_bytes()]))?
    } else {
        return unsupported("a constant that is neither a tensor nor numbers");
    };
    Ok(vec![host.into()])
}

fn flatten<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let axis = node.int("axis", 1);
    // The axis may be the one behind the last.
    let axis = if axis == sizes.len() as i64 { sizes.len() } else { axis_of(axis, sizes.len())? };
    reshaped(node, &[sizes[..axis].iter().product(), sizes[axis..].iter().product()])
}

fn reshape<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let wanted = if node.opset < 5 { node.ints("shape").unwrap_or_default() } else { node.host(1)?.to_i64() };
    let zero_is_zero = node.flag("allowzero");
    let mut new = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        new.push(match size {
            0 if !zero_is_zero => match sizes.get(axis) {
                Some(&size) => size,
                None => return wrong(format!("{wanted:?} keeps axis {axis} of {sizes:?}")),
            },
            -1 => 1,
            size => count("a size", size)?,
        });
    }
    if let Some(free) = wanted.iter().position(|&size| size == -1) {
        let all: usize = sizes.iter().product();
        let others = elements(&new)?;
        if others == 0 || !all.is_multiple_of(others) || wanted.iter().filter(|&&size| size == -1).count() > 1
        {
            return wrong(format!("{sizes:?} cannot be reshaped to {wanted:?}"));
        }
        new[free] = all / others;
    }
    reshaped(node, &new)
}

fn shape<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes: Vec<i64> = node.sizes(0)?.iter().map(|&size| size as i64).collect();
    let rank = sizes.len() as i64;
    let place = |axis: i64| (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
    let (start, end) = (place(node.int("start", 0)), place(node.int("end", rank)));
    Ok(vec![Host::ints(&sizes[start..end.max(start)]).into()])
}

fn squeeze<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let axes = match node.axes(13, 1, sizes.len())? {
        Some(axes) => axes,
        None => (0..sizes.len()).filter(|&axis| sizes[axis] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| sizes[axis] != 1) {
        return wrong(format!("axis {axis} of {sizes:?} is not 1"));
    }
    let kept: Vec<usize> =
        (0..sizes.len()).filter(|axis| !axes.contains(axis)).map(|axis| sizes[axis]).collect();
    reshaped(node, &kept)
}

fn unsqueeze<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let given = if node.opset < 13 { node.ints("axes") } else { node.maybe_ints(1)? };
    let given = given.ok_or_else(|| Stop::Wrong(Error::input("axes are missing")))?;
    let rank = sizes.len() + given.len();
    let axes = given.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, Stop>>()?;
    let mut old = sizes.iter();
    let mut new = Vec::with_capacity(rank);
    for axis in 0..rank {
        new.push(if axes.contains(&axis) { Some(1) } else { old.next().copied() });
    }
    match new.into_iter().collect::<Option<Vec<_>>>() {
        Some(new) => reshaped(node, &new),
        None => wrong(format!("axes {given:?} name one axis twice")),
    }
}

fn transpose<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let sizes = node.sizes(0)?;
    let order: Vec<usize> = match node.ints("perm") {
        Some(order) => order.iter().map(|&axis| axis_of(axis, sizes.len())).collect::<Result<_, Stop>>()?,
        None => (0..sizes.len()).rev().collect(),
    };
    let permuted: Vec<usize> = order.iter().map(|&axis| sizes[axis]).collect();
    let mut seen = order.clone();
    seen.sort_unstable();
    if seen != (0..sizes.len()).collect::<Vec<_>>() {
        return wrong(format!("perm is {order:?} of {} axes", sizes.len()));
    }
    match parts::on_host(&node.value(0)?, elements(&sizes)?) {
        Some(host) => Ok(vec![parts::arranged(&host, &permuted, |_, index| {
            let mut old = vec![0; order.len()];
            order.iter().zip(index).for_each(|(&axis, &i)| old[axis] = i);
            parts::position(&sizes, &old)
        })?]),
        None => node.same(node.tensor(0)?.permute(&order)),
    }
}
