use anygrad_graph::Tensor;

use crate::{Layer, Scope};

/// A function applied to what a layer makes, and a layer of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// x
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x where it is positive, otherwise this slope times x. Keras's slope is 0.2 (its layer's 0.3),
    /// PyTorch's 0.01.
    LeakyRelu(f64),
    /// x where it is positive, otherwise alpha (e^x - 1). The usual alpha is 1.
    Elu(f64),
    /// 1.0507 elu(x, 1.67326) (Klambauer et al. 2017).
    Selu,
    /// x Phi(x), by the error function.
    Gelu,
    /// The tanh approximation of gelu.
    GeluTanh,
    /// x sigmoid(x), also called swish.
    Silu,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// min(max(x / 6 + 1/2, 0), 1), as Keras and PyTorch have it.
    HardSigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// log(1 + e^x)
    Softplus,
    /// x tanh(softplus(x)) (Misra 2019).
    Mish,
    /// x / (1 + |x|)
    Softsign,
    /// log(1 / (1 + e^-x)), without underflow.
    LogSigmoid,
    /// x min(max(x / 6 + 1/2, 0), 1); Keras's hard_silu.
    HardSwish,
    /// min(max(x, -1), 1)
    HardTanh,
    /// x where it is positive, otherwise alpha (e^(x / alpha) - 1).
    Celu(f64),
    /// x nearer to 0 by this number, and 0 where |x| is smaller.
    SoftShrink(f64),
    /// x, but 0 where |x| is at most this number.
    HardShrink(f64),
    /// x - tanh(x)
    TanhShrink,
    /// x where it is above the first number, otherwise the second.
    Threshold(f64, f64),
    /// (x + sqrt(x^2 + b)) / 2; Keras's b is 4.
    SquarePlus(f64),
    /// 0 up to -1, (x + 1)^2 / 4 up to 1, then x.
    SparsePlus,
    /// min(max((x + 1) / 2, 0), 1)
    SparseSigmoid,
    /// e^x
    Exponential,
    /// The nearest point of the probability simplex along the last axis.
    Sparsemax,
    /// e^x over its sum along the last axis.
    Softmax,
    /// The logarithm of [`Activation::Softmax`], without underflow.
    LogSoftmax,
}

impl Activation {
    /// The function of `x`, of the same shape.
    #[track_caller]
    pub fn apply<'g>(&self, x: Tensor<'g>) -> Tensor<'g> {
        match *self {
            Activation::Linear => x,
            Activation::Relu => x.relu(),
            Activation::Relu6 => x.relu6(),
            Activation::LeakyRelu(slope) => x.leaky_relu(slope),
            Activation::Elu(alpha) => x.elu(alpha),
            Activation::Selu => x.selu(),
            Activation::Gelu => x.gelu(),
            Activation::GeluTanh => x.gelu_tanh(),
            Activation::Silu => x.silu(),
            Activation::Sigmoid => x.sigmoid(),
            Activation::HardSigmoid => x.hard_sigmoid(),
            Activation::Tanh => x.tanh(),
            Activation::Softplus => x.softplus(),
            Activation::Mish => x.mish(),
            Activation::Softsign => x.softsign(),
            Activation::LogSigmoid => x.log_sigmoid(),
            Activation::HardSwish => x.hard_swish(),
            Activation::HardTanh => x.hard_tanh(),
            Activation::Celu(alpha) => x.celu(alpha),
            Activation::SoftShrink(lambda) => x.softshrink(lambda),
            Activation::HardShrink(lambda) => x.hardshrink(lambda),
            Activation::TanhShrink => x.tanhshrink(),
            Activation::Threshold(threshold, value) => x.threshold(threshold, value),
            Activation::SquarePlus(b) => x.squareplus(b),
            Activation::SparsePlus => x.sparse_plus(),
            Activation::SparseSigmoid => x.sparse_sigmoid(),
            Activation::Exponential => x.exp(),
            Activation::Sparsemax => x.sparsemax(-1),
            Activation::Softmax => x.softmax(-1),
            Activation::LogSoftmax => x.log_softmax(-1),
        }
    }
}

impl Layer for Activation {
    fn name(&self) -> String {
        "activation".into()
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        self.apply(x)
    }
}
