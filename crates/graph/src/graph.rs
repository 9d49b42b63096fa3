use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::Arc;

use anygrad_core::{Array, DType, Error, Result, Shape};

use crate::ops::{convert, promote};
use crate::{Composite, Meta, Op, Tensor};

/// A value of a graph, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// What an expression with a mistake evaluates to; the mistake itself is kept in the graph.
    pub(crate) const POISON: ValueId = ValueId(u32::MAX);

    /// The number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A node of a graph, by its number. Nodes are numbered in the order they were made, so inputs
/// always come before the nodes that read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// Where a value comes from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Written by the user before each run.
    Input(String),
    /// Kept between runs: parameters, optimizer state, running statistics.
    State(String),
    /// Known when the graph is built.
    Constant(Arc<Array>),
    /// An output of a node.
    Node(NodeId, usize),
}

#[derive(Clone, Debug)]
struct Value {
    meta: Meta,
    origin: Origin,
}

/// One application of an operator.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operator.
    pub op: Arc<dyn Op>,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it makes.
    pub outputs: Vec<ValueId>,
    /// The line of the model that asked for it; of a gradient's node, the line that asked for what is
    /// differentiated.
    pub place: &'static Location<'static>,
    /// The part of the model that it was made in, if that has a name: see [`Graph::labelled`].
    pub label: Option<Arc<str>>,
    /// Whether it was made by [`Graph::gradients`].
    pub backward: bool,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    values: Vec<Value>,
    nodes: Vec<Node>,
    /// `(state, its next value)`: written back at the end of a run.
    updates: Vec<(ValueId, ValueId)>,
    /// While gradients are made: the line of the model that they are due to.
    blame: Option<&'static Location<'static>>,
    label: Option<Arc<str>>,
    /// 16-bit values that were asked for as `f32` before.
    wide: HashMap<ValueId, ValueId>,
    composites: Vec<Composite>,
    error: Option<Error>,
}

/// A graph of tensor expressions.
///
/// Model code builds it through [`Tensor`]s and needs no `?`: the first mistake is kept with the
/// caller's line and returned by [`Graph::check`], which compiling calls.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    inner: RefCell<Inner>,
}

impl Graph {
    /// The label of what computes a loss; see [`Graph::labelled`]. Its values are never rounded to save memory.
    pub const LOSS: &'static str = "loss";

    /// An empty graph.
    pub fn new() -> Self {
        Graph::default()
    }

    /// A value that the user writes before each run.
    #[track_caller]
    pub fn input(&self, name: &str, sizes: &[usize], dtype: DType) -> Tensor<'_> {
        self.named(name, sizes, dtype, Origin::Input(name.into()))
    }

    /// A value that is kept between runs, `f32` zeros at first: a parameter or a piece of state.
    /// The same name gives the same value.
    #[track_caller]
    pub fn state(&self, name: &str, sizes: &[usize]) -> Tensor<'_> {
        self.state_of(name, sizes, DType::F32)
    }

    /// As [`Graph::state`], of any dtype: a step counter is a `u32`.
    #[track_caller]
    pub fn state_of(&self, name: &str, sizes: &[usize], dtype: DType) -> Tensor<'_> {
        self.named(name, sizes, dtype, Origin::State(name.into()))
    }

    #[track_caller]
    fn named(&self, name: &str, sizes: &[usize], dtype: DType, origin: Origin) -> Tensor<'_> {
        let shape = match Shape::new(sizes) {
            Ok(shape) => shape,
            Err(error) => return self.fail(error.context(format!("{name:?}")).at(Location::caller())),
        };
        let meta = Meta { shape, dtype };
        if let Some(known) = self.find(name) {
            if known.meta() != meta {
                let message = format!("{name:?} is {} already and was asked for as {meta}", known.meta());
                return self.fail(Error::shape(message).at(Location::caller()));
            }
            return known;
        }
        self.push_value(meta, origin)
    }

    /// The input or state of a name.
    pub fn find(&self, name: &str) -> Option<Tensor<'_>> {
        let inner = self.inner.borrow();
        let found = inner.values.iter().position(|value| match &value.origin {
            Origin::Input(n) | Origin::State(n) => n == name,
            _ => false,
        });
        found.map(|index| self.tensor(ValueId(index as u32)))
    }

    /// A value known now.
    pub fn constant(&self, array: Array) -> Tensor<'_> {
        let meta = Meta { shape: array.shape(), dtype: array.dtype() };
        self.push_value(meta, Origin::Constant(Arc::new(array)))
    }

    /// A scalar `f32` known now.
    pub fn scalar(&self, value: f64) -> Tensor<'_> {
        self.constant(Array::scalar(value as f32))
    }

    /// At the end of every run, `state` takes the value of `next`.
    #[track_caller]
    pub fn update(&self, state: Tensor<'_>, next: Tensor<'_>) {
        if state.is_poison() || next.is_poison() {
            return;
        }
        let is_state = matches!(self.origin(state.id()), Origin::State(_));
        if !is_state || state.meta() != next.meta() {
            let message = format!(
                "update: {} of {} cannot take {}",
                if is_state { "state" } else { "a value that is not state" },
                state.meta(),
                next.meta()
            );
            self.fail(Error::shape(message).at(Location::caller()));
            return;
        }
        self.inner.borrow_mut().updates.push((state.id(), next.id()));
    }

    /// Applies an operator; all outputs.
    #[track_caller]
    pub fn apply_all(&self, op: Arc<dyn Op>, inputs: &[Tensor<'_>]) -> Vec<Tensor<'_>> {
        self.apply_at(op, inputs, Location::caller())
    }

    pub(crate) fn apply_at(
        &self,
        op: Arc<dyn Op>,
        inputs: &[Tensor<'_>],
        place: &'static Location<'static>,
    ) -> Vec<Tensor<'_>> {
        let dtype = promote(inputs.iter().map(|x| x.dtype()));
        self.apply_rounded(op, inputs, dtype, place)
    }

    /// As [`Graph::apply_all`]; where the operator wants `f32` in place of 16-bit floats, it is given
    /// that and its results are rounded to `dtype`, or to that of the input they are written over.
    pub(crate) fn apply_rounded(
        &self,
        op: Arc<dyn Op>,
        inputs: &[Tensor<'_>],
        dtype: DType,
        place: &'static Location<'static>,
    ) -> Vec<Tensor<'_>> {
        let mine = |x: &Tensor<'_>| self.tensor(x.id());
        if op.takes_halves() || !inputs.iter().any(|x| x.dtype().is_half()) {
            return self.apply_exactly(op, inputs, place);
        }
        let wide: Vec<_> = inputs.iter().map(|x| convert(mine(x), x.dtype().widened(), place)).collect();
        let over = op.in_place().to_vec();
        let round = |(i, y): (usize, Tensor<'_>)| {
            let input = over.iter().find(|(output, _)| *output == i).map(|(_, input)| *input);
            let dtype = input.map_or(dtype, |input| inputs[input].dtype());
            if y.dtype() == DType::F32 && dtype.is_half() {
                convert(mine(&y), dtype, place)
            } else {
                mine(&y)
            }
        };
        self.apply_exactly(op, &wide, place).into_iter().enumerate().map(round).collect()
    }

    /// A 16-bit value as `f32`, made by `make` unless it was asked for before.
    pub(crate) fn widened<'g>(&'g self, x: Tensor<'g>, make: impl FnOnce() -> Tensor<'g>) -> Tensor<'g> {
        let known = self.inner.borrow().wide.get(&x.id()).copied();
        if let Some(id) = known {
            return self.tensor(id);
        }
        let wide = make();
        if !wide.is_poison() {
            self.inner.borrow_mut().wide.insert(x.id(), wide.id());
        }
        wide
    }

    fn apply_exactly(
        &self,
        op: Arc<dyn Op>,
        inputs: &[Tensor<'_>],
        place: &'static Location<'static>,
    ) -> Vec<Tensor<'_>> {
        // A poisoned input has its error recorded; 8 covers every operator's number of outputs.
        let poison = || vec![self.tensor(ValueId::POISON); 8];
        if inputs.iter().any(|x| x.is_poison()) {
            return poison();
        }
        let (blame, label) = {
            let inner = self.inner.borrow();
            (inner.blame, inner.label.clone())
        };
        let (place, backward) = (blame.unwrap_or(place), blame.is_some());
        let metas: Vec<Meta> = inputs.iter().map(|x| x.meta()).collect();
        let inferred = op.infer(&metas).and_then(|metas| {
            match metas.iter().find(|m| !m.shape.elements().lt(&(1 << 40))) {
                Some(meta) => Err(Error::shape(format!("the result {meta} is too large"))),
                None => Ok(metas),
            }
        });
        match inferred {
            Ok(metas) => {
                let mut inner = self.inner.borrow_mut();
                let node = NodeId(inner.nodes.len() as u32);
                let first = inner.values.len() as u32;
                let outputs: Vec<ValueId> = (0..metas.len() as u32).map(|i| ValueId(first + i)).collect();
                inner.values.extend(
                    metas
                        .into_iter()
                        .enumerate()
                        .map(|(i, meta)| Value { meta, origin: Origin::Node(node, i) }),
                );
                let inputs = inputs.iter().map(|x| x.id()).collect();
                inner.nodes.push(Node { op, inputs, outputs: outputs.clone(), place, label, backward });
                outputs.into_iter().map(|id| self.tensor(id)).collect()
            }
            Err(error) => {
                self.fail(error.context(op.name()).at(place));
                poison()
            }
        }
    }

    /// Makes nodes as parts of gradients that are due to this line and part of the model. What was before
    /// comes back after.
    pub(crate) fn blaming<R>(
        &self,
        place: &'static Location<'static>,
        label: &Option<Arc<str>>,
        make: impl FnOnce() -> R,
    ) -> R {
        let blame = self.inner.borrow_mut().blame.replace(place);
        let made = self.with_label(label.clone(), make);
        self.inner.borrow_mut().blame = blame;
        made
    }

    /// Gives the nodes that `make` makes a name, as that of a layer, and their gradients too: what looks
    /// for faults tells it. Inside another label this one holds.
    pub fn labelled<R>(&self, label: &str, make: impl FnOnce() -> R) -> R {
        self.with_label(Some(label.into()), make)
    }

    fn with_label<R>(&self, label: Option<Arc<str>>, make: impl FnOnce() -> R) -> R {
        let before = std::mem::replace(&mut self.inner.borrow_mut().label, label);
        let made = make();
        self.inner.borrow_mut().label = before;
        made
    }

    /// Records a mistake and gives the tensor that stands for it.
    pub fn fail(&self, error: Error) -> Tensor<'_> {
        self.inner.borrow_mut().error.get_or_insert(error);
        self.tensor(ValueId::POISON)
    }

    /// The first mistake made while building.
    ///
    /// # Errors
    /// There is one.
    pub fn check(&self) -> Result<()> {
        match &self.inner.borrow().error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// A value as a tensor.
    pub fn tensor(&self, id: ValueId) -> Tensor<'_> {
        Tensor::new(self, id)
    }

    /// All values, in the order they were made.
    pub fn ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.values() as u32).map(ValueId)
    }

    /// The number of values.
    pub fn values(&self) -> usize {
        self.inner.borrow().values.len()
    }

    /// The nodes, inputs before the nodes that read them.
    pub fn nodes(&self) -> Vec<Node> {
        self.inner.borrow().nodes.clone()
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> Node {
        self.inner.borrow().nodes[id.0 as usize].clone()
    }

    /// Shape and dtype of a value.
    pub fn meta(&self, id: ValueId) -> Meta {
        if id == ValueId::POISON {
            // As many axes as there can be, so that reading a size of a poisoned tensor is harmless.
            return Meta::f32(Shape::new(&[1; anygrad_core::MAX_RANK]).unwrap_or(Shape::SCALAR));
        }
        self.inner.borrow().values[id.index()].meta
    }

    /// Where a value comes from.
    pub fn origin(&self, id: ValueId) -> Origin {
        self.inner.borrow().values[id.index()].origin.clone()
    }

    /// `(state, its next value)`, in the order they were asked for.
    pub fn updates(&self) -> Vec<(ValueId, ValueId)> {
        self.inner.borrow().updates.clone()
    }

    /// What several nodes make together, in the order in which they were made: those within others come first.
    pub fn composites(&self) -> Vec<Composite> {
        self.inner.borrow().composites.clone()
    }

    /// Keeps a composite; none of gradients.
    pub(crate) fn note(&self, make: impl FnOnce(Option<Arc<str>>) -> Composite) {
        let mut inner = self.inner.borrow_mut();
        if inner.blame.is_none() {
            let composite = make(inner.label.clone());
            inner.composites.push(composite);
        }
    }

    fn push_value(&self, meta: Meta, origin: Origin) -> Tensor<'_> {
        let mut inner = self.inner.borrow_mut();
        inner.values.push(Value { meta, origin });
        let id = ValueId(inner.values.len() as u32 - 1);
        drop(inner);
        self.tensor(id)
    }
}
