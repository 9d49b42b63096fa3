//! The tuner: measures the ways in which the operators of a graph run on the adapter at hand, and has
//! sessions take the fastest.

mod operator;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anygrad_core::{Choices, Context, Result};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::{Decision, decisions};
use serde::Serialize;

use crate::session::Session;
use crate::tuned::Tuned;

/// A way must take less than this share of the time of the operator's own rule to be chosen.
const WORTH_IT: f64 = 0.97;

/// It must also have been faster in this share of the rounds: one lucky run decides nothing.
const MOST_ROUNDS: f64 = 2.0 / 3.0;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct TuneOptions {
    /// Kernels that are compiled for it at most: drivers may take a second for each.
    pub most_kernels: usize,
    /// How long the ways of one operator run, all together.
    pub time: Duration,
    /// How often each runs at least, whatever that takes.
    pub rounds: usize,
}

impl Default for TuneOptions {
    fn default() -> Self {
        TuneOptions { most_kernels: 60, time: Duration::from_millis(300), rounds: 9 }
    }
}

/// One way in which an operator runs.
#[derive(Clone, Debug, Serialize)]
pub struct Way {
    /// Its kernels; see [`anygrad_graph::Lowering::label`].
    pub label: String,
    /// Its fastest run in milliseconds; none where it was not run.
    pub ms: Option<f64>,
    /// The share of the rounds in which it was faster than the operator's own rule.
    pub won: f64,
    /// Why it cannot be chosen, where it cannot.
    pub finding: Option<String>,
}

/// What was measured for one operator on operands of one layout.
#[derive(Clone, Debug, Serialize)]
pub struct TunedOperator {
    /// The operator.
    pub name: String,
    /// Its operands and results.
    pub shapes: String,
    /// What the choice is remembered under.
    pub signature: String,
    /// How often the graph has it.
    pub count: usize,
    /// Its ways, that of its own rule first.
    pub ways: Vec<Way>,
    /// The way that was chosen, by its place; none where even the first could not run.
    pub chosen: Option<usize>,
}

impl TunedOperator {
    /// How many times as fast as the operator's own rule the chosen way is.
    pub fn ratio(&self) -> f64 {
        let ms = |way: usize| self.ways.get(way).and_then(|way| way.ms);
        match (ms(0), self.chosen.and_then(ms)) {
            (Some(rule), Some(chosen)) if chosen > 0.0 => rule / chosen,
            _ => 1.0,
        }
    }

    /// Picks the fastest of the ways that can be chosen, if it is worth it.
    fn choose(&mut self) {
        let time = |way: &Way| way.ms.filter(|_| way.finding.is_none());
        let Some(rule) = self.ways.first().and_then(time) else { return };
        let others = self.ways.iter().enumerate().filter(|(_, way)| way.won >= MOST_ROUNDS);
        let times = others.filter_map(|(i, way)| Some((i, time(way).filter(|ms| *ms < WORTH_IT * rule)?)));
        let fastest = times.min_by(|a, b| a.1.total_cmp(&b.1));
        self.chosen = Some(fastest.map_or(0, |(way, _)| way));
    }
}

/// What tuning came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TuneReport {
    /// What was measured, the most arithmetic first.
    pub operators: Vec<TunedOperator>,
    /// Operators that were measured earlier.
    pub known: usize,
    /// Ways that were not measured, because enough kernels were compiled.
    pub left_out: usize,
    /// Kernels that were compiled.
    pub kernels: usize,
    /// Seconds that compiling them took.
    pub compiling: f64,
    /// Seconds that all of it took.
    pub seconds: f64,
}

impl TuneReport {
    /// The choices, also those for the operator's own rule: it was measured and need not be again.
    pub fn choices(&self) -> Choices {
        let chosen = |operator: &TunedOperator| {
            let label = &operator.ways.get(operator.chosen?)?.label;
            Some((operator.signature.clone(), label.clone()))
        };
        self.operators.iter().filter_map(chosen).collect()
    }
}

impl Session {
    /// Measures the ways in which the operators of a graph run here, has this session take the fastest
    /// for programs that it compiles from now on, and keeps them for later sessions on the adapter.
    /// Operators that were measured before are not again. On the interpreter there is nothing to measure.
    ///
    /// Each way's results are compared with those of the operator's own rule; a way that computes
    /// something else is never chosen, and named in the report.
    ///
    /// # Errors
    /// The graph does not compile, the device failed, or what was found cannot be written.
    pub async fn tune(&self, graph: &Graph, outputs: &[Tensor<'_>]) -> Result<TuneReport> {
        let report = self.tune_with(graph, outputs, TuneOptions::default()).await?;
        self.remember()?;
        Ok(report)
    }

    /// As [`Session::tune`], with options, and nothing is kept.
    ///
    /// # Errors
    /// The graph does not compile, or the device failed.
    pub async fn tune_with(
        &self,
        graph: &Graph,
        outputs: &[Tensor<'_>],
        options: TuneOptions,
    ) -> Result<TuneReport> {
        let start = Instant::now();
        let mut report = TuneReport::default();
        if self.is_interpreter() {
            return Ok(report);
        }
        let known = self.choices();
        let mut kernels = HashSet::new();
        for (decision, count) in distinct(decisions(graph, outputs, self.caps())?) {
            if known.get(&decision.signature).is_some_and(|label| decision.labels.iter().any(|l| l == label))
            {
                report.known += 1;
                continue;
            }
            let context = || format!("tuning {}", decision.signature);
            let mut operator =
                self.measure(&decision, options, &mut kernels, &mut report).await.context(context)?;
            operator.count = count;
            operator.choose();
            report.operators.push(operator);
        }
        report.kernels = kernels.len();
        report.seconds = start.elapsed().as_secs_f64();
        let mut choices = known;
        choices.extend(&report.choices());
        self.choose(choices);
        Ok(report)
    }

    /// Keeps this session's choices for later sessions on the adapter; see [`Tuned`]. The file; none
    /// where the system has no folder for it, or there is nothing to keep.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self) -> Result<Option<PathBuf>> {
        let choices = self.choices();
        if choices.is_empty() {
            return Ok(None);
        }
        Tuned::new(self.caps(), &choices).save(self.caps())
    }
}

/// Each decision once with how often it comes, the most arithmetic first.
fn distinct(decisions: Vec<Decision>) -> Vec<(Decision, usize)> {
    let mut by_signature: BTreeMap<String, (Decision, usize)> = BTreeMap::new();
    for decision in decisions {
        // Nothing to compute, nothing to measure.
        if decision.outputs.iter().any(|meta| meta.bytes() > 0) {
            by_signature.entry(decision.signature.clone()).or_insert((decision, 0)).1 += 1;
        }
    }
    let mut distinct: Vec<_> = by_signature.into_values().collect();
    let work = |(decision, count): &(Decision, usize)| decision.work() * *count as f64;
    distinct.sort_by(|a, b| work(b).total_cmp(&work(a)));
    distinct
}
