//! What a trained model says of new rows, in words of its data; and how good it is on rows with targets.

use std::path::Path;

use anygrad_core::{Array, Error, Result};
use anygrad_data::Dataset;
use anygrad_nn::Loss;
use anygrad_recipe::data::Task;

use crate::tested::Exam;
use crate::{Saved, Table, Tested};

/// What the model makes.
pub(crate) enum Form {
    /// Scores that softmax makes probabilities.
    Softmax,
    /// Logarithms of probabilities.
    Logarithms,
    /// A score whose sigmoid is the probability of yes.
    Sigmoid,
    /// Probabilities, or shares.
    Shares,
    /// Scores that are no probabilities.
    Scores,
}

pub(crate) fn form(loss: &Loss) -> Form {
    match loss {
        Loss::BinaryCrossEntropy { from_logits: true, .. } | Loss::BinaryFocal { from_logits: true, .. } => {
            Form::Sigmoid
        }
        Loss::CrossEntropy { from_logits: true, .. }
        | Loss::SparseCrossEntropy { from_logits: true, .. }
        | Loss::Focal { from_logits: true, .. } => Form::Softmax,
        Loss::NegativeLogLikelihood { .. } | Loss::KullbackLeiblerLog { .. } => Form::Logarithms,
        Loss::Hinge | Loss::SquaredHinge | Loss::CategoricalHinge => Form::Scores,
        _ => Form::Shares,
    }
}

impl Saved {
    /// Predictions for the rows of a file, a line each: `class` by name and a probability for each, or `prediction` in
    /// the units of the data.
    ///
    /// # Errors
    /// Those of [`Saved::features`]; the device failed.
    pub async fn predict(&mut self, path: &Path) -> Result<Table> {
        let features = self.features(path)?;
        self.predict_rows(&features).await
    }

    /// As [`Saved::predict`], of features as the model takes them.
    ///
    /// # Errors
    /// They do not fit the model, or the device failed.
    pub async fn predict_rows(&mut self, features: &Array) -> Result<Table> {
        let batch = self.recipe.settings().training.batch_size;
        let made = self.trainer.predict(features, batch).await?;
        let width = made.shape()[1..].iter().product::<usize>().max(1);
        match self.recipe.settings().data.task {
            Task::Binary(_) => self.binary(made.as_f32()?, width),
            Task::Multiclass(_) | Task::Language(_) => self.classes(made.as_f32()?, width),
            Task::Regression(_) | Task::Forecasting(_) => {
                let made = self.preprocessing.invert(&made)?;
                let columns = match width {
                    1 => vec!["prediction".to_owned()],
                    _ => (1..=width).map(|i| format!("prediction_{i}")).collect(),
                };
                let rows = made.as_f32()?.chunks(width);
                Ok(Table {
                    headings: columns,
                    rows: rows.map(|row| row.iter().map(f32::to_string).collect()).collect(),
                })
            }
        }
    }

    fn name(&self, class: usize) -> String {
        self.preprocessing.classes.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    fn binary(&self, made: &[f32], width: usize) -> Result<Table> {
        let form = form(&self.loss);
        let (yes, columns) = match form {
            Form::Scores => (0.0, vec!["class".to_owned(), "score".to_owned()]),
            _ => (0.5, vec!["class".to_owned(), format!("p({})", self.name(1))]),
        };
        let row = |row: &[f32]| {
            let score = f64::from(row[0]);
            let score = if matches!(form, Form::Sigmoid) { 1.0 / (1.0 + (-score).exp()) } else { score };
            vec![self.name(usize::from(score > yes)), (score as f32).to_string()]
        };
        Ok(Table { headings: columns, rows: made.chunks(width).map(row).collect() })
    }

    fn classes(&self, made: &[f32], width: usize) -> Result<Table> {
        let form = form(&self.loss);
        let count = self.sizes.outputs.max(1);
        let what = if matches!(form, Form::Scores) { "score" } else { "p" };
        let mut columns = vec!["class".to_owned()];
        columns.extend((0..count).map(|class| format!("{what}({})", self.name(class))));
        // Of a prediction at every place of a text, the last.
        let row = |row: &[f32]| {
            let shares = shares(&form, &row[width - count..]);
            let best =
                (0..count).fold(0, |best, class| if shares[class] > shares[best] { class } else { best });
            let mut cells = vec![self.name(best)];
            cells.extend(shares.iter().map(|share| (*share as f32).to_string()));
            cells
        };
        Ok(Table { headings: columns, rows: made.chunks(width).map(row).collect() })
    }

    /// Figures on data with targets, as the model takes them; `part` is what they are called.
    ///
    /// # Errors
    /// They do not fit the model, or the device failed.
    pub async fn evaluate(&mut self, data: &Dataset, part: &str) -> Result<Tested> {
        let checkpoint = self.checkpoint.file_name().map(|name| name.to_string_lossy().into_owned());
        let Saved { trainer, recipe, preprocessing, loss, .. } = self;
        Exam { trainer, recipe, preprocessing, loss }.take(data, part, checkpoint).await
    }

    /// The test part of the recipe; what the model was trained beside.
    ///
    /// # Errors
    /// Those of [`Recipe::load`](anygrad_recipe::Recipe::load); the recipe has no test part, or its data have
    /// changed since.
    pub fn test_part(&self) -> Result<Dataset> {
        let none = || Error::input("the recipe has no test part: give data of your own with --data");
        let test = self.recipe.load()?.test.ok_or_else(none)?;
        self.info.data.check("test", Some(&test))?;
        Ok(test)
    }
}

/// Probabilities of all classes, row by row, or of the second alone; scores where a model makes no probabilities.
pub(crate) fn probabilities(form: &Form, made: &[f32], width: usize) -> Vec<f32> {
    made.chunks(width).flat_map(|row| shares(form, row)).map(|share| share as f32).collect()
}

/// Probabilities of the classes, from what a model makes of a row.
fn shares(form: &Form, row: &[f32]) -> Vec<f64> {
    let numbers = row.iter().map(|&x| f64::from(x));
    match form {
        Form::Softmax => {
            // Subtract the maximum so that exp cannot overflow.
            let most = numbers.clone().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = numbers.map(|x| (x - most).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(|x| x / sum).collect()
        }
        Form::Logarithms => numbers.map(f64::exp).collect(),
        Form::Sigmoid => numbers.map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
        Form::Shares | Form::Scores => numbers.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_become_probabilities() {
        let made = shares(&Form::Softmax, &[1000.0, 1000.0, -1000.0]);
        assert_eq!(made, [0.5, 0.5, 0.0]);
        assert_eq!(shares(&Form::Sigmoid, &[0.0]), [0.5]);
        assert_eq!(shares(&Form::Shares, &[0.25, 0.75]), [0.25, 0.75]);
        let logarithm = shares(&Form::Logarithms, &[0.5f32.ln()])[0];
        assert!((logarithm - 0.5).abs() < 1e-7, "{logarithm}");
    }
}
