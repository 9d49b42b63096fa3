//! A convolutional network that reads digits.

use anygrad::core::Result;
use anygrad::nn::{Activation, Adam, Conv2d, Dense, Flatten, Loss, MaxPool2d, Metric, Sequential, Trainer};
use anygrad_plot::Chart;

use crate::options::Options;
use crate::parts::Parts;
use crate::report::{Figures, Report};
use crate::run::{classes, losses, open, save, say, train};
use crate::tables::{Confusion, percent};

/// The name of the program.
pub const NAME: &str = "cnn";

/// The model: two rounds of convolution and pooling find strokes and their combinations, two dense
/// layers name the digit. The last layer gives logits; the loss applies the softmax.
pub fn model(classes: usize) -> Sequential {
    Sequential::new()
        .add(Conv2d::new(32, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Conv2d::new(64, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Flatten)
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dense::new(classes))
}

/// Options for a run that is asked for nothing.
pub fn defaults() -> Options {
    Options::new(NAME, 5, 64)
}

/// Reads drawn digits, or the images of a folder in MNIST's form.
///
/// # Errors
/// Data that cannot be read or are too few, options that do not fit them, or a device that failed.
pub async fn run(options: &Options) -> Result<Report> {
    let session = open(options).await?;
    let parts = Parts::images(options.data.as_deref(), options.seed)?;
    say(options, parts.sizes())?;
    let count = parts.training.classes().len();
    let mut trainer = Trainer::new(session, model(count), Loss::sparse_cross_entropy(), Adam::new(1e-3))
        .seed(options.seed)
        .metrics(&[Metric::Accuracy]);
    let history = train(&mut trainer, options, &parts.training, Some(&parts.validation)).await?;

    let logits = trainer.predict(parts.test.features(), options.batch_size).await?;
    let largest = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
    let predicted: Vec<usize> = logits.as_f32()?.chunks(count).map(largest).collect();
    let confusion = Confusion::of(parts.test.classes(), &classes(parts.test.targets()), &predicted)?;
    say(options, &confusion)?;
    say(options, format_args!("Test accuracy {}", percent(confusion.accuracy())))?;
    let (losses, validation_losses) = losses(&history);
    save(options, [Chart::losses(&losses, &validation_losses)])?;
    Ok(Report {
        program: NAME,
        adapter: trainer.session().caps().to_string(),
        seed: options.seed,
        epochs: history.epochs.len(),
        losses,
        validation_losses,
        figures: Figures::Classification {
            test_accuracy: confusion.accuracy(),
            majority_accuracy: confusion.majority(),
            confusion,
            cross_validated_accuracy: None,
        },
    })
}
