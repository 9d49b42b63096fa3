//! Timing: every workload a few times in turns, until its time is used up.

use std::time::{Duration, Instant};

use anygrad_core::{Array, DType, Result};
use anygrad_gpu::{Program, Session, TuneOptions, TuneReport};
use anygrad_graph::{Fill, Graph, Origin};
use serde::Serialize;

use crate::workload::{Goal, Workload};

/// On a GPU, runs follow each other for so long before one waits for the device, and count one by one.
const IN_A_ROW_MS: f64 = 20.0;
const MOST_IN_A_ROW: f64 = 100.0;

/// How long is measured.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For each workload, after the first run.
    pub time: Duration,
    /// Runs of each workload at least, whatever they take.
    pub runs: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { time: Duration::from_secs(1), runs: 7 }
    }
}

impl Options {
    /// A third of the time.
    pub fn quick() -> Self {
        Options { time: Duration::from_millis(300), runs: 3 }
    }
}

/// What a workload took.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The workload.
    pub name: &'static str,
    /// The fastest run, in milliseconds, from submitting it until the device is done; on a GPU, of several
    /// runs in a row.
    pub best_ms: f64,
    /// The run in the middle.
    pub median_ms: f64,
    /// The first run, in which drivers compile kernels.
    pub first_ms: f64,
    /// Recording and submitting one run, without waiting for it: the least of all runs.
    pub submit_ms: f64,
    /// Runs that were timed.
    pub runs: usize,
    /// Dispatches of one run.
    pub dispatches: usize,
    /// Device memory of the program, in bytes.
    pub memory: u64,
    /// Billions of additions and multiplications a second, in the fastest run.
    pub gflops: f64,
    /// Billions of bytes a second that had to be moved at least, in the fastest run.
    pub gbytes: f64,
    /// What it should reach on a software adapter.
    pub goal: Option<Goal>,
}

/// Tunes the operators of a workload; see [`Session::tune`]. What is found is not kept:
/// [`Session::remember`] does that.
///
/// # Errors
/// As [`measure`].
pub async fn tune(session: &Session, workload: &Workload) -> Result<TuneReport> {
    let graph = Graph::new();
    let (outputs, _) = workload.graph(&graph)?;
    session.tune_with(&graph, &outputs, TuneOptions::default()).await
}

/// A program of a workload with its inputs filled, on a session of its own: names of parameters repeat
/// from one workload to the next.
///
/// # Errors
/// As [`measure`].
pub fn prepare(session: &Session, workload: &Workload) -> Result<(Session, Program)> {
    let session = session.excluding(&session.caps().excluded);
    let graph = Graph::new();
    let (outputs, parameters) = workload.graph(&graph)?;
    let mut program = session.compile(&graph, &outputs)?;
    fill(&graph, &mut program)?;
    for parameter in parameters {
        session.write_state(&parameter.name, &parameter.init.array(0, &parameter.name, parameter.shape))?;
    }
    session.wait()?;
    Ok((session, program))
}

/// Times one workload.
///
/// # Errors
/// The device failed, or its limits do not allow the workload.
pub fn measure(session: &Session, workload: &Workload, options: Options) -> Result<Measured> {
    let (session, mut program) = prepare(session, workload)?;
    // How long each of several runs in a row took, and to submit the first of them.
    let run = |program: &mut Program, in_a_row: u32| -> Result<(f64, f64)> {
        let start = Instant::now();
        program.run()?;
        let submitted = start.elapsed();
        for _ in 1..in_a_row {
            program.run()?;
        }
        session.wait()?;
        Ok((start.elapsed().as_secs_f64() * 1e3 / f64::from(in_a_row), submitted.as_secs_f64() * 1e3))
    };
    let first_ms = run(&mut program, 1)?.0;
    let in_a_row = match session.caps().is_cpu() {
        true => 1,
        // What the device does must outlast the way to it and back.
        false => (IN_A_ROW_MS / run(&mut program, 1)?.0).clamp(1.0, MOST_IN_A_ROW) as u32,
    };
    let start = Instant::now();
    let (mut times, mut submit_ms) = (Vec::new(), f64::INFINITY);
    while times.len() < options.runs || start.elapsed() < options.time {
        let (whole, submit) = run(&mut program, in_a_row)?;
        times.push(whole);
        submit_ms = submit_ms.min(submit);
    }
    times.sort_by(f64::total_cmp);
    let best_ms = times[0];
    Ok(Measured {
        name: workload.name,
        best_ms,
        median_ms: times[times.len() / 2],
        first_ms,
        submit_ms,
        runs: times.len(),
        dispatches: program.plan().map_or(0, |plan| plan.dispatches()),
        memory: program.plan().map_or(0, |plan| plan.memory().total()),
        gflops: workload.operations / best_ms / 1e6,
        gbytes: workload.bytes / best_ms / 1e6,
        goal: workload.goal,
    })
}

/// Fills the inputs with small numbers; integers with classes from 0 to 9.
fn fill(graph: &Graph, program: &mut Program) -> Result<()> {
    for (seed, (name, id)) in graph.named_values().into_iter().enumerate() {
        if !matches!(graph.origin(id), Origin::Input(_)) {
            continue;
        }
        let meta = graph.meta(id);
        let fill = if meta.dtype == DType::F32 { Fill::Uniform(-0.1, 0.1) } else { Fill::Below(10) };
        let numbers = fill.numbers(meta.shape.elements(), seed as u64);
        program.write(&name, &Array::from_f64(meta.shape, meta.dtype, &numbers))?;
    }
    Ok(())
}
