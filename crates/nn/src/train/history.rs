use std::ops::ControlFlow;

/// Loss and metrics as means over rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// The mean loss with the penalties of the layers.
    pub loss: f64,
    /// The metrics by name, in the order they were asked for.
    pub metrics: Vec<(&'static str, f64)>,
}

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Counted from 1 over all calls of `fit`.
    pub number: u64,
    /// On the training data, each batch before its step.
    pub train: Scores,
    /// On the validation data, after the last step.
    pub validation: Option<Scores>,
}

/// The epochs of one call of `fit`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// In order.
    pub epochs: Vec<Epoch>,
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
    /// An epoch begins.
    fn on_epoch_start(&mut self, _start: &Start) {}

    /// A step was handed to the device.
    fn on_step(&mut self, _step: &Step) {}

    /// Steps between two reports of the scores so far; `None` for none within an epoch. What the device
    /// has not finished when the epoch ends is not reported: [`Observer::on_epoch_end`] brings the whole.
    fn report_every(&self) -> Option<usize> {
        None
    }

    /// An epoch is over. `Break` ends the training.
    fn on_epoch_end(&mut self, _epoch: &Epoch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Watches and says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
