use std::collections::HashMap;

use anygrad_core::{DType, Error, Shape};
use anygrad_graph::{Graph, Tensor};

use crate::init::hash;
use crate::{Init, Layer};

/// The name of the state that counts training steps, a `u32`.
pub(crate) const STEP: &str = "step";

/// What the graph is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Training: dropout drops, batch statistics are taken.
    Train,
    /// Evaluation and prediction.
    Evaluate,
}

/// What a piece of state is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Learned by the optimizer.
    Trainable,
    /// Part of the model but not learned by gradients: running statistics, frozen parameters.
    Fixed,
    /// The optimizer's own.
    Optimizer,
    /// Kept from batch to batch by stateful layers; no part of what was learned.
    Carried,
}

/// A named piece of state that a model or an optimizer asked for.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The path of its layer and its own name, as `dense_1.kernel`.
    pub name: String,
    /// The sizes of its axes.
    pub shape: Shape,
    /// How it starts.
    pub init: Init,
    /// What it is for.
    pub role: Role,
}

/// One layer of a model as it was built.
#[derive(Clone, Debug)]
pub struct Row {
    /// The path of the layer.
    pub name: String,
    /// The shape of what it makes, the batch first.
    pub output: Shape,
    /// The numbers of its trainable and of its fixed parameters' elements.
    pub parameters: (usize, usize),
}

/// What layers build in: it hands out parameters under the path of the layer that asks, and knows
/// whether the graph is for training.
pub struct Scope<'g> {
    graph: &'g Graph,
    mode: Mode,
    seed: u64,
    input: Option<Tensor<'g>>,
    /// Told in place of the steps done, where several batches make one step.
    draws: Option<Tensor<'g>>,
    /// Names of the layers around, outermost first.
    path: Vec<String>,
    /// How often each path was taken, to tell `dense` from `dense_1`.
    taken: HashMap<String, usize>,
    parameters: Vec<Parameter>,
    penalties: Vec<Tensor<'g>>,
    rows: Vec<Row>,
    /// What each layer made, by its path, in the order in which they were done.
    outputs: Vec<(String, Tensor<'g>)>,
    vocabulary: Option<usize>,
}

impl<'g> Scope<'g> {
    /// A scope at the root of a model.
    pub fn new(graph: &'g Graph, mode: Mode, seed: u64) -> Self {
        Scope {
            graph,
            mode,
            seed,
            input: None,
            draws: None,
            path: Vec::new(),
            taken: HashMap::new(),
            parameters: Vec::new(),
            penalties: Vec::new(),
            rows: Vec::new(),
            outputs: Vec::new(),
            vocabulary: None,
        }
    }

    /// The graph that is being built.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    /// Whether the graph is for training.
    pub fn training(&self) -> bool {
        self.mode == Mode::Train
    }

    /// What random operators draw by, a scalar `u32` that changes with each batch: the number of training
    /// steps done so far; of the batches whose gradients are gathered for one step each has a number of
    /// its own.
    pub fn step(&self) -> Tensor<'g> {
        self.draws.unwrap_or_else(|| self.steps_done())
    }

    /// The number of updates done so far.
    pub(crate) fn steps_done(&self) -> Tensor<'g> {
        self.graph.state_of(STEP, &[], DType::U32)
    }

    /// Has random operators draw by another number.
    pub(crate) fn draw_by(&mut self, draws: Tensor<'g>) {
        self.draws = Some(draws);
    }

    /// Builds a whole model on the input that a person gives.
    pub fn model(&mut self, model: &dyn Layer, input: Tensor<'g>) -> Tensor<'g> {
        self.input = Some(input);
        self.layer(model, input)
    }

    /// Builds a layer under its own name. The second `dense` of a model is `dense_1`, as in Keras;
    /// a layer whose name is empty adds nothing to the path.
    pub fn layer(&mut self, layer: &dyn Layer, x: Tensor<'g>) -> Tensor<'g> {
        self.within(&layer.name(), |scope| (layer.forward(scope, x), ())).0
    }

    /// As [`Scope::layer`], for layers that give more than a tensor: what `build` makes under this
    /// name is the layer's output and what else there is.
    pub fn within<T>(
        &mut self,
        name: &str,
        build: impl FnOnce(&mut Self) -> (Tensor<'g>, T),
    ) -> (Tensor<'g>, T) {
        if name.is_empty() {
            return build(self);
        }
        let unique = self.unique(name);
        self.path.push(unique);
        let (rows, parameters) = (self.rows.len(), self.parameters.len());
        let (graph, path) = (self.graph, self.path.join("."));
        let (y, more) = graph.labelled(&path, || build(self));
        // Layers that are made of others are told by those.
        if self.rows.len() == rows && !y.is_poison() {
            let count = |role| {
                let own = self.parameters[parameters..].iter().filter(|p| p.role == role);
                own.map(|p| p.shape.elements()).sum()
            };
            let parameters = (count(Role::Trainable), count(Role::Fixed));
            self.rows.push(Row { name: path.clone(), output: y.shape(), parameters });
        }
        self.outputs.push((path, y));
        self.path.pop();
        (y, more)
    }

    /// A learned `f32` parameter of the layer that is being built.
    #[track_caller]
    pub fn parameter(&mut self, name: &str, sizes: &[usize], init: Init) -> Tensor<'g> {
        let name = self.path_to(name);
        self.keep(name, sizes, init, Role::Trainable)
    }

    /// An `f32` parameter that gradients do not change. Write its next value, if it has one, with
    /// [`Graph::update`].
    #[track_caller]
    pub fn fixed(&mut self, name: &str, sizes: &[usize], init: Init) -> Tensor<'g> {
        let name = self.path_to(name);
        self.keep(name, sizes, init, Role::Fixed)
    }

    /// `f32` state that starts at 0 and goes from batch to batch until it is reset. Write its next
    /// value with [`Graph::update`].
    #[track_caller]
    pub fn carried(&mut self, name: &str, sizes: &[usize]) -> Tensor<'g> {
        let name = self.path_to(name);
        self.keep(name, sizes, Init::Zeros, Role::Carried)
    }

    /// State of the optimizer, of the name given.
    #[track_caller]
    pub fn optimizer_state(&mut self, name: String, sizes: &[usize], init: Init) -> Tensor<'g> {
        self.keep(name, sizes, init, Role::Optimizer)
    }

    #[track_caller]
    fn keep(&mut self, name: String, sizes: &[usize], init: Init, role: Role) -> Tensor<'g> {
        let tensor = self.graph.state(&name, sizes);
        if !tensor.is_poison() && !self.parameters.iter().any(|p| p.name == name) {
            self.parameters.push(Parameter { name, shape: tensor.shape(), init, role });
        }
        tensor
    }

    /// Adds a scalar to the loss that is minimized, as the penalty on a kernel's size.
    pub fn penalty(&mut self, term: Tensor<'g>) {
        self.penalties.push(term);
    }

    /// A seed of its own for each random operator of the model: a function of the model's seed and
    /// the layer's path.
    pub fn random_seed(&mut self) -> u32 {
        let unique = self.unique("random");
        (hash(&self.path_to(&unique)) ^ self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)).rotate_left(31) as u32
    }

    /// Says that `x` holds numbers from 0 up to, not including, `vocabulary`. Where it is the input
    /// of the model, the trainer checks the data.
    pub fn expect_below(&mut self, x: Tensor<'g>, vocabulary: usize) {
        if self.input.is_some_and(|input| input.id() == x.id()) {
            self.vocabulary = Some(self.vocabulary.map_or(vocabulary, |known| known.min(vocabulary)));
        }
    }

    /// Records a mistake in a layer, with the layer's path.
    pub fn fail(&self, error: Error) -> Tensor<'g> {
        self.graph.fail(error.context(self.path.join(".")))
    }

    /// All that was asked for, in the order of asking.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The layers that were built, in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What each layer made, by its path as `encoder.dense`, inner layers before those around them.
    pub fn outputs(&self) -> &[(String, Tensor<'g>)] {
        &self.outputs
    }

    /// A loss with the penalties that layers added to it.
    #[track_caller]
    pub fn penalized(&self, loss: Tensor<'g>) -> Tensor<'g> {
        self.penalties.iter().fold(loss, |loss, &penalty| loss + penalty)
    }

    /// What the numbers of the model's input must stay below, where they are indices.
    pub fn vocabulary(&self) -> Option<usize> {
        self.vocabulary
    }

    fn unique(&mut self, name: &str) -> String {
        let count = self.taken.entry(self.path_to(name)).or_insert(0);
        *count += 1;
        match *count {
            1 => name.to_string(),
            more => format!("{name}_{}", more - 1),
        }
    }

    fn path_to(&self, name: &str) -> String {
        self.path.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".")
    }
}
