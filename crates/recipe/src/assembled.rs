//! What a recipe gives to a trainer.

use anygrad_core::{Array, Result};
use anygrad_data::{Augment, Dataset};
use anygrad_nn::{self as nn, Drawn, FitOptions, Recover};

use crate::schedule::Steps;
use crate::training::{Augmentation, Training};

/// What is done to the batches of a training, as [`nn::Trainer::transform`] takes it.
pub type Transform = Box<dyn Fn(&Drawn, Array, Array) -> Result<(Array, Array)> + Send + Sync>;

/// All that a trainer takes.
pub struct Parts {
    /// The model.
    pub model: nn::Sequential,
    /// What training minimizes.
    pub loss: nn::Loss,
    /// How gradients change parameters, with a limit for gradients.
    pub optimizer: Box<dyn nn::Optimizer>,
    /// The learning rate of each step, if it changes.
    pub schedule: Option<nn::Schedule>,
    /// A learning rate that follows the loss.
    pub plateau: Option<nn::Plateau>,
    /// Figures beside the loss.
    pub metrics: Vec<nn::Metric>,
    /// How long training is.
    pub steps: Steps,
    /// Epochs, batches, seed, early stopping and checkpoints, as the recipe has them.
    pub training: Training,
    pub(crate) augmentation: Augmentation,
}

impl Parts {
    /// How to train. A training goes on by itself when its device is lost.
    pub fn options(&self) -> FitOptions {
        let training = &self.training;
        let early_stopping = training.early_stopping.as_ref().map(|rule| nn::EarlyStopping {
            monitor: rule.figure(),
            patience: rule.patience as u64,
            min_delta: rule.min_delta,
            restore_best: rule.restore_best,
        });
        FitOptions {
            epochs: training.epochs,
            batch_size: training.batch_size,
            accumulate: training.gradient_accumulation,
            shuffle: training.shuffle,
            early_stopping,
            recover: Some(Recover::default()),
            ..FitOptions::default()
        }
    }

    /// What training does to take less memory, as [`nn::Trainer::memory`] takes it.
    pub fn memory(&self) -> nn::MemoryOptions {
        self.training.memory_options()
    }

    /// The changes of rows in training, by the seed of the recipe; none where rows stay as they are. What comes
    /// into an image from outside is 0: black, or with `normalize = "standard"` the mean of its channel.
    pub fn augmentation(&self) -> Option<anygrad_data::Augmentation> {
        augmentation(&self.augmentation, self.training.seed)
    }

    /// [`Parts::augmentation`] as [`nn::Trainer::transform`] takes it. It follows from the seed, the epoch and the
    /// batch alone, so that a training that goes on sees what it would have seen. Mixup takes its pairs from
    /// within a batch.
    pub fn transform(&self) -> Option<Transform> {
        let steps = self.augmentation()?;
        Some(Box::new(move |drawn: &Drawn, features: Array, targets: Array| {
            let data = Dataset::new(features, targets)?;
            let seed = steps.seed ^ (drawn.batch as u64 + 1).wrapping_mul(SPREAD);
            let of_batch = anygrad_data::Augmentation { seed, ..steps.clone() };
            of_batch.select(&data, &(0..data.len()).collect::<Vec<_>>(), drawn.epoch)
        }))
    }
}

/// An odd number whose multiples differ in all bits: 2^64 over the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The steps of a recipe's keys.
pub(crate) fn augmentation(keys: &Augmentation, seed: u64) -> Option<anygrad_data::Augmentation> {
    let mut steps = Vec::new();
    let Augmentation { shift, horizontal_flip, vertical_flip, rotation, noise, mixup } = *keys;
    if shift > 0 {
        steps.push(Augment::Shift { pixels: shift });
    }
    if horizontal_flip {
        steps.push(Augment::FlipHorizontal { chance: 0.5 });
    }
    if vertical_flip {
        steps.push(Augment::FlipVertical { chance: 0.5 });
    }
    if rotation > 0.0 {
        steps.push(Augment::Rotate { degrees: rotation });
    }
    if noise > 0.0 {
        steps.push(Augment::Noise { deviation: noise });
    }
    if mixup > 0.0 {
        steps.push(Augment::Mixup { alpha: mixup });
    }
    (!steps.is_empty()).then_some(anygrad_data::Augmentation { seed, steps, ..Default::default() })
}
