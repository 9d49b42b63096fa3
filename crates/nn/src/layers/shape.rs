use anygrad_core::Error;
use anygrad_graph::Tensor;

use crate::{Layer, Scope};

/// All axes behind the batch as one: `[n, c, h, w]` becomes `[n, c * h * w]`, channels outermost as
/// in PyTorch (Keras's channels come last).
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten;

impl Layer for Flatten {
    fn name(&self) -> String {
        "flatten".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let shape = x.shape();
        match shape.first() {
            Some(&rows) => x.reshape(&[rows, shape[1..].iter().product()]),
            None => scope.fail(Error::shape("flatten takes [batch, ...], a scalar was given")),
        }
    }
}

/// The axes behind the batch under other sizes.
#[derive(Clone, Debug)]
pub struct Reshape {
    sizes: Vec<usize>,
}

impl Reshape {
    /// To `[n, sizes...]`.
    pub fn new(sizes: &[usize]) -> Self {
        Reshape { sizes: sizes.to_vec() }
    }
}

impl Layer for Reshape {
    fn name(&self) -> String {
        "reshape".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        match x.shape().first() {
            Some(&rows) => x.reshape(&[&[rows], self.sizes.as_slice()].concat()),
            None => scope.fail(Error::shape("reshape takes [batch, ...], a scalar was given")),
        }
    }
}
