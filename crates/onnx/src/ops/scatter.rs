//! Updates written to elements and parts that indices name; where several go to one place they are merged in order.

use std::sync::Arc;

use anygrad_core::DType;
use anygrad_graph::ops::ScatterReduction;

use super::Row;
use super::gather::{device_places, known_places};
use super::parts::{on_host, position};
use crate::host::{elements, wrap};
use crate::node::{Node, typed};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("Scatter", scatter_elements),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
    ("TensorScatter", tensor_scatter),
];

fn reduction(node: &Node<'_, '_>) -> Result<ScatterReduction, Stop> {
    Ok(match node.text("reduction", "none").as_str() {
        "none" => ScatterReduction::Replace,
        "add" => ScatterReduction::Add,
        "mul" => ScatterReduction::Mul,
        "max" => ScatterReduction::Max,
        "min" => ScatterReduction::Min,
        other => return wrong(format!("reduction is {other:?}")),
    })
}

/// Data, indices and updates where the host merges them: few known numbers, text, and integers, which devices replace
/// only.
fn host_parts(node: &Node<'_, '_>, reduction: ScatterReduction) -> Result<Option<[Arc<Host>; 3]>, Stop> {
    let (data, element) = (node.value(0)?, node.element(0)?);
    let numbers = || Ok(Some([node.host(0)?, node.host(1)?, node.host(2)?]));
    let replaces = reduction == ScatterReduction::Replace;
    if element == Element::String || (!replaces && !element.is_float()) {
        return numbers();
    }
    let known = |input: usize| Ok::<bool, Stop>(matches!(node.value(input)?, Value::Known(_)));
    if replaces && known(1)? && known(2)? && on_host(&data, 0).is_some() {
        return numbers();
    }
    Ok(None)
}

/// `data` with update `k` at place `places[k]`, in order.
fn merged(
    data: &Arc<Host>,
    updates: &Arc<Host>,
    places: &[usize],
    reduction: ScatterReduction,
) -> Result<Host, Stop> {
    if reduction == ScatterReduction::Replace {
        let chain = Host::chained(&[data.clone(), updates.clone()])?;
        let mut sources: Vec<usize> = (0..data.len()).collect();
        for (k, &place) in places.iter().enumerate() {
            sources[place] = data.len() + k;
        }
        return Ok(chain.taken(data.sizes(), &sources)?);
    }
    let (Data::Int(old), Data::Int(new)) = (data.data(), updates.data()) else {
        return unsupported(format!("reductions of {}", data.element()));
    };
    let (mut merged, element) = (old.clone(), data.element());
    for (&place, &update) in places.iter().zip(new) {
        let number = &mut merged[place];
        *number = match reduction {
            ScatterReduction::Add => wrap(element, number.wrapping_add(update)),
            ScatterReduction::Mul => wrap(element, number.wrapping_mul(update)),
            // 64 unsigned bits stand as they are.
            _ if element == Element::Uint64 => {
                let (a, b) = (*number as u64, update as u64);
                (if reduction == ScatterReduction::Max { a.max(b) } else { a.min(b) }) as i64
            }
            ScatterReduction::Max => update.max(*number),
            _ => update.min(*number),
        };
    }
    Ok(Host::new(element, data.sizes(), Data::Int(merged))?)
}

/// y[i, indices[i, j, ..], ..] = updates[i, j, ..] for axis 1, and so on.
fn scatter_elements<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (sizes, wanted, given) = (node.sizes(0)?, node.sizes(1)?, node.sizes(2)?);
    let axis = node.axis(0, sizes.len())?;
    let fits = |a: usize| a == axis || wanted[a] <= sizes[a];
    if wanted != given || wanted.len() != sizes.len() || !(0..sizes.len()).all(fits) {
        return wrong(format!("indices {wanted:?} and updates {given:?} along axis {axis} of {sizes:?}"));
    }
    let reduction = reduction(node)?;
    if elements(&wanted)? == 0 {
        return Ok(vec![node.value(0)?]);
    }
    if let Some([data, indices, updates]) = host_parts(node, reduction)? {
        let along = known_places(&indices, &[sizes[axis]])?;
        let shape = anygrad_core::Shape::new(&wanted)?;
        let place = |(k, &along): (usize, &usize)| {
            let mut index = shape.index_of(k);
            index[axis] = along;
            position(&sizes, &index)
        };
        let places: Vec<usize> = along.iter().enumerate().map(place).collect();
        return Ok(vec![merged(&data, &updates, &places, reduction)?.into()]);
    }
    let places = device_places(node, 1, &[sizes[axis]])?;
    let (x, updates) = (node.tensor(0)?, node.tensor(2)?);
    node.same(x.scatter_reduce(axis as isize, places, updates, reduction))
}

/// Parts written at indices that name the first axes.
fn scatter_nd<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (sizes, wanted, given) = (node.sizes(0)?, node.sizes(1)?, node.sizes(2)?);
    let named = match wanted.last() {
        Some(&named) if named > 0 && named <= sizes.len() => named,
        _ => return wrong(format!("indices {wanted:?} of {sizes:?}")),
    };
    if [&wanted[..wanted.len() - 1], &sizes[named..]].concat() != given {
        return wrong(format!("indices {wanted:?} and updates {given:?} of {sizes:?}"));
    }
    let reduction = reduction(node)?;
    if elements(&given)? == 0 {
        return Ok(vec![node.value(0)?]);
    }
    if let Some([data, indices, updates]) = host_parts(node, reduction)? {
        let inner: usize = sizes[named..].iter().product();
        let indices = known_places(&indices, &sizes[..named])?;
        let starts = indices.chunks(named).map(|index| position(&sizes[..named], index) * inner);
        let places: Vec<usize> = starts.flat_map(|start| start..start + inner).collect();
        return Ok(vec![merged(&data, &updates, &places, reduction)?.into()]);
    }
    let places = device_places(node, 1, &sizes[..named])?;
    node.same(node.tensor(0)?.scatter_nd(places, node.tensor(2)?, reduction))
}

/// A cache with updates of some places in a row, from a place of each sample on; `circular` goes on at the front.
fn tensor_scatter<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, updates, element) = (node.tensor(0)?, node.tensor(1)?, node.element(0)?);
    let (sizes, given) = (x.shape(), updates.shape());
    let axis = node.axis(-2, sizes.rank())?;
    if axis == 0
        || given.rank() != sizes.rank()
        || given.with(axis, sizes[axis]) != sizes
        || given[axis] > sizes[axis]
    {
        return wrong(format!("updates {given} along axis {axis} of a cache {sizes}"));
    }
    if given.elements() == 0 {
        return Ok(vec![node.value(0)?]);
    }
    let along = |axis: usize, size: usize| {
        let mut sizes = vec![1; given.rank()];
        sizes[axis] = size;
        sizes
    };
    let steps =
        node.graph.arange(0.0, given[axis] as f64, 1.0, DType::I32).reshape(&along(axis, given[axis]));
    let size = i32::try_from(sizes[axis]).unwrap_or(i32::MAX);
    let places = match node.maybe_tensor(2)? {
        None => steps,
        Some(first) => first.reshape(&along(0, sizes[0])) + steps,
    };
    let places = match node.text("mode", "linear").as_str() {
        "linear" => places,
        "circular" => places - places.floor_div(size) * size,
        other => return wrong(format!("mode is {other:?}")),
    };
    Ok(vec![typed(x.scatter(axis as isize, places.broadcast_to(&given), updates), element)])
}
