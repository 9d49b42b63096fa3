//! Who watches a training for its record: asks for states, and writes what comes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anygrad_core::{Error, Result};
use anygrad_gpu::{Clock, Profile};
use anygrad_nn::{Epoch, Observer, Recovery, Start, Step, TrainState, Wish};
use serde_json::json;

use crate::record::Record;
use crate::timing::Timing;

pub(crate) struct Keeper<'a> {
    pub(crate) record: &'a mut Record,
    pub(crate) inner: &'a mut dyn Observer,
    pub(crate) stop: Arc<AtomicBool>,
    /// Steps between two states within an epoch.
    pub(crate) every_steps: Option<usize>,
    /// Epochs between two states.
    pub(crate) every_epochs: u64,
    pub(crate) last_epoch: u64,
    /// Whether a state is due where the training stands.
    pub(crate) due: bool,
    /// What is timed of the kernels, until that is noted.
    pub(crate) timing: Option<Timing>,
    /// What could not be written.
    pub(crate) failed: Option<Error>,
}

impl Keeper<'_> {
    fn take(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }
}

impl Observer for Keeper<'_> {
    fn on_saving(&mut self, text: &str) {
        let noted = self.record.note("memory", json!({ "done": text }));
        self.take(noted);
        self.inner.on_saving(text);
    }

    fn on_epoch_start(&mut self, start: &Start) {
        self.inner.on_epoch_start(start);
    }

    fn on_step(&mut self, step: &Step) {
        self.due = self.every_steps.is_some_and(|every| step.number.is_multiple_of(every.max(1)));
        self.inner.on_step(step);
    }

    fn report_every(&self) -> Option<usize> {
        self.inner.report_every()
    }

    fn wish(&mut self) -> Wish {
        let inner = self.inner.wish();
        if self.failed.is_some() || self.stop.load(Ordering::Relaxed) || inner == Wish::Stop {
            return Wish::Stop;
        }
        let due = std::mem::take(&mut self.due);
        if due { Wish::Save } else { inner }
    }

    fn timed_by(&mut self) -> Option<Clock> {
        let own = self.timing.as_mut().and_then(Timing::clock);
        own.or_else(|| self.inner.timed_by())
    }

    fn on_profile(&mut self, profile: &Profile) {
        if let Some(timing) = &self.timing {
            timing.take(profile);
        }
        self.inner.on_profile(profile);
    }

    fn on_state(&mut self, state: &TrainState) -> Result<()> {
        self.record.save(state)?;
        self.inner.on_state(state)
    }

    fn on_recovery(&mut self, recovery: &Recovery) {
        let back = self.record.back_to(recovery.epochs);
        self.take(back);
        let data = json!({ "error": recovery.error.to_string(), "step": recovery.steps });
        let noted = self.record.note("recovery", data);
        self.take(noted);
        self.inner.on_recovery(recovery);
    }

    fn on_epoch_end(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        if let Some(timing) = self.timing.take_if(|timing| timing.is_over()) {
            let noted = self.record.note_timing(timing);
            self.take(noted);
        }
        let written = self.record.epoch(epoch);
        self.take(written);
        // The best one is worth a file of its own: it is what evaluation and prediction take.
        self.due = epoch.number.is_multiple_of(self.every_epochs)
            || epoch.number == self.last_epoch
            || self.record.is_best();
        self.inner.on_epoch_end(epoch)
    }
}
