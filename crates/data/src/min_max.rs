//! y[.., c] = (x[.., c] - low_c) / (high_c - low_c)

use anygrad_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use crate::scaling::{Columns, Layout};

/// Moves every column to the range from 0 to 1. Learn it from the training part only; values of the
/// test part may then lie outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinMax {
    /// Where the columns lie.
    #[serde(default)]
    pub layout: Layout,
    /// The smallest value of each column.
    pub low: Vec<f32>,
    /// The largest value of each column. A column that is constant becomes 0.
    pub high: Vec<f32>,
}

impl MinMax {
    /// Learns the ranges of `x: [n, ..., k]`, `f32`.
    ///
    /// # Errors
    /// Not `f32`, fewer axes than the layout takes, no rows or columns, or a number that is not
    /// finite.
    pub fn fit(x: &Array, layout: Layout) -> Result<Self> {
        let (low, high) = Columns::to_learn(x, layout)?.ranges().into_iter().unzip();
        Ok(MinMax { layout, low, high })
    }

    /// `x: [..., k]` with every column moved to 0 to 1.
    ///
    /// # Errors
    /// Not `f32`, there are not k columns, or a range is not finite or ends below its begin.
    pub fn apply(&self, x: &Array) -> Result<Array> {
        self.map(x, |x, low, width| (x - low) / width)
    }

    /// `y: [..., k]` back in the units of the data: what [`MinMax::apply`] did, undone.
    ///
    /// # Errors
    /// Those of [`MinMax::apply`].
    pub fn invert(&self, y: &Array) -> Result<Array> {
        self.map(y, |y, low, width| y * width + low)
    }

    fn map(&self, x: &Array, formula: impl Fn(f64, f64, f64) -> f64) -> Result<Array> {
        let ranges = self.low.iter().zip(&self.high);
        if let Some((low, high)) =
            ranges.clone().find(|(low, high)| !(low <= high && (**high - **low).is_finite()))
        {
            return Err(Error::input(format!("the range from {low} to {high} is none")));
        }
        Columns::map(x, self.layout, [&self.low, &self.high], |x, low, high| {
            formula(x, low, if low == high { 1.0 } else { high - low })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_from_0_to_1_and_come_back() {
        let x = Array::f32(&[3, 2], [5.0, 7.0, -3.0, 7.0, 1.0, 7.0]).unwrap();
        let scale = MinMax::fit(&x, Layout::Last).unwrap();
        assert_eq!((&scale.low[..], &scale.high[..]), (&[-3.0, 7.0][..], &[5.0, 7.0][..]));
        let y = scale.apply(&x).unwrap();
        assert_eq!(y.as_f32().unwrap(), [1.0, 0.0, 0.0, 0.0, 0.5, 0.0]);
        assert_eq!(scale.invert(&y).unwrap(), x);
        let outside = Array::f32(&[1, 2], [9.0, 8.0]).unwrap();
        assert_eq!(scale.apply(&outside).unwrap().as_f32().unwrap(), [1.5, 1.0]);
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        let x = Array::f32(&[1, 1], [0.0]).unwrap();
        for (low, high) in [(1.0, 0.0), (f32::NAN, 1.0), (f32::MIN, f32::MAX), (0.0, f32::INFINITY)] {
            let scale = MinMax { layout: Layout::Last, low: vec![low], high: vec![high] };
            assert!(scale.apply(&x).unwrap_err().is_input(), "{low} {high}");
        }
        let scale = MinMax { layout: Layout::Last, low: vec![0.0], high: vec![] };
        assert!(scale.apply(&x).unwrap_err().is_shape());
        assert!(MinMax::fit(&Array::f32(&[1, 1], [f32::NAN]).unwrap(), Layout::Last).is_err());
    }
}
