//! What a run of a program costs, action by action.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use anygrad_core::{Error, Result};
use anygrad_graph::{Graph, Node, ValueId};
use anygrad_plan::{Action, Plan, SlotId, Step};

use super::program::{Compiled, DeviceProgram, Part, Program};
use crate::guard::lock;

/// A clock of the host: nanoseconds since any moment, the same for all calls.
pub type Clock = fn() -> u64;

/// From when to when, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The start.
    pub start: u64,
    /// The end, not before the start.
    pub end: u64,
}

impl Span {
    /// How long it took, in nanoseconds.
    pub fn length(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// An action of a plan, or an operator on the interpreter.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    /// The operators of its step, joined by `+`.
    pub step: String,
    /// The kernel; `copy`, `host`, or `interpreter` for what is none.
    pub kernel: &'static str,
    /// The part of the model that it is due to, where that has a name: the path of a layer.
    pub layer: Option<Arc<str>>,
    /// The line of the model, where there is one.
    pub line: Option<&'static Location<'static>>,
    /// Workgroups in each dimension; zeros for what is no kernel.
    pub workgroups: [u32; 3],
    /// Bytes of the storage that it binds or copies.
    pub bytes: u64,
}

/// Where the times of a profile come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Timestamps of the device, taken while the program ran as always.
    Timestamps,
    /// The host's clock around each action alone, from its submit until the device was done: the
    /// adapter has no timestamps, or they do not tell what a dispatch takes.
    EachAlone,
    /// The host's clock around each operator of the interpreter.
    Interpreter,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Timestamps => "timestamps of the device",
            Source::EachAlone => "each action submitted and waited for alone, without timestamps",
            Source::Interpreter => "the interpreter's operators one by one",
        })
    }
}

/// What one run cost. All times are on the host's clock.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Where `spans` come from.
    pub source: Source,
    /// What ran, in order; one list for all profiles of a program.
    pub work: Arc<[Work]>,
    /// When each piece of work ran. Timestamps are on a clock of the device, so they are placed such
    /// that the last one is when the host saw that the device was done.
    pub spans: Vec<Span>,
    /// Recording and submitting, with what timestamps need; nothing where each action ran alone.
    pub submit: Span,
    /// The whole run, from the call until the device was done.
    pub run: Span,
}

impl Profile {
    /// What all work took together, in nanoseconds.
    pub fn total(&self) -> u64 {
        self.spans.iter().map(|span| span.length()).sum()
    }
}

impl Program {
    /// Runs the program once, as [`Program::run`] does, and times each action; it waits for the device.
    ///
    /// # Errors
    /// An input was not written, the adapter is a browser's and has no timestamps, or the device failed.
    pub async fn run_profiled(&mut self, now: Clock) -> Result<Profile> {
        self.check_inputs()?;
        let source = match &self.compiled {
            Compiled::Interpreter { .. } => Source::Interpreter,
            Compiled::Device(program) if program.device.has_timestamps(now).await? => Source::Timestamps,
            Compiled::Device(_) if cfg!(target_arch = "wasm32") => {
                return Err(Error::unsupported(
                    "this browser has no timestamps, and cannot wait for the device",
                ));
            }
            Compiled::Device(_) => Source::EachAlone,
        };
        let start = now();
        let mut submit = Span { start, end: start };
        let mut spans = Vec::new();
        match (source, &mut self.compiled) {
            (Source::Timestamps, Compiled::Device(program)) => {
                submit.end = program.run_timed(now, &mut spans).await?;
            }
            _ => {
                let mut last = start;
                self.run_one_by_one(&mut || {
                    let end = now();
                    spans.push(Span { start: last, end });
                    last = now();
                })?;
            }
        }
        let run = Span { start, end: now() };
        let profile = Profile { source, work: self.work(), spans, submit, run };
        if profile.spans.len() != profile.work.len() {
            let (times, work) = (profile.spans.len(), profile.work.len());
            return Err(Error::internal(format!("{times} times of {work} actions")));
        }
        if let Some(recorder) = &self.recorder {
            recorder.profiled(&profile);
        }
        Ok(profile)
    }

    /// Runs actions or operators one after the other; `after` is called when each is done.
    fn run_one_by_one(&mut self, after: &mut dyn FnMut()) -> Result<()> {
        let Compiled::Interpreter { interpreter, graph, outputs, results } = &mut self.compiled else {
            return self.run_step_by_step(&mut |_, _| after());
        };
        let values = lock(interpreter).run_watched(graph, outputs, &mut |_| after())?;
        *results = Some(values.iter().map(|value| value.to_array()).collect());
        Ok(())
    }

    /// What a run consists of.
    fn work(&mut self) -> Arc<[Work]> {
        let (compiled, layers) = (&self.compiled, &self.layers);
        let work = self.work.get_or_insert_with(|| match compiled {
            Compiled::Interpreter { graph, outputs, .. } => of_graph(graph, outputs),
            Compiled::Device(program) => of_plan(&program.plan, layers),
        });
        Arc::clone(work)
    }
}

impl DeviceProgram {
    /// Runs as always, with timestamps; when recording and submitting was done.
    async fn run_timed(&mut self, now: Clock, spans: &mut Vec<Span>) -> Result<u64> {
        let states = Arc::clone(&self.states);
        let mut submitted = now();
        for place in 0..self.parts.len() {
            let start = now();
            // States must not move before a part is submitted.
            let timings = {
                let mut states = lock(&states);
                self.settle(&mut states)?;
                match &self.parts[place] {
                    Part::Device(commands) if commands.is_empty() => continue,
                    Part::Device(commands) => Some(self.device.submit_timed(commands)?),
                    host @ Part::Host(_) => {
                        host.run(&self.device)?;
                        None
                    }
                }
            };
            let Some(timings) = timings else {
                spans.push(Span { start, end: now() });
                continue;
            };
            submitted = now();
            self.device.wait()?;
            let done = now();
            let times = self.device.read_timings(timings).await?;
            // In a browser only the read has waited.
            let done = if cfg!(target_arch = "wasm32") { now() } else { done };
            let last = times.last().map_or(0, |(_, end)| *end);
            let placed = |time: u64| done.saturating_sub(last - time).max(start);
            spans.extend(times.iter().map(|&(a, b)| Span { start: placed(a), end: placed(b) }));
        }
        self.was_run = true;
        Ok(submitted)
    }
}

/// The operators of a graph, as the interpreter runs them.
fn of_graph(graph: &Graph, outputs: &[ValueId]) -> Arc<[Work]> {
    let live = graph.live(outputs);
    let nodes = graph.nodes().into_iter().filter(|node| node.outputs.iter().any(|y| live[y.index()]));
    let bytes = |node: &Node| node.inputs.iter().chain(&node.outputs).map(|&id| graph.meta(id).bytes()).sum();
    nodes
        .map(|node| Work {
            step: node.op.name().to_owned(),
            kernel: "interpreter",
            bytes: bytes(&node),
            layer: node.label,
            line: Some(node.place),
            workgroups: [0; 3],
        })
        .collect()
}

/// The actions of a plan; `layers` has the part of the model for each step.
fn of_plan(plan: &Plan, layers: &[Option<Arc<str>>]) -> Arc<[Work]> {
    let size = |slot: SlotId| plan.slots[slot].bytes;
    let one = |step: &Step, layer: Option<Arc<str>>, action: &Action| {
        let (kernel, workgroups, bytes) = match action {
            Action::Dispatch { kernel, slots, windows, workgroups, .. } => {
                let shown = slots.iter().zip(windows);
                let bytes = shown.map(|(&slot, window)| window.map_or(size(slot), |window| window.bytes));
                (*kernel, *workgroups, bytes.sum())
            }
            Action::Copy { bytes, .. } => ("copy", [0; 3], 2 * bytes),
            Action::Host { inputs, outputs, .. } => {
                let read: u64 = inputs.iter().map(|(slot, _)| size(*slot)).sum();
                ("host", [0; 3], read + outputs.iter().map(|(slot, _)| size(*slot)).sum::<u64>())
            }
        };
        Work { step: step.name.clone(), kernel, layer, line: step.line, workgroups, bytes }
    };
    let steps = plan.steps.iter().enumerate();
    let actions =
        steps.flat_map(|(place, step)| step.actions.iter().map(move |action| (place, step, action)));
    actions.map(|(place, step, action)| one(step, layers.get(place).cloned().flatten(), action)).collect()
}
