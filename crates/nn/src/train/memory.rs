//! Training in less memory: what is done when it is asked for, and what more when it is needed.

use std::collections::BTreeMap;

use anygrad_core::{DType, Error, Result};
use anygrad_gpu::plan::{Options, Plan, Recompute, Role as SlotRole};
use anygrad_graph::Graph;

use super::programs::Kind;
use super::{FitOptions, Trainer};
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
        match self.level(&[(Kind::Train, rows)])? {
            Ok(level) => self.recompute = Some(level),
            Err(least) => return Err(self.too_large(rows, least, "")),
        }
        Ok(())
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
        if !self.has_limit() {
            return Ok(options.clone());
        }
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
            match self.level(&programs(&options, rows, validation))? {
                Ok(level) => {
                    self.recompute = Some(level);
                    self.parts = (part < batch).then_some((batch, part));
                    return Ok(options);
                }
                Err(bytes) => least = least.min(bytes),
            }
        }
        let why = whole.map_or(String::new(), |why| format!("; batches are not taken in parts, as {why}"));
        Err(self.too_large(batch, least, &why))
    }

    fn has_limit(&self) -> bool {
        self.memory.limit.is_some() && !self.session.is_interpreter()
    }

    fn too_large(&self, batch: usize, least: u64, why: &str) -> Error {
        let limit = self.memory.limit.unwrap_or(u64::MAX);
        Error::input(format!(
            "training on batches of {batch} rows takes at least {least} bytes of the device, the limit is {limit}{why}"
        ))
    }

    /// The first level at which these programs stay within the limit, or the least bytes that they take.
    fn level(&self, programs: &[(Kind, usize)]) -> Result<std::result::Result<Recompute, u64>> {
        let mut least = u64::MAX;
        for recompute in self.memory.levels() {
            let options = Options { recompute, activations: self.memory.activations, ..Options::DEFAULT };
            let plan = |&(kind, rows): &(Kind, usize)| self.plan_of(kind, rows, options);
            let bytes = together(&programs.iter().map(plan).collect::<Result<Vec<_>>>()?);
            if bytes <= self.memory.limit.unwrap_or(u64::MAX) {
                return Ok(Ok(recompute));
            }
            least = least.min(bytes);
        }
        Ok(Err(least))
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

    /// The plan of a program.
    fn plan_of(&self, kind: Kind, rows: usize, options: Options) -> Result<Plan> {
        let graph = Graph::new();
        let outputs = if kind == Kind::Update {
            let model = Graph::new();
            let built = self.forward(&model, Kind::Train, 1)?;
            self.update(&graph, built.scope.parameters()).1
        } else {
            let built = self.forward(&graph, kind, rows)?;
            self.finish(kind, rows, built).1
        };
        self.session.plan(&graph, &outputs, if kind.learns() { options } else { Options::DEFAULT })
    }
}

/// The programs that [`Trainer::fit`] has.
fn programs(options: &FitOptions, rows: usize, validation: Option<usize>) -> Vec<(Kind, usize)> {
    let batch = options.batch_size;
    let kind = if options.accumulate == 1 { Kind::Train } else { Kind::Gather };
    let mut programs = vec![(kind, batch.min(rows)), (kind, rows % batch)];
    if let Some(rows) = validation {
        let batch = batch.min(rows);
        programs.extend([(Kind::Evaluate, batch), (Kind::Evaluate, rows % batch.max(1))]);
    }
    programs.retain(|(_, rows)| *rows > 0);
    programs.extend((kind == Kind::Gather).then_some((Kind::Update, 0)));
    programs
}

/// About what programs of one session take: each has memory of its own, and states are there once.
fn together(plans: &[Plan]) -> u64 {
    /// What states in packs are multiples of.
    const STEP: u64 = 256;
    let mut states = BTreeMap::new();
    let mut bytes = 0;
    for plan in plans {
        let memory = plan.memory();
        bytes += memory.total() - memory.states;
        for slot in &plan.slots {
            if let SlotRole::State(name) = &slot.role {
                let own = if slot.part.is_some() { slot.bytes.next_multiple_of(STEP) } else { slot.bytes };
                let known = states.entry(name).or_insert(own);
                *known = own.max(*known);
            }
        }
    }
    bytes + states.values().sum::<u64>()
}
