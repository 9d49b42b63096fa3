//! Graphs that run where a condition says so, or again and again.
//!
//! Everything is written out: a loop becomes its rounds one behind the other. A condition that only the device can
//! tell is waited for, so a loop goes on by one round in each stage of a run.

use super::Row;
use super::parts;
use crate::node::{Node, axis_of, count};
use crate::proto::GraphProto;
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[("If", choose), ("Loop", repeat), ("Scan", scan)];

/// Rounds of a loop, or values of a sequence, at most.
const MOST: usize = 1 << 16;

/// That a list is not longer than anything that is meant.
pub(super) fn bounded(length: usize) -> Result<(), Stop> {
    match length {
        0..=MOST => Ok(()),
        _ => unsupported(format!("{length} rounds or values; at most {MOST} are written out")),
    }
}

fn truth(host: &Host) -> Result<bool, Stop> {
    match host.to_i64()[..] {
        [truth] => Ok(truth != 0),
        _ => wrong(format!("the condition {host} is not one truth value")),
    }
}

/// One of two graphs.
fn choose<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (then, otherwise) = (node.graph_attribute("then_branch")?, node.graph_attribute("else_branch")?);
    match truth(&*node.host(0)?)? {
        true => node.body(then, 0, Vec::new()),
        false => node.body(otherwise, 1, Vec::new()),
    }
}

/// Rounds as long as there are some left and the condition holds. What rounds give beside it and the values that go
/// around is put together along a new first axis.
fn repeat<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let body = node.graph_attribute("body")?;
    let carried = node.inputs.len().saturating_sub(2);
    let Some(results) = body.output.len().checked_sub(1 + carried) else {
        return wrong(format!("a body with {} outputs for {carried} values", body.output.len()));
    };
    let rounds = match node.maybe_ints(0)?.as_deref() {
        None => None,
        Some(&[rounds]) => Some(rounds),
        Some(_) => return wrong("the number of rounds is not one number"),
    };
    let mut goes_on = match node.maybe_host(1)? {
        Some(host) => truth(&host)?,
        None => true,
    };
    let mut state = (0..carried).map(|v| node.value(v + 2)).collect::<Result<Vec<_>, Stop>>()?;
    let mut lists = vec![Vec::new(); results];
    let mut round = 0;
    while goes_on && rounds.is_none_or(|rounds| (round as i64) < rounds) {
        bounded(round + 1)?;
        let number = Host::new(Element::Int64, &[], Data::Int(vec![round as i64]))?;
        let condition = Host::new(Element::Bool, &[], Data::Int(vec![1]))?;
        let mut inputs = vec![number.into(), condition.into()];
        inputs.append(&mut state);
        let mut outputs = node.body(body, round, inputs)?.into_iter();
        if let Some(condition) = outputs.next()
            && rounds.is_none_or(|rounds| (round as i64) + 1 < rounds)
        {
            let name = body.output[0].name.as_deref().unwrap_or("");
            goes_on = truth(&*node.numbers_of(round, name, &condition)?)?;
        }
        state = outputs.by_ref().take(carried).collect();
        lists.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
        round += 1;
    }
    for (list, port) in lists.iter().zip(&body.output[1 + carried..]) {
        state.push(stacked(node, list, 0, port.name.as_deref().unwrap_or(""), body)?);
    }
    Ok(state)
}

/// What rounds gave, along a new axis. Of no rounds at all the body's type tells the sizes, where it does.
fn stacked<'g>(
    node: &Node<'_, 'g>,
    list: &[Value<'g>],
    axis: usize,
    name: &str,
    body: &GraphProto,
) -> Result<Value<'g>, Stop> {
    if list.iter().any(Value::is_blocked) {
        return Err(Stop::Blocked);
    }
    if !list.is_empty() {
        return parts::stack(node, list, axis);
    }
    let port = body.output.iter().find(|port| port.name.as_deref() == Some(name));
    let port = port.map(crate::model::port_of).transpose()?;
    let Some(element) = port.as_ref().and_then(|port| port.element) else {
        return unsupported(format!("no rounds, and {name:?} has no type"));
    };
    let known = |dim: &crate::Dim| if let crate::Dim::Fixed(size) = dim { *size } else { 0 };
    let mut sizes: Vec<usize> =
        port.and_then(|port| port.dims).unwrap_or_default().iter().map(known).collect();
    if axis > sizes.len() {
        return wrong(format!("a new axis {axis} of {sizes:?}"));
    }
    sizes.insert(axis, 0);
    parts::empty(element, &sizes)
}

/// Axes and directions of a scan's inputs or outputs, which may be left out.
fn list(node: &Node<'_, '_>, name: &str, count: usize) -> Result<Vec<i64>, Stop> {
    match node.ints(name) {
        None => Ok(vec![0; count]),
        Some(list) if list.len() == count => Ok(list),
        Some(list) => wrong(format!("{name} is {list:?}; {count} numbers were expected")),
    }
}

/// A graph for each place of an axis of the last inputs, with values that go around. In version 8 each sample of a
/// batch is a scan of its own.
fn scan<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let body = node.graph_attribute("body")?;
    let scanned = count("num_scan_inputs", node.int("num_scan_inputs", 0))?;
    let first = usize::from(node.opset < 9);
    let Some(carried) = node.inputs.len().checked_sub(first + scanned).filter(|_| scanned > 0) else {
        return wrong(format!("{scanned} of {} inputs are scanned", node.inputs.len()));
    };
    let Some(results) = body.output.len().checked_sub(carried) else {
        return wrong(format!("a body with {} outputs for {carried} values", body.output.len()));
    };
    let values = (first..node.inputs.len()).map(|v| node.value(v)).collect::<Result<Vec<_>, Stop>>()?;
    let (state, inputs) = values.split_at(carried);
    let directions = if first == 1 { "directions" } else { "scan_input_directions" };
    let back = list(node, directions, scanned)?;
    let mut scan = Scan { node, body, back, step: 0, longest: None };
    if first == 0 {
        let axes = list(node, "scan_input_axes", scanned)?;
        let out_axes = list(node, "scan_output_axes", results)?;
        let out_back = list(node, "scan_output_directions", results)?;
        let (mut outputs, lists) = scan.run(state.to_vec(), inputs, &axes, None)?;
        for (((mut list, axis), back), port) in
            lists.into_iter().zip(out_axes).zip(out_back).zip(&body.output[carried..])
        {
            if back != 0 {
                list.reverse();
            }
            let rank = match list.first() {
                Some(value) => value.sizes()?.len(),
                None => crate::model::port_of(port)?.dims.map_or(0, |dims| dims.len()),
            };
            let axis = axis_of(axis, rank + 1)?;
            outputs.push(stacked(node, &list, axis, port.name.as_deref().unwrap_or(""), body)?);
        }
        return Ok(outputs);
    }
    let lengths = node.maybe_ints(0)?;
    let Some(first) = inputs.first() else { return wrong("it has no inputs") };
    let batch = first.sizes()?.first().copied().unwrap_or(0);
    let mut samples: Vec<Vec<Value<'g>>> = vec![Vec::new(); body.output.len()];
    bounded(batch)?;
    for sample in 0..batch {
        let part = |value: &Value<'g>| sample_of(node, value, sample, batch);
        let state = state.iter().map(part).collect::<Result<Vec<_>, Stop>>()?;
        let inputs = inputs.iter().map(part).collect::<Result<Vec<_>, Stop>>()?;
        let length = match &lengths {
            None => None,
            Some(lengths) => match lengths.get(sample) {
                Some(&length) => Some(count("a length", length)?),
                None => return wrong(format!("{} lengths for {batch} samples", lengths.len())),
            },
        };
        let (mut outputs, lists) = scan.run(state, &inputs, &vec![0; scanned], length)?;
        for (list, port) in lists.into_iter().zip(&body.output[carried..]) {
            outputs.push(scan.filled_up(&list, port.name.as_deref().unwrap_or(""))?);
        }
        samples.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
    }
    samples.iter().map(|list| parts::stack(node, list, 0)).collect()
}

fn sample_of<'g>(
    node: &Node<'_, 'g>,
    value: &Value<'g>,
    sample: usize,
    batch: usize,
) -> Result<Value<'g>, Stop> {
    match value.sizes()?.first() {
        Some(&size) if size == batch => parts::at(node, value, 0, sample),
        _ => wrong(format!("{:?} is no batch of {batch}", value.sizes()?)),
    }
}

struct Scan<'n, 'a, 'g> {
    node: &'n Node<'a, 'g>,
    body: &'a GraphProto,
    /// Which inputs are walked from the end.
    back: Vec<i64>,
    /// Runs of the body so far.
    step: usize,
    /// Places of the scanned axis.
    longest: Option<usize>,
}

impl<'g> Scan<'_, '_, 'g> {
    /// The values that went around, and lists of what the rounds gave.
    fn run(
        &mut self,
        mut state: Vec<Value<'g>>,
        inputs: &[Value<'g>],
        axes: &[i64],
        length: Option<usize>,
    ) -> Result<(Vec<Value<'g>>, Vec<Vec<Value<'g>>>), Stop> {
        let carried = state.len();
        let mut walked = Vec::new();
        for (input, &axis) in inputs.iter().zip(axes) {
            let sizes = input.sizes()?;
            let axis = axis_of(axis, sizes.len())?;
            let longest = *self.longest.get_or_insert(sizes[axis]);
            if sizes[axis] != longest {
                return wrong(format!("scanned axes of {longest} and {} places", sizes[axis]));
            }
            walked.push((input, axis));
        }
        let longest = self.longest.unwrap_or(0);
        let rounds = length.unwrap_or(longest);
        if rounds > longest {
            return wrong(format!("a length of {rounds} where there are {longest} places"));
        }
        bounded(rounds)?;
        let mut lists = vec![Vec::new(); self.body.output.len() - carried];
        for round in 0..rounds {
            for ((input, axis), &back) in walked.iter().zip(&self.back) {
                let place = if back == 0 { round } else { rounds - 1 - round };
                state.push(parts::at(self.node, input, *axis, place)?);
            }
            let mut outputs = self.node.body(self.body, self.step, state)?.into_iter();
            self.step += 1;
            state = outputs.by_ref().take(carried).collect();
            lists.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
        }
        Ok((state, lists))
    }

    /// The rounds' values along a new first axis, with zeros behind them up to the longest.
    fn filled_up(&self, list: &[Value<'g>], name: &str) -> Result<Value<'g>, Stop> {
        let missing = self.longest.unwrap_or(0) - list.len();
        let Some(first) = list.first() else { return stacked(self.node, list, 0, name, self.body) };
        let zero = Host::from_f64(first.element()?, &[], &[0.0])?;
        let zeros = parts::expand(self.node, &zero.into(), &first.sizes()?)?;
        let mut list = list.to_vec();
        list.resize(list.len() + missing, zeros);
        stacked(self.node, &list, 0, name, self.body)
    }
}
