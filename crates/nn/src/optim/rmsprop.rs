use anygrad_graph::Tensor;

use super::{Convention, Optimizer, Settings, Update, setting_options};
use crate::Scope;

/// RMSProp (Hinton 2012).
///
/// ```text
/// v' = rho v + (1 - rho) g^2
/// centered: a' = rho a + (1 - rho) g, and v' - a'^2 stands for v' below
/// Keras     u = g / sqrt(v' + eps)      eps is 1e-7, rho 0.9
/// PyTorch   u = g / (sqrt(v') + eps)    eps is 1e-8, rho 0.99
/// p' = p - lr u
/// momentum, Keras:    m' = mu m + lr u,  p' = p - m'
/// momentum, PyTorch:  m' = mu m + u,     p' = p - lr m'
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    settings: Settings,
    convention: Convention,
    rho: f64,
    momentum: f64,
    centered: bool,
    eps: f64,
}

impl RmsProp {
    /// By Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        RmsProp::with(lr, Convention::Keras, 0.9, 1e-7)
    }

    /// By PyTorch's convention; its usual learning rate is 0.01.
    pub fn pytorch(lr: f64) -> Self {
        RmsProp::with(lr, Convention::PyTorch, 0.99, 1e-8)
    }

    fn with(lr: f64, convention: Convention, rho: f64, eps: f64) -> Self {
        let settings = Settings::new(lr, convention);
        RmsProp { settings, convention, rho, momentum: 0.0, centered: false, eps }
    }

    /// How much of the mean of squares stays each step; PyTorch calls it alpha.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }

    /// The share of the last step that is taken again.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether the square of the mean gradient is subtracted from the mean of squares.
    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self
    }

    /// What keeps the divisor from 0.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

setting_options!(RmsProp);

impl Optimizer for RmsProp {
    fn settings(&self) -> Settings {
        self.settings
    }

    fn next<'g>(&self, scope: &mut Scope<'g>, at: &Update<'g>) -> Tensor<'g> {
        let (p, g, lr, graph) = (at.parameter, at.gradient, at.lr, scope.graph());
        let v = at.state(scope, "mean_square", 0.0);
        let next_v = v * self.rho + g.square() * (1.0 - self.rho);
        graph.update(v, next_v);
        let mut variance = next_v;
        if self.centered {
            let a = at.state(scope, "mean", 0.0);
            let next_a = a * self.rho + g * (1.0 - self.rho);
            graph.update(a, next_a);
            variance = variance - next_a.square();
        }
        let u = match self.convention {
            Convention::Keras => g / (variance + self.eps).sqrt(),
            Convention::PyTorch => g / (variance.sqrt() + self.eps),
        };
        if self.momentum == 0.0 {
            return p - lr * u;
        }
        let m = at.state(scope, "momentum", 0.0);
        let (next_m, next_p) = match self.convention {
            Convention::Keras => {
                let next_m = m * self.momentum + lr * u;
                (next_m, p - next_m)
            }
            Convention::PyTorch => {
                let next_m = m * self.momentum + u;
                (next_m, p - lr * next_m)
            }
        };
        graph.update(m, next_m);
        next_p
    }
}
