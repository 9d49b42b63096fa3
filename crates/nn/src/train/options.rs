use anygrad_core::{Array, Result};

use super::{EarlyStopping, Recover};

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// How often all rows are used. Where a restored state stands in the midst of an epoch, the rest of
    /// that is the first.
    pub epochs: usize,
    /// Rows per batch; the last batch of an epoch takes what is left.
    pub batch_size: usize,
    /// Batches per update of the parameters, which is by the gradient of all their rows together; the
    /// last update of an epoch takes what is left.
    pub accumulate: usize,
    /// Whether each epoch takes the rows in another order, which depends on the trainer's seed and
    /// the epoch alone.
    pub shuffle: bool,
    /// Whether training goes on when an epoch's loss is NaN or infinite.
    pub allow_nan: bool,
    /// Whether training ends when a figure no longer improves.
    pub early_stopping: Option<EarlyStopping>,
    /// Whether training goes on by itself when the device is lost.
    pub recover: Option<Recover>,
}

impl Default for FitOptions {
    /// One epoch of shuffled batches of 32, each a step.
    fn default() -> Self {
        FitOptions {
            epochs: 1,
            batch_size: 32,
            accumulate: 1,
            shuffle: true,
            allow_nan: false,
            early_stopping: None,
            recover: None,
        }
    }
}

/// Which batch was drawn; see [`Trainer::transform`](crate::Trainer::transform).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The trainer's seed.
    pub seed: u64,
    /// Whole epochs before this one.
    pub epoch: u64,
    /// Batches of the epoch before this one.
    pub batch: usize,
}

/// What is done to a batch before its step.
pub(super) type Transform = dyn Fn(&Drawn, Array, Array) -> Result<(Array, Array)> + Send + Sync;
