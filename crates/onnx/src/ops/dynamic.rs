//! Operators whose results have as many elements as the numbers say: computed on the host, between two stages.

use std::cmp::Ordering;

use super::parts::{self, position};
use super::{Row, select};
use crate::node::{Node, axis_of};
use crate::value::{Outputs, Value};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[("Compress", select::compress), ("NonZero", non_zero), ("Unique", unique)];

/// Where the elements are that are not 0: [axes, count].
fn non_zero<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.host(0)?;
    let numbers = x.to_f64();
    let places: Vec<usize> = (0..numbers.len()).filter(|&p| numbers[p] != 0.0).collect();
    // A scalar counts as one axis.
    let sizes = if x.sizes().is_empty() { vec![1] } else { x.sizes().to_vec() };
    let along = |axis: usize| {
        let stride: usize = sizes[axis + 1..].iter().product();
        let size = sizes[axis];
        places.iter().map(move |&p| (p / stride.max(1) % size.max(1)) as i64)
    };
    let indices: Vec<i64> = (0..sizes.len()).flat_map(along).collect();
    Ok(vec![Host::new(Element::Int64, &[sizes.len(), places.len()], Data::Int(indices))?.into()])
}

/// The elements, or parts along an axis, that differ; where each is first, which of them each one is, and how many
/// there are of each. Sorted, or in the order in which they come.
fn unique<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.host(0)?;
    let (old, axis) = match node.maybe_int("axis") {
        Some(axis) => (x.sizes().to_vec(), axis_of(axis, x.sizes().len())?),
        None => (vec![x.len()], 0),
    };
    let (outer, inner): (usize, usize) = (old[..axis].iter().product(), old[axis + 1..].iter().product());
    let size = old[axis];
    let elements_of =
        |part: usize| (0..outer * inner).map(move |e| ((e / inner) * size + part) * inner + e % inner);
    let compare = |a: usize, b: usize| {
        let mut pairs =
            elements_of(a).zip(elements_of(b)).map(|(a, b)| compared(x.data(), x.element(), a, b));
        pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..size).collect();
    // Stable: equal ones keep their order, so the first of a group is the first that comes.
    order.sort_by(|&a, &b| compare(a, b));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for part in order {
        match groups.last_mut() {
            Some(group) if compare(group[0], part).is_eq() => group.push(part),
            _ => groups.push(vec![part]),
        }
    }
    if node.int("sorted", 1) == 0 {
        groups.sort_by_key(|group| group[0]);
    }
    let mut inverse = vec![0; size];
    for (number, group) in groups.iter().enumerate() {
        group.iter().for_each(|&part| inverse[part] = number as i64);
    }
    let mut sizes = old.clone();
    sizes[axis] = groups.len();
    let y = parts::arranged(&x.reshaped(&old)?, &sizes, |_, index| {
        let mut index = index.to_vec();
        index[axis] = groups[index[axis]][0];
        position(&old, &index)
    })?;
    let list = |numbers: Vec<i64>| Value::known(Host::ints(&numbers));
    let first = groups.iter().map(|group| group[0] as i64).collect();
    let counts = groups.iter().map(|group| group.len() as i64).collect();
    Ok(vec![y, list(first), list(inverse), list(counts)])
}

/// Two elements of a tensor; NaN comes last and equals itself.
fn compared(data: &Data, element: Element, a: usize, b: usize) -> Ordering {
    let floats = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    match data {
        Data::F32(v) => floats(f64::from(v[a]), f64::from(v[b])),
        Data::F64(v) => floats(v[a], v[b]),
        Data::Int(v) if element == Element::Uint64 => (v[a] as u64).cmp(&(v[b] as u64)),
        Data::Int(v) => v[a].cmp(&v[b]),
        Data::Text(v) => v[a].cmp(&v[b]),
    }
}
