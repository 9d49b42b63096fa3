//! Optimizers: how gradients change parameters.
//!
//! Keras and PyTorch differ in where epsilon stands and in what weight decay means; each optimizer
//! has a constructor for either convention. `new` follows Keras.

#[macro_use]
mod optimizer;

mod adagrad;
mod adam;
mod clip;
mod sgd;

pub use adagrad::{Adadelta, Adagrad, RmsProp};
pub use adam::{Adam, Adamax, Nadam};
pub use clip::Clip;
pub use sgd::{Lion, Sgd};

use anygrad_core::{Array, DType};
use anygrad_graph::Tensor;
use anygrad_graph::ops::UpdateRule;

use crate::{Init, Role, Scope};

/// The name of the state that holds the learning rate, a scalar `f32`.
pub(crate) const LR: &str = "optimizer.lr";

/// What every optimizer has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The learning rate that training starts with.
    pub lr: f64,
    /// What is done to gradients first.
    pub clip: Option<Clip>,
}

/// An update rule with the settings around it.
pub trait Optimizer: Send + Sync {
    /// Learning rate and clipping.
    fn settings(&self) -> Settings;

    /// How a gradient changes a parameter.
    fn rule(&self) -> &dyn UpdateRule;

    /// What the state of this name starts at.
    fn start(&self, _slot: &str) -> f64 {
        0.0
    }
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn settings(&self) -> Settings {
        (**self).settings()
    }

    fn rule(&self) -> &dyn UpdateRule {
        (**self).rule()
    }

    fn start(&self, slot: &str) -> f64 {
        (**self).start(slot)
    }
}

/// Adds one step that minimizes `loss`, penalties included ([`Scope::penalized`]): gradients of all trainable
/// parameters, clipping, updates, and the count of the step. It returns the gradients, unclipped, in
/// the order of the scope's trainable parameters.
///
/// Build it last: updates write over parameters, so everything else must have read them.
#[track_caller]
pub fn minimize<'g>(scope: &mut Scope<'g>, optimizer: &dyn Optimizer, loss: Tensor<'g>) -> Vec<Tensor<'g>> {
    let (names, parameters) = learned(scope);
    let gradients = scope.graph().gradients(loss, &parameters);
    update(scope, optimizer, &names, &parameters, &gradients);
    gradients
}

/// Names and values of the trainable parameters that the scope was asked for.
pub(crate) fn learned<'g>(scope: &Scope<'g>) -> (Vec<String>, Vec<Tensor<'g>>) {
    let learned = scope.parameters().iter().filter(|p| p.role == Role::Trainable);
    let names: Vec<String> = learned.map(|p| p.name.clone()).collect();
    let parameters = names.iter().filter_map(|name| scope.graph().find(name)).collect();
    (names, parameters)
}

/// Clipping, updates by these gradients, and the count of the step.
#[track_caller]
pub(crate) fn update<'g>(
    scope: &mut Scope<'g>,
    optimizer: &dyn Optimizer,
    names: &[String],
    parameters: &[Tensor<'g>],
    gradients: &[Tensor<'g>],
) {
    let graph = scope.graph();
    let settings = optimizer.settings();
    let clipped = settings.clip.map_or(gradients.to_vec(), |clip| clip.apply(gradients));
    let count = scope.steps_done();
    let step = count.cast(DType::F32) + 1.0;
    let lr = scope.optimizer_state(LR.into(), &[], Init::Constant(settings.lr));
    for ((name, &parameter), gradient) in names.iter().zip(parameters).zip(clipped) {
        let mut keep = |slot: &str| {
            let init = Init::Constant(optimizer.start(slot));
            scope.optimizer_state(format!("optimizer.{name}.{slot}"), &parameter.shape(), init)
        };
        let state: Vec<Tensor<'g>> = optimizer.rule().slots().into_iter().map(&mut keep).collect();
        let label = format!("update of {name}");
        let next = graph.labelled(&label, || optimizer.rule().update(parameter, gradient, &state, lr, step));
        for (old, new) in [parameter].into_iter().chain(state).zip(next) {
            graph.update(old, new);
        }
    }
    if let Ok(one) = Array::u32(&[], [1]) {
        graph.update(count, count + graph.constant(one));
    }
}
