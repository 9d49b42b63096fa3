//! y[.., c] = (x[.., c] - mean_c) / deviation_c

use anygrad_core::{Array, Error, Result};

/// Moves every column to mean 0 and deviation 1. Learn it from the training part only: what the
/// test part looks like must not leak into training.
///
/// A column is one index of the last axis: `[n, k]` has k columns; the windows of a series,
/// `[n, w, 1]`, have one, so that a series stays a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
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
        let (elements, shape) = (x.as_f32()?, x.shape());
        if shape.rank() < 2 || elements.is_empty() {
            return Err(Error::shape(format!("to standardize takes [n, ..., k] with elements, got {shape}")));
        }
        let columns = shape[shape.rank() - 1];
        if let Some(at) = elements.iter().position(|x| !x.is_finite()) {
            let (row, column) = (at / columns, at % columns);
            return Err(Error::input(format!("row {row}, column {column}: {} is not finite", elements[at])));
        }
        let rows = (elements.len() / columns) as f64;
        let mean_of = |value: &dyn Fn(usize, f64) -> f64| {
            let mut sums = vec![0.0; columns];
            for row in elements.chunks_exact(columns) {
                row.iter().enumerate().for_each(|(c, &x)| sums[c] += value(c, f64::from(x)));
            }
            sums.into_iter().map(|sum| sum / rows).collect::<Vec<f64>>()
        };
        let mean = mean_of(&|_, x| x);
        let variance = mean_of(&|c, x| (x - mean[c]).powi(2));
        let constant = |c: usize| elements.iter().skip(c).step_by(columns).all(|&x| x == elements[c]);
        let deviation = variance.iter().enumerate().map(|(c, variance)| {
            let deviation = variance.sqrt() as f32;
            if constant(c) || !deviation.is_normal() { 1.0 } else { deviation }
        });
        let deviation = deviation.collect();
        Ok(Standardizer { mean: mean.into_iter().map(|m| m as f32).collect(), deviation })
    }

    /// `x: [..., k]` with every column moved to mean 0 and deviation 1.
    ///
    /// # Errors
    /// Not `f32`, or the last axis does not have k columns.
    pub fn apply(&self, x: &Array) -> Result<Array> {
        self.map(x, |x, mean, deviation| (x - mean) / deviation)
    }

    /// `y: [..., k]` back in the units of the data: what [`Standardizer::apply`] did, undone.
    ///
    /// # Errors
    /// Not `f32`, or the last axis does not have k columns.
    pub fn invert(&self, y: &Array) -> Result<Array> {
        self.map(y, |y, mean, deviation| y * deviation + mean)
    }

    fn map(&self, x: &Array, formula: impl Fn(f64, f64, f64) -> f64) -> Result<Array> {
        let (shape, columns) = (x.shape(), self.mean.len());
        if shape.last() != Some(&columns) || self.deviation.len() != columns {
            return Err(Error::shape(format!(
                "{shape} does not end in the {columns} columns that were learned"
            )));
        }
        let column = |(i, &x): (usize, &f32)| {
            let c = i % columns;
            formula(x.into(), self.mean[c].into(), self.deviation[c].into()) as f32
        };
        Array::f32(&shape, x.as_f32()?.iter().enumerate().map(column).collect::<Vec<f32>>())
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
        let scale = Standardizer::fit(&Array::f32(&[2, 2], [1.0, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        assert!(scale.apply(&Array::f32(&[2, 3], [0.0; 6]).unwrap()).unwrap_err().is_shape());
        assert!(scale.invert(&Array::scalar(1.0)).unwrap_err().is_shape());
    }
}
