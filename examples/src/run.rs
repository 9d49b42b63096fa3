//! What the four programs do alike: open a session, show the model, train, save a plot.

use std::io::{self, Write};

use anygrad::core::{Array, Context, Error, Result};
use anygrad::data::Dataset;
use anygrad::gpu::{Session, Tuned};
use anygrad::nn::{FitOptions, History, Progress, Silent, Trainer};
use anygrad_plot::{Chart, Picture};

use crate::files::write_whole;
use crate::options::Options;
use crate::tuning;

/// Writes a line, unless the options say that nothing is shown.
pub(crate) fn say(options: &Options, text: impl std::fmt::Display) -> Result<()> {
    if !options.talks() {
        return Ok(());
    }
    match writeln!(io::stdout().lock(), "{text}") {
        // Whoever read the output has seen enough; training goes on.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Error::input(format!("standard output: {error}"))),
    }
}

/// A session on the adapter that the options ask for, with their recorder.
pub(crate) async fn session(options: &Options) -> Result<Session> {
    let session = Session::open_or_interpreter(&options.adapter).await?;
    Ok(match &options.recorder {
        Some(recorder) => session.recorded_by(recorder),
        None => session,
    })
}

/// As [`session`], and says what it runs on.
pub(crate) async fn open(options: &Options) -> Result<Session> {
    let session = session(options).await?;
    if session.is_interpreter() {
        say(
            options,
            "There is no GPU adapter, or none was wanted: this runs on the built-in CPU interpreter.",
        )?;
    } else {
        say(options, format_args!("Adapter: {}", session.caps()))?;
        let excluded = &session.caps().excluded;
        if !excluded.is_empty() {
            let excluded = excluded.join(", ");
            say(
                options,
                format_args!("It does without {excluded}: `anygrad verify` found that wrong there."),
            )?;
        }
        if let Err(error) = Tuned::load(session.caps()) {
            say(options, format_args!("What was tuned is left aside: {error}."))?;
        }
    }
    Ok(session)
}

/// Shows the model and trains it.
pub(crate) async fn train(
    trainer: &mut Trainer,
    options: &Options,
    training: &Dataset,
    validation: Option<&Dataset>,
) -> Result<History> {
    say(options, trainer.summary(&training.features().shape()[1..])?)?;
    let fit = FitOptions { epochs: options.epochs, batch_size: options.batch_size, ..FitOptions::default() };
    let validation = validation.map(|part| (part.features(), part.targets()));
    let data = (training.features(), training.targets());
    if options.tune {
        let report = trainer.tune(data.0, data.1, options.batch_size).await?;
        say(options, tuning::text(&report))?;
    }
    if options.talks() {
        trainer.fit(data, validation, &fit, &mut Progress::new()).await
    } else {
        trainer.fit(data, validation, &fit, &mut Silent).await
    }
}

/// Training and validation losses.
pub(crate) fn losses(history: &History) -> (Vec<f64>, Vec<f64>) {
    let validation = history.epochs.iter().filter_map(|epoch| epoch.validation.as_ref().map(|v| v.loss));
    (history.losses(), validation.collect())
}

/// Saves the plot where the options want it.
pub(crate) fn save(options: &Options, charts: impl IntoIterator<Item = Chart>) -> Result<()> {
    let Some(path) = &options.plot else { return Ok(()) };
    let png = charts.into_iter().fold(Picture::new(), Picture::beside).png();
    write_whole(path, &png.context(|| format!("drawing {}", path.display()))?)?;
    say(options, format_args!("Plot: {}", path.display()))
}

/// Root of the mean squared difference.
pub(crate) fn rmse(a: &[f32], b: impl Fn(usize) -> f64) -> f64 {
    let squares = a.iter().enumerate().map(|(i, &x)| (f64::from(x) - b(i)).powi(2));
    (squares.sum::<f64>() / a.len().max(1) as f64).sqrt()
}

/// The numbers of an array of classes, as indices.
pub(crate) fn classes(targets: &Array) -> Vec<usize> {
    targets.to_f64().into_iter().map(|class| class.max(0.0) as usize).collect()
}
