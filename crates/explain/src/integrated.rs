//! Integrated gradients, and whether they add up.

use anygrad_core::{Array, DType, Error, Result, Shape};

use crate::explainer::check_floats;
use crate::gradients::Points;
use crate::{Attribution, Explainer, Target};

/// What stands for nothing: where integration begins, what hidden parts are filled with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Baseline {
    /// Zeros: black pixels, means of normalised columns.
    #[default]
    Zeros,
    /// One number everywhere.
    Value(f32),
    /// A row for all rows, as the mean of the training part.
    Row(Array),
    /// A row for each.
    Rows(Array),
}

impl Baseline {
    /// One row for each row of x, of its dtype.
    pub(crate) fn of(&self, x: &Array) -> Result<Array> {
        let shape = x.shape();
        let filled = |value: f64| Array::from_f64(shape, x.dtype(), &vec![value; shape.elements()]);
        let check = |given: Shape, wanted: Shape, dtype: DType| {
            if given == wanted && dtype == x.dtype() {
                return Ok(());
            }
            let wanted_dtype = x.dtype();
            let message = format!("a baseline {dtype}{given} for rows {wanted_dtype}{shape}");
            Err(Error::shape(format!("{message}: wanted {wanted_dtype}{wanted}")))
        };
        match self {
            Baseline::Zeros => Ok(filled(0.0)),
            Baseline::Value(value) if value.is_finite() => Ok(filled(f64::from(*value))),
            Baseline::Value(value) => {
                Err(Error::input(format!("a baseline of {value}: wanted a finite number")))
            }
            Baseline::Row(row) => {
                check(row.shape(), shape.without(|axis| axis == 0), row.dtype())?;
                let one = row.clone().reshape(&[&[1], &row.shape()[..]].concat())?;
                one.take_rows(&vec![0; shape[0]])
            }
            Baseline::Rows(rows) => {
                check(rows.shape(), shape, rows.dtype())?;
                Ok(rows.clone())
            }
        }
    }
}

/// How [`Explainer::integrated_gradients`] integrates.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegratedGradients {
    /// Gradients along the way.
    pub steps: usize,
    /// Where the way begins.
    pub baseline: Baseline,
    /// What the sum of attributions may be off by, as a share of f(x) - f(baseline); see
    /// [`Completeness::tolerance`].
    pub tolerance: f64,
}

impl Default for IntegratedGradients {
    /// 50 steps from zeros. Off by 5 % at most, as the paper advises.
    fn default() -> Self {
        IntegratedGradients { steps: 50, baseline: Baseline::Zeros, tolerance: 0.05 }
    }
}

/// Whether the attributions of a row add up to what they explain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Completeness {
    /// The sum of the attributions.
    pub sum: f64,
    /// f(x) - f(baseline).
    pub difference: f64,
    /// How far these may be apart: the share asked for of the difference, and 1e-4 times the larger of
    /// |f(x)| and |f(baseline)|, below which `f32` does not tell them apart.
    pub tolerance: f64,
}

/// The share of an output that rounding may take.
const ROUNDING: f64 = 1e-4;

impl Completeness {
    /// How far the sum is off.
    pub fn error(&self) -> f64 {
        (self.sum - self.difference).abs()
    }

    /// Whether that is within the tolerance. Where not, take more steps.
    pub fn holds(&self) -> bool {
        self.error() <= self.tolerance
    }
}

/// Integrated gradients of some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Integrated {
    /// The attributions.
    pub attribution: Attribution,
    /// Whether those of each row add up.
    pub rows: Vec<Completeness>,
}

impl Explainer<'_> {
    /// The row's distance from a baseline times the mean of the gradients on the way from there to the row
    /// (Sundararajan, Taly and Yan 2017), by the midpoint rule. Attributions add up to
    /// f(x) - f(baseline); how nearly is told. x: `[n, ...]`, `f32`. The target of a row is chosen at the
    /// row, not along the way.
    ///
    /// # Errors
    /// As [`Explainer::saliency`]; no steps; a baseline that does not fit the rows.
    pub async fn integrated_gradients(
        &self,
        x: &Array,
        target: &Target,
        how: &IntegratedGradients,
    ) -> Result<Integrated> {
        let rows = check_floats(x)?;
        if how.steps == 0 {
            return Err(Error::input("integrated gradients in 0 steps: wanted at least 1"));
        }
        let baselines = how.baseline.of(x)?;
        check_floats(&baselines).map_err(|error| error.context("baseline"))?;
        let (targets, outputs) = self.resolve(x, target).await?;
        let (_, before) = self.resolve(&baselines, &Target::Each(targets.clone())).await?;
        let points = Points::Path { baselines: &baselines, steps: how.steps };
        let mut values = self.mean_gradients(x, &targets, &points).await?;
        for ((value, &x), &baseline) in values.iter_mut().zip(x.as_f32()?).zip(baselines.as_f32()?) {
            *value *= f64::from(x) - f64::from(baseline);
        }
        let completeness = |row: usize| {
            let width = values.len() / rows;
            let (after, before) = (f64::from(outputs[row]), f64::from(before[row]));
            let difference = after - before;
            let rounding = ROUNDING * after.abs().max(before.abs());
            Completeness {
                sum: values[row * width..(row + 1) * width].iter().sum(),
                difference,
                tolerance: how.tolerance * difference.abs() + rounding,
            }
        };
        let rows = (0..rows).map(completeness).collect();
        let values = Array::from_f64(x.shape(), DType::F32, &values);
        Ok(Integrated { attribution: Attribution { values, targets, outputs }, rows })
    }
}
