//! Elements chosen by conditions, by size and by place.

use anygrad_core::{DType, Shape};

use super::Row;
use super::gather::{from_front, known_places};
use super::parts::{self, MOST_LISTED, on_host};
use crate::host::elements;
use crate::node::{Node, axis_of, count, typed};
use crate::value::{Outputs, Value, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("OneHot", one_hot),
    ("ReverseSequence", reverse_sequence),
    ("TopK", top_k),
    ("Trilu", trilu),
    ("Where", choose),
];

/// x where the condition is true, otherwise y.
fn choose<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let values = [node.value(0)?, node.value(1)?, node.value(2)?];
    let element = values[1].element()?;
    if values[2].element()? != element {
        return wrong(format!("{element} or {}", values[2].element()?));
    }
    let mut shape = Shape::SCALAR;
    for value in &values {
        shape = shape.broadcast(&Shape::new(&value.sizes()?)?)?;
    }
    let many = shape.elements();
    if many == 0 {
        return Ok(vec![parts::empty(element, &shape)?]);
    }
    if let (Some(_), Some(_)) = (on_host(&values[1], many), on_host(&values[2], many))
        && (matches!(values[0], Value::Known(_)) || element == Element::String)
    {
        let wide = |value: &Value<'g>| match parts::expand(node, value, &shape)? {
            Value::Known(host) => Ok(host),
            _ => unsupported(format!("a choice among {many} elements of {element}")),
        };
        let condition = wide(&Value::Known(node.host(0)?))?.to_i64();
        let chain = Host::chained(&[wide(&values[1])?, wide(&values[2])?])?;
        return Ok(vec![parts::arranged(&chain, &shape, |at, _| match condition[at] {
            0 => many + at,
            _ => at,
        })?]);
    }
    let (x, y) = (node.tensor(1)?, node.tensor(2)?);
    Ok(vec![typed(node.tensor(0)?.select(x, y), element)])
}

/// The second of two values at the place that each index names along a new axis, the first elsewhere. Negative indices
/// count from the back; those outside name no place.
fn one_hot<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let depth = count("the depth", node.number(1)? as i64)?;
    let (indices, values, element) = (node.tensor(0)?, node.value(2)?, node.element(2)?);
    if values.sizes()? != [2] {
        return wrong(format!("values {:?}; two were expected", values.sizes()?));
    }
    let sizes = indices.shape().to_vec();
    let axis = axis_of(node.int("axis", -1), sizes.len() + 1)?;
    let mut result = sizes;
    result.insert(axis, depth);
    if elements(&result)? == 0 {
        return Ok(vec![parts::empty(element, &result)?]);
    }
    if depth > MOST_LISTED {
        return unsupported(format!("a depth of {depth}; at most {MOST_LISTED}"));
    }
    let mut along = vec![1; result.len()];
    along[axis] = depth;
    let places = node.graph.arange(0.0, depth as f64, 1.0, DType::I32).reshape(&along);
    let indices = from_front(indices.cast(DType::I32), &[depth]).unsqueeze(axis);
    let [off, on] = [parts::at(node, &values, 0, 0)?, parts::at(node, &values, 0, 1)?];
    let chosen = indices.eq(places).select(node.importer.tensor(&on)?, node.importer.tensor(&off)?);
    Ok(vec![typed(chosen, element)])
}

/// The `k` largest or smallest along an axis, the first of equals first, and where they stand.
fn top_k<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.tensor(0)?, node.element(0)?);
    let sizes = x.shape().to_vec();
    let axis = node.axis(-1, sizes.len())?;
    let k = match node.opset < 10 {
        true => count("k", node.int("k", 0))?,
        false => match node.host(1)?.to_i64()[..] {
            [k] => count("k", k)?,
            _ => return wrong("k is not one number"),
        },
    };
    if k > sizes[axis] {
        return wrong(format!("the first {k} of an axis of {}", sizes[axis]));
    }
    let mut result = sizes;
    result[axis] = k;
    if elements(&result)? == 0 {
        return Ok(vec![parts::empty(element, &result)?, parts::empty(Element::Int64, &result)?]);
    }
    // In order, whether or not that was asked for.
    let (values, places) = x.topk(k, axis as isize, node.int("largest", 1) != 0);
    Ok(vec![typed(values, element), typed(places, Element::Int64)])
}

/// What stands on and above a diagonal of matrices, or on and below it; 0 elsewhere.
fn trilu<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.tensor(0)?, node.element(0)?);
    let &[.., rows, columns] = &*x.shape() else { return wrong(format!("{} is no matrix", x.shape())) };
    if x.shape().elements() == 0 {
        return Ok(vec![node.value(0)?]);
    }
    let k = match node.maybe_ints(1)?.as_deref() {
        None => 0,
        Some(&[k]) => k.clamp(-(rows as i64), columns as i64) as isize,
        Some(_) => return wrong("k is not one number"),
    };
    // Truth values are no numbers beside the 0.
    let is_truth = x.dtype() == DType::Bool;
    let x = if is_truth { x.cast(DType::I32) } else { x };
    let kept = if node.int("upper", 1) != 0 { x.triu(k) } else { x.tril(k) };
    Ok(vec![typed(if is_truth { kept.cast(DType::Bool) } else { kept }, element)])
}

/// Each sample turned around in time, as far as its length goes.
fn reverse_sequence<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, lengths) = (node.tensor(0)?, node.tensor(1)?);
    let rank = x.shape().rank();
    let batch = axis_of(node.int("batch_axis", 1), rank)?;
    let time = axis_of(node.int("time_axis", 0), rank)?;
    if batch == time || x.shape().elements() == 0 {
        return if batch == time {
            wrong(format!("batch and time are both axis {time}"))
        } else {
            node.same(x)
        };
    }
    let mut order = vec![batch, time];
    order.extend((0..rank).filter(|axis| *axis != batch && *axis != time));
    let mut back = vec![0; rank];
    order.iter().enumerate().for_each(|(to, &from)| back[from] = to);
    node.same(x.permute(&order).reverse_sequence(lengths).permute(&back))
}

/// The parts along an axis, or the elements, for which the condition is true.
pub(super) fn compress<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (mut x, element, condition) = (node.value(0)?, node.element(0)?, node.host(1)?.to_i64());
    let axis = match node.maybe_int("axis") {
        Some(axis) => axis_of(axis, x.sizes()?.len())?,
        None => {
            let many = elements(&x.sizes()?)?;
            x = parts::reshape(node, &x, &[many])?;
            0
        }
    };
    let old = x.sizes()?;
    let kept: Vec<i64> = (0..condition.len() as i64).filter(|&at| condition[at as usize] != 0).collect();
    let kept = Host::new(Element::Int64, &[kept.len()], Data::Int(kept))?;
    let places = known_places(&kept, &[old[axis]])?;
    let mut sizes = old.clone();
    sizes[axis] = places.len();
    let many = elements(&sizes)?;
    if many == 0 {
        return Ok(vec![parts::empty(element, &sizes)?]);
    }
    if let Some(host) = on_host(&x, many) {
        return Ok(vec![parts::arranged(&host, &sizes, |_, index| {
            let mut index = index.to_vec();
            index[axis] = places[index[axis]];
            parts::position(&old, &index)
        })?]);
    }
    let places = node.importer.tensor(&kept.into())?;
    Ok(vec![typed(node.importer.tensor(&x)?.gather(axis as isize, places), element)])
}
