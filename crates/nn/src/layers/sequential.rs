use anygrad_graph::Tensor;

use crate::{Layer, Scope};

/// Layers one after another.
///
/// ```
/// use anygrad_nn::{Activation, Dense, Flatten, Sequential};
///
/// let model = Sequential::new()
///     .add(Flatten)
///     .add(Dense::new(128).activation(Activation::Relu))
///     .add(Dense::new(10));
/// # let _ = model;
/// ```
#[derive(Default)]
pub struct Sequential {
    name: String,
    layers: Vec<Box<dyn Layer>>,
}

impl Sequential {
    /// No layers yet: the identity.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// A layer behind the others.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Puts the layers under a name of their own, as `encoder.dense.kernel`. Without one they stand
    /// among the layers around.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl Layer for Sequential {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        self.layers.iter().fold(x, |x, layer| scope.layer(&**layer, x))
    }
}

/// A layer without a type of its own: a name and the expression.
///
/// ```
/// use anygrad_nn::{Lambda, Sequential};
///
/// let halved = Sequential::new().add(Lambda::new("halve", |_scope, x| x * 0.5));
/// # let _ = halved;
/// ```
pub struct Lambda<F> {
    name: String,
    expression: F,
}

impl<F> Lambda<F>
where
    F: for<'g> Fn(&mut Scope<'g>, Tensor<'g>) -> Tensor<'g> + Send + Sync,
{
    /// A layer of this name that builds this expression.
    pub fn new(name: impl Into<String>, expression: F) -> Self {
        Lambda { name: name.into(), expression }
    }
}

impl<F> Layer for Lambda<F>
where
    F: for<'g> Fn(&mut Scope<'g>, Tensor<'g>) -> Tensor<'g> + Send + Sync,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        (self.expression)(scope, x)
    }
}
