//! Parameters with an optimizer: what a step of training changes.

use anygrad_core::{Array, DType, Result};
use anygrad_gpu::Session;
use anygrad_graph::Tensor;
use anygrad_graph::ops::UpdateRule;

/// A parameter, or a piece of an optimizer's state, and what it holds at first.
pub(crate) struct Start {
    pub name: String,
    pub value: Array,
}

/// Updates a parameter by a rule, with its state beside it. `slot` is what the state holds at first.
pub(crate) fn update<'g>(
    rule: &dyn UpdateRule,
    name: &str,
    parameter: Tensor<'g>,
    gradient: Tensor<'g>,
    slot: f64,
    [lr, step]: [Tensor<'g>; 2],
) -> Vec<Start> {
    let graph = parameter.graph();
    let shape = parameter.shape();
    let mut starts = Vec::new();
    let mut states = Vec::new();
    for slot_name in rule.slots() {
        let name = format!("{name}/{slot_name}");
        states.push(graph.state(&name, &shape));
        let value = Array::from_f64(shape, DType::F32, &vec![slot; shape.elements()]);
        starts.push(Start { name, value });
    }
    let next = rule.update(parameter, gradient, &states, lr, step);
    graph.update(parameter, next[0]);
    for (state, next) in states.iter().zip(&next[1..]) {
        graph.update(*state, *next);
    }
    starts
}

/// Writes the first values of what a program of the session has.
pub(crate) fn write(session: &Session, starts: &[Start]) -> Result<()> {
    starts.iter().try_for_each(|start| session.write_state(&start.name, &start.value))
}
