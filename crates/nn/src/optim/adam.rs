//! Adam and its kin.

use anygrad_graph::ops::{self, Convention};

optimizer! {
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
    Adam
}

epsilon!(Adam);

impl Adam {
    /// Adam by Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        Adam::with(lr, ops::Adam::default())
    }

    /// Adam by PyTorch's convention. Weight decay is added to the gradient.
    pub fn pytorch(lr: f64) -> Self {
        let convention = Convention::PyTorch;
        Adam::with(lr, ops::Adam { convention, epsilon: 1e-8, ..ops::Adam::default() }).coupled()
    }

    /// AdamW by Keras's convention, with its usual weight decay of 0.004.
    pub fn adamw(lr: f64) -> Self {
        Adam::new(lr).weight_decay(0.004)
    }

    /// AdamW by PyTorch's convention, with its usual weight decay of 0.01.
    pub fn pytorch_adamw(lr: f64) -> Self {
        Adam { decoupled: true, ..Adam::pytorch(lr) }.weight_decay(0.01)
    }

    /// How much of the mean gradient and of the mean of squares stays each step; 0.9 and 0.999
    /// unless told otherwise.
    pub fn betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        self.rule.betas = (beta_1, beta_2);
        self
    }

    /// Whether the largest mean of squares so far divides (Reddi, Kale, Kumar 2018).
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.rule.amsgrad = amsgrad;
        self
    }
}

optimizer! {
    /// Adamax (Kingma, Ba 2015): the largest gradient divides, not their root mean square.
    ///
    /// ```text
    /// m' = b1 m + (1 - b1) g
    /// Keras     u' = max(b2 u, |g|),        p' = p - lr / (1 - b1^t) m' / (u' + eps)    eps is 1e-7
    /// PyTorch   u' = max(b2 u, |g| + eps),  p' = p - lr / (1 - b1^t) m' / u'            eps is 1e-8
    /// ```
    ///
    /// with t the number of the step counted from 1.
    Adamax
}

epsilon!(Adamax);

impl Adamax {
    /// By Keras's convention; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        Adamax::with(lr, ops::Adamax::default())
    }

    /// By PyTorch's convention; its usual learning rate is 0.002.
    pub fn pytorch(lr: f64) -> Self {
        let convention = Convention::PyTorch;
        Adamax::with(lr, ops::Adamax { convention, epsilon: 1e-8, ..ops::Adamax::default() }).coupled()
    }

    /// How much of the mean gradient and of the largest stays each step; 0.9 and 0.999 unless told
    /// otherwise.
    pub fn betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        self.rule.betas = (beta_1, beta_2);
        self
    }
}

optimizer! {
    /// Nadam (Dozat 2016): Adam with Nesterov's look ahead.
    ///
    /// ```text
    /// m' = b1 m + (1 - b1) g
    /// v' = b2 v + (1 - b2) g^2
    /// mu(t) = b1 (1 - 0.96^(t d) / 2)      d is 1 in Keras, 0.004 in PyTorch
    /// n = (1 - mu(t)) / (1 - mu(1) ... mu(t)) g + mu(t + 1) / (1 - mu(1) ... mu(t + 1)) m'
    /// p' = p - lr n / (sqrt(v' / (1 - b2^t)) + eps)
    /// ```
    ///
    /// with t the number of the step counted from 1.
    Nadam
}

epsilon!(Nadam);

impl Nadam {
    /// With Keras's values; its usual learning rate is 0.001.
    pub fn new(lr: f64) -> Self {
        Nadam::with(lr, ops::Nadam::default())
    }

    /// With PyTorch's values; its usual learning rate is 0.002.
    pub fn pytorch(lr: f64) -> Self {
        let rule = ops::Nadam { momentum_decay: 0.004, epsilon: 1e-8, ..ops::Nadam::default() };
        Nadam::with(lr, rule).coupled()
    }

    /// How much of the mean gradient and of the mean of squares stays each step; 0.9 and 0.999
    /// unless told otherwise.
    pub fn betas(mut self, beta_1: f64, beta_2: f64) -> Self {
        self.rule.betas = (beta_1, beta_2);
        self
    }

    /// How fast the weight of the mean gradient grows.
    pub fn momentum_decay(mut self, decay: f64) -> Self {
        self.rule.momentum_decay = decay;
        self
    }
}
