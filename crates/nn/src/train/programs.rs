//! The graphs of training, evaluation and prediction, one program per batch size.

use anygrad_core::{Array, Context, DType, Error, Result};
use anygrad_gpu::Program;
use anygrad_graph::{Graph, Tensor};

use super::Trainer;
use crate::metrics::{Batch, PARTS, Tally};
use crate::{Mode, Parameter, Role, Scope, minimize};

/// What a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// One step on a batch.
    Train,
    /// Adds a batch's gradients to those of the batches before it.
    Gather,
    /// One step by the gradients that were gathered; it has no rows.
    Update,
    Evaluate,
    Predict,
}

/// A model in a graph.
pub(super) struct Built<'g> {
    pub(super) scope: Scope<'g>,
    pub(super) predictions: Tensor<'g>,
    /// The loss with the penalties of the layers, and what is summed over batches, where there are targets.
    pub(super) total: Option<(Tensor<'g>, Batch<'g>)>,
}

pub(super) const FEATURES: &str = "features";
pub(super) const TARGETS: &str = "targets";

impl Kind {
    /// Whether gradients are taken.
    pub(super) fn learns(self) -> bool {
        matches!(self, Kind::Train | Kind::Gather)
    }

    /// The states that sum over batches: sums, `[parts, m]`, the part that is next, and counts, `[c]`.
    pub(super) fn sums(self) -> [&'static str; 3] {
        match self.learns() {
            true => ["train.sums", "train.part", "train.counts"],
            false => ["evaluate.sums", "evaluate.part", "evaluate.counts"],
        }
    }
}

impl Trainer {
    /// Compiles the program for so many rows, unless it is there, and writes the starting values of
    /// state that no program had before. The shapes of features and targets are known already.
    pub(super) fn prepare(&mut self, kind: Kind, rows: usize) -> Result<()> {
        if self.programs.contains_key(&(kind, rows)) {
            return Ok(());
        }
        let graph = Graph::new();
        let (scope, outputs) = if kind == Kind::Update {
            self.update(&graph, &self.parameters)
        } else {
            let built = self.forward(&graph, kind, rows)?;
            self.predictions = Some(built.predictions.shape().without(|axis| axis == 0));
            self.vocabulary = built.scope.vocabulary();
            self.tally = Some(self.tally_of(built.predictions)?);
            self.finish(kind, rows, built)
        };
        let program = self.session.compile_with(&graph, &outputs, self.options_of(kind));
        let program = program.context(|| format!("batches of {rows} rows"))?;
        for parameter in scope.parameters() {
            if self.parameters.iter().all(|known| known.name != parameter.name) {
                let start = parameter.init.array(self.seed, &parameter.name, parameter.shape);
                self.session.write_state(&parameter.name, &start)?;
                self.parameters.push(parameter.clone());
            }
        }
        self.trained |= matches!(kind, Kind::Train | Kind::Update);
        self.programs.insert((kind, rows), program);
        Ok(())
    }

    /// What is summed for these predictions.
    pub(super) fn tally_of(&self, predictions: Tensor<'_>) -> Result<Tally> {
        Tally::new(&self.metrics, &self.loss, &predictions.shape())
    }

    /// Everything behind the model: sums and updates, and the outputs.
    pub(super) fn finish<'g>(
        &self,
        kind: Kind,
        rows: usize,
        built: Built<'g>,
    ) -> (Scope<'g>, Vec<Tensor<'g>>) {
        let Built { mut scope, predictions, total } = built;
        let Some((total, batch)) = total else { return (scope, vec![predictions]) };
        let graph = scope.graph();
        let [sums, part, counts] = kind.sums();
        batch.add_to(graph.state(sums, &[PARTS, batch.width()]), graph.state_of(part, &[], DType::U32));
        if let Some(seen) = batch.counts {
            let counts = graph.state_of(counts, &seen.shape(), DType::U32);
            graph.update(counts, counts + seen);
        }
        match kind {
            Kind::Train => drop(minimize(&mut scope, &*self.optimizer, total)),
            Kind::Gather => super::gather::gather(&scope, total, rows),
            _ => {}
        }
        (scope, [total].into_iter().chain(batch.scores).collect())
    }

    /// One step by gathered gradients.
    pub(super) fn update<'g>(
        &self,
        graph: &'g Graph,
        parameters: &[Parameter],
    ) -> (Scope<'g>, Vec<Tensor<'g>>) {
        let mut scope = Scope::new(graph, Mode::Train, self.seed);
        let learned = parameters.iter().filter(|p| p.role == Role::Trainable);
        super::gather::update(&mut scope, &*self.optimizer, learned);
        (scope, Vec::new())
    }

    /// The model on so many rows, and, where there are targets and it is not for prediction, the loss.
    pub(super) fn forward<'g>(&self, graph: &'g Graph, kind: Kind, rows: usize) -> Result<Built<'g>> {
        let (row, dtype) = self.features.ok_or_else(|| Error::internal("features of unknown shape"))?;
        let mode = if kind.learns() { Mode::Train } else { Mode::Evaluate };
        let mut scope = Scope::new(graph, mode, self.seed);
        if kind == Kind::Gather {
            super::gather::draw_by_batch(&mut scope);
        }
        let x = graph.input(FEATURES, &[&[rows], &row[..]].concat(), dtype);
        let predictions = scope.model(&*self.model, x);
        graph.check()?;
        if predictions.shape().first() != Some(&rows) {
            return Err(Error::shape(format!(
                "the model makes {} of {rows} rows: the first axis must stay the batch",
                predictions.shape()
            )));
        }
        let total = match (kind, self.targets) {
            (Kind::Predict, _) | (_, None) => None,
            (_, Some((row, dtype))) => {
                let y = graph.input(TARGETS, &[&[rows], &row[..]].concat(), dtype);
                let loss = graph.labelled(Graph::LOSS, || self.loss.mean(predictions, y));
                graph.check()?;
                let total = scope.penalized(loss);
                let tally = self.tally_of(predictions)?;
                Some((total, graph.labelled("metrics", || tally.batch(&self.loss, total, predictions, y))))
            }
        };
        Ok(Built { scope, predictions, total })
    }

    pub(super) fn program(&mut self, kind: Kind, rows: usize) -> Result<&mut Program> {
        let program = self.programs.get_mut(&(kind, rows));
        program.ok_or_else(|| Error::internal(format!("no program for {rows} rows was compiled")))
    }

    /// Runs a prepared program once.
    pub(super) fn run(&mut self, kind: Kind, x: &Array, y: Option<&Array>) -> Result<()> {
        self.write(kind, x, y)?;
        self.program(kind, super::data::rows(x))?.run()
    }

    /// Writes the inputs of a prepared program.
    pub(super) fn write(&mut self, kind: Kind, x: &Array, y: Option<&Array>) -> Result<()> {
        let program = self.program(kind, super::data::rows(x))?;
        program.write(FEATURES, x)?;
        y.map_or(Ok(()), |y| program.write(TARGETS, y))
    }
}
