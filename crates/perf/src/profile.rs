//! What programs cost, kernel by kernel: sums over what a [`Recorder`] heard.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Instant;

use anygrad_core::Result;
use anygrad_gpu::{Recorder, Recording, Session, Source, Work};
use serde::Serialize;

use crate::measure::{Options, prepare};
use crate::workload::Workload;

/// Nanoseconds since the first call: a clock for profiles.
pub fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// What one kernel takes in steps of one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KernelCost {
    /// The operators of the step, joined by `+`.
    pub step: String,
    /// The kernel's name; `copy`, `host` or `interpreter` for what is none.
    pub kernel: String,
    /// How often it ran in the time that is told.
    pub dispatches: usize,
    /// Milliseconds of all of them.
    pub ms: f64,
    /// The most bytes of storage that one of them binds or copies.
    pub bytes: u64,
}

/// Costs by kernel, the dearest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Costs {
    /// Where the times come from; empty where nothing ran.
    pub source: String,
    /// What is told: one run, or all of them.
    pub kernels: Vec<KernelCost>,
    /// Runs of programs that are told.
    pub runs: usize,
    /// What the first runs of programs with several runs took, in milliseconds. They are not told:
    /// drivers compile kernels in them.
    pub first_ms: f64,
}

impl Costs {
    /// All runs of all programs, without the first of each that had several.
    pub fn of_all(recording: &Recording) -> Self {
        let mut costs = Costs { source: source(recording), ..Costs::default() };
        let mut sums = Sums::default();
        for program in &recording.programs {
            let later = program.runs - 1;
            let (ns, runs) = if later > 0 { (&program.later, later) } else { (&program.first, 1) };
            costs.runs += runs;
            if later > 0 {
                costs.first_ms += program.first.iter().sum::<u64>() as f64 / 1e6;
            }
            for (work, &ns) in program.work.iter().zip(ns) {
                sums.add(work, runs, ns);
            }
        }
        Costs { kernels: sums.sorted(), ..costs }
    }

    /// One run of each program, in which each action takes what it took in its fastest run.
    pub fn of_one_run(recording: &Recording) -> Self {
        let mut sums = Sums::default();
        for program in &recording.programs {
            for (work, &ns) in program.work.iter().zip(&program.least) {
                sums.add(work, 1, ns);
            }
        }
        let runs = recording.programs.len();
        Costs { source: source(recording), kernels: sums.sorted(), runs, first_ms: 0.0 }
    }

    /// All kernels together, in milliseconds.
    pub fn total_ms(&self) -> f64 {
        self.kernels.iter().map(|cost| cost.ms).sum()
    }
}

fn source(recording: &Recording) -> String {
    let mut sources: Vec<Source> = recording.runs.iter().map(|run| run.source).collect();
    sources.dedup();
    sources.iter().map(Source::to_string).collect::<Vec<_>>().join("; ")
}

#[derive(Default)]
struct Sums<'r> {
    place: HashMap<(&'r str, &'static str), usize>,
    costs: Vec<KernelCost>,
}

impl<'r> Sums<'r> {
    fn add(&mut self, work: &'r Work, dispatches: usize, ns: u64) {
        let count = self.costs.len();
        let place = *self.place.entry((&work.step, work.kernel)).or_insert(count);
        if place == count {
            let (step, kernel) = (work.step.clone(), work.kernel.to_owned());
            self.costs.push(KernelCost { step, kernel, dispatches: 0, ms: 0.0, bytes: 0 });
        }
        let cost = &mut self.costs[place];
        (cost.dispatches, cost.ms) = (cost.dispatches + dispatches, cost.ms + ns as f64 / 1e6);
        cost.bytes = cost.bytes.max(work.bytes);
    }

    fn sorted(mut self) -> Vec<KernelCost> {
        self.costs.sort_by(|a, b| b.ms.total_cmp(&a.ms));
        self.costs
    }
}

/// Runs a workload a few times and records it.
///
/// # Errors
/// As [`measure`](crate::measure).
pub fn profile(session: &Session, workload: &Workload, options: Options) -> Result<Recording> {
    let recorder = Recorder::new(clock);
    let (_session, mut program) = prepare(&session.recorded_by(&recorder), workload)?;
    // The first run compiles kernels.
    (0..=options.runs.max(2)).try_for_each(|_| program.run())?;
    Ok(recorder.take())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anygrad_graph::Graph;

    #[test]
    fn costs_are_summed_by_step_and_kernel() {
        let recorder = Recorder::new(clock);
        let session = Session::interpreter().recorded_by(&recorder);
        let graph = Graph::new();
        let x = graph.state("x", &[32, 32]);
        let mut program = session.compile(&graph, &[x.exp().exp().softmax(-1)]).unwrap();
        (0..3).for_each(|_| program.run().unwrap());
        let recording = recorder.take();
        let (all, one) = (Costs::of_all(&recording), Costs::of_one_run(&recording));
        let count = |costs: &Costs, step: &str| {
            costs.kernels.iter().find(|cost| cost.step == step).map(|cost| cost.dispatches)
        };
        assert_eq!((count(&all, "exp"), count(&all, "softmax"), all.runs), (Some(4), Some(2), 2));
        assert_eq!((count(&one, "exp"), one.runs), (Some(2), 1));
        let later: u64 = recording.programs[0].later.iter().sum();
        assert!((all.total_ms() - later as f64 / 1e6).abs() < 1e-9 && all.first_ms > 0.0);
        assert!(2.0 * one.total_ms() <= all.total_ms());
        assert!(all.kernels.is_sorted_by(|a, b| a.ms >= b.ms));
        assert!(all.source.contains("interpreter"));
    }
}
