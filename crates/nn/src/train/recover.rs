//! Going on after the device was lost.

use anygrad_core::{Error, Result};

use super::state::{PendingState, TrainState};
use super::{Observer, Recovery, Trainer};

/// That a training goes on by itself when its device is lost: it keeps its state on the host, opens the
/// adapter anew and goes on from that state, with the losses of a training that was not interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recover {
    /// Steps between two states within an epoch; `None` for none but those at the ends of epochs.
    pub every: Option<usize>,
    /// Losses of the device that a training survives without coming further than the state it goes on from.
    pub attempts: usize,
}

impl Default for Recover {
    /// From the last epoch's end, three times.
    fn default() -> Self {
        Recover { every: None, attempts: 3 }
    }
}

/// The last state, and the next one.
#[derive(Default)]
pub(super) struct Kept {
    rule: Option<Recover>,
    state: Option<TrainState>,
    /// Whether there was no model yet: without a state, training starts again.
    anew: bool,
    coming: Option<PendingState>,
    steps: usize,
    /// Losses since the state changed.
    losses: usize,
}

impl Kept {
    pub(super) fn new(rule: Option<Recover>) -> Self {
        Kept { rule, ..Kept::default() }
    }

    /// Keeps the state as it stands, unless there is one.
    pub(super) async fn begin(&mut self, trainer: &mut Trainer) -> Result<()> {
        self.anew |= self.state.is_none() && trainer.parameters.is_empty();
        if self.rule.is_some() && self.state.is_none() && !trainer.parameters.is_empty() {
            self.state = Some(trainer.state().await?);
        }
        Ok(())
    }

    /// After a step: takes the state that is coming, and asks for one where it is time.
    pub(super) async fn after_step(&mut self, trainer: &mut Trainer) -> Result<()> {
        let Some(every) = self.rule.and_then(|rule| rule.every) else { return Ok(()) };
        self.steps += 1;
        self.take(false).await?;
        if self.steps >= every.max(1) && self.coming.is_none() {
            self.steps = 0;
            self.coming = Some(trainer.state_later().await?);
        }
        Ok(())
    }

    /// At the end of an epoch.
    pub(super) async fn after_epoch(&mut self, trainer: &mut Trainer) -> Result<()> {
        if self.rule.is_some() {
            self.take(true).await?;
            self.steps = 0;
            self.coming = Some(trainer.state_later().await?);
            self.take(true).await?;
        }
        Ok(())
    }

    async fn take(&mut self, wait: bool) -> Result<()> {
        let is_ready = match &self.coming {
            Some(coming) => wait || coming.is_ready()?,
            None => false,
        };
        if let Some(coming) = self.coming.take_if(|_| is_ready) {
            self.state = Some(coming.take().await?);
            self.losses = 0;
        }
        Ok(())
    }
}

impl Trainer {
    /// Opens the adapter anew after such an error and restores the state that was kept; the error where
    /// that is of no use or not wanted. The number of whole epochs that stay.
    pub(super) async fn recover(
        &mut self,
        kept: &mut Kept,
        error: Error,
        observer: &mut dyn Observer,
    ) -> Result<u64> {
        let Some(rule) = kept.rule else { return Err(error) };
        if !error.is_device_lost() && !error.is_device_fault() || kept.state.is_none() && !kept.anew {
            return Err(error);
        }
        let progress = kept.state.as_ref().map(|state| &state.progress);
        let (steps, epochs) = progress.map_or((0, 0), |progress| (progress.steps, progress.epochs));
        kept.losses += 1;
        if kept.losses > rule.attempts {
            let times = kept.losses;
            return Err(error.context(format!("the device was lost {times} times after step {steps}")));
        }
        // What was on its way is lost with the device.
        (kept.coming, kept.steps) = (None, 0);
        self.programs.clear();
        self.collecting = Default::default();
        self.session = match self.session.reopened().await {
            Ok(session) => session,
            Err(reopening) => return Err(error.context(format!("no device to go on with ({reopening})"))),
        };
        match &kept.state {
            Some(state) => self.restore(state)?,
            None => {
                self.parameters.clear();
                self.trained = false;
            }
        }
        observer.on_recovery(&Recovery { error, steps, epochs });
        Ok(epochs)
    }
}
