//! Optimizers that divide by the root of what gradients were.

use anygrad_graph::ops::{self, Convention};

optimizer! {
    /// Adagrad (Duchi, Hazan, Singer 2011).
    ///
    /// ```text
    /// a' = a + g^2
    /// Keras     p' = p - lr g / sqrt(a' + eps)      a starts at 0.1, eps is 1e-7
    /// PyTorch   p' = p - lr g / (sqrt(a') + eps)    a starts at 0, eps is 1e-10
    /// ```
    Adagrad
}

epsilon!(Adagrad);

impl Adagrad {
    /// By Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        Adagrad::with(lr, ops::Adagrad::default()).initial_accumulator(0.1)
    }

    /// By PyTorch's convention; its usual learning rate is 0.01.
    pub fn pytorch(lr: f64) -> Self {
        let convention = Convention::PyTorch;
        Adagrad::with(lr, ops::Adagrad { convention, epsilon: 1e-10, ..ops::Adagrad::default() }).coupled()
    }

    /// What the sum of squares starts at.
    pub fn initial_accumulator(mut self, value: f64) -> Self {
        self.start = value;
        self
    }
}

optimizer! {
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
    RmsProp
}

epsilon!(RmsProp);

impl RmsProp {
    /// By Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        RmsProp::with(lr, ops::RmsProp::default())
    }

    /// By PyTorch's convention; its usual learning rate is 0.01.
    pub fn pytorch(lr: f64) -> Self {
        let convention = Convention::PyTorch;
        RmsProp::with(lr, ops::RmsProp { convention, rho: 0.99, epsilon: 1e-8, ..ops::RmsProp::default() })
            .coupled()
    }

    /// How much of the mean of squares stays each step; PyTorch calls it alpha.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rule.rho = rho;
        self
    }

    /// The share of the last step that is taken again.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.rule.momentum = momentum;
        self
    }

    /// Whether the square of the mean gradient is subtracted from the mean of squares.
    pub fn centered(mut self, centered: bool) -> Self {
        self.rule.centered = centered;
        self
    }
}

optimizer! {
    /// Adadelta (Zeiler 2012).
    ///
    /// ```text
    /// v' = rho v + (1 - rho) g^2
    /// u = sqrt(s + eps) / sqrt(v' + eps) g      eps is 1e-7 and rho 0.95 in Keras, 1e-6 and 0.9 in PyTorch
    /// s' = rho s + (1 - rho) u^2
    /// p' = p - lr u
    /// ```
    Adadelta
}

epsilon!(Adadelta);

impl Adadelta {
    /// With Keras's values; its usual learning rate is 0.001, that of the paper is 1.
    pub fn new(lr: f64) -> Self {
        Adadelta::with(lr, ops::Adadelta::default())
    }

    /// With PyTorch's values; its usual learning rate is 1.
    pub fn pytorch(lr: f64) -> Self {
        Adadelta::with(lr, ops::Adadelta { rho: 0.9, epsilon: 1e-6, ..ops::Adadelta::default() }).coupled()
    }

    /// How much of the means of squares stays each step.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rule.rho = rho;
        self
    }
}
