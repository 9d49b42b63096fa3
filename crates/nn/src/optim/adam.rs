use anygrad_graph::Tensor;

use super::{Convention, Optimizer, Settings, Update, setting_options};
use crate::Scope;

/// Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019).
///
/// ```text
/// m' = b1 m + (1 - b1) g
/// v' = b2 v + (1 - b2) g^2
/// Keras     p' = p - lr sqrt(1 - b2^t) / (1 - b1^t) m' / (sqrt(v') + eps)         eps is 1e-7
/// PyTorch   p' = p - lr / (1 - b1^t) m' / (sqrt(v') / sqrt(1 - b2^t) + eps)       eps is 1e-8
/// ```
///
/// with t the number of the step counted from 1.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    settings: Settings,
    convention: Convention,
    betas: (f64, f64),
    eps: f64,
}

impl Adam {
    /// Adam by Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        Adam::with(lr, Convention::Keras, 1e-7)
    }

    /// Adam by PyTorch's convention. Weight decay is added to the gradient.
    pub fn pytorch(lr: f64) -> Self {
        Adam::with(lr, Convention::PyTorch, 1e-8)
    }

    /// AdamW by Keras's convention, with its usual weight decay of 0.004.
    pub fn adamw(lr: f64) -> Self {
        Adam::new(lr).weight_decay(0.004)
    }

    /// AdamW by PyTorch's convention, with its usual weight decay of 0.01.
    pub fn pytorch_adamw(lr: f64) -> Self {
        let mut adam = Adam::pytorch(lr).weight_decay(0.01);
        adam.settings.decoupled = true;
        adam
    }

    fn with(lr: f64, convention: Convention, eps: f64) -> Self {
        Adam { settings: Settings::new(lr, convention), convention, betas: (0.9, 0.999), eps }
    }

    /// How much of the mean gradient and of the mean of squares stays each step; 0.9 and 0.999
    /// unless told otherwise.
    pub fn betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        self.betas = (beta_1, beta_2);
        self
    }

    /// What keeps the divisor from 0.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

setting_options!(Adam);

impl Optimizer for Adam {
    fn settings(&self) -> Settings {
        self.settings
    }

    fn next<'g>(&self, scope: &mut Scope<'g>, at: &Update<'g>) -> Tensor<'g> {
        let (p, g, lr, graph) = (at.parameter, at.gradient, at.lr, scope.graph());
        let (b1, b2) = self.betas;
        let m = at.state(scope, "m", 0.0);
        let v = at.state(scope, "v", 0.0);
        let next_m = m * b1 + g * (1.0 - b1);
        let next_v = v * b2 + g.square() * (1.0 - b2);
        // 1 - b^t through expm1, which keeps the digits that 1 - 0.999 loses in f32.
        let correction = |beta: f64| -(at.step * beta.ln()).expm1();
        let (first, second) = (correction(b1), correction(b2).sqrt());
        graph.update(m, next_m);
        graph.update(v, next_v);
        match self.convention {
            Convention::Keras => p - (lr * second / first) * next_m / (next_v.sqrt() + self.eps),
            Convention::PyTorch => p - (lr / first) * next_m / (next_v.sqrt() / second + self.eps),
        }
    }
}
