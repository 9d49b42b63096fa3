//! How long, in what steps, and what is watched.

use anygrad_nn::{Clip, Metric, Recompute};

use crate::memory::Bytes;
use crate::schema::{BELOW_1, COUNT, FROM_0, SIZE, choice, section};

section! {
    /// What keeps a model from learning its data by heart.
    Regularization {
        /// Penalty on the absolute values of the kernels of dense and convolution layers.
        l1: f64 = 0.0 => FROM_0,
        /// Penalty on their squares.
        l2: f64 = 0.0 => FROM_0,
        /// Label smoothing of a loss that has one.
        label_smoothing: f64 = 0.0 => BELOW_1,
        /// Changes of the rows in training.
        augmentation: Augmentation,
    }
}

section! {
    /// Random changes of the rows in training, another each epoch. Images are `[n, channels, height, width]`.
    Augmentation {
        /// Images moved by up to so many pixels.
        shift: usize = 0,
        /// Whether half of the images are mirrored, left to right.
        horizontal_flip: bool = false,
        /// Whether half of the images are turned upside down.
        vertical_flip: bool = false,
        /// Images turned by up to so many degrees.
        rotation: f64 = 0.0 => FROM_0,
        /// Normal noise of this deviation.
        noise: f64 = 0.0 => FROM_0,
        /// Pairs of rows mixed; shares from a beta distribution of this parameter, 0 for none.
        mixup: f64 = 0.0 => FROM_0,
    }
}

impl Augmentation {
    /// Whether rows stay as they are.
    pub fn is_none(&self) -> bool {
        let Augmentation { shift, horizontal_flip, vertical_flip, rotation, noise, mixup } = *self;
        shift == 0 && !horizontal_flip && !vertical_flip && rotation == 0.0 && noise == 0.0 && mixup == 0.0
    }
}

section! {
    /// How long, in what steps, and what is watched.
    Training {
        /// How many times training goes through the training part.
        epochs: usize = 10 => COUNT,
        /// Rows per batch.
        batch_size: usize = 32 => SIZE,
        /// Batches per step: their gradients are averaged.
        gradient_accumulation: usize = 1 => SIZE,
        /// A limit for gradients.
        clip: Option<Clip> = None,
        /// Decides initial parameters, splits, orders and random layers.
        seed: u64 = 1,
        /// What values are stored as; sums are always computed in f32.
        precision: Precision = Precision::F32,
        /// What gradients compute again in place of holding it: the same numbers, in less memory and more time.
        recompute: Recompute = Recompute::None,
        /// What activations are held as until gradients read them.
        activations: Precision = Precision::F32,
        /// The most memory of the device; to stay within it, more is computed again and batches are taken in parts.
        memory: Option<Bytes> = None,
        /// Whether each epoch takes the rows in another order.
        shuffle: bool = true,
        /// Figures beside the loss; by the task unless given.
        metrics: Option<Vec<Metric>> = None,
        /// When training stops by itself; never unless given.
        early_stopping: Option<EarlyStopping> = None,
        /// Which states are kept.
        checkpoint: Checkpoint,
    }
}

/// What values are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, with the range of 32.
    Bf16,
    /// 16 bits, with more digits.
    F16,
}

choice! {
    /// What values are stored as.
    Precision: "precision", "type" {
        /// 32 bits.
        "f32" => F32 {},
        /// 16 bits, with the range of 32.
        "bf16" => Bf16 {},
        /// 16 bits, with more digits.
        "f16" => F16 {},
    }
}

section! {
    /// When training stops by itself. Its own keys only: `early_stopping = {}` takes all defaults.
    EarlyStopping {
        /// The figure that is watched: `loss` or a metric, with `validation_` in front for the validation part.
        monitor: String = "validation_loss".to_owned(),
        /// How many epochs in a row may fail to improve.
        patience: usize = 5,
        /// By how much it has to improve.
        min_delta: f64 = 0.0 => FROM_0,
        /// Whether the parameters of the best epoch come back.
        restore_best | restore_best_weights: bool = true,
    }
}

impl EarlyStopping {
    /// What is watched, as histories name it: `val_loss` for `validation_loss`.
    pub fn figure(&self) -> String {
        match self.monitor.strip_prefix("validation_") {
            Some(figure) => format!("val_{figure}"),
            None => self.monitor.clone(),
        }
    }
}

section! {
    /// Which states are kept.
    Checkpoint {
        /// Epochs from one to the next.
        every: usize = 1 => COUNT,
        /// How many of the last are kept, besides the best.
        keep: usize = 3 => COUNT,
    }
}
