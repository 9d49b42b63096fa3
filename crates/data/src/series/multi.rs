use std::ops::Range;

use anygrad_core::{Array, Context, Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Dataset, split};

/// How windows are cut out of a series of several columns.
///
/// The series is `[t, k]`, oldest row first. A window takes `width` rows of all columns and predicts
/// `horizon` rows of the target columns, from the row after it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// The rows that a window shows.
    pub width: usize,
    /// The rows that it predicts.
    #[serde(default = "one")]
    pub horizon: usize,
    /// How far the next window begins after the one before.
    #[serde(default = "one")]
    pub stride: usize,
}

fn one() -> usize {
    1
}

impl Windows {
    /// How many windows there are in `rows` rows.
    ///
    /// # Errors
    /// A width, horizon or stride of 0, or fewer rows than one window takes.
    pub fn count(&self, rows: usize) -> Result<usize> {
        let Windows { width, horizon, stride } = *self;
        if width == 0 || horizon == 0 || stride == 0 {
            return Err(Error::input(format!(
                "windows of {width} rows that predict {horizon}, every {stride}: each must be at least 1"
            )));
        }
        match rows.checked_sub(width.saturating_add(horizon)) {
            Some(last) => Ok(last / stride + 1),
            None => Err(Error::input(format!(
                "a window of {width} rows and the {horizon} after it do not fit in {rows} rows"
            ))),
        }
    }

    /// The windows of a series `[t, k]`: features `[n, width, k]`, and targets `[n, horizon * m]` for
    /// m target columns, step by step and in a step as the columns are given.
    ///
    /// # Errors
    /// The series is not `[t, k]` of `f32`, there is no target column or one does not exist, those
    /// of [`Windows::count`], or windows that memory cannot hold.
    pub fn cut(&self, series: &Array, targets: &[usize]) -> Result<Dataset> {
        let shape = series.shape();
        let [rows, _] = shape[..] else {
            return Err(Error::shape(format!("a series is [t, k], got {shape}")));
        };
        self.cut_rows(series, targets, 0..rows)
    }

    /// Windows for each part of a series that is split by time, as `[0.7, 0.15, 0.15]`. What a part
    /// predicts lies in it, and is predicted by no other part; the first windows of a later part
    /// look back at the rows before it, as a forecast does. [`split::in_order`] with the number of
    /// rows gives the rows of each part, of which a scale is learned from the first.
    ///
    /// # Errors
    /// Those of [`split::in_order`] and [`Windows::cut`].
    pub fn split(&self, series: &Array, targets: &[usize], fractions: &[f64]) -> Result<Vec<Dataset>> {
        let rows = series.shape().first().copied().unwrap_or_default();
        let part = |(part, rows): (usize, Vec<usize>)| {
            let (begin, end) = (rows[0], rows[0] + rows.len());
            let from = if part == 0 { 0 } else { begin.saturating_sub(self.width) };
            self.cut_rows(series, targets, from..end)
                .context(|| format!("part {part}, rows {begin} to {}", end - 1))
        };
        split::in_order(rows, fractions)?.into_iter().enumerate().map(part).collect()
    }

    fn cut_rows(&self, series: &Array, targets: &[usize], rows: Range<usize>) -> Result<Dataset> {
        let (elements, shape) = (series.as_f32()?, series.shape());
        let [_, k] = shape[..] else {
            return Err(Error::shape(format!("a series is [t, k], got {shape}")));
        };
        if targets.is_empty() {
            return Err(Error::input(format!("no target among the {k} columns of the series")));
        }
        if let Some(column) = targets.iter().find(|&&column| column >= k) {
            return Err(Error::input(format!("target column {column} is none of the {k} of the series")));
        }
        let n = self.count(rows.len())?;
        let (mut features, mut next) = (Vec::new(), Vec::new());
        let ahead = self.horizon * targets.len();
        reserve(&mut features, n, self.width * k).and_then(|()| reserve(&mut next, n, ahead))?;
        for window in 0..n {
            let begin = rows.start + window * self.stride;
            let after = begin + self.width;
            features.extend_from_slice(&elements[begin * k..after * k]);
            for row in after..after + self.horizon {
                next.extend(targets.iter().map(|column| elements[row * k + column]));
            }
        }
        Dataset::new(Array::f32(&[n, self.width, k], features)?, Array::f32(&[n, ahead], next)?)
    }
}

fn reserve(numbers: &mut Vec<f32>, windows: usize, each: usize) -> Result<()> {
    let elements = windows.checked_mul(each);
    elements.and_then(|elements| numbers.try_reserve_exact(elements).ok()).ok_or_else(|| {
        Error::input(format!("{windows} windows of {each} numbers do not fit in memory: raise the stride"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[t, 2]`: the row and ten times it.
    fn series(t: usize) -> Array {
        let numbers: Vec<f32> = (0..t).flat_map(|row| [row as f32, 10.0 * row as f32]).collect();
        Array::f32(&[t, 2], numbers).unwrap()
    }

    fn windows(width: usize, horizon: usize, stride: usize) -> Windows {
        Windows { width, horizon, stride }
    }

    #[test]
    fn windows_show_all_columns_and_predict_some() {
        let data = windows(2, 3, 2).cut(&series(8), &[1]).unwrap();
        assert_eq!(data.features().shape()[..], [2, 2, 2]);
        assert_eq!(data.features().as_f32().unwrap(), [0.0, 0.0, 1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        assert_eq!(data.targets(), &Array::f32(&[2, 3], [20.0, 30.0, 40.0, 40.0, 50.0, 60.0]).unwrap());
        let data = windows(1, 2, 1).cut(&series(3), &[1, 0]).unwrap();
        assert_eq!(data.targets(), &Array::f32(&[1, 4], [10.0, 1.0, 20.0, 2.0]).unwrap());
    }

    #[test]
    fn one_column_is_the_series_of_the_other_function() {
        let values: Vec<f32> = (0..20).map(|i| (i * i) as f32).collect();
        let column = Array::f32(&[20, 1], values.clone()).unwrap();
        assert_eq!(windows(4, 1, 1).cut(&column, &[0]).unwrap(), crate::series::windows(&values, 4).unwrap());
        let parts = windows(4, 1, 1).split(&column, &[0], &[0.75, 0.25]).unwrap();
        let (train, test) = crate::series::hold_out(&values, 4, 5).unwrap();
        assert_eq!(parts, [train, test]);
    }

    #[test]
    fn no_part_predicts_what_another_does() {
        for horizon in 1..4 {
            let parts = windows(3, horizon, 1).split(&series(40), &[0], &[0.5, 0.25, 0.25]).unwrap();
            for (part, (begin, end)) in parts.iter().zip([(3, 20), (20, 30), (30, 40)]) {
                let mut predicted = part.targets().to_f64();
                predicted.sort_by(f64::total_cmp);
                predicted.dedup();
                assert_eq!(
                    (predicted[0], predicted[predicted.len() - 1]),
                    (begin.into(), f64::from(end) - 1.0)
                );
                assert_eq!(predicted.len(), (end - begin) as usize);
            }
        }
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let error = windows(2, 2, 1).cut(&series(3), &[0]).unwrap_err().to_string();
        assert_eq!(error, "a window of 2 rows and the 2 after it do not fit in 3 rows");
        for bad in [windows(0, 1, 1), windows(1, 0, 1), windows(1, 1, 0), windows(usize::MAX, usize::MAX, 1)]
        {
            assert!(bad.cut(&series(5), &[0]).unwrap_err().is_input(), "{bad:?}");
        }
        let error = windows(1, 1, 1).cut(&series(5), &[2]).unwrap_err().to_string();
        assert_eq!(error, "target column 2 is none of the 2 of the series");
        assert!(windows(1, 1, 1).cut(&series(5), &[]).unwrap_err().is_input());
        assert!(windows(1, 1, 1).cut(&Array::scalar(1.0), &[0]).unwrap_err().is_shape());
        let error = windows(5, 3, 1).split(&series(20), &[0], &[0.9, 0.1]).unwrap_err().to_string();
        assert_eq!(
            error,
            "part 1, rows 18 to 19: a window of 5 rows and the 3 after it do not fit in 7 rows"
        );
    }
}
