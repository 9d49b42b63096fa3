//! Sequences of values, and values that may be none.

use std::rc::Rc;

use super::parts;
use super::{Row, control};
use crate::node::{Node, axis_of};
use crate::value::{Outputs, Stop, Value, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("ConcatFromSequence", concat_from_sequence),
    // A value that is there stands for itself.
    ("Optional", |n| Ok(vec![if n.has(0) { n.value(0)? } else { Value::Nothing }])),
    ("OptionalGetElement", |n| match n.value(0)? {
        Value::Nothing => wrong("an optional without a value was asked for it"),
        value => Ok(vec![value]),
    }),
    ("OptionalHasElement", |n| {
        let has = n.has(0) && !matches!(n.value(0)?, Value::Nothing);
        Ok(vec![Host::new(Element::Bool, &[], Data::Int(vec![i64::from(has)]))?.into()])
    }),
    ("SequenceAt", |n| {
        let (parts, place) = (sequence(n, 0)?, n.host(1)?.to_i64());
        Ok(vec![parts[place_of(&place, parts.len())?].clone()])
    }),
    ("SequenceConstruct", |n| {
        let values = (0..n.inputs.len()).map(|input| n.value(input)).collect::<Result<Vec<_>, Stop>>()?;
        Ok(vec![Value::Sequence(values.into())])
    }),
    ("SequenceEmpty", |_| Ok(vec![Value::Sequence(Rc::default())])),
    ("SequenceErase", |n| {
        let mut parts = sequence(n, 0)?.to_vec();
        let place = n.maybe_ints(1)?.unwrap_or_else(|| vec![-1]);
        parts.remove(place_of(&place, parts.len())?);
        Ok(vec![Value::Sequence(parts.into())])
    }),
    ("SequenceInsert", insert),
    ("SequenceLength", |n| {
        let length = sequence(n, 0)?.len() as i64;
        Ok(vec![Host::new(Element::Int64, &[], Data::Int(vec![length]))?.into()])
    }),
    ("SequenceMap", map),
];

/// The parts of a sequence.
fn sequence<'g>(node: &Node<'_, 'g>, input: usize) -> Result<Rc<Vec<Value<'g>>>, Stop> {
    match node.value(input)? {
        Value::Sequence(parts) => Ok(parts),
        Value::Blocked => Err(Stop::Blocked),
        _ => wrong(format!("input {input} is no sequence")),
    }
}

/// A place among so many; a negative one counts from the back.
fn place_of(place: &[i64], length: usize) -> Result<usize, Stop> {
    match place {
        [place] => super::gather::place(*place, length),
        other => wrong(format!("{} numbers for one place of a sequence", other.len())),
    }
}

/// Before a place; without one at the end.
fn insert<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let mut parts = sequence(node, 0)?.to_vec();
    let place = match node.maybe_ints(2)?.as_deref() {
        None => parts.len(),
        Some(place @ &[given]) if given < 0 => place_of(place, parts.len())?,
        // One more place than parts: the end.
        Some(place) => place_of(place, parts.len() + 1)?,
    };
    control::bounded(parts.len() + 1)?;
    parts.insert(place, node.value(1)?);
    Ok(vec![Value::Sequence(parts.into())])
}

/// One tensor of all parts, along an axis or along a new one.
fn concat_from_sequence<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let values = sequence(node, 0)?;
    let Some(first) = values.first() else { return wrong("the sequence has no tensor") };
    let (rank, axis) = (first.sizes()?.len(), node.maybe_int("axis"));
    let Some(axis) = axis else { return wrong("the attribute \"axis\" is missing") };
    Ok(vec![match node.flag("new_axis") {
        true => parts::stack(node, &values, axis_of(axis, rank + 1)?)?,
        false => parts::join(node, &values, axis_of(axis, rank)?)?,
    }])
}

/// A graph for each part of the first sequence, with the parts of other sequences at its place and with whole tensors.
fn map<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let body = node.graph_attribute("body")?;
    let length = sequence(node, 0)?.len();
    let mut results: Vec<Vec<Value<'g>>> = vec![Vec::new(); body.output.len()];
    for step in 0..length {
        let mut inputs = Vec::new();
        for input in 0..node.inputs.len() {
            inputs.push(match node.value(input)? {
                Value::Sequence(parts) => match parts.get(step) {
                    Some(part) => part.clone(),
                    None => return wrong(format!("sequences of {length} and {} values", parts.len())),
                },
                other => other,
            });
        }
        let outputs = node.body(body, step, inputs)?;
        results.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
    }
    Ok(results.into_iter().map(|list| Value::Sequence(list.into())).collect())
}
