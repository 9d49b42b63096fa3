use anygrad_core::Error;
use anygrad_graph::Tensor;

use crate::{Init, Layer, Scope};

/// y = gamma (x - mean) / sqrt(variance + eps) + beta, per channel (axis 1) of `[n, c, ...]`
/// (Ioffe, Szegedy 2015).
///
/// Training takes mean and population variance from the batch and moves the running ones towards
/// them, evaluation takes the running ones. Keras's defaults: momentum 0.99, eps 1e-3. PyTorch's
/// momentum is 1 minus this one.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    momentum: f64,
    eps: f64,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm::new()
    }
}

impl BatchNorm {
    /// With Keras's defaults.
    pub fn new() -> Self {
        BatchNorm { momentum: 0.99, eps: 1e-3 }
    }

    /// How much of the running mean and variance stays each step.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// What keeps the divisor from 0.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl Layer for BatchNorm {
    fn name(&self) -> String {
        "batch_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let shape = x.shape();
        if x.is_poison() || shape.rank() < 2 {
            let message = format!("batch_norm takes [n, channels, ...], {shape} was given");
            return if x.is_poison() { x } else { scope.fail(Error::shape(message)) };
        }
        let channels = shape[1];
        let gamma = scope.parameter("gamma", &[channels], Init::Ones);
        let beta = scope.parameter("beta", &[channels], Init::Zeros);
        let moving_mean = scope.fixed("moving_mean", &[channels], Init::Zeros);
        let moving_variance = scope.fixed("moving_variance", &[channels], Init::Ones);
        // Behind the channels an axis of 1 for each of the input's.
        let mut sizes = vec![1; shape.rank() - 1];
        sizes[0] = channels;
        let spread = |per_channel: Tensor<'g>| per_channel.reshape(&sizes);
        let (mean, variance) = if scope.training() {
            let axes: Vec<isize> = (0..shape.rank() as isize).filter(|&axis| axis != 1).collect();
            let mean = x.mean(&axes, false);
            let variance = (x - spread(mean)).square().mean(&axes, false);
            let moved = |from: Tensor<'g>, to: Tensor<'g>| {
                scope.graph().update(from, from * self.momentum + to.detach() * (1.0 - self.momentum));
            };
            moved(moving_mean, mean);
            moved(moving_variance, variance);
            (mean, variance)
        } else {
            (moving_mean, moving_variance)
        };
        let scale = gamma * (variance + self.eps).rsqrt();
        (x - spread(mean)) * spread(scale) + spread(beta)
    }
}

/// y = gamma (x - mean) / sqrt(variance + eps) + beta, over the last axis (Ba, Kiros, Hinton 2016).
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    eps: f64,
}

impl Default for LayerNorm {
    fn default() -> Self {
        LayerNorm::new()
    }
}

impl LayerNorm {
    /// With Keras's eps of 1e-3; PyTorch's is 1e-5.
    pub fn new() -> Self {
        LayerNorm { eps: 1e-3 }
    }

    /// What keeps the divisor from 0.
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }
}

impl Layer for LayerNorm {
    fn name(&self) -> String {
        "layer_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let shape = x.shape();
        if x.is_poison() || shape.rank() < 2 {
            let message = format!("layer_norm takes [n, ..., features], {shape} was given");
            return if x.is_poison() { x } else { scope.fail(Error::shape(message)) };
        }
        let features = shape[shape.rank() - 1];
        let gamma = scope.parameter("gamma", &[features], Init::Ones);
        let beta = scope.parameter("beta", &[features], Init::Zeros);
        let centered = x - x.mean(&[-1], true);
        let variance = centered.square().mean(&[-1], true);
        centered * (variance + self.eps).rsqrt() * gamma + beta
    }
}
