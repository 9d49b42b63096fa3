//! What a run writes while it trains: checkpoints, log, history.

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use anygrad_core::Result;
use anygrad_nn::{Epoch, History, TrainProgress, TrainState, higher_is_better};
use anygrad_store::audit::{AUDIT, AuditLog, CHECKPOINT, CHECKPOINTS, Event, user};
use anygrad_store::{Checkpoint, Checkpoints, Goal, Lock, Options};
use serde_json::{Value, json};

use crate::folder::{Folder, HISTORY, KERNELS, METRICS, RUN};
use crate::report::{best, metrics_csv};
use crate::tensorboard::{TENSORBOARD, TensorBoard};
use crate::timing::{Timing, kernels_csv};
use crate::{RunInfo, RunOptions};

/// Where a checkpoint's metadata hold the numbers of the training's state.
pub(crate) const PROGRESS: &str = "progress";

pub(crate) struct Record {
    pub(crate) folder: Folder,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) history: History,
    pub(crate) info: RunInfo,
    /// What every checkpoint says beside its progress.
    meta: Value,
    /// The figure by which checkpoints are compared.
    monitor: String,
    log: AuditLog,
    who: String,
    begun: Instant,
    seconds_before: f64,
    saved: Option<(PathBuf, TrainProgress)>,
    /// Whether checkpoints are encrypted to others: what is written cannot be read here.
    pub(crate) for_others: bool,
    events: Option<TensorBoard>,
}

/// Which is better, by the name of a figure in a history.
pub(crate) fn goal(monitor: &str) -> Goal {
    if higher_is_better(monitor) { Goal::Most } else { Goal::Least }
}

impl Record {
    pub(crate) fn open(
        folder: Folder,
        info: RunInfo,
        meta: Value,
        monitor: String,
        keep: usize,
        options: RunOptions,
    ) -> Result<Self> {
        let RunOptions { lock, keys, sign_with, require, tensorboard, .. } = options;
        let for_others = matches!(lock, Lock::Recipients(_)) && keys.identities.is_empty();
        let kept = Options { keep_last: keep, goal: goal(&monitor), lock, keys, sign_with, require };
        let tensorboard = tensorboard || folder.file(TENSORBOARD).is_dir();
        Ok(Record {
            checkpoints: Checkpoints::new(folder.file(CHECKPOINTS), kept)?,
            log: AuditLog::open(&folder.file(AUDIT))?,
            history: History::default(),
            seconds_before: info.seconds,
            info,
            meta,
            monitor,
            who: user(),
            begun: Instant::now(),
            saved: None,
            for_others,
            events: tensorboard.then(|| TensorBoard::new(folder.file(TENSORBOARD))),
            folder,
        })
    }

    /// A line of the audit log.
    pub(crate) fn note(&mut self, kind: &str, data: Value) -> Result<()> {
        let event = Event { time: SystemTime::now(), who: &self.who, kind, data };
        self.log.append(&event).map(|_| ())
    }

    /// An epoch that is over.
    pub(crate) fn epoch(&mut self, epoch: &Epoch) -> Result<()> {
        self.history.epochs.push(epoch.clone());
        self.write()?;
        self.events.as_mut().map_or(Ok(()), |events| events.epoch(epoch))
    }

    /// The device was lost: the epochs after this one come again.
    pub(crate) fn back_to(&mut self, epochs: u64) -> Result<()> {
        self.history.epochs.retain(|epoch| epoch.number <= epochs);
        self.history.recoveries += 1;
        self.events.as_mut().map_or(Ok(()), |events| events.back_to(epochs))
    }

    /// Whether the last epoch is the best so far by the figure that is watched.
    pub(crate) fn is_best(&self) -> bool {
        let last = self.history.epochs.last().map(|epoch| epoch.number);
        last.is_some() && best(&self.history, Some(&self.monitor)) == last
    }

    /// Writes history and circumstances as they are now.
    pub(crate) fn write(&mut self) -> Result<()> {
        self.info.seconds = self.seconds_before + self.begun.elapsed().as_secs_f64();
        self.info.host_bytes = crate::machine::peak_bytes().max(self.info.host_bytes);
        self.folder.write_json(HISTORY, &self.history)?;
        self.folder.write(METRICS, &metrics_csv(&self.history))?;
        self.folder.write_json(RUN, &self.info)
    }

    /// Notes what kernels took.
    pub(crate) fn note_timing(&mut self, timing: Timing) -> Result<()> {
        timing.note_in(&mut self.info);
        match self.info.kernels.is_empty() {
            true => Ok(()),
            false => self.folder.write(KERNELS, &kernels_csv(&self.info.kernels)),
        }
    }

    /// Saves a state, unless it is the last that was saved.
    pub(crate) fn save(&mut self, state: &TrainState) -> Result<()> {
        if self.saved.as_ref().is_some_and(|(_, progress)| *progress == state.progress) {
            return Ok(());
        }
        let mut meta = self.meta.clone();
        meta[PROGRESS] = json!(state.progress);
        if let Some(head) = self.log.head() {
            head.note(&mut meta)?;
        }
        // A state in the midst of an epoch has no figures.
        let is_between = state.progress.position.is_none();
        let epoch = self.history.epochs.iter().find(|epoch| epoch.number == state.progress.epochs);
        let score = epoch.filter(|_| is_between).and_then(|epoch| epoch.figure(&self.monitor));
        let checkpoint = Checkpoint { tensors: state.tensors.clone(), meta };
        let saved = self.checkpoints.save(state.progress.steps, &checkpoint, score)?;
        self.note(CHECKPOINT, saved.event())?;
        self.saved = Some((saved.path, state.progress.clone()));
        Ok(())
    }

    /// That a state lies in a file already.
    pub(crate) fn was_saved(&mut self, path: PathBuf, progress: TrainProgress) {
        self.saved = Some((path, progress));
    }

    /// The last file that holds a state.
    pub(crate) fn saved(&self) -> Option<&PathBuf> {
        self.saved.as_ref().map(|(path, _)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_better_follows_from_the_figure() {
        assert_eq!(goal("val_loss"), Goal::Least);
        assert_eq!(goal("rmse"), Goal::Least);
        assert_eq!(goal("val_accuracy"), Goal::Most);
    }
}
