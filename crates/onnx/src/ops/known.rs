//! Arithmetic on numbers that are known now, in 64 bits: shapes are computed so, and limits like the largest `INT64`
//! keep their meaning, which no device could hold.

use anygrad_core::Shape;

use crate::host::wrap;
use crate::node::Node;
use crate::value::{Stop, Value};
use crate::{Data, Element, Host};

/// The most elements that are computed here; more are a device's work.
const MOST: usize = 1 << 16;

/// The inputs where all of them are known, none is text, and they are few.
pub(super) fn inputs<'g>(node: &Node<'_, 'g>) -> Option<Vec<std::sync::Arc<Host>>> {
    let known = |value: &Option<Value<'g>>| match value {
        Some(Value::Known(host)) if host.len() <= MOST && host.element() != Element::String => {
            Some(host.clone())
        }
        _ => None,
    };
    node.inputs.iter().map(known).collect()
}

/// `function` of integers, element by element, with broadcasting; `None` where the inputs are no known integers. The
/// result has the type `result`, or that of the last input.
pub(super) fn integers<'g>(
    node: &Node<'_, 'g>,
    result: Option<Element>,
    function: impl Fn(&[i64]) -> Option<i64>,
) -> Result<Option<Value<'g>>, Stop> {
    let Some(inputs) = inputs(node) else { return Ok(None) };
    let whole = |host: &std::sync::Arc<Host>| matches!(host.data(), Data::Int(_));
    if inputs.is_empty() || !inputs.iter().all(whole) {
        return Ok(None);
    }
    let mut shape = Shape::SCALAR;
    for host in &inputs {
        shape = shape.broadcast(&Shape::new(host.sizes())?)?;
    }
    if shape.elements() > MOST {
        return Ok(None);
    }
    let element = result.unwrap_or(inputs[inputs.len() - 1].element());
    let columns: Vec<Vec<i64>> = inputs.iter().map(|host| spread(host, &shape)).collect();
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
