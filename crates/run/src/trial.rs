//! One training, from its recipe to its figures: a fold, or a variant of a sweep.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anygrad_core::Result;
use anygrad_gpu::Session;
use anygrad_nn::{End, Epoch, Observer, Scores, Wish};
use anygrad_recipe::Recipe;

use crate::{Assembly, assemble};

/// What came of a training.
pub(crate) struct Trial {
    /// Rows of the training and of the validation part.
    pub rows: [usize; 2],
    /// Epochs done.
    pub epochs: usize,
    /// Of the last epoch, each batch before its step.
    pub training: Scores,
    /// Of the model as it is at the end, where there is a validation part.
    pub validation: Option<Scores>,
    /// Whether it was asked to stop before its end.
    pub stopped: bool,
    /// The model as it is at the end, with its data.
    pub assembly: Assembly,
}

/// Lets a training stop between two steps.
struct Stoppable<'a>(&'a AtomicBool);

impl Observer for Stoppable<'_> {
    fn wish(&mut self) -> Wish {
        if self.0.load(Ordering::Relaxed) { Wish::Stop } else { Wish::GoOn }
    }

    fn on_epoch_end(&mut self, _epoch: &Epoch) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Trains a recipe on a session of its own, on the device of this one.
pub(crate) async fn trial(recipe: &Recipe, session: &Session, stop: &AtomicBool) -> Result<Trial> {
    let own = session.excluding(&session.caps().excluded);
    let mut assembly = assemble(recipe, &own)?;
    let Assembly { trainer, loaded, options } = &mut assembly;
    let pair = |part: &'_ anygrad_data::Dataset| (part.features().clone(), part.targets().clone());
    let (training, validation) = (pair(&loaded.training), loaded.validation.as_ref().map(pair));
    let validated = validation.as_ref().map(|(x, y)| (x, y));
    let mut observer = Stoppable(stop);
    let history = trainer.fit((&training.0, &training.1), validated, options, &mut observer).await?;
    let stopped = history.end == End::Stopped;
    let scores = match validated {
        Some(part) if !stopped => Some(trainer.evaluate(part, options.batch_size).await?),
        _ => None,
    };
    Ok(Trial {
        rows: [loaded.training.len(), loaded.validation.as_ref().map_or(0, |part| part.len())],
        epochs: history.epochs.len(),
        training: history.epochs.last().map_or_else(Scores::default, |epoch| epoch.train.clone()),
        validation: scores,
        stopped,
        assembly,
    })
}
