//! Elements and parts picked by indices; negative ones count from the back.

use std::sync::Arc;

use anygrad_graph::Tensor;

use super::Row;
use super::parts::{self, on_host, position};
use crate::host::elements;
use crate::node::{Node, count, typed};
use crate::value::{Outputs, Stop, Value, wrong};
use crate::{Element, Host};

pub(super) const ROWS: &[Row] =
    &[("Gather", gather), ("GatherElements", gather_elements), ("GatherND", gather_nd)];

/// An index as a place on an axis of this size.
pub(super) fn place(index: i64, size: usize) -> Result<usize, Stop> {
    let counted = if index < 0 { index.saturating_add(size as i64) } else { index };
    match usize::try_from(counted) {
        Ok(place) if place < size => Ok(place),
        _ => wrong(format!("index {index} of an axis of {size}")),
    }
}

/// Indices that are known: along an axis of the one size, or along axes of these sizes where the last axis of the
/// indices names several.
pub(super) fn known_places(indices: &Host, sizes: &[usize]) -> Result<Vec<usize>, Stop> {
    let indices = indices.to_i64();
    indices.iter().enumerate().map(|(i, &index)| place(index, sizes[i % sizes.len()])).collect()
}

/// The indices at an input on the device, from 0 on. Known ones are checked; for others that lie outside nothing is
/// read or written.
pub(super) fn device_places<'g>(
    node: &Node<'_, 'g>,
    input: usize,
    sizes: &[usize],
) -> Result<Tensor<'g>, Stop> {
    match node.value(input)? {
        Value::Known(host) => {
            let places: Vec<i64> = known_places(&host, sizes)?.iter().map(|&place| place as i64).collect();
            let host = Host::from_i64(Element::Int64, host.sizes(), &places)?;
            node.importer.tensor(&host.into())
        }
        _ => Ok(from_front(node.tensor(input)?, sizes)),
    }
}

/// These indices with negative ones counted from the back; a single one has no axis before and none afterwards.
pub(super) fn from_front<'g>(indices: Tensor<'g>, sizes: &[usize]) -> Tensor<'g> {
    indices.wrap_indices(sizes).reshape(&indices.shape())
}

/// The indices at an input where they are known, or must be because no device holds the text that they pick.
fn indices(node: &Node<'_, '_>, input: usize, x: &Host) -> Result<Option<Arc<Host>>, Stop> {
    match node.value(input)? {
        Value::Known(host) => Ok(Some(host)),
        _ if x.element() == Element::String => node.maybe_host(input),
        _ => Ok(None),
    }
}

/// That there is something to pick from where something is picked; `true` where nothing is.
fn is_empty(x: &[usize], result: &[usize]) -> Result<bool, Stop> {
    match (elements(x)?, elements(result)?) {
        (_, 0) => Ok(true),
        (0, _) => wrong(format!("nothing can be picked from {x:?}")),
        _ => Ok(false),
    }
}

/// The parts at the indices along an axis, which their shape replaces.
fn gather<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.value(0)?, node.element(0)?);
    let (old, wanted) = (x.sizes()?, node.sizes(1)?);
    let axis = node.axis(0, old.len())?;
    let sizes = [&old[..axis], &wanted, &old[axis + 1..]].concat();
    if is_empty(&old, &sizes)? {
        return Ok(vec![parts::empty(element, &sizes)?]);
    }
    if let Some(host) = on_host(&x, elements(&sizes)?)
        && let Some(indices) = indices(node, 1, &host)?
    {
        let places = known_places(&indices, &[old[axis]])?;
        let behind = axis + wanted.len();
        return Ok(vec![parts::arranged(&host, &sizes, |_, index| {
            let picked = places[position(&wanted, &index[axis..behind])];
            let outer = position(&old[..axis], &index[..axis]);
            let inner: usize = old[axis + 1..].iter().product();
            (outer * old[axis] + picked) * inner + position(&old[axis + 1..], &index[behind..])
        })?]);
    }
    let places = device_places(node, 1, &[old[axis]])?;
    node.give(node.tensor(0)?.gather(axis as isize, places), element)
}

/// y[i, j, ..] = x[i, indices[i, j, ..], ..] for axis 1, and so on.
fn gather_elements<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.value(0)?, node.element(0)?);
    let (old, sizes) = (x.sizes()?, node.sizes(1)?);
    let axis = node.axis(0, old.len())?;
    if sizes.len() != old.len() || (0..old.len()).any(|a| a != axis && sizes[a] > old[a]) {
        return wrong(format!("indices {sizes:?} along axis {axis} of {old:?}"));
    }
    if is_empty(&old, &sizes)? {
        return Ok(vec![parts::empty(element, &sizes)?]);
    }
    if let Some(host) = on_host(&x, elements(&sizes)?)
        && let Some(indices) = indices(node, 1, &host)?
    {
        let places = known_places(&indices, &[old[axis]])?;
        return Ok(vec![parts::arranged(&host, &sizes, |at, index| {
            let mut index = index.to_vec();
            index[axis] = places[at];
            position(&old, &index)
        })?]);
    }
    let places = device_places(node, 1, &[old[axis]])?;
    node.give(node.tensor(0)?.gather_elements(axis as isize, places), element)
}

/// The parts that indices of several numbers name, behind axes that both share.
fn gather_nd<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.value(0)?, node.element(0)?);
    let (old, wanted) = (x.sizes()?, node.sizes(1)?);
    let batch = count("batch_dims", node.int("batch_dims", 0))?;
    let named = match wanted.last() {
        Some(&named) if named > 0 && batch < wanted.len() && batch + named <= old.len() => named,
        _ => return wrong(format!("indices {wanted:?} behind {batch} axes of {old:?}")),
    };
    if old[..batch] != wanted[..batch] {
        return wrong(format!("{old:?} and {wanted:?} differ in the first {batch} axes"));
    }
    let sizes = [&wanted[..wanted.len() - 1], &old[batch + named..]].concat();
    if is_empty(&old, &sizes)? {
        return Ok(vec![parts::empty(element, &sizes)?]);
    }
    let axes = &old[batch..batch + named];
    if let Some(host) = on_host(&x, elements(&sizes)?)
        && let Some(indices) = indices(node, 1, &host)?
    {
        let places = known_places(&indices, axes)?;
        let front = wanted.len() - 1;
        return Ok(vec![parts::arranged(&host, &sizes, |_, index| {
            let row = position(&wanted[..front], &index[..front]) * named;
            let index = [&index[..batch], &places[row..row + named], &index[front..]].concat();
            position(&old, &index)
        })?]);
    }
    let places = device_places(node, 1, axes)?;
    Ok(vec![typed(node.tensor(0)?.gather_nd(places, batch), element)])
}
