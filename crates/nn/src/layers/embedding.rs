use anygrad_core::{DType, Error};
use anygrad_graph::Tensor;

use crate::{Init, Layer, Scope};

/// Rows of a learned table by their numbers: x `[n, ...]` of whole numbers from 0 up to, not
/// including, `input_dim`, embeddings `[input_dim, output_dim]`, y `[n, ..., output_dim]`.
///
/// x is `i32`, or `f32`, which is cut to whole numbers as in Keras. Gradients are dense: rows that
/// occur twice add up.
#[derive(Clone, Debug)]
pub struct Embedding {
    input_dim: usize,
    output_dim: usize,
    init: Init,
    name: Option<String>,
}

impl Embedding {
    /// A table of `input_dim` rows of `output_dim` numbers, uniform within ±0.05 at first.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Embedding { input_dim, output_dim, init: Init::Uniform(-0.05, 0.05), name: None }
    }

    /// How the table starts; PyTorch's is `Init::Normal(0.0, 1.0)`.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Names the layer.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl Layer for Embedding {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| "embedding".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        if self.input_dim == 0 || self.output_dim == 0 {
            let message = format!("embedding: a table of {} times {}", self.input_dim, self.output_dim);
            return scope.fail(Error::shape(message));
        }
        scope.expect_below(x, self.input_dim);
        let table = scope.parameter("embeddings", &[self.input_dim, self.output_dim], self.init.clone());
        table.embedding(x.cast(DType::I32))
    }
}
