//! Cross-validation: a training for each fold, and how its figures spread.

use std::sync::atomic::AtomicBool;

use anygrad_core::Result;
use anygrad_gpu::Session;
use anygrad_nn::Scores;
use anygrad_recipe::Recipe;
use serde::Serialize;

use crate::Table;
use crate::table::figure;
use crate::trial::trial;
use crate::units::in_units;

/// What came of one fold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoldScores {
    /// Counted from 1.
    pub fold: usize,
    /// Rows that were trained on.
    pub training_rows: usize,
    /// Rows that were held out.
    pub validation_rows: usize,
    /// Epochs done.
    pub epochs: usize,
    /// Of the rows that were held out, by the model as it is at the end; in the units of the targets, whatever scale
    /// the fold learned for them.
    pub scores: Scores,
}

/// A figure over the folds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// `loss`, or the name of a metric.
    pub name: String,
    /// The mean over the folds; each counts the same.
    pub mean: f64,
    /// The standard deviation, with the number of folds as the divisor, as scikit-learn's reports have it.
    pub deviation: f64,
}

/// The folds of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CrossValidation {
    /// How many folds were asked for.
    pub folds: usize,
    /// Decides which rows are held out together.
    pub seed: u64,
    /// Those that were done: all, unless it was stopped.
    pub done: Vec<FoldScores>,
    /// The figures over those.
    pub spread: Vec<Spread>,
}

/// Trains a recipe once for each fold, on what the others hold, and takes its figures from the fold. What is learned
/// of the data, as scales, is learned of the training part of each fold alone; see [`Recipe::fold`].
///
/// `stop` ends it between two steps; a fold that is not done counts for nothing. `on_fold` is told of each.
///
/// # Errors
/// Those of [`Recipe::fold`], of loading, building and training, with the fold.
pub async fn cross_validate(
    recipe: &Recipe,
    folds: usize,
    session: &Session,
    stop: &AtomicBool,
    on_fold: &mut dyn FnMut(&FoldScores),
) -> Result<CrossValidation> {
    let mut done = Vec::new();
    for number in 0..folds.max(1) {
        let context = |error: anygrad_core::Error| error.context(format!("fold {} of {folds}", number + 1));
        let fold = recipe.fold(number, folds)?;
        let mut trial = trial(&fold, session, stop).await.map_err(context)?;
        let Some(mut scores) = trial.validation else { break };
        let held = trial.assembly.loaded.validation.clone();
        if let Some(held) = held
            && let Some(in_units) = in_units(&fold, &mut trial.assembly, &held).await.map_err(context)?
        {
            scores = in_units;
        }
        let [training_rows, validation_rows] = trial.rows;
        let fold =
            FoldScores { fold: number + 1, training_rows, validation_rows, epochs: trial.epochs, scores };
        on_fold(&fold);
        done.push(fold);
    }
    let spread = spread(&done);
    Ok(CrossValidation { folds, seed: recipe.settings().training.seed, done, spread })
}

fn spread(done: &[FoldScores]) -> Vec<Spread> {
    let Some(first) = done.first() else { return Vec::new() };
    let names = std::iter::once("loss").chain(first.scores.metrics.iter().map(|(name, _)| name.as_str()));
    let over_folds = |name: &str| {
        let figures: Vec<f64> =
            done.iter().map(|fold| fold.scores.figure(name).unwrap_or(f64::NAN)).collect();
        let count = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / count;
        let variance = figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>() / count;
        Spread { name: name.to_owned(), mean, deviation: variance.sqrt() }
    };
    names.map(over_folds).collect()
}

impl CrossValidation {
    /// A line for each fold, and one for the mean and one for the deviation of each figure.
    pub fn table(&self) -> Table {
        let names = self.spread.iter().map(|spread| spread.name.clone());
        let headings = ["fold", "trained on", "held out", "epochs"].map(str::to_owned).into_iter();
        let fold = |fold: &FoldScores| {
            let counts = [fold.fold, fold.training_rows, fold.validation_rows, fold.epochs];
            let figures = self.spread.iter().map(|s| figure(fold.scores.figure(&s.name).unwrap_or(f64::NAN)));
            counts.iter().map(usize::to_string).chain(figures).collect::<Vec<_>>()
        };
        let over = |name: &str, of: fn(&Spread) -> f64| {
            let begin = [name, "", "", ""].map(str::to_owned).into_iter();
            begin.chain(self.spread.iter().map(|spread| figure(of(spread)))).collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> = self.done.iter().map(fold).collect();
        rows.extend([over("mean", |spread| spread.mean), over("deviation", |spread| spread.deviation)]);
        Table { headings: headings.chain(names).collect(), rows }
    }
}
