use anygrad_graph::Tensor;

use super::{Convention, Optimizer, Settings, Update, setting_options};
use crate::Scope;

/// Gradient descent, with or without momentum.
///
/// ```text
/// no momentum   p' = p - lr g
/// Keras         m' = mu m - lr g,  p' = p + m'           nesterov: p' = p + mu m' - lr g
/// PyTorch       m' = mu m + g,     p' = p - lr m'        nesterov: p' = p - lr (g + mu m')
/// ```
///
/// The two are the same while the learning rate stays.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    settings: Settings,
    convention: Convention,
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent by Keras's convention; its usual learning rate is 0.01.
    pub fn new(lr: f64) -> Self {
        Sgd::with(lr, Convention::Keras)
    }

    /// Plain gradient descent by PyTorch's convention.
    pub fn pytorch(lr: f64) -> Self {
        Sgd::with(lr, Convention::PyTorch)
    }

    fn with(lr: f64, convention: Convention) -> Self {
        Sgd { settings: Settings::new(lr, convention), convention, momentum: 0.0, nesterov: false }
    }

    /// The share of the last step that is taken again; 0.9 is usual.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether the gradient is applied behind the momentum (Nesterov).
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }
}

setting_options!(Sgd);

impl Optimizer for Sgd {
    fn settings(&self) -> Settings {
        self.settings
    }

    fn next<'g>(&self, scope: &mut Scope<'g>, at: &Update<'g>) -> Tensor<'g> {
        let (p, g, lr, mu) = (at.parameter, at.gradient, at.lr, self.momentum);
        if mu == 0.0 {
            return p - lr * g;
        }
        let m = at.state(scope, "momentum", 0.0);
        let (next_m, next_p) = match (self.convention, self.nesterov) {
            (Convention::Keras, nesterov) => {
                let next_m = m * mu - lr * g;
                (next_m, if nesterov { p + next_m * mu - lr * g } else { p + next_m })
            }
            (Convention::PyTorch, nesterov) => {
                let next_m = m * mu + g;
                (next_m, p - lr * if nesterov { g + next_m * mu } else { next_m })
            }
        };
        scope.graph().update(m, next_m);
        next_p
    }
}
