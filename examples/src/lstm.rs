//! An LSTM that forecasts the next value of a series.

use anygrad::core::Result;
use anygrad::data::generate;
use anygrad::data::series::{self, ForecastError};
use anygrad::nn::{Adam, Dense, Loss, Lstm, Sequential, Trainer};
use anygrad_plot::Chart;

use crate::options::Options;
use crate::report::{Figures, Report};
use crate::run::{losses, open, save, say, train};
use crate::tables::{columns, number};
use crate::trend::Preparation;

/// The name of the program.
pub const NAME: &str = "lstm";

/// The model: the first LSTM hands its whole sequence to the second, whose last state a dense layer
/// turns into the next value.
pub fn model() -> Sequential {
    Sequential::new().add(Lstm::new(64).return_sequences(true)).add(Lstm::new(64)).add(Dense::new(1))
}

/// Options for a run that is asked for nothing.
pub fn defaults() -> Options {
    Options::new(NAME, 30, 32)
}

/// Values of the series that the program makes.
const MADE: usize = 1000;

/// Short series are looked at through a window of a year of months, longer ones twice as far.
const SHORT: usize = 300;

/// Forecasts a sine with noise, or the last column of a table whose rows are in order of time.
///
/// # Errors
/// Data that cannot be read or are too few, options that do not fit them, or a device that failed.
pub async fn run(options: &Options) -> Result<Report> {
    let session = open(options).await?;
    let values = match &options.data {
        Some(path) => series::read(path)?,
        None => generate::sine_series(MADE, options.seed)?,
    };
    let tail = values.len() / 5;
    let width = if values.len() < SHORT { 12 } else { 24 };
    let preparation = Preparation::learn(&values, tail)?;
    let (training, test) = series::hold_out(&preparation.apply(&values), width, tail)?;
    say(
        options,
        format_args!(
            "{} windows of {width} values to train on, the last {tail} values to forecast, as {:?}",
            training.len(),
            preparation.form
        ),
    )?;
    let mut trainer = Trainer::new(session, model(), Loss::mse(), Adam::new(2e-3)).seed(options.seed);
    let history = train(&mut trainer, options, &training, None).await?;

    let predicted = trainer.predict(test.features(), options.batch_size).await?;
    let forecast = preparation.forecast(&values, predicted.as_f32()?)?;
    let error = ForecastError::of(&forecast, &values[values.len() - tail..])?;
    let naive = ForecastError::naive(&values, tail)?;
    let row = |name: &str, e: &ForecastError| vec![name.to_owned(), number(e.rmse), number(e.mae)];
    let head = vec!["forecast".to_owned(), "RMSE".to_owned(), "MAE".to_owned()];
    say(options, columns(&[head, row("LSTM", &error), row("naive (as the value before)", &naive)]))?;
    let (losses, validation_losses) = losses(&history);
    save(options, [Chart::losses(&losses, &[]), Chart::forecast(&values, &forecast)])?;
    Ok(Report {
        program: NAME,
        adapter: trainer.session().caps().to_string(),
        seed: options.seed,
        epochs: history.epochs.len(),
        losses,
        validation_losses,
        figures: Figures::Forecast {
            rmse: error.rmse,
            mae: error.mae,
            naive_rmse: naive.rmse,
            naive_mae: naive.mae,
            preparation,
        },
    })
}
