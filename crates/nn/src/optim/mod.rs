//! Optimizers: how gradients change parameters.
//!
//! Keras and PyTorch differ in where epsilon stands and in what weight decay means; each optimizer
//! has a constructor for either convention. `new` follows Keras.

mod adagrad;
mod adam;
mod clip;
mod rmsprop;
mod sgd;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use clip::Clip;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use anygrad_core::{Array, DType};
use anygrad_graph::Tensor;

use crate::scope::STEP;
use crate::{Init, Role, Scope};

/// The name of the state that holds the learning rate, a scalar `f32`.
pub(crate) const LR: &str = "optimizer.lr";

/// Whose formula is followed where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// Keras 3: weight decay is decoupled, p -= lr decay p before the step, for every optimizer.
    Keras,
    /// PyTorch: weight decay adds decay p to the gradient, except for AdamW, where it is decoupled.
    PyTorch,
}

/// What every optimizer has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The learning rate that training starts with.
    pub lr: f64,
    /// What is done to gradients first.
    pub clip: Option<Clip>,
    /// How fast parameters shrink on their own.
    pub weight_decay: f64,
    /// Whether weight decay leaves the gradient alone.
    pub decoupled: bool,
}

impl Settings {
    fn new(lr: f64, convention: Convention) -> Self {
        let decoupled = convention == Convention::Keras;
        Settings { lr, clip: None, weight_decay: 0.0, decoupled }
    }
}

/// One parameter in one step.
pub struct Update<'g> {
    /// The parameter's name, under which the optimizer keeps its state.
    pub name: String,
    /// The parameter, shrunk already where weight decay is decoupled.
    pub parameter: Tensor<'g>,
    /// Its gradient, clipped, of the same shape.
    pub gradient: Tensor<'g>,
    /// The learning rate, a scalar.
    pub lr: Tensor<'g>,
    /// The number of this step counted from 1, a scalar `f32`.
    pub step: Tensor<'g>,
}

impl<'g> Update<'g> {
    /// State of the parameter's shape, kept from step to step.
    pub fn state(&self, scope: &mut Scope<'g>, name: &str, start: f64) -> Tensor<'g> {
        let init = if start == 0.0 { Init::Zeros } else { Init::Constant(start) };
        scope.optimizer_state(format!("optimizer.{}.{name}", self.name), &self.parameter.shape(), init)
    }
}

/// A rule that makes new parameters from gradients.
pub trait Optimizer: Send + Sync {
    /// Learning rate, clipping, weight decay.
    fn settings(&self) -> Settings;

    /// The next value of one parameter. State of its own is updated with
    /// [`anygrad_graph::Graph::update`].
    fn next<'g>(&self, scope: &mut Scope<'g>, at: &Update<'g>) -> Tensor<'g>;
}

impl<O: Optimizer + ?Sized> Optimizer for Box<O> {
    fn settings(&self) -> Settings {
        (**self).settings()
    }

    fn next<'g>(&self, scope: &mut Scope<'g>, at: &Update<'g>) -> Tensor<'g> {
        (**self).next(scope, at)
    }
}

/// Adds one step that minimizes `loss` plus the penalties of the scope: gradients of all trainable
/// parameters, clipping, updates, and the count of the step.
///
/// Build it last: updates may write over parameters, so everything else must have read them.
#[track_caller]
pub fn minimize<'g>(scope: &mut Scope<'g>, optimizer: &dyn Optimizer, loss: Tensor<'g>) {
    let graph = scope.graph();
    let settings = optimizer.settings();
    let loss = scope.penalties().iter().fold(loss, |loss, &penalty| loss + penalty);
    let learned = scope.parameters().iter().filter(|p| p.role == Role::Trainable);
    let names: Vec<String> = learned.map(|p| p.name.clone()).collect();
    let parameters: Vec<Tensor<'g>> = names.iter().filter_map(|name| graph.find(name)).collect();
    let gradients = graph.gradients(loss, &parameters);
    let gradients = match settings.clip {
        Some(clip) => clip.apply(&gradients),
        None => gradients,
    };
    let count = scope.step();
    let step = count.cast(DType::F32) + 1.0;
    let lr = scope.optimizer_state(LR.into(), &[], Init::Constant(settings.lr));
    for ((name, parameter), gradient) in names.into_iter().zip(parameters).zip(gradients) {
        let mut at = Update { name, parameter, gradient, lr, step };
        if settings.weight_decay != 0.0 {
            if settings.decoupled {
                at.parameter = parameter * (1.0 - lr * settings.weight_decay);
            } else {
                at.gradient = gradient + parameter * settings.weight_decay;
            }
        }
        let next = optimizer.next(scope, &at);
        graph.update(parameter, next);
    }
    if let Ok(one) = Array::u32(&[], [1]) {
        graph.update(graph.state_of(STEP, &[], DType::U32), count + graph.constant(one));
    }
}

/// The builder methods of optimizers that keep [`Settings`] in `settings`.
macro_rules! setting_options {
    ($optimizer:ident) => {
        impl $optimizer {
            /// Shrinks parameters on their own. Keras: p -= lr decay p before the step. PyTorch: decay p
            /// is added to the gradient, except for AdamW.
            pub fn weight_decay(mut self, weight_decay: f64) -> Self {
                self.settings.weight_decay = weight_decay;
                self
            }

            /// Limits the gradients.
            pub fn clip(mut self, clip: $crate::Clip) -> Self {
                self.settings.clip = Some(clip);
                self
            }
        }
    };
}
use setting_options;
