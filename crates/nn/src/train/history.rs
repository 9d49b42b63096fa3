use std::ops::ControlFlow;

use anygrad_core::{Error, Result};
use anygrad_gpu::{Clock, Profile};
use serde::{Deserialize, Serialize};

use super::scores::Scores;
use super::state::TrainState;
use crate::Metric;

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1 over all calls of `fit`.
    pub number: u64,
    /// On the training data, each batch before its step.
    pub train: Scores,
    /// On the validation data, after the last step.
    pub validation: Option<Scores>,
    /// The learning rate of its last update; none in histories that do not tell.
    #[serde(default)]
    pub lr: Option<f64>,
}

impl Epoch {
    /// A figure by its name, that of the validation part with `val_` before it: `loss`, `val_accuracy`.
    pub fn figure(&self, name: &str) -> Option<f64> {
        match name.strip_prefix("val_") {
            Some(name) => self.validation.as_ref()?.figure(name),
            None => self.train.figure(name),
        }
    }
}

/// Whether a larger figure of this name, as [`Epoch::figure`] takes it, is better.
pub fn higher_is_better(figure: &str) -> bool {
    let name = figure.strip_prefix("val_").unwrap_or(figure);
    name.parse().is_ok_and(|metric: Metric| metric.higher_is_better())
}

/// Why a call of `fit` ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// All epochs were done.
    #[default]
    Finished,
    /// The observer asked for it. Another call goes on from where it stands.
    Stopped,
    /// What [`EarlyStopping`](crate::EarlyStopping) watches no longer improved.
    StoppedEarly,
}

/// The epochs of one call of `fit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// In order.
    pub epochs: Vec<Epoch>,
    /// Why there are no more.
    pub end: End,
    /// The epoch whose parameters the model has, where those of the best were restored.
    pub restored: Option<u64>,
    /// How often the device was lost and training went on.
    pub recoveries: usize,
}

impl History {
    /// The training loss of each epoch.
    pub fn losses(&self) -> Vec<f64> {
        self.epochs.iter().map(|epoch| epoch.train.loss).collect()
    }

    /// The training loss of the last epoch; NaN when there was none.
    pub fn last_loss(&self) -> f64 {
        self.epochs.last().map_or(f64::NAN, |epoch| epoch.train.loss)
    }
}

/// An epoch that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Counted from 1 over all calls of `fit`.
    pub epoch: u64,
    /// The number of the last epoch of this call.
    pub last_epoch: u64,
    /// Steps in the epoch.
    pub steps: usize,
    /// Rows in the epoch.
    pub rows: usize,
    /// Steps of it that were done before, where training goes on in the midst of an epoch.
    pub steps_done: usize,
}

/// What an observer wants of the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// That it goes on.
    #[default]
    GoOn,
    /// Its state as it stands now, for [`Observer::on_state`].
    Save,
    /// That `fit` ends here; [`Trainer::state`](crate::Trainer::state) then tells how it stands.
    Stop,
}

/// A lost device, and where training goes on.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// What happened.
    pub error: Error,
    /// The number of updates in the state that training goes on from.
    pub steps: u64,
    /// Whole epochs in that state. Steps and epochs after it come again, as they were.
    pub epochs: u64,
}

/// A step that was handed to the device.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Counted from 1 within the epoch.
    pub number: usize,
    /// Rows of the epoch so far.
    pub rows: usize,
    /// The means of the epoch up to a step that [`Observer::report_every`] asked for, once the device has
    /// them: a few steps later, as nothing waits for it.
    pub scores: Option<Scores>,
}

/// Someone who watches a training.
pub trait Observer {
    /// What was done to take less memory, before the first epoch: once for each size of batches.
    fn on_saving(&mut self, _text: &str) {}

    /// An epoch begins.
    fn on_epoch_start(&mut self, _start: &Start) {}

    /// A step was handed to the device.
    fn on_step(&mut self, _step: &Step) {}

    /// Steps between two reports of the scores so far; `None` for none within an epoch. What the device
    /// has not finished when the epoch ends is not reported: [`Observer::on_epoch_end`] brings the whole.
    fn report_every(&self) -> Option<usize> {
        None
    }

    /// Asked after each step, and after each epoch and its validation.
    fn wish(&mut self) -> Wish {
        Wish::GoOn
    }

    /// Asked before each whole batch: a clock of the host where the batch is to be timed action by action, for
    /// [`Observer::on_profile`]. It then is waited for; what it computes is the same, to the bit.
    fn timed_by(&mut self) -> Option<Clock> {
        None
    }

    /// What a run of a program took in a batch that was timed.
    fn on_profile(&mut self, _profile: &Profile) {}

    /// A state that was wished for, as it was then: it comes a few steps later, as nothing waits for it,
    /// and before `fit` returns. An error ends the training.
    fn on_state(&mut self, _state: &TrainState) -> Result<()> {
        Ok(())
    }

    /// The device was lost, and training goes on with another.
    fn on_recovery(&mut self, _recovery: &Recovery) {}

    /// An epoch is over. `Break` ends the training.
    fn on_epoch_end(&mut self, _epoch: &Epoch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Watches and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
