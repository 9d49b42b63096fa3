//! y[.., c] = (x[.., c] - mean_c) / deviation_c

use anygrad_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use crate::scaling::{Columns, Layout};

/// Moves every column to mean 0 and deviation 1. Learn it from the training part only: what the
/// test part looks like must not leak into training.
///
/// [`Layout`] says what a column is: of a table a column, of a series a series, of images a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardizer {
    /// Where the columns lie.
    #[serde(default)]
    pub layout: Layout,
    /// The mean of each column.
    pub mean: Vec<f32>,
    /// The deviation of each column (that of the population); 1 for a column that is constant.
    pub deviation: Vec<f32>,
}

impl Standardizer {
    /// The weights and the bias of a linear model of the original features, from those of the same
    /// model of standardized ones: w . (x - mean) / deviation + b, sorted by x.
    pub fn unscaled(&self, weights: &[f32], bias: f64) -> (Vec<f64>, f64) {
        let slope = |(&w, &deviation): (&f32, &f32)| f64::from(w) / f64::from(deviation);
        let slopes: Vec<f64> = weights.iter().zip(&self.deviation).map(slope).collect();
        let shift: f64 = slopes.iter().zip(&self.mean).map(|(w, &mean)| w * f64::from(mean)).sum();
        (slopes, bias - shift)
    }

    /// Learns means and deviations from `x: [n, ..., k]`, `f32`, with sums in double precision.
    ///
    /// # Errors
    /// Not `f32`, fewer than two axes, no rows or columns, or a number that is not finite.
    pub fn fit(x: &Array) -> Result<Self> {
        Standardizer::fit_as(x, Layout::Last)
    }

    /// The same for columns that lie elsewhere.
    ///
    /// # Errors
    /// Those of [`Standardizer::fit`], or fewer axes than the layout takes.
    pub fn fit_as(x: &Array, layout: Layout) -> Result<Self> {
        let columns = Columns::to_learn(x, layout)?;
        let mean_of = |value: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; columns.count];
            columns.each(|c, x| sums[c] += value(c, f64::from(x)));
            sums.into_iter().map(|sum| sum / columns.rows()).collect::<Vec<f64>>()
        };
        let mean = mean_of(&|_, x| x);
        let variance = mean_of(&|c, x| (x - mean[c]).powi(2));
        let ranges = columns.ranges();
        let deviation = variance.iter().zip(ranges).map(|(variance, (low, high))| {
            let deviation = variance.sqrt() as f32;
            if low == high || !deviation.is_normal() { 1.0 } else { deviation }
        });
        let deviation = deviation.collect();
        Ok(Standardizer { layout, mean: mean.into_iter().map(|m| m as f32).collect(), deviation })
    }

    /// `x: [..., k]` with every column moved to mean 0 and deviation 1.
    ///
    /// # Errors
    /// Not `f32`, there are not k columns, or a deviation is not above 0 and finite.
    pub fn apply(&self, x: &Array) -> Result<Array> {
        self.map(x, |x, mean, deviation| (x - mean) / deviation)
    }

    /// `y: [..., k]` back in the units of the data: what [`Standardizer::apply`] did, undone.
    ///
    /// # Errors
    /// Those of [`Standardizer::apply`].
    pub fn invert(&self, y: &Array) -> Result<Array> {
        self.map(y, |y, mean, deviation| y * deviation + mean)
    }

    fn map(&self, x: &Array, formula: impl Fn(f64, f64, f64) -> f64) -> Result<Array> {
        if let Some(c) = self.deviation.iter().position(|d| !(d.is_finite() && *d > 0.0)) {
            return Err(Error::input(format!("deviation {c} is {}: it must be above 0", self.deviation[c])));
        }
        Columns::map(x, self.layout, [&self.mean, &self.deviation], formula)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_mean_0_and_deviation_1_and_come_back() {
        let x = Array::f32(&[4, 3], [1., 0.1, 1e6, 2., 0.1, 1e6 + 1., 3., 0.1, 1e6 + 2., 4., 0.1, 1e6 + 3.]);
        let x = x.unwrap();
        let scale = Standardizer::fit(&x).unwrap();
        assert_eq!((scale.mean[0], scale.deviation[1]), (2.5, 1.0));
        let y = scale.apply(&x).unwrap();
        let again = Standardizer::fit(&y).unwrap();
        for c in [0, 2] {
            assert!(again.mean[c].abs() < 1e-6 && (again.deviation[c] - 1.0).abs() < 1e-6, "{again:?}");
        }
        // The constant column is 0, not a quotient of rounding errors.
        assert!(y.as_f32().unwrap().iter().skip(1).step_by(3).all(|&y| y == 0.0));
        for (a, b) in x.to_f64().iter().zip(scale.invert(&y).unwrap().to_f64()) {
            assert!((a - b).abs() <= 1e-6 * a.abs());
        }
    }

    #[test]
    fn windows_of_a_series_share_one_column() {
        let x = Array::f32(&[2, 2, 1], [0.0, 2.0, 2.0, 4.0]).unwrap();
        assert_eq!(Standardizer::fit(&x).unwrap().mean, [2.0]);
    }

    #[test]
    fn what_cannot_be_standardized_is_refused() {
        let error = Standardizer::fit(&Array::f32(&[2, 2], [1.0, 2.0, 3.0, f32::NAN]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "row 1, column 1: NaN is not finite");
        assert!(Standardizer::fit(&Array::f32(&[2], [1.0, 2.0]).unwrap()).unwrap_err().is_shape());
        assert!(Standardizer::fit(&Array::f32(&[0, 2], vec![]).unwrap()).unwrap_err().is_shape());
        assert!(Standardizer::fit(&Array::i32(&[1, 1], [1]).unwrap()).is_err());
        let mut scale = Standardizer::fit(&Array::f32(&[2, 2], [1.0, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        assert!(scale.apply(&Array::f32(&[2, 3], [0.0; 6]).unwrap()).unwrap_err().is_shape());
        assert!(scale.invert(&Array::scalar(1.0)).unwrap_err().is_shape());
        // What a file of a run may say.
        scale.deviation[1] = 0.0;
        let error = scale.apply(&Array::f32(&[1, 2], [0.0; 2]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "deviation 1 is 0: it must be above 0");
        scale.deviation.pop();
        assert!(scale.apply(&Array::f32(&[1, 2], [0.0; 2]).unwrap()).unwrap_err().is_shape());
    }
}
