//! Logistic regression: p(yes) = sigmoid(w . x + b), by gradient descent on the cross-entropy.

use anygrad::core::Result;
use anygrad::data::{Dataset, Standardizer, folds, shuffled};
use anygrad::gpu::Session;
use anygrad::nn::{Adam, Dense, FitOptions, Loss, Metric, Sequential, Silent, Trainer};
use anygrad_plot::Chart;

use crate::options::Options;
use crate::parts::{Parts, two_classes};
use crate::report::{Figures, Report};
use crate::run::{classes, losses, open, save, say, session, train};
use crate::tables::{Confusion, percent};

/// The name of the program.
pub const NAME: &str = "logistic-regression";

/// The model: one unit, whose output is the logit of "yes". The loss applies the sigmoid, which
/// keeps large logits exact.
pub fn model() -> Sequential {
    Sequential::new().add(Dense::new(1))
}

fn trainer(session: Session, seed: u64) -> Trainer {
    Trainer::new(session, model(), Loss::binary_cross_entropy(), Adam::new(0.01))
        .seed(seed)
        .metrics(&[Metric::Accuracy])
}

/// Options for a run that is asked for nothing.
pub fn defaults() -> Options {
    Options::new(NAME, 60, 32)
}

/// How many parts a table is cut into to predict each row by a model that has not seen it.
const FOLDS: usize = 5;

/// Larger tables have a test part that tells enough.
const MOST_ROWS_TO_CROSS_VALIDATE: usize = 2000;

/// Tells points of the logical and from others, or the two classes of a table.
///
/// # Errors
/// Data that cannot be read or are too few, options that do not fit them, or a device that failed.
pub async fn run(options: &Options) -> Result<Report> {
    let session = open(options).await?;
    let raw = Parts::two_classes(options.data.as_deref(), options.seed)?;
    say(options, raw.sizes())?;
    let (parts, _) = raw.standardized()?;
    let mut trainer = trainer(session, options.seed);
    let history = train(&mut trainer, options, &parts.training, Some(&parts.validation)).await?;

    let predicted = predict(&mut trainer, &parts.test).await?;
    let confusion = Confusion::of(parts.test.classes(), &classes(parts.test.targets()), &predicted)?;
    say(options, &confusion)?;
    say(
        options,
        format_args!(
            "Test accuracy {}; always answering the most frequent class: {}",
            percent(confusion.accuracy()),
            percent(confusion.majority())
        ),
    )?;
    let cross_validated_accuracy = match &options.data {
        Some(_) => cross_validate(options).await?,
        None => None,
    };
    if let Some(accuracy) = cross_validated_accuracy {
        say(
            options,
            format_args!("Accuracy over {FOLDS} folds, each row predicted unseen: {}", percent(accuracy)),
        )?;
    }
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
            cross_validated_accuracy,
        },
    })
}

/// 1 for each row whose logit is above 0.
async fn predict(trainer: &mut Trainer, data: &Dataset) -> Result<Vec<usize>> {
    let logits = trainer.predict(data.features(), 256).await?;
    Ok(logits.as_f32()?.iter().map(|&logit| usize::from(logit > 0.0)).collect())
}

/// The accuracy over all rows of a table, each predicted by a model trained on other folds.
async fn cross_validate(options: &Options) -> Result<Option<f64>> {
    let data = two_classes(options.data.as_deref(), options.seed)?;
    let rows = data.len();
    if !(2 * FOLDS..=MOST_ROWS_TO_CROSS_VALIDATE).contains(&rows) {
        return Ok(None);
    }
    let mut right = 0;
    for (learned, held_out) in folds(&shuffled(rows, options.seed, 1), FOLDS)? {
        let (learned, held_out) = (data.take(&learned)?, data.take(&held_out)?);
        let scale = Standardizer::fit(learned.features())?;
        let scaled = |part: &Dataset| part.map_features(|features| scale.apply(features));
        let (learned, held_out) = (scaled(&learned)?, scaled(&held_out)?);
        let session = session(options).await?;
        let mut trainer = trainer(session, options.seed);
        let batch_size = options.batch_size.min(learned.len());
        let fit = FitOptions { epochs: options.epochs, batch_size, ..FitOptions::default() };
        trainer.fit((learned.features(), learned.targets()), None, &fit, &mut Silent).await?;
        let predicted = predict(&mut trainer, &held_out).await?;
        right += predicted.iter().zip(classes(held_out.targets())).filter(|(p, t)| **p == *t).count();
    }
    Ok(Some(right as f64 / rows as f64))
}
