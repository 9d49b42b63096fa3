//! Everything that going on needs, as plain data.

use std::collections::{BTreeMap, BTreeSet};

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_gpu::Pending;
use anygrad_graph::{Graph, Meta, Origin};
use serde::{Deserialize, Serialize};

use super::early::Watch;
use super::gather;
use super::programs::Kind;
use super::sums::Collecting;
use super::Trainer;
use crate::metrics::Collected;
use crate::scope::STEP;
use crate::{Parameter, PlateauStanding, Role};

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

    fn read(&self) -> Result<(Shape, DType)> {
        let all = [DType::F32, DType::F16, DType::BF16, DType::I32, DType::U32, DType::Bool];
        let dtype = all.into_iter().find(|dtype| dtype.to_string() == self.dtype);
        let unknown = || Error::input(format!("a state of rows of dtype {:?}", self.dtype));
        Ok((Shape::new(&self.sizes)?, dtype.ok_or_else(unknown)?))
    }
}

/// Before the name of a parameter: as it was in the best epoch.
const BEST: &str = "best/";
/// Scores and truths of the rows of an epoch so far.
const SCORES: &str = "train.scores";
const TRUTHS: &str = "train.truths";

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

    /// The state that a training at this point has, by the model as it is.
    fn layout(&self, progress: &TrainProgress) -> Result<Layout> {
        let position = progress.position.unwrap_or_default();
        let (mut parameters, mut metas) = (Vec::<Parameter>::new(), BTreeMap::new());
        let kind = match progress.trained {
            true if position.waiting > 0 => Kind::Gather,
            true => Kind::Train,
            false => Kind::Predict,
        };
        let sizes = if progress.batch_sizes.is_empty() { &[1][..] } else { &progress.batch_sizes };
        let mut add = |graph: &Graph, more: &[Parameter]| {
            for (name, id) in graph.named_values() {
                let sums = name == "train.sums" || name == "train.counts";
                if matches!(graph.origin(id), Origin::State(_)) && (!sums || progress.position.is_some()) {
                    metas.insert(name, graph.meta(id));
                }
            }
            for parameter in more {
                if !parameters.iter().any(|known: &Parameter| known.name == parameter.name) {
                    parameters.push(parameter.clone());
                }
            }
        };
        for &rows in sizes {
            let graph = Graph::new();
            let built = self.forward(&graph, kind, rows)?;
            let (scope, _) = self.finish(kind, rows, built);
            graph.check()?;
            add(&graph, scope.parameters());
        }
        if kind == Kind::Gather {
            // The optimizer's state, too.
            let graph = Graph::new();
            let built = self.forward(&graph, Kind::Train, sizes[0])?;
            let (scope, _) = self.finish(Kind::Train, sizes[0], built);
            add(&graph, scope.parameters());
        }
        Ok(Layout { parameters, metas })
    }

    /// Goes on from a state: everything is as it was then. Before the first step as well as after many;
    /// nothing has to be built.
    ///
    /// # Errors
    /// The state is not of this model, optimizer, metrics and data: every tensor that is missing, not
    /// known, or of another shape is named, and nothing has changed. The device failed.
    pub fn restore(&mut self, state: &TrainState) -> Result<()> {
        let progress = &state.progress;
        let before = (self.features, self.targets, self.seed);
        let checked = self.check_state(state);
        let (layout, best, collected) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                (self.features, self.targets, self.seed) = before;
                return Err(error);
            }
        };
        if self.seed != before.2 {
            // Compiled with other random numbers.
            self.programs.clear();
        }
        for parameter in &self.parameters {
            if !layout.metas.contains_key(&parameter.name) {
                let start = parameter.init.array(self.seed, &parameter.name, parameter.shape);
                self.session.put_state(&parameter.name, &start)?;
            }
        }
        let known = std::mem::take(&mut self.parameters);
        let others = known.into_iter().filter(|known| !layout.metas.contains_key(&known.name));
        self.parameters = layout.parameters.iter().cloned().chain(others).collect();
        let zero = Array::u32(&[], [0])?;
        for name in [STEP, gather::BATCHES] {
            if !layout.metas.contains_key(name) {
                self.session.put_state(name, &zero)?;
            }
        }
        for name in layout.metas.keys() {
            self.session.put_state(name, &state.tensors[name])?;
        }
        (self.steps, self.epochs, self.position) = (progress.steps, progress.epochs, progress.position);
        self.trained = progress.trained;
        self.carried = progress.batch_sizes.clone();
        if let (Some(plateau), Some(standing)) = (&mut self.plateau, &progress.plateau) {
            plateau.resume(standing);
        }
        self.watch = progress.early_stopping.clone();
        self.best = best;
        self.collecting = Default::default();
        self.collecting[0] = Collecting::of(collected);
        Ok(())
    }

    /// Whether a state fits; what it holds. Features, targets and seed are the state's afterwards.
    #[allow(clippy::type_complexity, reason = "read in one place")]
    fn check_state(&mut self, state: &TrainState) -> Result<(Layout, BTreeMap<String, Array>, Collected)> {
        let progress = &state.progress;
        let (shape, dtype) = progress.features.read()?;
        self.take_features(shape, dtype)?;
        if let Some(targets) = &progress.targets {
            let (shape, dtype) = targets.read()?;
            self.take_targets(shape, dtype)?;
        }
        if progress.trained && progress.targets.is_none() {
            return Err(Error::input("a state of a training without targets"));
        }
        if self.plateau.is_some() != progress.plateau.is_some() {
            let has = |has: bool| if has { "a" } else { "no" };
            return Err(Error::input(format!(
                "the state is of a training with {} plateau, the trainer has {}",
                has(progress.plateau.is_some()),
                has(self.plateau.is_some())
            )));
        }
        if let Some(position) = progress.position {
            position.check()?;
        }
        self.seed = progress.seed;
        let layout = self.layout(progress)?;
        let mut wrong = Vec::new();
        let collects = progress.position.is_some() && {
            let graph = Graph::new();
            let predictions = self.forward(&graph, Kind::Predict, 1)?.predictions.shape();
            crate::metrics::Tally::new(&self.metrics, &self.loss, &predictions)?.collects
        };
        let mut collected = Collected::default();
        let mut best = BTreeMap::new();
        for (name, meta) in &layout.metas {
            match state.tensors.get(name) {
                None => wrong.push(format!("{name} {meta} is missing")),
                Some(array) if meta_of(array) != *meta => {
                    wrong.push(format!("{name} is {}, wanted {meta}", meta_of(array)));
                }
                Some(_) => {}
            }
        }
        for (name, array) in &state.tensors {
            let kept = name.strip_prefix(BEST).and_then(|name| {
                let is_kept = |p: &&Parameter| matches!(p.role, Role::Trainable | Role::Fixed);
                layout.parameters.iter().filter(is_kept).find(|p| p.name == name)
            });
            match kept {
                Some(parameter) if meta_of(array) == Meta::f32(parameter.shape) => {
                    best.insert(parameter.name.clone(), array.clone());
                }
                Some(parameter) => wrong.push(format!(
                    "{name} is {}, wanted {}",
                    meta_of(array),
                    Meta::f32(parameter.shape)
                )),
                None if collects && name == SCORES && array.dtype() == DType::F32 => {
                    collected.scores = array.as_f32()?.to_vec();
                }
                None if collects && name == TRUTHS && array.dtype() == DType::I32 => {
                    collected.truths = array.to_f64().into_iter().map(|truth| truth as i32).collect();
                }
                None if layout.metas.contains_key(name) => {}
                None => wrong.push(format!("{name} {} is not known", meta_of(array))),
            }
        }
        let kept = layout.parameters.iter().filter(|p| matches!(p.role, Role::Trainable | Role::Fixed));
        let missing: Vec<_> = kept.filter(|p| !best.is_empty() && !best.contains_key(&p.name)).collect();
        wrong.extend(missing.iter().map(|p| format!("{BEST}{} is missing", p.name)));
        for name in [SCORES, TRUTHS] {
            if collects && !state.tensors.contains_key(name) {
                wrong.push(format!("{name} is missing"));
            }
        }
        if wrong.is_empty() {
            return Ok((layout, best, collected));
        }
        Err(Error::input(format!("the state does not fit the model: {}", wrong.join("; "))))
    }
}

/// What a training has as state.
struct Layout {
    parameters: Vec<Parameter>,
    metas: BTreeMap<String, Meta>,
}

fn meta_of(array: &Array) -> Meta {
    Meta { shape: array.shape(), dtype: array.dtype() }
}

impl Position {
    /// Whether there can be such a place.
    fn check(&self) -> Result<()> {
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
