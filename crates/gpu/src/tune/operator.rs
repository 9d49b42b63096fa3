//! The ways of one operator: compiled, compared, timed in turns.

use std::collections::HashSet;
use std::time::Instant;

use anygrad_core::{Array, Choices, DType, Error, Result};
use anygrad_graph::{Fill, Graph, Mismatch, Tensor, Tolerance};
use anygrad_plan::{Action, Decision, Options, Plan, compile_with};

use super::{TuneOptions, TuneReport, TunedOperator, Way};
use crate::session::{Program, Session};

/// What a driver compiles: the text of a kernel and its overrides.
pub(super) type KernelKey = (String, String);

/// Runs go together until they take about this long, so that waiting for the device does not count.
const TURN_MS: f64 = 2.0;
const MOST_RUNS: usize = 20;

/// A way that is so many times as slow as the fastest is not run again.
const HOPELESS: f64 = 2.0;

/// A way that is ready to run.
struct Runner {
    way: usize,
    program: Program,
    /// Runs in one turn.
    runs: usize,
    fastest_ms: f64,
    /// Rounds that it ran in, and those in which it was faster than the first.
    rounds: usize,
    won: usize,
}

impl Session {
    /// Measures the ways of one operator, with random operands.
    pub(super) async fn measure(
        &self,
        decision: &Decision,
        options: TuneOptions,
        kernels: &mut HashSet<KernelKey>,
        report: &mut TuneReport,
    ) -> Result<TunedOperator> {
        let way = |label: &String| Way { label: label.clone(), ms: None, won: 0.0, finding: None };
        let shape = |metas: &[anygrad_graph::Meta]| {
            metas.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        let inputs: Vec<_> = decision.inputs.iter().map(|layout| layout.meta).collect();
        let mut operator = TunedOperator {
            name: decision.op.name().into(),
            shapes: format!("{} -> {}", shape(&inputs), shape(&decision.outputs)),
            signature: decision.signature.clone(),
            count: 1,
            ways: decision.labels.iter().map(way).collect(),
            chosen: None,
        };
        // With state of its own, which is the operands, shared by the ways, and goes with it.
        let session = self.unrecorded();
        let graph = Graph::new();
        let outputs = decision.graph(&graph);
        graph.check()?;
        let mut runners: Vec<Runner> = Vec::new();
        let mut want = Vec::new();
        for (place, way) in operator.ways.iter_mut().enumerate() {
            session.choose([(&decision.signature, &way.label)].into_iter().collect::<Choices>());
            let plan = compile_with(&graph, &outputs, &session.plan_caps(), Options::default());
            let new = plan.map(|plan| new_kernels(&plan, kernels))?;
            if kernels.len() + new.len() > options.most_kernels {
                report.left_out += if place == 0 { decision.labels.len() } else { 1 };
                if place == 0 {
                    break;
                }
                continue;
            }
            kernels.extend(new);
            let ready = prepare(&session, (&graph, &outputs), place == 0, report).await;
            let (program, got) = match ready {
                Ok(ready) => ready,
                Err(error) if error.is_device_lost() || error.is_device_fault() => return Err(error),
                Err(error) => {
                    way.finding = Some(error.to_string());
                    if place == 0 {
                        break;
                    }
                    continue;
                }
            };
            if place == 0 {
                want = got;
            } else {
                let tolerance = decision.op.tolerance(&decision.inputs, &decision.outputs);
                if let Some(mismatch) = first_mismatch(tolerance, &got, &want) {
                    way.finding = Some(format!("{mismatch}, by {}", decision.labels[0]));
                    continue;
                }
            }
            runners.push(Runner {
                way: place,
                program,
                runs: 1,
                fastest_ms: f64::INFINITY,
                rounds: 0,
                won: 0,
            });
        }
        if runners.len() > 1 {
            time(&session, &mut runners, options)?;
            for runner in &runners {
                let way = &mut operator.ways[runner.way];
                way.ms = Some(runner.fastest_ms);
                way.won = runner.won as f64 / runner.rounds.max(1) as f64;
            }
        }
        Ok(operator)
    }
}

/// A program whose kernels are compiled and which ran once, and its results.
async fn prepare(
    session: &Session,
    (graph, outputs): (&Graph, &[Tensor<'_>]),
    fills: bool,
    report: &mut TuneReport,
) -> Result<(Program, Vec<Vec<f64>>)> {
    let start = Instant::now();
    let mut program = session.compile(graph, outputs)?;
    program.warm_up()?;
    session.wait()?;
    report.compiling += start.elapsed().as_secs_f64();
    if fills {
        for (seed, (name, meta)) in session.states().into_iter().enumerate() {
            let fill = match meta.dtype {
                DType::Bool => Fill::Below(2),
                dtype if dtype.is_float() => Fill::Uniform(-0.1, 0.1),
                _ => Fill::Below(10),
            };
            let numbers = fill.numbers(meta.shape.elements(), seed as u64);
            session.write_state(&name, &Array::from_f64(meta.shape, meta.dtype, &numbers))?;
        }
    }
    program.run()?;
    let mut results = Vec::with_capacity(outputs.len());
    for output in 0..outputs.len() {
        results.push(program.read(output).await?.to_f64());
    }
    Ok((program, results))
}

/// The kernels of a plan that are not among the known.
fn new_kernels(plan: &Plan, known: &HashSet<KernelKey>) -> HashSet<KernelKey> {
    let actions = plan.steps.iter().flat_map(|step| &step.actions);
    let key = |action: &Action| match action {
        Action::Dispatch { wgsl, overrides, .. } => Some((wgsl.to_string(), format!("{overrides:?}"))),
        Action::Copy { .. } | Action::Host { .. } => None,
    };
    actions.filter_map(key).filter(|key| !known.contains(key)).collect()
}

/// Where two ways differ by more than both may be off; the tolerance is for numbers up to 1, so the
/// largest one of a result widens it.
fn first_mismatch(tolerance: Tolerance, got: &[Vec<f64>], want: &[Vec<f64>]) -> Option<Mismatch> {
    got.iter().zip(want).find_map(|(got, want)| {
        let finite = want.iter().filter(|number| number.is_finite());
        let largest = finite.fold(1.0f64, |largest, number| largest.max(number.abs()));
        let tolerance =
            Tolerance { relative: 2.0 * tolerance.relative, absolute: 2.0 * tolerance.absolute * largest };
        tolerance.compare(got, want)
    })
}

/// Times the ways in turns, so that a busy machine does not favour one over another.
fn time(session: &Session, runners: &mut [Runner], options: TuneOptions) -> Result<()> {
    let start = Instant::now();
    let mut round = 0;
    while round <= options.rounds.max(1) || start.elapsed() < options.time {
        let best = runners.iter().map(|runner| runner.fastest_ms).fold(f64::INFINITY, f64::min);
        let mut rule_ms = f64::INFINITY;
        for runner in runners.iter_mut() {
            let hopeless = round > 1 && runner.way > 0 && runner.fastest_ms > HOPELESS * best;
            if hopeless {
                continue;
            }
            let start = Instant::now();
            for _ in 0..runner.runs {
                runner.program.run()?;
            }
            session.wait()?;
            let ms = start.elapsed().as_secs_f64() * 1e3 / runner.runs as f64;
            runner.fastest_ms = runner.fastest_ms.min(ms);
            // The first round warms up.
            runner.rounds += usize::from(round > 0);
            runner.won += usize::from(round > 0 && ms < rule_ms);
            if runner.way == 0 {
                rule_ms = ms;
            }
        }
        if round == 0 {
            // All in one measure: as many runs as the fastest takes for a turn.
            let fastest = runners.iter().map(|runner| runner.fastest_ms).fold(f64::INFINITY, f64::min);
            let runs = (TURN_MS / fastest.max(1e-3)).ceil() as usize;
            for runner in runners.iter_mut() {
                runner.runs = runs.clamp(1, MOST_RUNS);
                runner.fastest_ms = f64::INFINITY;
            }
        }
        round += 1;
    }
    match runners.iter().find(|runner| !runner.fastest_ms.is_finite()) {
        Some(_) => Err(Error::internal("a way was compiled and not timed")),
        None => Ok(()),
    }
}
