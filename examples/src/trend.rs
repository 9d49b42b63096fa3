//! A series in the form that a network learns best, and forecasts back in its own units.
//!
//! A network only knows the range of values that it was trained on. A series that grows leaves that
//! range in the tail, so that its steps are learned there instead of its values: as differences, or
//! as logarithms of quotients where all values are positive, as waves then tend to grow along.

use anygrad::core::{Error, Result};
use serde::Serialize;

/// What is learned of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The values themselves: `v_t`.
    Values,
    /// The steps: `v_t - v_(t-1)`.
    Differences,
    /// The growth: `ln(v_t / v_(t-1))`.
    Growth,
}

/// A form, with the mean and deviation that its numbers have in the training part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Preparation {
    /// What is learned.
    pub form: Form,
    /// The mean of what is learned, over the training part.
    pub mean: f64,
    /// Its deviation; 1 where it is constant.
    pub deviation: f64,
}

/// A series has a trend when the means of its halves are further apart than this many deviations
/// of the values around them.
const TREND: f64 = 1.0;

impl Preparation {
    /// Chooses a form and learns its mean and deviation from all values but the last `tail`. Of the
    /// tail it is only asked whether it is positive, without which it has no logarithm.
    ///
    /// # Errors
    /// Fewer than 4 values before the tail, or a value that is not finite.
    pub fn learn(values: &[f32], tail: usize) -> Result<Self> {
        if let Some(step) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::input(format!("value {step} of the series is {}, not finite", values[step])));
        }
        let training = &values[..values.len().saturating_sub(tail)];
        if training.len() < 4 {
            return Err(Error::input(format!(
                "{} values without a tail of {tail} are too few to learn from: 4 are needed",
                values.len()
            )));
        }
        let form = if !has_trend(training) {
            Form::Values
        } else if values.iter().all(|&value| value > 0.0) {
            Form::Growth
        } else {
            Form::Differences
        };
        let (mean, deviation) = moments(&form.of(training));
        let constant = deviation <= 1e-9 * mean.abs();
        Ok(Preparation { form, mean, deviation: if constant { 1.0 } else { deviation } })
    }

    /// What a network is given: one number per value, or one less for steps and growth, as there is
    /// none into the first value. The last number belongs to the last value in every form.
    pub fn apply(&self, values: &[f32]) -> Vec<f32> {
        self.form.of(values).iter().map(|x| ((x - self.mean) / self.deviation) as f32).collect()
    }

    /// The value that a predicted number means, from the value before it.
    pub fn value(&self, predicted: f32, before: f32) -> f32 {
        let (x, before) = (f64::from(predicted) * self.deviation + self.mean, f64::from(before));
        (match self.form {
            Form::Values => x,
            Form::Differences => before + x,
            Form::Growth => before * x.exp(),
        }) as f32
    }

    /// The values that predictions of the last steps of a series mean, each from the value that
    /// really came before it.
    ///
    /// # Errors
    /// As many predictions as values, or more: the first would have no value before it.
    pub fn forecast(&self, values: &[f32], predicted: &[f32]) -> Result<Vec<f32>> {
        if predicted.len() >= values.len() {
            return Err(Error::shape(format!(
                "{} predictions of a series of {} values: each needs a value before it",
                predicted.len(),
                values.len()
            )));
        }
        let before = &values[values.len() - predicted.len() - 1..];
        Ok(predicted.iter().zip(before).map(|(&x, &before)| self.value(x, before)).collect())
    }
}

impl Form {
    fn of(self, values: &[f32]) -> Vec<f64> {
        let values: Vec<f64> = values.iter().map(|&value| value.into()).collect();
        let steps = values.windows(2);
        match self {
            Form::Values => values,
            Form::Differences => steps.map(|pair| pair[1] - pair[0]).collect(),
            Form::Growth => steps.map(|pair| (pair[1] / pair[0]).ln()).collect(),
        }
    }
}

fn has_trend(values: &[f32]) -> bool {
    let values = Form::Values.of(values);
    let (early, late) = values.split_at(values.len() / 2);
    let ((early, around_early), (late, around_late)) = (moments(early), moments(late));
    (late - early).abs() > TREND * around_early.max(around_late)
}

/// The mean and the deviation (that of the population).
fn moments(numbers: &[f64]) -> (f64, f64) {
    let count = numbers.len().max(1) as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    (mean, (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monthly numbers that double in five years, with a wave of a year that grows along.
    fn growing() -> Vec<f32> {
        let value =
            |t: f64| 100.0 * (t / 60.0).exp2() * (1.0 + 0.2 * (t * std::f64::consts::TAU / 12.0).sin());
        (0..144).map(|t| value(t.into()) as f32).collect()
    }

    #[test]
    fn the_form_follows_the_series() {
        let form = |values: &[f32]| Preparation::learn(values, 12).unwrap().form;
        assert_eq!(form(&growing()), Form::Growth);
        let below_zero: Vec<f32> = growing().iter().map(|x| x - 150.0).collect();
        assert_eq!(form(&below_zero), Form::Differences);
        assert_eq!(form(&anygrad::data::generate::sine_series(300, 1).unwrap()), Form::Values);
        assert_eq!(form(&[5.0; 40]), Form::Values);
        // A trend that only the tail shows is not seen.
        let mut late = anygrad::data::generate::sine_series(300, 1).unwrap();
        late[288..].fill(1e6);
        assert_eq!(form(&late), Form::Values);
    }

    #[test]
    fn forecasts_come_back_in_the_units_of_the_series() {
        let growing = growing();
        let below_zero: Vec<f32> = growing.iter().map(|x| x - 150.0).collect();
        let wave = anygrad::data::generate::sine_series(144, 1).unwrap();
        for values in [growing, below_zero, wave, vec![5.0; 144]] {
            let preparation = Preparation::learn(&values, 20).unwrap();
            let numbers = preparation.apply(&values);
            // What was known is forecast as it happened.
            let forecast = preparation.forecast(&values, &numbers[numbers.len() - 20..]).unwrap();
            for (forecast, actual) in forecast.iter().zip(&values[124..]) {
                assert!((forecast - actual).abs() <= 1e-4 * actual.abs().max(1.0), "{forecast} {actual}");
            }
            let training = preparation.apply(&values[..124]);
            let (mean, deviation) = moments(&training.iter().map(|&x| x.into()).collect::<Vec<f64>>());
            assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6 || deviation == 0.0);
        }
    }

    #[test]
    fn series_that_cannot_be_prepared_are_refused() {
        let error = Preparation::learn(&[1.0, f32::NAN, 3.0, 4.0, 5.0], 1).unwrap_err();
        assert_eq!(error.to_string(), "value 1 of the series is NaN, not finite");
        assert!(Preparation::learn(&[1.0; 6], 3).unwrap_err().is_input());
        assert!(Preparation::learn(&[], 3).unwrap_err().is_input());
        let preparation = Preparation::learn(&[1.0; 6], 1).unwrap();
        assert!(preparation.forecast(&[1.0, 2.0], &[0.0, 0.0]).unwrap_err().is_shape());
    }
}
