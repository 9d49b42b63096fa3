use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use anygrad_core::{Array, DType, Error, Shape};

use crate::{Graph, Meta, Op, ValueId};

/// A value of a graph under construction: cheap to copy, combined by operators and methods.
#[derive(Clone, Copy)]
pub struct Tensor<'g> {
    graph: &'g Graph,
    id: ValueId,
}

impl<'g> Tensor<'g> {
    pub(crate) fn new(graph: &'g Graph, id: ValueId) -> Self {
        Tensor { graph, id }
    }

    /// The graph it belongs to.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    /// Its number in the graph.
    pub fn id(self) -> ValueId {
        self.id
    }

    /// Whether it stands for an expression with a mistake.
    pub fn is_poison(self) -> bool {
        self.id == ValueId::POISON
    }

    /// Shape and dtype.
    pub fn meta(self) -> Meta {
        self.graph.meta(self.id)
    }

    /// The sizes of the axes.
    pub fn shape(self) -> Shape {
        self.meta().shape
    }

    /// The type of the elements.
    pub fn dtype(self) -> DType {
        self.meta().dtype
    }

    /// The sizes of a tensor that must have exactly `N` axes, which `what` names in the error.
    /// After a mistake, all sizes are 1.
    #[track_caller]
    pub fn dims<const N: usize>(self, what: &str) -> [usize; N] {
        let shape = self.shape();
        match <[usize; N]>::try_from(&*shape) {
            Ok(sizes) => sizes,
            Err(_) => {
                if !self.is_poison() {
                    let message = format!("{what} has {N} axes, {shape} was given");
                    self.graph.fail(Error::shape(message).at(Location::caller()));
                }
                [1; N]
            }
        }
    }

    /// Applies an operator with one output, with `self` and the tensors of `inputs` as written.
    #[track_caller]
    pub fn apply(self, op: impl Op + 'static, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        self.graph.apply_at(Arc::new(op), inputs, Location::caller())[0]
    }

    /// Applies an operator with several outputs.
    #[track_caller]
    pub fn apply_all(self, op: impl Op + 'static, inputs: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        self.graph.apply_at(Arc::new(op), inputs, Location::caller())
    }

    /// Records a mistake with the caller's line and gives the tensor that stands for it.
    #[track_caller]
    pub fn fail(self, error: Error) -> Tensor<'g> {
        self.graph.fail(error.at(Location::caller()))
    }

    /// A tensor of this shape and dtype whose elements are all `value`.
    #[track_caller]
    pub fn full_like(self, value: f64) -> Tensor<'g> {
        let scalar = Array::from_f64(Shape::SCALAR, self.dtype(), &[value]);
        self.graph.constant(scalar).broadcast_to(&self.shape())
    }

    /// Zeros of this shape and dtype.
    #[track_caller]
    pub fn zeros_like(self) -> Tensor<'g> {
        self.full_like(0.0)
    }
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_poison() {
            f.write_str("Tensor(mistake)")
        } else {
            write!(f, "Tensor(v{} {})", self.id.0, self.meta())
        }
    }
}

/// What can stand beside a tensor in an expression: another tensor, or a number.
pub trait IntoTensor<'g> {
    /// As a tensor of the graph; numbers become scalars.
    fn into_tensor(self, graph: &'g Graph) -> Tensor<'g>;
}

impl<'g> IntoTensor<'g> for Tensor<'g> {
    fn into_tensor(self, _graph: &'g Graph) -> Tensor<'g> {
        self
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl<'g> IntoTensor<'g> for $number {
            fn into_tensor(self, graph: &'g Graph) -> Tensor<'g> { graph.scalar(self as f64) }
        }
    )*};
}
numbers!(f32, f64, i32);
