//! States that an observer wishes for while training goes on.

use std::ops::ControlFlow;

use anygrad_core::Result;

use super::state::PendingState;
use super::{Observer, Trainer, Wish};

/// A state that the observer wished for.
#[derive(Default)]
pub(super) struct Saving(Option<PendingState>);

impl Saving {
    /// Hands over what has come and asks for the observer's wish. `Break` where that is to stop.
    pub(super) async fn fulfil(
        &mut self,
        trainer: &mut Trainer,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>> {
        self.deliver(false, observer).await?;
        match observer.wish() {
            Wish::GoOn => {}
            Wish::Stop => return Ok(ControlFlow::Break(())),
            Wish::Save => {
                self.deliver(true, observer).await?;
                self.0 = Some(trainer.state_later().await?);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) async fn deliver(&mut self, wait: bool, observer: &mut dyn Observer) -> Result<()> {
        let is_ready = match &self.0 {
            Some(coming) => wait || coming.is_ready()?,
            None => false,
        };
        match self.0.take_if(|_| is_ready) {
            Some(coming) => observer.on_state(&coming.take().await?),
            None => Ok(()),
        }
    }
}
