//! Figures of a model on rows with targets, and what shows where it is right.

use anygrad_core::{Array, DType, Result};
use anygrad_data::Dataset;
use anygrad_nn::{Loss, Trainer};
use anygrad_recipe::data::Task;
use anygrad_recipe::{Preprocessing, Recipe};

use crate::predict::{form, probabilities};
use crate::report::{Compared, Tested};

/// What is asked of a model.
pub(crate) struct Exam<'a> {
    pub(crate) trainer: &'a mut Trainer,
    pub(crate) recipe: &'a Recipe,
    pub(crate) preprocessing: &'a Preprocessing,
    pub(crate) loss: &'a Loss,
}

impl Exam<'_> {
    /// Figures on data as the model takes them; `part` is what they are called.
    pub(crate) async fn take(self, data: &Dataset, part: &str, checkpoint: Option<String>) -> Result<Tested> {
        let batch = self.trainer.rows_within_limit(self.recipe.settings().training.batch_size);
        let scores = self.trainer.evaluate((data.features(), data.targets()), batch).await?;
        let tested =
            Tested { part: part.to_owned(), checkpoint, rows: data.len(), scores, ..Tested::default() };
        let task = &self.recipe.settings().data.task;
        if matches!(task, Task::Language(_)) {
            return Ok(tested);
        }
        let made = self.trainer.predict(data.features(), batch).await?;
        match task {
            Task::Binary(_) | Task::Multiclass(_) => {
                let width = made.shape()[1..].iter().product::<usize>().max(1);
                let shares = probabilities(&form(self.loss), made.as_f32()?, width);
                let classes = if width == 1 { 2 } else { width };
                let truths = truths(data.targets());
                let names = &self.preprocessing.classes;
                let names = match names.len() == classes {
                    true => names.clone(),
                    false => (0..classes).map(|class| class.to_string()).collect(),
                };
                // Targets that are no classes, as shares that mixup made, have no curves.
                if truths.iter().all(|&truth| truth < classes) {
                    tested.with_classes(names, &shares, &truths)
                } else {
                    Ok(tested)
                }
            }
            _ => Ok(Tested { compared: self.compared(data.targets(), &made, task)?, ..tested }),
        }
    }

    /// Numbers in the units of the data: all rows of one number, or the first step of forecasts.
    fn compared(&self, targets: &Array, made: &Array, task: &Task) -> Result<Option<Compared>> {
        let [actual, predicted] = [targets, made].map(|numbers| self.preprocessing.invert(numbers));
        let (actual, predicted) = (actual?, predicted?);
        let width = actual.shape()[1..].iter().product::<usize>().max(1);
        let first = |numbers: &Array| -> Result<Vec<f32>> {
            Ok(numbers.as_f32()?.iter().step_by(width).copied().collect())
        };
        Ok(match task {
            Task::Forecasting(_) => {
                Some(Compared::Forecast { values: first(&actual)?, forecast: first(&predicted)? })
            }
            _ if width == 1 => {
                Some(Compared::Rows { actual: first(&actual)?, predicted: first(&predicted)? })
            }
            _ => None,
        })
    }
}

/// The class of each row: of class numbers, of shares the largest, of signs the second where positive.
fn truths(targets: &Array) -> Vec<usize> {
    let numbers = targets.to_f64();
    let width = targets.shape()[1..].iter().product::<usize>().max(1);
    let largest =
        |row: &[f64]| (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
    match (targets.dtype(), width) {
        (DType::I32, _) => numbers.into_iter().map(|class| class as usize).collect(),
        (_, 1) => numbers.into_iter().map(|class| usize::from(class > 0.0)).collect(),
        _ => numbers.chunks(width).map(largest).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_from_every_form_of_targets() {
        assert_eq!(truths(&Array::i32(&[3], [2, 0, 1]).unwrap()), [2, 0, 1]);
        assert_eq!(truths(&Array::f32(&[3, 1], [1.0, 0.0, -1.0]).unwrap()), [1, 0, 0]);
        assert_eq!(truths(&Array::f32(&[2, 3], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]).unwrap()), [2, 0]);
    }
}
