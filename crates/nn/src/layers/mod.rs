//! The layers. Each infers the sizes of its input from the input, as Keras does.

mod attention;
mod dense;
mod dropout;
mod embedding;
mod norm;
mod recurrent;
mod sequential;
mod shape;
mod weights;
mod window;

pub use attention::{MultiHeadAttention, PositionEmbedding, TransformerBlock};
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use norm::{BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RmsNorm};
pub use recurrent::{
    Gru, Lstm, Merge, OnnxWeights, PyTorchWeights, RecurrentArguments, RecurrentCell, RecurrentOutputs,
    RecurrentState, RecurrentWeights, SimpleRnn,
};
pub use sequential::{Lambda, Sequential};
pub use shape::{Flatten, Reshape};
pub use window::*;

use anygrad_graph::Tensor;

use crate::Scope;

/// Something that builds a part of a graph: a layer, a block of layers, a model.
///
/// A model of one's own asks for its parts by [`Scope::layer`] and for its parameters by
/// [`Scope::parameter`]:
///
/// ```
/// use anygrad_graph::Tensor;
/// use anygrad_nn::{Activation, Dense, Layer, Scope};
///
/// struct Residual {
///     inner: Dense,
/// }
///
/// impl Layer for Residual {
///     fn name(&self) -> String {
///         "residual".into()
///     }
///     fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
///         scope.layer(&self.inner, x) + x
///     }
/// }
/// # let _ = Residual { inner: Dense::new(3).activation(Activation::Relu) };
/// ```
pub trait Layer: Send + Sync {
    /// The name under which its parameters stand, before it is made unique. Nothing, for a model
    /// that is no level of its own.
    fn name(&self) -> String;

    /// Builds the layer on `x`, whose first axis is the batch. A mistake in the shapes is kept in
    /// the graph.
    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g>;
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        (**self).forward(scope, x)
    }
}
