//! What the kernels of a training take: its first batches are timed, action by action.

use anygrad_gpu::{Clock, Profile, Recorder};
use anygrad_perf::{Costs, clock};

use crate::{KernelCost, RunInfo, Table};

/// Updates that are timed. In the first drivers compile kernels; so few cost nothing.
const UPDATES: usize = 6;

pub(crate) struct Timing {
    recorder: Recorder,
    batches_left: usize,
}

impl Timing {
    /// For a training of which so many batches make an update.
    pub(crate) fn new(accumulate: usize) -> Self {
        Timing { recorder: Recorder::new(clock), batches_left: UPDATES * accumulate.max(1) }
    }

    /// A clock as long as batches are timed.
    pub(crate) fn clock(&mut self) -> Option<Clock> {
        self.batches_left = self.batches_left.checked_sub(1)?;
        Some(clock)
    }

    pub(crate) fn take(&self, profile: &Profile) {
        self.recorder.profiled(profile);
    }

    /// Whether nothing more is timed.
    pub(crate) fn is_over(&self) -> bool {
        self.batches_left == 0
    }

    /// Notes what was found, if anything was.
    pub(crate) fn note_in(self, info: &mut RunInfo) {
        let recording = self.recorder.take();
        // The fastest of several runs: what else the machine does counts least in it.
        let costs = Costs::of_one_run(&recording);
        if costs.kernels.is_empty() {
            return;
        }
        let runs = recording.programs.iter().map(|program| program.runs).max().unwrap_or(0);
        let of = if runs == 1 { "its only run".to_owned() } else { format!("its fastest of {runs} runs") };
        info.kernel_times = format!("One training step, each dispatch in {of}; times: {}", costs.source);
        info.kernels = costs.kernels.into_iter().map(KernelCost::from).collect();
    }
}

impl From<anygrad_perf::KernelCost> for KernelCost {
    fn from(cost: anygrad_perf::KernelCost) -> Self {
        let anygrad_perf::KernelCost { step, kernel, dispatches, ms, bytes } = cost;
        KernelCost { step, kernel, dispatches: dispatches as u64, ms, bytes: Some(bytes) }
    }
}

/// The kernels as a table for other programs.
pub(crate) fn kernels_csv(kernels: &[KernelCost]) -> String {
    let row = |cost: &KernelCost| {
        let bytes = cost.bytes.map_or(String::new(), |bytes| bytes.to_string());
        vec![cost.kernel.clone(), cost.step.clone(), cost.dispatches.to_string(), cost.ms.to_string(), bytes]
    };
    let headings = ["kernel", "operators", "dispatches", "ms", "bytes"].map(str::to_owned).to_vec();
    Table { headings, rows: kernels.iter().map(row).collect() }.to_csv()
}
