//! Everything that going on needs, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_gpu::Pending;
use serde::{Deserialize, Serialize};

use super::Trainer;
use super::early::Watch;
use super::programs::Kind;
use crate::metrics::Collected;
use crate::{PlateauStanding, Role};

/// How a training stands between two steps. A trainer of the same model, optimizer, metrics and schedule
/// that restores it goes on as if it had never stopped, on the same adapter to the bit.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainState {
    /// By name: parameters, the optimizer's state with the learning rate, what layers keep; in the midst
    /// of an epoch also the sums so far; the parameters of the best epoch under `best/`.
    pub tensors: BTreeMap<String, Array>,
    /// The rest.
    pub progress: TrainProgress,
}

/// The numbers of a [`TrainState`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainProgress {
    /// Updates done. Random numbers, the schedule and the optimizer count by them.
    pub steps: u64,
    /// Whole epochs done. The order of the rows depends on the seed and the epoch alone.
    pub epochs: u64,
    /// Where in an epoch it stands, if not between two.
    pub position: Option<Position>,
    /// The trainer's seed.
    pub seed: u64,
    /// One row of features.
    pub features: RowShape,
    /// One row of targets, if there were any.
    pub targets: Option<RowShape>,
    /// Whether there is state of the optimizer.
    pub trained: bool,
    /// The batch sizes that stateful layers have state for.
    pub batch_sizes: Vec<usize>,
    /// How the plateau stands, if there is one.
    pub plateau: Option<PlateauStanding>,
    /// How what early stopping watches has gone.
    pub early_stopping: Option<Watch>,
}

/// A place in the midst of an epoch, and what the place depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Batches of the epoch that are done.
    pub batches: usize,
    /// The last of these whose gradients wait for the next update.
    pub waiting: usize,
    /// Rows of the epoch.
    pub rows: usize,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Batches of an update.
    pub accumulate: usize,
    /// Whether the rows are shuffled.
    pub shuffle: bool,
}

/// Sizes and dtype of one row of data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowShape {
    /// The sizes of the axes, without that of the rows.
    pub sizes: Vec<usize>,
    /// As `f32`.
    pub dtype: String,
}

impl RowShape {
    fn of((shape, dtype): (Shape, DType)) -> Self {
        RowShape { sizes: shape.to_vec(), dtype: dtype.to_string() }
    }

    pub(super) fn read(&self) -> Result<(Shape, DType)> {
        let all = [DType::F32, DType::F16, DType::BF16, DType::I32, DType::U32, DType::Bool];
        let dtype = all.into_iter().find(|dtype| dtype.to_string() == self.dtype);
        let unknown = || Error::input(format!("a state of rows of dtype {:?}", self.dtype));
        Ok((Shape::new(&self.sizes)?, dtype.ok_or_else(unknown)?))
    }
}

/// Before the name of a parameter: as it was in the best epoch.
pub(super) const BEST: &str = "best/";
/// Scores and truths of the rows of an epoch so far.
pub(super) const SCORES: &str = "train.scores";
pub(super) const TRUTHS: &str = "train.truths";

/// A state that was asked for, and comes when the device has it.
pub(super) struct PendingState {
    progress: TrainProgress,
    known: BTreeMap<String, Array>,
    coming: Vec<(String, Pending)>,
}

impl PendingState {
    pub(super) fn is_ready(&self) -> Result<bool> {
        self.coming.iter().try_fold(true, |ready, (_, pending)| Ok(ready && pending.is_ready()?))
    }

    pub(super) async fn take(self) -> Result<TrainState> {
        let mut tensors = self.known;
        for (name, pending) in self.coming {
            tensors.insert(name, pending.take().await?);
        }
        Ok(TrainState { tensors, progress: self.progress })
    }
}

impl Trainer {
    /// How the training stands, as plain data.
    ///
    /// # Errors
    /// The model is not built yet, or the device failed.
    pub async fn state(&mut self) -> Result<TrainState> {
        self.state_later().await?.take().await
    }

    /// As [`Trainer::state`], without waiting for the steps so far, except for scores that metrics
    /// collect.
    pub(super) async fn state_later(&mut self) -> Result<PendingState> {
        let features = self.features.filter(|_| !self.parameters.is_empty() || !self.programs.is_empty());
        let features = features.ok_or_else(|| {
            Error::input("the state of a model that is not built; call build, fit or predict first")
        })?;
        let progress = TrainProgress {
            steps: self.steps,
            epochs: self.epochs,
            position: self.position,
            seed: self.seed,
            features: RowShape::of(features),
            targets: self.targets.map(RowShape::of),
            trained: self.trained,
            batch_sizes: self.carrying(),
            plateau: self.plateau.as_ref().map(|plateau| plateau.standing()),
            early_stopping: self.watch.clone(),
        };
        let best = self.best.iter().map(|(name, array)| (format!("{BEST}{name}"), array.clone()));
        let mut known: BTreeMap<String, Array> = best.collect();
        if self.position.is_some() && self.tally.as_ref().is_some_and(|tally| tally.collects) {
            self.collecting[0].take(true).await?;
            let Collected { scores, truths } = self.collecting[0].collected.clone();
            known.insert(SCORES.into(), Array::f32(&[scores.len()], scores)?);
            known.insert(TRUTHS.into(), Array::i32(&[truths.len()], truths)?);
        }
        let mut coming = Vec::new();
        for name in self.layout(&progress)?.metas.into_keys() {
            let pending = self.session.read_state_later(&name)?;
            coming.push((name, pending));
        }
        Ok(PendingState { progress, known, coming })
    }

    /// The batch sizes of training that stateful layers have state for; none where there is no such layer.
    fn carrying(&self) -> Vec<usize> {
        if !self.parameters.iter().any(|p| p.role == Role::Carried) {
            return Vec::new();
        }
        let rows = self.programs.keys().filter(|(kind, _)| *kind != Kind::Update).map(|(_, rows)| *rows);
        rows.chain(self.carried.iter().copied()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Position {
    /// Whether there can be such a place.
    pub(super) fn check(&self) -> Result<()> {
        let Position { batches, waiting, rows, batch_size, accumulate, .. } = *self;
        let all = rows.checked_div(batch_size).map(|whole| whole + usize::from(rows % batch_size > 0));
        if all.is_some_and(|all| batches <= all) && waiting <= batches && waiting < accumulate.max(1) {
            return Ok(());
        }
        Err(Error::input(format!(
            "a state after {batches} batches of an epoch of {rows} rows in batches of {batch_size}, \
             {waiting} of {accumulate} of them waiting"
        )))
    }
}
