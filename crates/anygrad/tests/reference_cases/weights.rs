//! Parameters with an optimizer: what a step of training changes.

use anygrad::core::{Array, Error};
use anygrad::gpu::Session;
use anygrad::graph::Tensor;
use anygrad::graph::ops::UpdateRule;

/// A parameter, or a piece of an optimizer's state, and what it holds at first.
pub struct Start {
    name: String,
    value: Array,
}

/// Updates a parameter by a rule, with its state beside it. `slot` is what the state holds at first.
pub fn update<'g>(
    rule: &dyn UpdateRule,
    name: &str,
    parameter: Tensor<'g>,
    gradient: Tensor<'g>,
    slot: f32,
    [lr, step]: [Tensor<'g>; 2],
) -> Vec<Start> {
    let graph = parameter.graph();
    let shape = parameter.shape();
    let mut starts = Vec::new();
    let mut states = Vec::new();
    for slot_name in rule.slots() {
        let name = format!("{name}/{slot_name}");
        states.push(graph.state(&name, &shape));
        let value = Array::f32(&shape, vec![slot; shape.elements()]).unwrap();
        starts.push(Start { name, value });
    }
    let next = rule.update(parameter, gradient, &states, lr, step);
    graph.update(parameter, next[0]);
    for (state, next) in states.iter().zip(&next[1..]) {
        graph.update(*state, *next);
    }
    starts
}

/// A parameter's first value.
pub fn start(name: &str, value: &Array) -> Start {
    Start { name: name.into(), value: value.clone() }
}

/// Writes the first values of what a program of the session has.
pub fn write(session: &Session, starts: &[Start]) -> Result<(), Error> {
    starts.iter().try_for_each(|start| session.write_state(&start.name, &start.value))
}
