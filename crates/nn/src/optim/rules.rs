use anygrad_graph::ops::{self, Convention, UpdateRule, WeightDecay};

use super::{Clip, Optimizer, Settings};

/// An optimizer: the rule, the settings around it, and the methods that all of them have.
macro_rules! optimizer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            settings: Settings,
            decoupled: bool,
            /// What the state starts at.
            start: f64,
            rule: ops::$name,
        }

        impl $name {
            fn with(lr: f64, rule: ops::$name) -> Self {
                let decoupled = rule.convention == Convention::Keras;
                $name { settings: Settings { lr, clip: None }, decoupled, start: 0.0, rule }
            }

            /// Pulls parameters towards zero. By Keras's convention, and for AdamW, p shrinks by lr decay p
            /// before the step; by PyTorch's, decay p is added to the gradient.
            pub fn weight_decay(mut self, decay: f64) -> Self {
                self.rule.weight_decay = match self.decoupled {
                    _ if decay == 0.0 => WeightDecay::None,
                    true => WeightDecay::Decoupled(decay),
                    false => WeightDecay::L2(decay),
                };
                self
            }

            /// Limits the gradients.
            pub fn clip(mut self, clip: Clip) -> Self {
                self.settings.clip = Some(clip);
                self
            }
        }

        impl Optimizer for $name {
            fn settings(&self) -> Settings {
                self.settings
            }

            fn rule(&self) -> &dyn UpdateRule {
                &self.rule
            }

            fn start(&self, _slot: &str) -> f64 {
                self.start
            }
        }
    };
}

/// The method of optimizers that divide.
macro_rules! epsilon {
    ($name:ident) => {
        impl $name {
            /// What keeps the divisor from 0.
            pub fn eps(mut self, eps: f64) -> Self {
                self.rule.epsilon = eps;
                self
            }
        }
    };
}

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
        Sgd::with(lr, ops::Sgd { convention: Convention::PyTorch, ..ops::Sgd::default() })
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
        Adagrad::with(lr, ops::Adagrad { convention, epsilon: 1e-10, ..ops::Adagrad::default() })
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
        Adam::with(lr, ops::Adam { convention, epsilon: 1e-8, ..ops::Adam::default() })
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
