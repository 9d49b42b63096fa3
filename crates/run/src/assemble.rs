//! From a recipe to what trains.

use anygrad_core::{Error, Result};
use anygrad_gpu::Session;
use anygrad_nn::{EarlyStopping, FitOptions, Loss, Recover, Trainer};
use anygrad_recipe::{Loaded, Recipe, Sizes};

use crate::augment;

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
/// Those of [`Recipe::build`]; an augmentation that does not suit the data.
pub fn assemble_with(recipe: &Recipe, session: &Session, loaded: Loaded) -> Result<Assembly> {
    let settings = recipe.settings();
    let training = &settings.training;
    let (mut trainer, loss) = trainer_of(recipe, session, &loaded.sizes)?;
    let augmentation = &settings.regularization.augmentation;
    if !augmentation.is_none() {
        if augmentation.mixup > 0.0 && loss.takes_classes() {
            let message = "regularization.augmentation.mixup makes shares of classes: take loss = \"categorical_cross_entropy\"";
            return Err(Error::input(message));
        }
        trainer = trainer.transform(augment::transform(augmentation, &loaded)?);
    }
    let early_stopping = training.early_stopping.as_ref().map(|rule| EarlyStopping {
        monitor: figure(&rule.monitor),
        patience: rule.patience as u64,
        min_delta: rule.min_delta,
        restore_best: rule.restore_best,
    });
    let options = FitOptions {
        epochs: training.epochs,
        batch_size: training.batch_size,
        accumulate: training.gradient_accumulation,
        shuffle: training.shuffle,
        allow_nan: false,
        early_stopping,
        recover: Some(Recover::default()),
    };
    Ok(Assembly { trainer, loaded, options })
}

/// The model and what trains it, without data; and the loss.
pub(crate) fn trainer_of(recipe: &Recipe, session: &Session, sizes: &Sizes) -> Result<(Trainer, Loss)> {
    let parts = recipe.build(sizes)?;
    let loss = parts.loss.clone();
    let mut trainer = Trainer::new(session.clone(), parts.model, parts.loss, parts.optimizer)
        .seed(recipe.settings().training.seed)
        .metrics(&parts.metrics);
    if let Some(schedule) = parts.schedule {
        trainer = trainer.schedule(schedule);
    }
    if let Some(plateau) = parts.plateau {
        trainer = trainer.plateau(plateau);
    }
    Ok((trainer, loss))
}

/// The name of a figure as histories have it: `val_` where recipes write `validation_`.
pub(crate) fn figure(name: &str) -> String {
    match name.strip_prefix("validation_") {
        Some(name) => format!("val_{name}"),
        None => name.to_owned(),
    }
}
