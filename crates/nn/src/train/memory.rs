//! Training in less memory: what is done when it is asked for, and what more when it is needed.

use std::collections::BTreeMap;

use anygrad_core::{DType, Error, Result};
use anygrad_graph::Graph;
use anygrad_plan::{Options, Plan, Recompute};

use super::programs::Kind;
use super::{FitOptions, Outline, Trainer};
use crate::Role;

/// What a training does to take less memory of the device, at the price of time or of digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryOptions {
    /// What the gradients compute again. Numbers stay the same, to the bit.
    pub recompute: Recompute,
    /// What activations are held as for the gradients: `f32`, `f16` or `bf16`. Predictions and losses stay
    /// what they would be at these parameters; gradients are those of rounded activations. `f16` ends at
    /// 65,504 and has more digits, `bf16` has the range of `f32`. The interpreter rounds nothing.
    pub activations: DType,
    /// The most bytes that the programs of a training may take together. Where they would take more, these
    /// are tried in turn until they fit: [`Recompute::Cheap`], [`Recompute::Auto`], and batches in equal
    /// parts whose gradients are summed, as [`FitOptions::accumulate`] does. The last is left out where a
    /// part would not do what the whole does: with statistics of batches, or state that goes from batch to
    /// batch. Rounding is never chosen by itself. The interpreter has no plans, and no limit.
    pub limit: Option<u64>,
}

impl Default for MemoryOptions {
    /// As fast as it goes.
    fn default() -> Self {
        MemoryOptions { recompute: Recompute::None, activations: DType::F32, limit: None }
    }
}

impl MemoryOptions {
    /// What is tried in turn.
    fn levels(&self) -> Vec<Recompute> {
        match self.recompute {
            Recompute::None => vec![Recompute::None, Recompute::Cheap, Recompute::Auto],
            Recompute::Cheap => vec![Recompute::Cheap, Recompute::Auto],
            Recompute::Auto => vec![Recompute::Auto],
            other => vec![other, Recompute::Auto],
        }
    }
}

impl Trainer {
    /// Has training take less memory; see [`MemoryOptions`].
    pub fn memory(mut self, options: MemoryOptions) -> Self {
        self.memory = options;
        self
    }

    /// Changes [`MemoryOptions::limit`] alone.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory.limit = Some(bytes);
        self
    }

    /// The rows that a batch of so many is evaluated in: fewer where batches are taken in parts to stay within a limit.
    pub fn rows_within_limit(&self, batch: usize) -> usize {
        self.parts.filter(|(whole, _)| *whole == batch).map_or(batch, |(_, part)| part)
    }

    /// What was done to take less memory in the programs of training that are compiled, those of the most
    /// rows first. Empty where nothing was done.
    pub fn savings(&self) -> Vec<String> {
        let mut texts = BTreeMap::new();
        for ((kind, rows), program) in self.programs.iter().filter(|((kind, _), _)| kind.learns()) {
            if let Some(text) = program.plan().and_then(Plan::saving_text) {
                texts.insert((*rows, *kind == Kind::Gather), format!("batches of {rows} rows: {text}"));
            }
        }
        let parts = self.parts.map(|(batch, part)| {
            format!("batches of {batch} rows in parts of {part}, whose gradients are summed")
        });
        parts.into_iter().chain(texts.into_values().rev()).collect()
    }

    /// What a program is compiled with.
    pub(super) fn options_of(&self, kind: Kind) -> Options {
        if !kind.learns() {
            return Options::DEFAULT;
        }
        let recompute = self.recompute.unwrap_or(self.memory.recompute);
        Options { recompute, activations: self.memory.activations, ..Options::DEFAULT }
    }

    /// Chooses what steps on so many rows do to stay within the limit, where steps are taken one by one.
    pub(super) fn choose_for_step(&mut self, rows: usize) -> Result<()> {
        if self.recompute.is_some() || !self.has_limit() || self.programs.contains_key(&(Kind::Train, rows)) {
            return Ok(());
        }
        let options = FitOptions { batch_size: rows, ..FitOptions::default() };
        match self.level(&options, rows, None)? {
            Ok(_) => Ok(()),
            Err(least) => Err(self.too_large(rows, least, "")),
        }
    }

    /// Chooses what a training on so many rows does to stay within the limit, and the parts that it takes
    /// batches in: those of these options. In the midst of an epoch they are those that it began with. The
    /// shapes of features and targets are known already.
    pub(super) fn choose(
        &mut self,
        options: &FitOptions,
        rows: usize,
        validation: Option<usize>,
    ) -> Result<FitOptions> {
        let (batch, accumulate) = (options.batch_size, options.accumulate);
        let begun = self.position.filter(|at| at.batch_size * at.accumulate == batch * accumulate);
        let begun = begun.map(|at| at.batch_size).filter(|&part| part > 0 && batch.is_multiple_of(part));
        let (mut least, mut whole) = (u64::MAX, None);
        for part in (1..=batch).rev().filter(|&part| batch.is_multiple_of(part)) {
            if begun.is_some_and(|begun| part != begun) {
                continue;
            }
            if part < batch {
                whole = whole.or(self.why_whole(part)?);
                if whole.is_some() {
                    break;
                }
            }
            let options =
                FitOptions { batch_size: part, accumulate: accumulate * (batch / part), ..options.clone() };
            match self.level(&options, rows, validation)? {
                Ok(_) => {
                    self.parts = (part < batch).then_some((batch, part));
                    return Ok(options);
                }
                Err(bytes) => least = least.min(bytes),
            }
        }
        let why = whole.map_or(String::new(), |why| format!("; batches are not taken in parts, as {why}"));
        Err(self.too_large(batch, least, &why))
    }

    pub(super) fn has_limit(&self) -> bool {
        self.memory.limit.is_some() && !self.session.is_interpreter()
    }

    fn too_large(&self, batch: usize, least: u64, why: &str) -> Error {
        let limit = self.memory.limit.unwrap_or(u64::MAX);
        Error::out_of_memory(format!(
            "saving what can be saved, batches of {batch} rows take at least {least} bytes, the limit is {limit}{why}"
        ))
    }

    /// Takes the first level at which a training stays within the limit; otherwise the least bytes that it takes.
    fn level(
        &mut self,
        options: &FitOptions,
        rows: usize,
        validation: Option<usize>,
    ) -> Result<std::result::Result<Recompute, u64>> {
        let outline = self.outline(rows, validation)?;
        let caps = self.planning_caps();
        let mut least = u64::MAX;
        for recompute in self.memory.levels() {
            self.recompute = Some(recompute);
            let bytes = match self.forecast(&outline, options, &caps, None) {
                Ok(forecast) => forecast.total(),
                Err(error) if error.is_unsupported() => u64::MAX,
                Err(error) => return Err(error),
            };
            if bytes <= self.memory.limit.unwrap_or(u64::MAX) {
                return Ok(Ok(recompute));
            }
            least = least.min(bytes);
        }
        self.recompute = None;
        Ok(Err(least))
    }

    /// The data of a training on so many rows of the shapes that are known.
    fn outline(&self, rows: usize, validation: Option<usize>) -> Result<Outline> {
        let unknown = || Error::internal("data of unknown shape");
        let (features, features_dtype) = self.features.ok_or_else(unknown)?;
        let (targets, targets_dtype) = self.targets.ok_or_else(unknown)?;
        let (features, targets) = (features.to_vec(), targets.to_vec());
        Ok(Outline { features, features_dtype, targets, targets_dtype, rows, validation, test: self.behind })
    }

    /// Why a batch must be one: what a part of it would do differently.
    fn why_whole(&self, rows: usize) -> Result<Option<String>> {
        let graph = Graph::new();
        let built = self.forward(&graph, Kind::Train, rows)?;
        let updated = |name: &str| {
            graph
                .updates()
                .iter()
                .any(|(state, _)| graph.find(name).is_some_and(|found| found.id() == *state))
        };
        let of = |role: Role| {
            let mut parameters = built.scope.parameters().iter();
            parameters.find(|p| p.role == role && updated(&p.name)).map(|p| p.name.clone())
        };
        let statistics = of(Role::Fixed).map(|name| format!("{name} is a statistic of whole batches"));
        Ok(statistics.or(of(Role::Carried).map(|name| format!("{name} goes from batch to batch"))))
    }
}
