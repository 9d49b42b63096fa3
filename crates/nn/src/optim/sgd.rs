//! Optimizers that do not divide.

use anygrad_graph::ops::{self, Convention};

optimizer! {
    /// Gradient descent, with or without momentum.
    ///
    /// ```text
    /// no momentum   p' = p - lr g
    /// Keras         m' = mu m - lr g,  p' = p + m'           nesterov: p' = p + mu m' - lr g
    /// PyTorch       m' = mu m + g,     p' = p - lr m'        nesterov: p' = p - lr (g + mu m')
    /// ```
    ///
    /// The two are the same while the learning rate stays.
    Sgd
}

impl Sgd {
    /// Plain gradient descent by Keras's convention; its usual learning rate is 0.01.
    pub fn new(lr: f64) -> Self {
        Sgd::with(lr, ops::Sgd::default())
    }

    /// Plain gradient descent by PyTorch's convention.
    pub fn pytorch(lr: f64) -> Self {
        Sgd::with(lr, ops::Sgd { convention: Convention::PyTorch, ..ops::Sgd::default() }).coupled()
    }

    /// The share of the last step that is taken again; 0.9 is usual.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.rule.momentum = momentum;
        self
    }

    /// Whether the gradient is applied behind the momentum (Nesterov).
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.rule.nesterov = nesterov;
        self
    }
}

optimizer! {
    /// Lion (Chen and others, 2023).
    ///
    /// ```text
    /// p' = p - lr sign(b1 m + (1 - b1) g)
    /// m' = b2 m + (1 - b2) g
    /// ```
    ///
    /// Every element moves by the learning rate, so that is three to ten times smaller than Adam's, and
    /// weight decay, which stands apart from the gradient, as much larger.
    Lion
}

impl Lion {
    /// By the paper, which Keras follows; its usual learning rate is 0.0001 (0.001 in Keras).
    pub fn new(lr: f64) -> Self {
        Lion::with(lr, ops::Lion::default())
    }

    /// The mean gradient's share in the direction, and how much of it stays each step; 0.9 and 0.99 unless
    /// told otherwise.
    pub fn betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        self.rule.betas = (beta_1, beta_2);
        self
    }
}
