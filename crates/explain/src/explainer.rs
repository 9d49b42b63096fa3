//! What all methods need: a model in a graph of its own, batches, checks.

use std::collections::HashSet;

use anygrad_core::{Array, DType, Data, Error, Result, Shape};
use anygrad_gpu::{Program, Session};
use anygrad_graph::{Graph, Origin, Tensor};
use anygrad_nn::{Layer, Mode, Scope, Trainer};

use crate::Target;

pub(crate) const X: &str = "explain.x";
pub(crate) const TARGET: &str = "explain.target";

/// How many rows, or variants of rows, the model sees at once unless told otherwise.
const BATCH: usize = 64;

/// Explains a model whose parameters stand in a session.
///
/// The model is built for evaluation, and its rows must not depend on each other. Where outputs are
/// classes, explain logits rather than probabilities: those also move when the other classes do.
pub struct Explainer<'m> {
    pub(crate) session: Session,
    model: &'m dyn Layer,
    pub(crate) batch: usize,
}

/// How much each element of an input matters to one output of its row.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// One number per element, in the shape of what was explained.
    pub values: Array,
    /// The output of each row that was explained.
    pub targets: Vec<usize>,
    /// Its value for the row as it is.
    pub outputs: Vec<f32>,
}

impl Attribution {
    /// The attributions of one row, without the axis of rows.
    ///
    /// # Errors
    /// There is no such row.
    pub fn row(&self, row: usize) -> Result<Array> {
        self.values.take_rows(&[row])?.reshape(&self.values.shape()[1..])
    }
}

impl<'m> Explainer<'m> {
    /// Of a model, or of an expression as a [`Lambda`](anygrad_nn::Lambda), whose parameters the session
    /// holds.
    pub fn new(session: &Session, model: &'m dyn Layer) -> Self {
        Explainer { session: session.clone(), model, batch: BATCH }
    }

    /// Of the model of a trainer, as it stands.
    pub fn of(trainer: &'m Trainer) -> Self {
        Explainer::new(trainer.session(), trainer.model())
    }

    /// How many rows, or variants of rows, the model sees at once; 64 unless told otherwise. It changes
    /// time and memory; results only by rounding.
    pub fn batch_size(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }

    /// What the model makes of rows `[n, ...]`, as `f32`.
    ///
    /// # Errors
    /// The rows do not fit the model, or the device failed.
    pub async fn outputs(&self, x: &Array) -> Result<Array> {
        let rows = check(x)?;
        let batch = self.batch.min(rows);
        let mut shape = None;
        let mut program = self.compile(&[x], |scope| {
            let y = self.build(scope, scope.graph().input(X, &x.shape().with(0, batch), x.dtype()));
            shape = Some(y.shape());
            vec![y]
        })?;
        let mut numbers = Vec::new();
        for part in parts(rows, batch) {
            program.write(X, &x.take_rows(&part.padded(batch))?)?;
            program.run()?;
            let y = program.read(0).await?;
            numbers.extend_from_slice(&y.as_f32()?[..y.shape().elements() / batch * part.len()]);
        }
        let shape = shape.ok_or_else(|| Error::internal("a model without a shape"))?;
        Array::f32(&shape.with(0, rows), numbers)
    }

    /// The layers of the model, by their paths, and the shapes of what they make of rows such as these:
    /// what [`GradCamOptions::layer`](crate::GradCamOptions) and [`Explainer::saliency_of`] can name.
    ///
    /// # Errors
    /// The rows do not fit the model.
    pub fn layers(&self, x: &Array) -> Result<Vec<(String, Shape)>> {
        check(x)?;
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Evaluate, 0);
        self.build(&mut scope, graph.input(X, &x.shape().with(0, 1), x.dtype()));
        graph.check()?;
        Ok(scope.outputs().iter().map(|(name, y)| (name.clone(), y.shape())).collect())
    }

    /// The outputs of the rows, the number of the one to explain, and its value.
    pub(crate) async fn resolve(&self, x: &Array, target: &Target) -> Result<(Vec<usize>, Vec<f32>)> {
        target.resolve(&self.outputs(x).await?)
    }

    /// The model on rows, `f32`.
    pub(crate) fn build<'g>(&self, scope: &mut Scope<'g>, rows: Tensor<'g>) -> Tensor<'g> {
        let y = scope.model(self.model, rows);
        if y.is_poison() {
            return y;
        }
        if y.shape().first() != rows.shape().first() || y.shape().elements() == 0 {
            return y.fail(Error::shape(format!(
                "the model makes {} of {} rows: the first axis must stay the batch",
                y.shape(),
                rows.shape()[0]
            )));
        }
        y.cast(DType::F32)
    }

    /// The output that is explained, `[points]`, of outputs `[points, ...]` and the number of the output
    /// for each point, `[points]`.
    pub(crate) fn chosen<'g>(&self, y: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        let points = y.shape()[0];
        let width = y.shape().elements() / points.max(1);
        let places = y.graph().arange(0.0, width as f64, 1.0, DType::I32);
        // A select, because 0 times an infinite output would spoil the chosen one.
        let is_chosen = targets.reshape(&[points, 1]).eq(places);
        is_chosen.select(y.reshape(&[points, width]), 0.0).sum(&[-1], false)
    }

    /// Compiles what `build` builds. The session must hold every state, and none is written. Indices among
    /// `rows` must fit the model's embedding.
    pub(crate) fn compile(
        &self,
        rows: &[&Array],
        build: impl for<'g> FnOnce(&mut Scope<'g>) -> Vec<Tensor<'g>>,
    ) -> Result<Program> {
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Evaluate, 0);
        let outputs = build(&mut scope);
        graph.check()?;
        let known: HashSet<String> = self.session.states().into_iter().map(|(name, _)| name).collect();
        let states = graph.named_values().into_iter();
        let mut states = states.filter(|(_, id)| matches!(graph.origin(*id), Origin::State(_)));
        if let Some((name, _)) = states.find(|(name, _)| !known.contains(name)) {
            return Err(Error::input(format!(
                "the session holds no {name:?}: build or load the model in it before it is explained"
            )));
        }
        if let Some((state, _)) = graph.updates().first() {
            let name = match graph.origin(*state) {
                Origin::State(name) => name,
                _ => String::new(),
            };
            return Err(Error::unsupported(format!(
                "the model keeps {name:?} from batch to batch, so that its rows depend on what came before: \
                 explain it without that state"
            )));
        }
        if let Some(vocabulary) = scope.vocabulary() {
            let inside = |index: &f64| (0.0..vocabulary as f64).contains(index);
            if let Some(index) = rows.iter().flat_map(|rows| rows.to_f64()).find(|index| !inside(index)) {
                return Err(Error::input(format!(
                    "index {index} is outside of the {vocabulary} rows of the embedding"
                )));
            }
        }
        self.session.compile(&graph, &outputs)
    }
}

/// The number of rows. There must be one, every row must have an element, and all must be finite.
pub(crate) fn check(x: &Array) -> Result<usize> {
    let shape = x.shape();
    if shape.rank() == 0 || shape.elements() == 0 {
        return Err(Error::shape(format!(
            "rows to explain are [rows, ...], at least one, {shape} was given"
        )));
    }
    if let Data::F32(numbers) = x.data()
        && let Some(at) = numbers.iter().position(|x| !x.is_finite())
    {
        let width = numbers.len() / shape[0];
        return Err(Error::input(format!(
            "row {}: element {} is {}, wanted a finite number",
            at / width,
            at % width,
            numbers[at]
        )));
    }
    Ok(shape[0])
}

/// Gradients need numbers that can be moved a little.
pub(crate) fn check_floats(x: &Array) -> Result<usize> {
    if x.dtype() != DType::F32 {
        return Err(Error::input(format!(
            "there is no gradient of {} rows: explain a layer behind the embedding, or hide parts",
            x.dtype()
        )));
    }
    check(x)
}

/// Consecutive rows of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) first: usize,
    pub(crate) end: usize,
}

impl Part {
    pub(crate) fn len(self) -> usize {
        self.end - self.first
    }

    /// Its rows, and the last one again until there are so many: every batch has one size.
    pub(crate) fn padded(self, batch: usize) -> Vec<usize> {
        (0..batch).map(|i| (self.first + i).min(self.end - 1)).collect()
    }
}

/// All rows, so many at a time.
pub(crate) fn parts(rows: usize, batch: usize) -> impl Iterator<Item = Part> {
    (0..rows).step_by(batch.max(1)).map(move |first| Part { first, end: rows.min(first + batch) })
}

/// The targets of these rows, as an input.
pub(crate) fn targets_of(targets: &[usize], rows: &[usize]) -> Result<Array> {
    Array::i32(&[rows.len()], rows.iter().map(|&row| targets[row] as i32).collect::<Vec<i32>>())
}
