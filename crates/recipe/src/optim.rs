//! How gradients change parameters.

use anygrad_nn as nn;

use crate::parts::Convention;
use crate::schema::{ABOVE_0, BELOW_1, FROM_0, section, variants};

variants! {
    /// How gradients change parameters.
    Optimizer: "optimizer", "type" {
        "sgd" => Sgd(Sgd),
        "adam" => Adam(Adam),
        "adamw" => AdamW(AdamW),
        "rmsprop" => RmsProp(RmsProp),
        "adagrad" => Adagrad(Adagrad),
        "adadelta" => Adadelta(Adadelta),
        "adamax" => Adamax(Adamax),
        "nadam" => Nadam(Nadam),
        "lion" => Lion(Lion),
    }
}

section! {
    /// Gradient descent, with or without momentum.
    Sgd {
        /// The learning rate.
        lr | learning_rate: f64 = 0.01 => ABOVE_0,
        /// The share of the last step that is taken again.
        momentum: f64 = 0.0 => BELOW_1,
        /// Whether the gradient is applied behind the momentum.
        nesterov: bool = false,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Adam.
    Adam {
        /// The learning rate.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// How much of the mean gradient stays.
        beta_1: f64 = 0.9 => BELOW_1,
        /// How much of the mean square stays.
        beta_2: f64 = 0.999 => BELOW_1,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-8 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Whether the largest mean square so far divides.
        amsgrad: bool = false,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Adam with weight decay apart from the gradient.
    AdamW {
        /// The learning rate.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// How much of the mean gradient stays.
        beta_1: f64 = 0.9 => BELOW_1,
        /// How much of the mean square stays.
        beta_2: f64 = 0.999 => BELOW_1,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-8 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Whether the largest mean square so far divides.
        amsgrad: bool = false,
        /// Pull towards 0; 0.004 in Keras, 0.01 in PyTorch.
        weight_decay: Option<f64> = None => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// RMSProp.
    RmsProp {
        /// The learning rate.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// How much of the mean square stays; 0.9 in Keras, 0.99 in PyTorch.
        rho | alpha: Option<f64> = None => BELOW_1,
        /// The share of the last step that is taken again.
        momentum: f64 = 0.0 => BELOW_1,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-8 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Whether the square of the mean gradient is subtracted.
        centered: bool = false,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Adagrad.
    Adagrad {
        /// The learning rate.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// What the sum of squares starts at; 0.1 in Keras, 0 in PyTorch.
        initial_accumulator | initial_accumulator_value: Option<f64> = None => FROM_0,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-10 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Adadelta.
    Adadelta {
        /// The learning rate; that of the paper is 1.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// How much of the mean squares stays; 0.95 in Keras, 0.9 in PyTorch.
        rho: Option<f64> = None => BELOW_1,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-6 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Adam by the largest gradient.
    Adamax {
        /// The learning rate.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// How much of the mean gradient stays.
        beta_1: f64 = 0.9 => BELOW_1,
        /// How much of the largest gradient stays.
        beta_2: f64 = 0.999 => BELOW_1,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-8 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Adam with Nesterov's look ahead.
    Nadam {
        /// The learning rate.
        lr | learning_rate: f64 = 0.001 => ABOVE_0,
        /// How much of the mean gradient stays.
        beta_1: f64 = 0.9 => BELOW_1,
        /// How much of the mean square stays.
        beta_2: f64 = 0.999 => BELOW_1,
        /// How fast the weight of the mean grows; 1 in Keras, 0.004 in PyTorch.
        momentum_decay: Option<f64> = None => FROM_0,
        /// What keeps the divisor from 0; 1e-7 in Keras, 1e-8 in PyTorch.
        eps | epsilon: Option<f64> = None => ABOVE_0,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
        /// Whose formulas.
        convention: Convention = Convention::Keras,
    }
}

section! {
    /// Lion: every number moves by the learning rate.
    Lion {
        /// The learning rate.
        lr | learning_rate: f64 = 0.0001 => ABOVE_0,
        /// The mean's share in the direction.
        beta_1: f64 = 0.9 => BELOW_1,
        /// How much of the mean gradient stays.
        beta_2: f64 = 0.99 => BELOW_1,
        /// Pull towards 0.
        weight_decay: f64 = 0.0 => FROM_0,
    }
}

/// An optimizer of the engine by its constructor for a convention.
macro_rules! by {
    ($options:expr, $type:ident, $keras:ident, $pytorch:ident) => {
        match $options.convention {
            Convention::Keras => nn::$type::$keras($options.lr),
            Convention::PyTorch => nn::$type::$pytorch($options.lr),
        }
    };
}

/// The optimizer with an option, where that is given.
macro_rules! with {
    ($optimizer:expr, $($method:ident($value:expr)),*) => {{
        let mut optimizer = $optimizer;
        $(if let Some(value) = $value {
            optimizer = optimizer.$method(value);
        })*
        optimizer
    }};
}

impl Optimizer {
    /// The learning rate that a schedule starts from.
    pub fn lr(&self) -> f64 {
        match self {
            Optimizer::Sgd(o) => o.lr,
            Optimizer::Adam(o) => o.lr,
            Optimizer::AdamW(o) => o.lr,
            Optimizer::RmsProp(o) => o.lr,
            Optimizer::Adagrad(o) => o.lr,
            Optimizer::Adadelta(o) => o.lr,
            Optimizer::Adamax(o) => o.lr,
            Optimizer::Nadam(o) => o.lr,
            Optimizer::Lion(o) => o.lr,
        }
    }

    /// The optimizer of the engine, with a limit for gradients.
    pub(crate) fn build(&self, clip: Option<nn::Clip>) -> Box<dyn nn::Optimizer> {
        match self {
            Optimizer::Sgd(o) => {
                let optimizer = by!(o, Sgd, new, pytorch).momentum(o.momentum).nesterov(o.nesterov);
                Box::new(with!(optimizer.weight_decay(o.weight_decay), clip(clip)))
            }
            Optimizer::Adam(o) => {
                let optimizer = by!(o, Adam, new, pytorch).betas(o.beta_1, o.beta_2).amsgrad(o.amsgrad);
                Box::new(with!(optimizer.weight_decay(o.weight_decay), eps(o.eps), clip(clip)))
            }
            Optimizer::AdamW(o) => {
                let optimizer = by!(o, Adam, adamw, pytorch_adamw).betas(o.beta_1, o.beta_2);
                let optimizer = optimizer.amsgrad(o.amsgrad);
                Box::new(with!(optimizer, weight_decay(o.weight_decay), eps(o.eps), clip(clip)))
            }
            Optimizer::RmsProp(o) => {
                let optimizer = by!(o, RmsProp, new, pytorch).momentum(o.momentum).centered(o.centered);
                let optimizer = optimizer.weight_decay(o.weight_decay);
                Box::new(with!(optimizer, rho(o.rho), eps(o.eps), clip(clip)))
            }
            Optimizer::Adagrad(o) => {
                let optimizer = by!(o, Adagrad, new, pytorch).weight_decay(o.weight_decay);
                let start = o.initial_accumulator;
                Box::new(with!(optimizer, initial_accumulator(start), eps(o.eps), clip(clip)))
            }
            Optimizer::Adadelta(o) => {
                let optimizer = by!(o, Adadelta, new, pytorch).weight_decay(o.weight_decay);
                Box::new(with!(optimizer, rho(o.rho), eps(o.eps), clip(clip)))
            }
            Optimizer::Adamax(o) => {
                let optimizer = by!(o, Adamax, new, pytorch).betas(o.beta_1, o.beta_2);
                let optimizer = optimizer.weight_decay(o.weight_decay);
                Box::new(with!(optimizer, eps(o.eps), clip(clip)))
            }
            Optimizer::Nadam(o) => {
                let optimizer = by!(o, Nadam, new, pytorch).betas(o.beta_1, o.beta_2);
                let optimizer = optimizer.weight_decay(o.weight_decay);
                Box::new(with!(optimizer, momentum_decay(o.momentum_decay), eps(o.eps), clip(clip)))
            }
            Optimizer::Lion(o) => {
                let optimizer = nn::Lion::new(o.lr).betas(o.beta_1, o.beta_2);
                Box::new(with!(optimizer.weight_decay(o.weight_decay), clip(clip)))
            }
        }
    }
}
