//! Going on from a state.

use std::collections::BTreeMap;

use anygrad_core::{Array, DType, Error, Result};
use anygrad_graph::{Graph, Meta, Origin};

use super::programs::Kind;
use super::state::{BEST, SCORES, TRUTHS, TrainProgress, TrainState};
use super::sums::Collecting;
use super::{Trainer, gather};
use crate::metrics::{Collected, Tally};
use crate::scope::STEP;
use crate::{Parameter, Role};

/// What a training has as state.
pub(super) struct Layout {
    parameters: Vec<Parameter>,
    pub(super) metas: BTreeMap<String, Meta>,
    tally: Tally,
}

impl Trainer {
    /// The state that a training at this point has, by the model as it is.
    pub(super) fn layout(&self, progress: &TrainProgress) -> Result<Layout> {
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
                let sums = Kind::Train.sums().contains(&name.as_str());
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
        let mut tally = None;
        for &rows in sizes {
            let graph = Graph::new();
            let built = self.forward(&graph, kind, rows)?;
            tally = Some(self.tally_of(built.predictions)?);
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
        let tally = tally.ok_or_else(|| Error::internal("a state of no batch size"))?;
        Ok(Layout { parameters, metas, tally })
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
        (self.trained, self.tally) = (progress.trained, Some(layout.tally));
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
        let collects = progress.position.is_some() && layout.tally.collects;
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
                Some(parameter) => {
                    wrong.push(format!("{name} is {}, wanted {}", meta_of(array), Meta::f32(parameter.shape)))
                }
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

fn meta_of(array: &Array) -> Meta {
    Meta { shape: array.shape(), dtype: array.dtype() }
}
