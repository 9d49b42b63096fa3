//! Augmentation of a recipe as what a trainer does to a batch.

use anygrad_core::{Array, Result};
use anygrad_data::{Augment, Augmentation, Dataset};
use anygrad_nn::Drawn;
use anygrad_recipe::{Loaded, training};

/// A change of the features and targets of a batch.
pub(crate) type Change = dyn Fn(&Drawn, Array, Array) -> Result<(Array, Array)> + Send + Sync;

/// What is done to a batch. All random numbers follow from the seed, the epoch, the batch and the row in
/// it; `mixup` takes its partners from the same batch.
///
/// # Errors
/// A step that does not suit the features, as a rotation of a table.
pub(crate) fn transform(wanted: &training::Augmentation, loaded: &Loaded) -> Result<Box<Change>> {
    let steps = steps(wanted);
    // Black, where pixels were normalized.
    let black = |scale: &anygrad_recipe::Scale| match (&scale.shift[..], &scale.factor[..]) {
        ([shift], [factor]) => -shift / factor,
        _ => 0.0,
    };
    let fill = loaded.preprocessing.features.as_ref().map_or(0.0, black);
    let changes = move |seed: u64| Augmentation { seed, fill, steps: steps.clone() };
    changes(0).shape(&loaded.training.features().shape())?;
    Ok(Box::new(move |drawn: &Drawn, features: Array, targets: Array| {
        let batch = Dataset::new(features, targets)?;
        let rows: Vec<usize> = (0..batch.len()).collect();
        let place = drawn.epoch << 32 | drawn.batch as u64;
        changes(drawn.seed).select(&batch, &rows, place)
    }))
}

fn steps(wanted: &training::Augmentation) -> Vec<Augment> {
    let training::Augmentation { shift, horizontal_flip, vertical_flip, rotation, noise, mixup } = *wanted;
    let all = [
        (shift > 0, Augment::Shift { pixels: shift }),
        (horizontal_flip, Augment::FlipHorizontal { chance: 0.5 }),
        (vertical_flip, Augment::FlipVertical { chance: 0.5 }),
        (rotation > 0.0, Augment::Rotate { degrees: rotation }),
        (noise > 0.0, Augment::Noise { deviation: noise }),
        (mixup > 0.0, Augment::Mixup { alpha: mixup }),
    ];
    all.into_iter().filter_map(|(is_wanted, step)| is_wanted.then_some(step)).collect()
}
