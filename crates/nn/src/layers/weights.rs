use anygrad_graph::Tensor;

use crate::{Activation, Init, Scope};

/// What layers with a kernel and a bias have in common.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub(super) name: Option<String>,
    pub(super) activation: Activation,
    pub(super) bias: bool,
    pub(super) kernel_init: Init,
    pub(super) bias_init: Init,
    pub(super) pytorch_init: bool,
    pub(super) l1: f64,
    pub(super) l2: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights {
            name: None,
            activation: Activation::Linear,
            bias: true,
            kernel_init: Init::GlorotUniform,
            bias_init: Init::Zeros,
            pytorch_init: false,
            l1: 0.0,
            l2: 0.0,
        }
    }
}

impl Weights {
    /// The kernel, with its penalties recorded.
    #[track_caller]
    pub(super) fn kernel<'g>(&self, scope: &mut Scope<'g>, sizes: &[usize]) -> Tensor<'g> {
        let init = if self.pytorch_init { Init::FanInUniform } else { self.kernel_init.clone() };
        let kernel = scope.parameter("kernel", sizes, init);
        if self.l1 != 0.0 {
            scope.penalty(kernel.abs().sum_all() * self.l1);
        }
        if self.l2 != 0.0 {
            scope.penalty(kernel.square().sum_all() * self.l2);
        }
        kernel
    }

    /// The bias, one number per unit, where there is one. `fan_in`: the terms of each output.
    #[track_caller]
    pub(super) fn bias<'g>(&self, scope: &mut Scope<'g>, units: usize, fan_in: usize) -> Option<Tensor<'g>> {
        let bound = (fan_in.max(1) as f64).sqrt().recip();
        let init = if self.pytorch_init { Init::Uniform(-bound, bound) } else { self.bias_init.clone() };
        self.bias.then(|| scope.parameter("bias", &[units], init))
    }
}

/// The builder methods of layers that keep a [`Weights`] in `weights`.
macro_rules! weight_options {
    ($layer:ident $(<$axes:ident>)?) => {
        impl $(<const $axes: usize>)? $layer $(<$axes>)? {
            /// The function applied to the result; linear unless told otherwise.
            pub fn activation(mut self, activation: $crate::Activation) -> Self {
                self.weights.activation = activation;
                self
            }

            /// Whether a bias is added; yes unless told otherwise.
            pub fn bias(mut self, bias: bool) -> Self {
                self.weights.bias = bias;
                self
            }

            /// How the kernel starts; Glorot uniform unless told otherwise.
            pub fn kernel_init(mut self, init: $crate::Init) -> Self {
                self.weights.kernel_init = init;
                self
            }

            /// How the bias starts; zeros unless told otherwise.
            pub fn bias_init(mut self, init: $crate::Init) -> Self {
                self.weights.bias_init = init;
                self
            }

            /// Starts kernel and bias as PyTorch does, uniform within ±1 / sqrt(fan-in).
            pub fn pytorch_init(mut self) -> Self {
                self.weights.pytorch_init = true;
                self
            }

            /// Adds `l1` times the sum of the kernel's absolute values to the loss.
            pub fn kernel_l1(mut self, l1: f64) -> Self {
                self.weights.l1 = l1;
                self
            }

            /// Adds `l2` times the sum of the kernel's squares to the loss.
            pub fn kernel_l2(mut self, l2: f64) -> Self {
                self.weights.l2 = l2;
                self
            }

            /// Names the layer.
            pub fn named(mut self, name: impl Into<String>) -> Self {
                self.weights.name = Some(name.into());
                self
            }
        }
    };
}
pub(super) use weight_options;
