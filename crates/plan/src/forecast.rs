//! What a session will take, as plain data.

use anygrad_graph::core::DeviceKind;
use serde::Serialize;

use crate::analysis::{Cut, Held, Most, ProgramForecast, Roofline, Split, StepForecast};
use crate::rehearsal::Rehearsal;
use crate::staging::{MAX_SUBMITS, MAX_UPLOAD_BYTES, staged};

/// A dispatch that takes longer may be taken for one that hangs: Windows resets a device after two seconds
/// (Microsoft, "Timeout detection and recovery (TDR)", `TdrDelay`).
pub const WATCHDOG_SECONDS: f64 = 2.0;

/// How many of the largest values are told.
const LARGEST: usize = 10;

/// One update of the parameters, or one run of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpdateForecast {
    /// Dispatches.
    pub dispatches: usize,
    /// Additions, multiplications and calls of functions.
    pub operations: f64,
    /// Bytes read and written.
    pub bytes: u64,
    /// Seconds, at least, where a roofline is known.
    pub seconds: Option<f64>,
}

/// What a session will take: known before there is one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The adapter, or whose limits were taken.
    pub adapter: String,
    /// Rows of a batch.
    pub batch: usize,
    /// Whether the model is trained.
    pub training: bool,
    /// Bytes of all buffers with which the first step runs.
    pub ready: u64,
    /// Bytes of all buffers, at most.
    pub peak: u64,
    /// Those by what they are for.
    pub memory: Split,
    /// What states take, by what they are for; a part of it.
    pub states: Split,
    /// Bytes of uploads that may be on their way, in the driver's memory, at most.
    pub uploads: u64,
    /// Bytes of the buffers that reads go through, at most.
    pub reads: u64,
    /// One update.
    pub update: UpdateForecast,
    /// The programs, in the order in which they are compiled.
    pub programs: Vec<ProgramForecast>,
    /// The one that all is about, by its place: the step of training.
    pub main: usize,
    /// The largest values of that program, and states.
    pub largest: Vec<Held>,
    /// Values that are larger than a binding, of all programs.
    pub cuts: Vec<Cut>,
    /// Storage buffers of one dispatch, at most, and what the adapter allows.
    pub storage_buffers: (Most, u32),
    /// Invocations of one workgroup, at most, and what the adapter allows.
    pub invocations: (Most, u32),
    /// What may go wrong.
    pub warnings: Vec<String>,
}

/// What is known beside the programs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Circumstances<'a> {
    /// Rows of a batch.
    pub batch: usize,
    /// Whether the model is trained.
    pub training: bool,
    /// Which programs one update runs, and how often; the first is the one that all is about.
    pub update: &'a [(usize, u64)],
    /// Whether all states are read at once, as for a checkpoint.
    pub checkpoints: bool,
    /// What the adapter can do, where it is known.
    pub roofline: Option<Roofline>,
}

impl Rehearsal {
    /// What was rehearsed, as plain data.
    pub fn forecast(&self, known: &Circumstances<'_>) -> Forecast {
        let programs: Vec<ProgramForecast> = self.programs().map(|(program, _)| program.clone()).collect();
        let main = known.update.first().map_or(0, |(program, _)| *program).min(programs.len().max(1) - 1);
        let mut largest: Vec<Held> = self.held_states().collect();
        let mut states = Split::default();
        largest.iter().for_each(|held| states.add(held.purpose, held.bytes));
        largest.extend(programs.get(main).into_iter().flat_map(|program| program.values.iter().cloned()));
        largest.sort_by_key(|held| std::cmp::Reverse(held.bytes));
        largest.truncate(LARGEST);
        let most = |of: fn(&ProgramForecast) -> Most| programs.iter().map(of).fold(Most::default(), Most::or);
        let caps = self.caps();
        let inputs = programs.iter().map(|program| program.memory.inputs).max().unwrap_or(0);
        let mut forecast = Forecast {
            adapter: if caps.driver.is_empty() { caps.name.clone() } else { caps.to_string() },
            batch: known.batch,
            training: known.training,
            ready: self.ready(),
            peak: self.peak(),
            memory: self.memory(),
            states,
            uploads: (MAX_SUBMITS as u64 * inputs).min(MAX_UPLOAD_BYTES),
            reads: match known.checkpoints {
                true => self.states().map(|(_, _, meta)| staged(meta.bytes())).sum(),
                false => 0,
            },
            update: UpdateForecast::default(),
            main,
            largest,
            cuts: programs.iter().flat_map(|program| program.cuts.iter().cloned()).collect(),
            storage_buffers: (most(|program| program.storage_buffers), caps.max_storage_buffers),
            invocations: (most(|program| program.invocations), caps.max_invocations),
            warnings: Vec::new(),
            programs,
        };
        forecast.count_update(known);
        forecast.warn(known.roofline.as_ref(), caps.kind);
        forecast
    }
}

impl Forecast {
    /// All bytes of device memory, at most: buffers, and what goes to the device and back.
    pub fn total(&self) -> u64 {
        self.peak + self.uploads + self.reads
    }

    fn count_update(&mut self, known: &Circumstances<'_>) {
        let update = &mut self.update;
        let mut seconds = 0.0;
        for &(program, times) in known.update {
            let Some(program) = self.programs.get(program) else { continue };
            update.dispatches += program.dispatches() * times as usize;
            update.operations += program.operations() * times as f64;
            update.bytes += program.bytes() * times;
            seconds += known.roofline.map_or(0.0, |roofline| program.seconds(&roofline)) * times as f64;
        }
        update.seconds = known.roofline.map(|_| seconds);
    }

    fn warn(&mut self, roofline: Option<&Roofline>, kind: DeviceKind) {
        let mut warnings = Vec::new();
        for ((most, limit), what) in [
            (self.storage_buffers, "storage buffers in a dispatch"),
            (self.invocations, "invocations in a workgroup"),
        ] {
            if most.count > limit {
                let Most { count, kernel } = most;
                warnings.push(format!(
                    "{kernel} has {count} {what}, the adapter allows {limit}: it will not run"
                ));
            }
        }
        // Processors have no watchdog.
        let roofline = roofline.filter(|_| kind != DeviceKind::Cpu);
        let per_dispatch = |step: &StepForecast| {
            roofline.map_or(0.0, |roofline| roofline.seconds(step) / step.dispatches.max(1) as f64)
        };
        let steps = self.programs.iter().flat_map(|program| program.steps.iter().map(move |s| (program, s)));
        let longest = steps.max_by(|a, b| per_dispatch(a.1).total_cmp(&per_dispatch(b.1)));
        if let Some((program, step)) = longest.filter(|(_, step)| per_dispatch(step) > WATCHDOG_SECONDS) {
            warnings.push(format!(
                "{} of the program {} takes {:.1} s or more in one dispatch: Windows resets a device after {WATCHDOG_SECONDS} s (TDR)",
                step.name,
                program.name,
                per_dispatch(step)
            ));
        }
        self.warnings = warnings;
    }
}
