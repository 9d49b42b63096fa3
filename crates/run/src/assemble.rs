//! From a recipe to what trains.

use anygrad_core::Result;
use anygrad_gpu::Session;
use anygrad_nn::{FitOptions, Loss, Trainer};
use anygrad_recipe::{Loaded, Recipe, Sizes};

/// What a recipe becomes on a session.
pub struct Assembly {
    /// The model and what trains it. Nothing is trained yet.
    pub trainer: Trainer,
    /// The data, in parts.
    pub loaded: Loaded,
    /// How to train.
    pub options: FitOptions,
}

/// Loads the data of a recipe, and builds what trains.
///
/// # Errors
/// Those of [`Recipe::load`] and [`Recipe::build`].
pub fn assemble(recipe: &Recipe, session: &Session) -> Result<Assembly> {
    assemble_with(recipe, session, recipe.load()?)
}

/// As [`assemble`], of data that are loaded.
///
/// # Errors
/// Those of [`Recipe::build`].
pub fn assemble_with(recipe: &Recipe, session: &Session, loaded: Loaded) -> Result<Assembly> {
    let made = trainer_of(recipe, session, &loaded.sizes)?;
    Ok(Assembly { trainer: made.trainer, loaded, options: made.options })
}

/// What a recipe becomes without its data.
pub(crate) struct Made {
    pub(crate) trainer: Trainer,
    pub(crate) options: FitOptions,
    pub(crate) loss: Loss,
}

pub(crate) fn trainer_of(recipe: &Recipe, session: &Session, sizes: &Sizes) -> Result<Made> {
    let parts = recipe.build(sizes)?;
    let (options, loss) = (parts.options(), parts.loss.clone());
    let (transform, memory) = (parts.transform(), parts.memory());
    let mut trainer = Trainer::new(session.clone(), parts.model, parts.loss, parts.optimizer)
        .seed(parts.training.seed)
        .metrics(&parts.metrics)
        .memory(memory);
    if let Some(transform) = transform {
        trainer = trainer.transform(transform);
    }
    if let Some(schedule) = parts.schedule {
        trainer = trainer.schedule(schedule);
    }
    if let Some(plateau) = parts.plateau {
        trainer = trainer.plateau(plateau);
    }
    Ok(Made { trainer, options, loss })
}
