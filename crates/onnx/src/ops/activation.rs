//! Activations: functions of one element with a few numbers beside it.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{Row, wide};
use crate::node::Node;
use crate::value::{Outputs, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("Celu", |n| of(n, |x| x.celu(n.float("alpha", 1.0)))),
    ("Elu", |n| of(n, |x| x.elu(n.float("alpha", 1.0)))),
    ("Gelu", gelu),
    ("HardSigmoid", |n| of(n, |x| x.hard_sigmoid_with(n.float("alpha", 0.2), n.float("beta", 0.5)))),
    ("HardSwish", |n| of(n, Tensor::hard_swish)),
    ("LeakyRelu", |n| of(n, |x| x.leaky_relu(n.float("alpha", 0.01)))),
    ("Mish", |n| of(n, Tensor::mish)),
    ("PRelu", prelu),
    ("Relu", |n| of(n, relu)),
    ("Selu", selu),
    ("Shrink", shrink),
    ("Sigmoid", |n| of(n, Tensor::sigmoid)),
    ("Softplus", |n| of(n, Tensor::softplus)),
    ("Softsign", |n| of(n, Tensor::softsign)),
    ("SwiGLU", swiglu),
    ("Swish", |n| of(n, |x| swish(x, n.float("alpha", 1.0)))),
    ("Tanh", |n| of(n, Tensor::tanh)),
    ("ThresholdedRelu", |n| of(n, |x| x.threshold(n.float("alpha", 1.0), 0.0))),
];

/// A function of the first input, rounded once where that is a 16-bit float.
fn of<'g>(node: &Node<'_, 'g>, function: impl FnOnce(Tensor<'g>) -> Tensor<'g>) -> Outputs<'g> {
    node.same(node.tensor(0)?.in_f32(function))
}

/// x where it is positive, otherwise 0; of integers too.
fn relu(x: Tensor<'_>) -> Tensor<'_> {
    if x.dtype() == DType::F32 { x.relu() } else { x.maximum(0) }
}

/// x sigmoid(alpha x)
fn swish(x: Tensor<'_>, alpha: f64) -> Tensor<'_> {
    if alpha == 1.0 { x.silu() } else { x * (x * alpha).sigmoid() }
}

fn gelu<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    match node.text("approximate", "none").as_str() {
        "none" => of(node, Tensor::gelu),
        "tanh" => of(node, Tensor::gelu_tanh),
        other => unsupported(format!("approximate is {other:?}; known are none and tanh")),
    }
}

/// gamma elu(x, alpha); the defaults are those of the schema, rounded to `f32`.
fn selu<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let alpha = node.float("alpha", 1.673_263_192_176_818_8);
    let gamma = node.float("gamma", 1.050_701_022_148_132_3);
    of(node, |x| x.elu(alpha) * gamma)
}

/// x where it is positive, otherwise slope x. Up to version 6 a slope of one axis belongs to the channels, axis 1.
fn prelu<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, mut slope) = (node.tensor(0)?, node.tensor(1)?);
    let (rank, sizes) = (x.shape().rank(), slope.shape().to_vec());
    if let [channels] = sizes[..]
        && node.opset < 7
        && rank > 2
    {
        let mut spread = vec![1; rank - 1];
        spread[0] = channels;
        slope = slope.reshape(&spread);
    }
    let slope = wide(slope);
    node.same(x.in_f32(|x| x.lt(x.zeros_like()).select(x * slope, x)))
}

/// x + bias below -lambd, x - bias above lambd, 0 between.
fn shrink<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (element, lambda, bias) = (node.element(0)?, node.float("lambd", 0.5), node.float("bias", 0.0));
    let x = node.tensor(0)?;
    let float = x.cast(DType::F32);
    let y = float.lt(-lambda).select(float + bias, float.gt(lambda).select(float - bias, 0.0));
    match element.dtype() {
        Some(dtype) => node.give(crate::node::wrapped(y.cast(dtype), element), element),
        None => unsupported("text"),
    }
}

/// swish(a, alpha) b of two inputs of one shape.
fn swiglu<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (a, b) = (node.tensor(0)?, node.tensor(1)?);
    if a.shape() != b.shape() {
        return wrong(format!("inputs of {} and {}", a.shape(), b.shape()));
    }
    let (alpha, b) = (node.float("alpha", 1.0), wide(b));
    node.same(a.in_f32(|a| swish(a, alpha) * b))
}
