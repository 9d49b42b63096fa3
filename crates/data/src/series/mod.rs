//! Time series: a column of a CSV file, windows that predict the next value, and the error of the
//! forecast that any model has to beat. [`Windows`] cut series of several columns and predict
//! several steps.

mod multi;

pub use multi::Windows;

use std::path::Path;

use anygrad_core::{Array, Context, Error, Result};

use crate::windows::windows as cut;
use crate::{Dataset, Header, Table};

/// The values of a series, oldest first: the last column of a CSV file, with or without a header.
/// Dates in the columns before it are not read.
///
/// # Errors
/// Those of [`Table::read`] and [`Table::numbers`].
pub fn read(path: impl AsRef<Path>) -> Result<Vec<f32>> {
    let table = Table::read(path, Header::Detect)?;
    table.numbers(table.names().len() - 1)
}

/// Windows of `width` values that predict the next one: features `[n, width, 1]`, targets `[n, 1]`,
/// where n is `values.len() - width`.
///
/// # Errors
/// A width of 0, or fewer than `width + 1` values.
pub fn windows(values: &[f32], width: usize) -> Result<Dataset> {
    let (inputs, next) = cut(values, width, 1)?;
    let n = next.len();
    Dataset::new(Array::f32(&[n, width, 1], inputs)?, Array::f32(&[n, 1], next)?)
}

/// Splits a series by time: windows that predict all but the last `tail` values, and windows that
/// predict those. The first windows of the tail look back at values before it, as a forecast does.
///
/// # Errors
/// A width or tail of 0, or no window left to train on.
pub fn hold_out(values: &[f32], width: usize, tail: usize) -> Result<(Dataset, Dataset)> {
    let doing = || format!("holding out {tail} of {} values", values.len());
    let border = border_of_tail(values, tail)?;
    let train = windows(&values[..border], width).context(doing)?;
    // The windows above hold more than `width` values before the border.
    let test = windows(&values[border - width..], width).context(doing)?;
    Ok((train, test))
}

/// How far a forecast is from what happened, in the units of the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForecastError {
    /// The root of the mean squared error.
    pub rmse: f64,
    /// The mean absolute error.
    pub mae: f64,
}

impl ForecastError {
    /// The error of some forecasts.
    ///
    /// # Errors
    /// There are none, or not as many as actual values.
    pub fn of(forecast: &[f32], actual: &[f32]) -> Result<Self> {
        if forecast.is_empty() || forecast.len() != actual.len() {
            return Err(Error::shape(format!(
                "{} forecasts cannot be compared with {} values",
                forecast.len(),
                actual.len()
            )));
        }
        let misses = || forecast.iter().zip(actual).map(|(&f, &a)| f64::from(f) - f64::from(a));
        let count = actual.len() as f64;
        Ok(ForecastError {
            rmse: (misses().map(|miss| miss * miss).sum::<f64>() / count).sqrt(),
            mae: misses().map(f64::abs).sum::<f64>() / count,
        })
    }

    /// The error of the naive forecast of the last `tail` values: each will be as the one before.
    ///
    /// # Errors
    /// A tail of 0, or no value before it.
    pub fn naive(values: &[f32], tail: usize) -> Result<Self> {
        let border = border_of_tail(values, tail)?;
        ForecastError::of(&values[border - 1..values.len() - 1], &values[border..])
    }
}

/// The number of values before the last `tail`, at least 1.
fn border_of_tail(values: &[f32], tail: usize) -> Result<usize> {
    match values.len().checked_sub(tail) {
        Some(border) if border > 0 && tail > 0 => Ok(border),
        _ => Err(Error::input(format!(
            "a tail of {tail} cannot be held out of {} values: take 1 to {}",
            values.len(),
            values.len().saturating_sub(1)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_predict_the_next_value() {
        let data = windows(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!(data.features(), &Array::f32(&[2, 2, 1], [1.0, 2.0, 2.0, 3.0]).unwrap());
        assert_eq!(data.targets(), &Array::f32(&[2, 1], [3.0, 4.0]).unwrap());
        assert!(windows(&[1.0, 2.0], 2).unwrap_err().is_input());
    }

    #[test]
    fn the_tail_is_predicted_whole_and_never_trained_on() {
        let values: Vec<f32> = (0..10).map(|i| i as f32).collect();
        let (train, test) = hold_out(&values, 3, 4).unwrap();
        assert_eq!(train.targets().as_f32().unwrap(), [3.0, 4.0, 5.0]);
        assert_eq!(test.targets().as_f32().unwrap(), [6.0, 7.0, 8.0, 9.0]);
        let error = hold_out(&values, 6, 4).unwrap_err().to_string();
        assert!(error.starts_with("holding out 4 of 10 values: a window of 6"), "{error}");
        assert!(hold_out(&values, 3, 0).is_err() && hold_out(&values, 3, 10).is_err());
        assert!(hold_out(&[], 1, 1).is_err() && hold_out(&values, 0, 1).is_err());
    }

    #[test]
    fn the_naive_forecast_repeats_the_last_value() {
        let error = ForecastError::naive(&[9.0, 1.0, 4.0, 8.0], 2).unwrap();
        assert_eq!(error, ForecastError { rmse: 12.5f64.sqrt(), mae: 3.5 });
        assert!(ForecastError::naive(&[1.0], 1).is_err() && ForecastError::naive(&[1.0, 2.0], 0).is_err());
        assert!(ForecastError::of(&[1.0], &[]).unwrap_err().is_shape());
    }

    #[test]
    fn files_with_dates_and_files_of_one_column_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("series.csv");
        for text in [
            "\"Month\",\"Value\"\n\"1949-01\",112\n\"1949-02\",118\n",
            "date,value\n1949-01,112\n1949-02,118",
            "112\n118\n",
            "value\n112\n118",
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap(), [112.0, 118.0], "{text}");
        }
        std::fs::write(&path, "date,value\n1,2\n2,?\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("series.csv: line 3, column 1 (value): \"?\" is not a number"), "{error}");
    }
}
