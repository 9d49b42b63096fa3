use anygrad_graph::Tensor;

use super::{Convention, Optimizer, Settings, Update, setting_options};
use crate::Scope;

/// Adagrad (Duchi, Hazan, Singer 2011).
///
/// ```text
/// a' = a + g^2
/// Keras     p' = p - lr g / sqrt(a' + eps)      a starts at 0.1, eps is 1e-7
/// PyTorch   p' = p - lr g / (sqrt(a') + eps)    a starts at 0, eps is 1e-10
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Adagrad {
    settings: Settings,
    convention: Convention,
    initial_accumulator: f64,
    eps: f64,
}

impl Adagrad {
    /// By Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        let convention = Convention::Keras;
        Adagrad { settings: Settings::new(lr, convention), convention, initial_accumulator: 0.1, eps: 1e-7 }
    }

    /// By PyTorch's convention; its usual learning rate is 0.01.
    pub fn pytorch(lr: f64) -> Self {
        let convention = Convention::PyTorch;
        Adagrad { settings: Settings::new(lr, convention), convention, initial_accumulator: 0.0, eps: 1e-10 }
    }

    /// What the sum of squares starts at.
    pub fn initial_accumulator(mut self, value: f64) -> Self {
        self.initial_accumulator = value;
        self
    }

    /// What keeps the divisor from 0.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

setting_options!(Adagrad);

impl Optimizer for Adagrad {
    fn settings(&self) -> Settings {
        self.settings
    }

    fn next<'g>(&self, scope: &mut Scope<'g>, at: &Update<'g>) -> Tensor<'g> {
        let (p, g) = (at.parameter, at.gradient);
        let a = at.state(scope, "accumulator", self.initial_accumulator);
        let next_a = a + g.square();
        let divisor = match self.convention {
            Convention::Keras => (next_a + self.eps).sqrt(),
            Convention::PyTorch => next_a.sqrt() + self.eps,
        };
        scope.graph().update(a, next_a);
        p - at.lr * g / divisor
    }
}
