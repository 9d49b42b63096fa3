//! Gradients of several batches for one step: the gradient of all their rows together.
//!
//! ```text
//! each batch   sum' = sum + rows gradient     all' = all + rows     batches' = batches + 1
//! update       by the gradient sum / all      batches' = 0
//! ```
//!
//! The first batch writes over what the sums held, so nothing has to make them 0.

use anygrad_core::{Array, DType, Shape};
use anygrad_graph::{Graph, Tensor};

use crate::optim::{learned, update as update_by};
use crate::{Optimizer, Parameter, Scope};

/// All states of this module begin so.
pub(super) const PREFIX: &str = "gathered.";
/// The number of batches since the last update, a `u32`.
pub(super) const BATCHES: &str = "gathered.batches";
/// The rows of these batches, an `f32`.
pub(super) const ROWS: &str = "gathered.rows";

pub(super) fn sum_of(parameter: &str) -> String {
    format!("{PREFIX}sum.{parameter}")
}

fn batches(graph: &Graph) -> Tensor<'_> {
    graph.state_of(BATCHES, &[], DType::U32)
}

fn whole(graph: &Graph, number: u32) -> Tensor<'_> {
    graph.constant(Array::from_f64(Shape::SCALAR, DType::U32, &[f64::from(number)]))
}

/// Has random operators draw anew for each batch of a step.
pub(super) fn draw_by_batch(scope: &mut Scope<'_>) {
    let graph = scope.graph();
    // An odd factor near 2^32 over the golden ratio keeps the numbers of nearby steps apart.
    scope.draw_by(scope.steps_done() + batches(graph) * whole(graph, 0x9E37_79B1));
}

/// Adds the gradients of a loss of so many rows.
pub(super) fn gather(scope: &Scope<'_>, loss: Tensor<'_>, rows: usize) {
    let graph = scope.graph();
    let (names, parameters) = learned(scope);
    let loss = graph.tensor(loss.id());
    // Before the gradients, so that each can be added where it is computed.
    let is_first = batches(graph).eq(whole(graph, 0));
    let gradients = graph.gradients(loss, &parameters);
    for (name, gradient) in names.iter().zip(gradients) {
        if gradient.is_poison() {
            return;
        }
        let sum = graph.state(&sum_of(name), &gradient.shape());
        let term = gradient * rows as f64;
        graph.update(sum, is_first.select(term, sum + term));
    }
    let all = graph.state(ROWS, &[]);
    let more = graph.scalar(rows as f64);
    graph.update(all, is_first.select(more, all + more));
    graph.update(batches(graph), batches(graph) + whole(graph, 1));
}

/// One step by the gathered gradients.
pub(super) fn update<'p>(
    scope: &mut Scope<'_>,
    optimizer: &dyn Optimizer,
    parameters: impl Iterator<Item = &'p Parameter>,
) {
    let graph = scope.graph();
    let all = graph.state(ROWS, &[]);
    let (mut names, mut values, mut gradients) = (Vec::new(), Vec::new(), Vec::new());
    for parameter in parameters {
        values.push(graph.state(&parameter.name, &parameter.shape));
        gradients.push(graph.state(&sum_of(&parameter.name), &parameter.shape) / all);
        names.push(parameter.name.clone());
    }
    update_by(scope, optimizer, &names, &values, &gradients);
    graph.update(batches(graph), whole(graph, 0));
}
