//! Arithmetic on numbers that are known now, in 64 bits: shapes are computed so, and limits like the largest `INT64`
//! keep their meaning, which no device could hold.

use std::sync::Arc;

use anygrad_core::Shape;

use crate::host::wrap;
use crate::node::Node;
use crate::value::{Stop, Value};
use crate::{Data, Element, Host};

/// The most elements that are computed here; more are a device's work.
pub(super) const MOST: usize = 1 << 16;

/// The inputs where all of them are known, none is text, and they are few.
pub(super) fn inputs<'g>(node: &Node<'_, 'g>) -> Option<Vec<Arc<Host>>> {
    let known = |value: &Option<Value<'g>>| match value {
        Some(Value::Known(host)) if host.len() <= MOST && host.element() != Element::String => {
            Some(host.clone())
        }
        _ => None,
    };
    node.inputs.iter().map(known).collect()
}

/// `function` of `N` integers, element by element, with broadcasting; `None` where the inputs are not so many known
/// integers. The result has the type `result`, or that of the last input.
pub(super) fn integers<'g, const N: usize>(
    node: &Node<'_, 'g>,
    result: Option<Element>,
    function: impl Fn([i64; N]) -> Option<i64>,
) -> Result<Option<Value<'g>>, Stop> {
    if node.inputs.len() != N {
        return Ok(None);
    }
    all_integers(node, result, |x| function(x.try_into().ok()?))
}

/// The same of any number of inputs.
pub(super) fn all_integers<'g>(
    node: &Node<'_, 'g>,
    result: Option<Element>,
    function: impl Fn(&[i64]) -> Option<i64>,
) -> Result<Option<Value<'g>>, Stop> {
    let Some(hosts) = inputs(node).filter(|hosts| !hosts.is_empty()) else { return Ok(None) };
    // 64 unsigned bits stand as they are, so the largest numbers would be negative ones.
    let large = |host: &Arc<Host>| host.element() == Element::Uint64 && host.to_i64().iter().any(|&x| x < 0);
    if hosts.iter().any(large) {
        return Ok(None);
    }
    each(&hosts, result, MOST, function)
}

/// `function` of the bits of `N` integers, where they are known.
pub(super) fn bits<'g, const N: usize>(
    node: &Node<'_, 'g>,
    function: impl Fn([i64; N]) -> i64,
) -> Result<Option<Value<'g>>, Stop> {
    match inputs(node) {
        Some(hosts) if hosts.len() == N => each(&hosts, None, MOST, |x| Some(function(x.try_into().ok()?))),
        _ => Ok(None),
    }
}

/// `function` of these tensors of integers, of so many elements at most.
pub(super) fn each<'g>(
    hosts: &[Arc<Host>],
    result: Option<Element>,
    most: usize,
    function: impl Fn(&[i64]) -> Option<i64>,
) -> Result<Option<Value<'g>>, Stop> {
    if !hosts.iter().all(|host| matches!(host.data(), Data::Int(_))) {
        return Ok(None);
    }
    let mut shape = Shape::SCALAR;
    for host in hosts {
        shape = shape.broadcast(&Shape::new(host.sizes())?)?;
    }
    if shape.elements() > most {
        return Ok(None);
    }
    let element = result.unwrap_or(hosts[hosts.len() - 1].element());
    let columns: Vec<Vec<i64>> = hosts.iter().map(|host| spread(host, &shape)).collect();
    let mut numbers = Vec::with_capacity(shape.elements());
    for position in 0..shape.elements() {
        let row: Vec<i64> = columns.iter().map(|column| column[position]).collect();
        match function(&row) {
            Some(number) => numbers.push(wrap(element, number)),
            None => return Ok(None),
        }
    }
    Ok(Some(Host::new(element, &shape, Data::Int(numbers))?.into()))
}

/// The elements broadcast to a shape.
fn spread(host: &Host, shape: &Shape) -> Vec<i64> {
    let numbers = host.to_i64();
    let (rank, own) = (shape.rank(), host.sizes());
    let position = |index: Vec<usize>| {
        let tail = &index[rank - own.len()..];
        tail.iter().zip(own).fold(0, |at, (&i, &size)| at * size + if size == 1 { 0 } else { i })
    };
    (0..shape.elements()).map(|p| numbers[position(shape.index_of(p))]).collect()
}
