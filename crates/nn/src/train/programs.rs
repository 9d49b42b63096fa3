//! The graphs of training, evaluation and prediction, one program per batch size.

use anygrad_core::{Array, Context, DType, Error, Result, Shape};
use anygrad_gpu::{Pending, Program};
use anygrad_graph::{Graph, Tensor};

use super::{Scores, Trainer, data};
use crate::metrics::accumulate;
use crate::{Mode, Scope, minimize};

/// What a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Train,
    Evaluate,
    Predict,
}

/// A model in a graph.
pub(super) struct Built<'g> {
    pub(super) scope: Scope<'g>,
    pub(super) predictions: Tensor<'g>,
    /// The loss with the penalties of the layers, and the metrics, where there are targets.
    pub(super) total: Option<(Tensor<'g>, Vec<Tensor<'g>>)>,
}

pub(super) const FEATURES: &str = "features";
pub(super) const TARGETS: &str = "targets";

impl Kind {
    /// The state that sums loss and metrics over an epoch: `[1 + metrics]`.
    fn sums(self) -> &'static str {
        match self {
            Kind::Train => "train.sums",
            Kind::Evaluate | Kind::Predict => "evaluate.sums",
        }
    }
}

impl Trainer {
    /// Compiles the program for so many rows, unless it is there, and writes the starting values of
    /// state that no program had before. The features' shape is known already.
    pub(super) fn prepare(&mut self, kind: Kind, rows: usize, targets: Option<&Array>) -> Result<()> {
        if self.programs.contains_key(&(kind, rows)) {
            return Ok(());
        }
        let graph = Graph::new();
        let Built { mut scope, predictions, total } = self.forward(&graph, kind, rows, targets)?;
        let output = match total {
            None => predictions,
            Some((total, metrics)) => {
                let means: Vec<_> = [total].into_iter().chain(metrics).collect();
                accumulate(graph.state(kind.sums(), &[means.len()]), &means, rows);
                if kind == Kind::Train {
                    minimize(&mut scope, &*self.optimizer, total);
                }
                total
            }
        };
        let program =
            self.session.compile(&graph, &[output]).context(|| format!("batches of {rows} rows"))?;
        self.predictions = Some(predictions.shape().without(|axis| axis == 0));
        self.vocabulary = scope.vocabulary();
        for parameter in scope.parameters() {
            if self.parameters.iter().all(|known| known.name != parameter.name) {
                let start = parameter.init.array(self.seed, &parameter.name, parameter.shape);
                self.session.write_state(&parameter.name, &start)?;
                self.parameters.push(parameter.clone());
            }
        }
        self.programs.insert((kind, rows), program);
        Ok(())
    }

    /// The model on so many rows, and, where there are targets and it is not for prediction, the loss.
    pub(super) fn forward<'g>(
        &self,
        graph: &'g Graph,
        kind: Kind,
        rows: usize,
        targets: Option<&Array>,
    ) -> Result<Built<'g>> {
        let (row, dtype) = self.features.ok_or_else(|| Error::internal("features of unknown shape"))?;
        let mode = if kind == Kind::Train { Mode::Train } else { Mode::Evaluate };
        let mut scope = Scope::new(graph, mode, self.seed);
        let x = graph.input(FEATURES, &[&[rows], &row[..]].concat(), dtype);
        let predictions = scope.model(&*self.model, x);
        graph.check()?;
        if predictions.shape().first() != Some(&rows) {
            return Err(Error::shape(format!(
                "the model makes {} of {rows} rows: the first axis must stay the batch",
                predictions.shape()
            )));
        }
        let total = targets.filter(|_| kind != Kind::Predict).map(|targets| {
            let sizes = targets.shape().with(0, rows);
            let y = graph.input(TARGETS, &sizes, targets.dtype());
            let loss = graph.labelled("loss", || self.loss.mean(predictions, y));
            let total = scope.penalized(loss);
            let metrics = self.metrics.iter().map(|metric| metric.mean(&self.loss, predictions, y));
            (total, metrics.collect())
        });
        Ok(Built { scope, predictions, total })
    }

    pub(super) fn program(&mut self, kind: Kind, rows: usize) -> Result<&mut Program> {
        let program = self.programs.get_mut(&(kind, rows));
        program.ok_or_else(|| Error::internal(format!("no program for {rows} rows was compiled")))
    }

    /// Runs a prepared program once.
    pub(super) fn run(&mut self, kind: Kind, x: &Array, y: Option<&Array>) -> Result<()> {
        let program = self.program(kind, data::rows(x))?;
        program.write(FEATURES, x)?;
        if let Some(y) = y {
            program.write(TARGETS, y)?;
        }
        program.run()
    }

    /// Starts an epoch's sums at 0.
    pub(super) fn reset_sums(&self, kind: Kind) -> Result<()> {
        let shape = Shape::new(&[1 + self.metrics.len()])?;
        self.session.write_state(kind.sums(), &Array::zeros(shape, DType::F32))
    }

    /// The means over the rows since the sums were reset.
    pub(super) async fn read_sums(&self, kind: Kind, rows: usize) -> Result<Scores> {
        Ok(self.scores(&self.session.read_state(kind.sums()).await?, rows))
    }

    /// The sums as they are after the steps so far, without waiting for these.
    pub(super) fn ask_for_sums(&self, kind: Kind) -> Result<Pending> {
        self.session.read_state_later(kind.sums())
    }

    /// The means of sums over so many rows.
    pub(super) fn scores(&self, sums: &Array, rows: usize) -> Scores {
        let means: Vec<f64> = sums.to_f64().iter().map(|sum| sum / rows.max(1) as f64).collect();
        let figures = self.metrics.iter().zip(&means[1..]);
        Scores {
            loss: means[0],
            metrics: figures.map(|(metric, &mean)| (metric.name(), metric.of_mean(mean))).collect(),
        }
    }
}
