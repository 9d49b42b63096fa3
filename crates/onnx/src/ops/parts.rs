//! Parts of values, and values put together: of few known numbers and of text at once, all else on the device.

use std::sync::Arc;

use super::known;
use crate::host::elements;
use crate::node::{Node, typed};
use crate::value::{Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host};

/// Elements of a list that the host makes at most.
pub(super) const MOST_LISTED: usize = 1 << 22;

/// Every `step`-th place of an axis, from the `first` on.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) step: i64,
}

impl Places {
    /// `count` places in a row.
    pub(super) fn run(first: usize, count: usize) -> Self {
        Places { first, count, step: 1 }
    }

    /// The place behind so many steps.
    pub(super) fn at(self, steps: usize) -> usize {
        (self.first as i64 + steps as i64 * self.step) as usize
    }
}

/// The tensor where the host moves its elements, so many of which come out: it is known, and small or text.
pub(super) fn on_host(value: &Value<'_>, many: usize) -> Option<Arc<Host>> {
    let Value::Known(host) = value else { return None };
    let moves = host.element() == Element::String || host.len().max(many) <= known::MOST;
    moves.then(|| host.clone())
}

/// A tensor of these sizes whose element at each position and index is that of `host` at `source(position, index)`.
pub(super) fn arranged<'g>(
    host: &Host,
    sizes: &[usize],
    mut source: impl FnMut(usize, &[usize]) -> usize,
) -> Result<Value<'g>, Stop> {
    let many = elements(sizes)?;
    if many > MOST_LISTED {
        return unsupported(format!("{many} elements of {host}; at most {MOST_LISTED} are listed"));
    }
    let mut index = vec![0; sizes.len()];
    let mut positions = Vec::with_capacity(many);
    for position in 0..many {
        positions.push(source(position, &index));
        for axis in (0..sizes.len()).rev() {
            index[axis] += 1;
            if index[axis] < sizes[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Ok(host.taken(sizes, &positions)?.into())
}

/// The row-major position of an index.
pub(super) fn position(sizes: &[usize], index: &[usize]) -> usize {
    sizes.iter().zip(index).fold(0, |position, (&size, &i)| position * size + i)
}

/// A tensor without elements.
pub(super) fn empty<'g>(element: Element, sizes: &[usize]) -> Result<Value<'g>, Stop> {
    Ok(match element {
        Element::String => Host::new(element, sizes, Data::Text(Vec::new()))?.into(),
        _ => Host::from_f64(element, sizes, &[])?.into(),
    })
}

/// The elements at these places of an axis.
pub(super) fn slice<'g>(
    node: &Node<'_, 'g>,
    value: &Value<'g>,
    axis: usize,
    places: Places,
) -> Result<Value<'g>, Stop> {
    let (old, element) = (value.sizes()?, value.element()?);
    let mut sizes = old.clone();
    sizes[axis] = places.count;
    if places.count == old[axis] && (places.step == 1 || places.count < 2) {
        return Ok(value.clone());
    }
    let many = elements(&sizes)?;
    if many == 0 {
        return empty(element, &sizes);
    }
    if let Some(host) = on_host(value, many) {
        let mut at = Vec::new();
        return arranged(&host, &sizes, |_, index| {
            at.clear();
            at.extend_from_slice(index);
            at[axis] = places.at(index[axis]);
            position(&old, &at)
        });
    }
    let last = places.at(places.count - 1);
    let range = places.first.min(last)..places.first.max(last) + 1;
    Ok(typed(node.importer.tensor(value)?.slice(axis as isize, range, places.step as isize), element))
}

/// One place of an axis, which disappears.
pub(super) fn at<'g>(
    node: &Node<'_, 'g>,
    value: &Value<'g>,
    axis: usize,
    place: usize,
) -> Result<Value<'g>, Stop> {
    let part = slice(node, value, axis, Places::run(place, 1))?;
    let mut sizes = part.sizes()?;
    sizes.remove(axis);
    reshape(node, &part, &sizes)
}

/// With other sizes of as many elements.
pub(super) fn reshape<'g>(
    node: &Node<'_, 'g>,
    value: &Value<'g>,
    sizes: &[usize],
) -> Result<Value<'g>, Stop> {
    let (old, element) = (value.sizes()?, value.element()?);
    match on_host(value, elements(sizes)?) {
        Some(host) => Ok(host.reshaped(sizes)?.into()),
        None if elements(&old)? == 0 => empty(element, sizes),
        // A view: weights are not copied.
        None => Ok(typed(node.importer.tensor(value)?.reshape(sizes), element)),
    }
}

/// One behind the other along an axis.
pub(super) fn join<'g>(node: &Node<'_, 'g>, values: &[Value<'g>], axis: usize) -> Result<Value<'g>, Stop> {
    let Some(first) = values.first() else { return wrong("there is no tensor to put together") };
    let (mut sizes, element) = (first.sizes()?, first.element()?);
    let mut along = Vec::new();
    for value in values {
        let (own, of) = (value.sizes()?, value.element()?);
        let fits = own.len() == sizes.len() && (0..own.len()).all(|a| a == axis || own[a] == sizes[a]);
        if !fits || of != element {
            return wrong(format!("{of}{own:?} along axis {axis} of {element}{sizes:?}"));
        }
        along.push(own[axis]);
    }
    sizes[axis] = along.iter().sum();
    let many = elements(&sizes)?;
    if many == 0 {
        return empty(element, &sizes);
    }
    let full: Vec<&Value<'g>> = values.iter().zip(&along).filter(|(_, n)| **n > 0).map(|(v, _)| v).collect();
    if let [only] = full[..] {
        return Ok(only.clone());
    }
    if let Some(hosts) = full.iter().map(|value| on_host(value, many)).collect::<Option<Vec<_>>>() {
        let chain = Host::chained(&hosts)?;
        // By place along the axis: where its part begins in the chain, how long it is there, the place in the part.
        let mut places = Vec::new();
        let mut start = 0;
        for host in &hosts {
            let size = host.sizes()[axis];
            places.extend((0..size).map(|place| (start, size, place)));
            start += host.len();
        }
        let inner: usize = sizes[axis + 1..].iter().product();
        return arranged(&chain, &sizes, |_, index| {
            let (start, size, place) = places[index[axis]];
            let outer = position(&sizes[..axis], &index[..axis]);
            start + (outer * size + place) * inner + position(&sizes[axis + 1..], &index[axis + 1..])
        });
    }
    let tensors = full.iter().map(|value| node.importer.tensor(value)).collect::<Result<Vec<_>, Stop>>()?;
    Ok(typed(node.graph.concat(&tensors, axis as isize), element))
}

/// Side by side along a new axis.
pub(super) fn stack<'g>(node: &Node<'_, 'g>, values: &[Value<'g>], axis: usize) -> Result<Value<'g>, Stop> {
    let raised = values.iter().map(|value| {
        let mut sizes = value.sizes()?;
        if axis > sizes.len() {
            return wrong(format!("a new axis {axis} of {sizes:?}"));
        }
        sizes.insert(axis, 1);
        reshape(node, value, &sizes)
    });
    join(node, &raised.collect::<Result<Vec<_>, Stop>>()?, axis)
}

/// Repeated along axes of size 1 and new axes in front.
pub(super) fn expand<'g>(node: &Node<'_, 'g>, value: &Value<'g>, sizes: &[usize]) -> Result<Value<'g>, Stop> {
    let (old, element) = (value.sizes()?, value.element()?);
    let many = elements(sizes)?;
    if old == sizes {
        return Ok(value.clone());
    }
    let fits = |(&from, &to): (&usize, &usize)| from == to || from == 1;
    if old.len() > sizes.len() || !old.iter().rev().zip(sizes.iter().rev()).all(fits) {
        return wrong(format!("{old:?} cannot be stretched to {sizes:?}"));
    }
    if many == 0 {
        return empty(element, sizes);
    }
    match on_host(value, many) {
        Some(host) => arranged(&host, sizes, |_, index| {
            let tail = &index[index.len() - old.len()..];
            old.iter().zip(tail).fold(0, |at, (&size, &i)| at * size + if size == 1 { 0 } else { i })
        }),
        None => Ok(typed(node.importer.tensor(value)?.broadcast_to(sizes), element)),
    }
}
