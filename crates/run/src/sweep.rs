//! Sweeps: many recipes from one, trained and compared.

use std::cmp::Ordering;
use std::sync::atomic::{AtomicBool, Ordering as Memory};

use anygrad_core::{Error, Result};
use anygrad_gpu::Session;
use anygrad_nn::{Metric, Scores};
use anygrad_recipe::Recipe;
use anygrad_recipe::sweep::{Axis, Variant};
use serde::Serialize;

use crate::Table;
use crate::table::figure;
use crate::trial::trial;

/// What came of one variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Its place among the variants, counted from 1.
    pub number: usize,
    /// What it differs in, as `optimizer.lr=0.1`.
    pub sets: Vec<String>,
    /// The figure that variants are compared by; nothing where it failed or is no number.
    pub figure: Option<f64>,
    /// Epochs done.
    pub epochs: usize,
    /// Of the last epoch.
    pub training: Option<Scores>,
    /// Of the model as it is at the end, where there is a validation part.
    pub validation: Option<Scores>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Variants of a recipe, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sweep {
    /// The figure that they are compared by: what early stopping watches, else the loss on the validation part, else
    /// that of training.
    pub monitor: String,
    /// Whether a larger figure is better.
    pub higher_is_better: bool,
    /// How many variants there are.
    pub variants: usize,
    /// Those that were done, the best first, those that failed last.
    pub runs: Vec<Run>,
}

/// The axis of an argument: `optimizer.lr=1e-3,1e-2`, `optimizer=sgd,adam`, `optimizer.lr=1e-4..1e-1`, and with
/// `(log)` behind a range, evenly in its logarithm. What [`Axis::parse`] takes is taken, too.
///
/// # Errors
/// The text is none of these.
pub fn axis(text: &str) -> Result<Axis> {
    let Some((path, value)) = text.split_once('=') else {
        return Err(Error::input(format!("sweep {text}: takes path=1,2,3 or path=1..2")));
    };
    let value = value.trim();
    if value.starts_with(['[', '{']) {
        return Axis::parse(text);
    }
    let (range, log) = match value.strip_suffix("(log)") {
        Some(range) => (range.trim(), true),
        None => (value, false),
    };
    if let Some((low, high)) = range.split_once("..") {
        return Axis::parse(&format!("{path}={{min = {}, max = {}, log = {log}}}", low.trim(), high.trim()));
    }
    if log {
        return Err(Error::input(format!("sweep {text}: (log) stands behind a range, as 1e-4..1e-1(log)")));
    }
    let element = |element: &str| {
        let element = element.trim();
        let is_value = element.parse::<f64>().is_ok() && !element.contains(|c: char| "infa".contains(c))
            || ["true", "false"].contains(&element)
            || element.starts_with(['"', '\'']);
        if is_value { element.to_owned() } else { format!("{element:?}") }
    };
    Axis::parse(&format!("{path}=[{}]", value.split(',').map(element).collect::<Vec<_>>().join(", ")))
}

/// Trains variants of a recipe, one after the other, and sorts them by the figure that is watched. One that fails is a
/// row with its error.
///
/// `stop` ends it between two steps; a variant that is not done is left out. `on_run` is told of each.
///
/// # Errors
/// The recipe watches a figure that there is not, or a device that was lost cannot be opened again.
pub async fn sweep(
    recipe: &Recipe,
    variants: &[Variant],
    session: &Session,
    stop: &AtomicBool,
    on_run: &mut dyn FnMut(&Run),
) -> Result<Sweep> {
    let monitor = monitor(recipe);
    let (name, on_validation) = plain(&monitor);
    let higher_is_better = higher_is_better(name)?;
    let mut session = session.clone();
    let mut runs = Vec::new();
    for (number, variant) in (1..).zip(variants) {
        if stop.load(Memory::Relaxed) {
            break;
        }
        let failed = Run {
            number,
            sets: variant.sets.clone(),
            figure: None,
            epochs: 0,
            training: None,
            validation: None,
            error: None,
        };
        let run = match trial(&variant.recipe, &session, stop).await {
            Ok(trial) if trial.stopped => break,
            Ok(trial) => {
                let scores = if on_validation { trial.validation.as_ref() } else { Some(&trial.training) };
                let found = scores.and_then(|scores| scores.figure(name));
                let none = || format!("there is no figure {monitor:?} to compare by");
                Run {
                    figure: found.filter(|figure| figure.is_finite()),
                    epochs: trial.epochs,
                    error: if found.is_none() { Some(none()) } else { None },
                    training: Some(trial.training),
                    validation: trial.validation,
                    ..failed
                }
            }
            Err(error) => {
                if error.is_device() {
                    session = session.reopened().await?;
                }
                Run { error: Some(error.to_string()), ..failed }
            }
        };
        on_run(&run);
        runs.push(run);
    }
    runs.sort_by(|a, b| match (a.figure, b.figure) {
        (Some(a), Some(b)) if higher_is_better => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.error.is_some().cmp(&b.error.is_some()),
    });
    Ok(Sweep { monitor, higher_is_better, variants: variants.len(), runs })
}

fn monitor(recipe: &Recipe) -> String {
    let settings = recipe.settings();
    let validates = settings.data.split.as_ref().is_some_and(|split| split.has_validation());
    match &settings.training.early_stopping {
        Some(rule) => rule.figure(),
        None if validates => "val_loss".to_owned(),
        None => "loss".to_owned(),
    }
}

/// The name of a figure without the part it is of, and whether that is the validation part.
fn plain(monitor: &str) -> (&str, bool) {
    let stripped = monitor.strip_prefix("val_");
    (stripped.unwrap_or(monitor), stripped.is_some())
}

fn higher_is_better(name: &str) -> Result<bool> {
    match name {
        "loss" => Ok(false),
        _ => Ok(name.parse::<Metric>()?.higher_is_better()),
    }
}

impl Sweep {
    /// A line for each variant, the best first: what it differs in, its figures, its error.
    pub fn table(&self) -> Table {
        let (watched, on_validation) = plain(&self.monitor);
        let scores = |run: &Run| if on_validation { run.validation.clone() } else { run.training.clone() };
        let first = self.runs.iter().find_map(scores).unwrap_or_default();
        let names = std::iter::once("loss").chain(first.metrics.iter().map(|(name, _)| name.as_str()));
        let others: Vec<&str> = names.filter(|name| *name != watched).collect();
        let prefix = if on_validation { "val_" } else { "" };
        let sets = self.runs.first().map_or(&[][..], |run| &run.sets);
        let split = |set: &String| {
            set.split_once('=')
                .map_or((set.clone(), String::new()), |(path, value)| (path.to_owned(), value.to_owned()))
        };
        let mut headings = vec!["run".to_owned()];
        headings.extend(sets.iter().map(|set| split(set).0));
        headings.push(self.monitor.clone());
        headings.extend(others.iter().map(|name| format!("{prefix}{name}")));
        headings.extend(["epochs", "error"].map(str::to_owned));
        let row = |run: &Run| {
            let own = scores(run);
            let of =
                |name: &&str| own.as_ref().and_then(|own| own.figure(name)).map_or(String::new(), figure);
            let mut cells = vec![run.number.to_string()];
            cells.extend(run.sets.iter().map(|set| split(set).1));
            cells.push(of(&watched));
            cells.extend(others.iter().map(of));
            cells.extend([run.epochs.to_string(), run.error.clone().unwrap_or_default()]);
            cells
        };
        Table { headings, rows: self.runs.iter().map(row).collect() }
    }
}
