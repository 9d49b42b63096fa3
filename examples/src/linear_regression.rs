//! Linear regression: y = w . x + b, by gradient descent on the mean squared error.

use anygrad::core::Result;
use anygrad::data::generate::{INTERCEPT, SLOPE};
use anygrad::nn::{Dense, Loss, Sequential, Sgd, Trainer};
use anygrad_plot::Chart;

use crate::options::Options;
use crate::parts::Parts;
use crate::report::{Figures, Report};
use crate::run::{losses, open, rmse, save, say, train};
use crate::tables::{columns, number};

/// The name of the program.
pub const NAME: &str = "linear-regression";

/// The model: one unit without an activation is a weighted sum of the features and a bias.
pub fn model() -> Sequential {
    Sequential::new().add(Dense::new(1).named("line"))
}

/// Options for a run that is asked for nothing.
pub fn defaults() -> Options {
    Options::new(NAME, 30, 32)
}

/// Fits points near y = 3 x + 2, or the last column of a table.
///
/// # Errors
/// Data that cannot be read or are too few, options that do not fit them, or a device that failed.
pub async fn run(options: &Options) -> Result<Report> {
    let session = open(options).await?;
    let raw = Parts::regression(options.data.as_deref(), options.seed)?;
    say(options, raw.sizes())?;
    // Features of a table may have any scale: one learning rate fits all when each has deviation 1.
    let (parts, scale) = raw.standardized()?;
    let mut trainer = Trainer::new(session, model(), Loss::mse(), Sgd::new(0.05)).seed(options.seed);
    let history = train(&mut trainer, options, &parts.training, Some(&parts.validation)).await?;

    let kernel = trainer.read_parameter("line.kernel").await?;
    let bias = f64::from(trainer.read_parameter("line.bias").await?.as_f32()?[0]);
    let (weights, intercept) = scale.unscaled(kernel.as_f32()?, bias);
    let predicted = trainer.predict(parts.test.features(), options.batch_size.max(256)).await?;
    let actual = parts.test.targets().as_f32()?;
    let training = parts.training.targets().as_f32()?;
    let mean = training.iter().map(|&y| f64::from(y)).sum::<f64>() / training.len() as f64;
    let predicted = predicted.as_f32()?;
    let test_rmse = rmse(actual, |i| f64::from(predicted[i]));
    let mean_rmse = rmse(actual, |_| mean);

    let is_line = options.data.is_none();
    let mut rows = vec![vec!["coefficient".to_owned(), "found".to_owned()]];
    if is_line {
        rows[0].push("true".to_owned());
    }
    let named = weights.iter().enumerate().map(|(i, &w)| (format!("weight {i}"), w));
    for (name, value) in named.chain([("intercept".to_owned(), intercept)]) {
        let truth = if name == "intercept" { INTERCEPT } else { SLOPE };
        let mut row = vec![name, number(value)];
        if is_line {
            row.push(number(f64::from(truth)));
        }
        rows.push(row);
    }
    say(options, columns(&rows))?;
    say(
        options,
        format_args!("Test RMSE {}; always predicting the mean: {}", number(test_rmse), number(mean_rmse)),
    )?;

    let (losses, validation_losses) = losses(&history);
    let mut charts = vec![Chart::losses(&losses, &validation_losses)];
    if weights.len() == 1 {
        charts.push(Chart::fit(raw.test.features().as_f32()?, actual, weights[0], intercept));
    }
    save(options, charts)?;
    Ok(Report {
        program: NAME,
        adapter: trainer.session().caps().to_string(),
        seed: options.seed,
        epochs: history.epochs.len(),
        losses,
        validation_losses,
        figures: Figures::Regression { weights, intercept, test_rmse, mean_rmse },
    })
}
