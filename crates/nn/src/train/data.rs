//! Rows of arrays, and what is wrong with them.

use anygrad_core::{Array, DType, Data, Error, Result, Shape};

use super::Trainer;

/// The number of rows; a scalar has none.
pub(super) fn rows(array: &Array) -> usize {
    array.shape().first().copied().unwrap_or(0)
}

/// A batch for reading only: at most all rows.
pub(super) fn batch_within(batch_size: usize, rows: usize) -> Result<usize> {
    if batch_size == 0 || rows == 0 {
        return Err(Error::input(format!("batches of {batch_size} of {rows} rows: both must be at least 1")));
    }
    Ok(batch_size.min(rows))
}

impl Trainer {
    /// Remembers the shape of one row of features, or checks it against the one known.
    pub(super) fn take_features(&mut self, row: Shape, dtype: DType) -> Result<()> {
        match self.features {
            Some((known, known_dtype)) if (known, known_dtype) != (row, dtype) => Err(Error::shape(format!(
                "the model was built for rows of {known} {known_dtype}, rows of {row} {dtype} were given"
            ))),
            _ => {
                self.features = Some((row, dtype));
                Ok(())
            }
        }
    }

    /// As [`Trainer::take_features`], of targets.
    pub(super) fn take_targets(&mut self, row: Shape, dtype: DType) -> Result<()> {
        match self.targets {
            Some((known, known_dtype)) if (known, known_dtype) != (row, dtype) => Err(Error::shape(format!(
                "the model was built for targets of {known} {known_dtype} per row, {row} {dtype} were given"
            ))),
            _ => {
                self.targets = Some((row, dtype));
                Ok(())
            }
        }
    }

    pub(super) fn check_features(&mut self, features: &Array) -> Result<()> {
        let shape = features.shape();
        if shape.rank() == 0 || shape[0] == 0 {
            return Err(Error::shape(format!(
                "features are [rows, ...] with at least one row, {shape} was given"
            )));
        }
        self.check_row(features)
    }

    /// Whether features of any number of rows have the shape of those before.
    pub(super) fn check_row(&mut self, features: &Array) -> Result<()> {
        let shape = features.shape();
        if shape.rank() == 0 {
            return Err(Error::shape(format!("features are [rows, ...], {shape} was given")));
        }
        self.take_features(shape.without(|axis| axis == 0), features.dtype())
    }

    /// Whether features and targets have the same number of rows, and the shape of those before.
    pub(super) fn check_pair(&mut self, (features, targets): (&Array, &Array)) -> Result<()> {
        self.check_features(features)?;
        if targets.shape().first() != features.shape().first() {
            return Err(Error::shape(format!(
                "features {} and targets {} do not have the same number of rows",
                features.shape(),
                targets.shape()
            )));
        }
        self.take_targets(targets.shape().without(|axis| axis == 0), targets.dtype())
    }

    /// Whether the model, which is built, can take these numbers.
    pub(super) fn check_numbers(&self, (features, targets): (&Array, &Array)) -> Result<()> {
        self.check_feature_numbers(features)?;
        let row = self.predictions.ok_or_else(|| Error::internal("the model is not built"))?;
        self.loss.check_targets(targets, &row)
    }

    pub(super) fn check_feature_numbers(&self, features: &Array) -> Result<()> {
        let width = features.shape()[1..].iter().product::<usize>().max(1);
        let bad = match features.data() {
            Data::F32(v) => v.iter().position(|x| !x.is_finite()),
            _ => None,
        };
        if let Some(at) = bad {
            let number = features.as_f32()?[at];
            return Err(Error::input(format!(
                "row {}: feature {} is {number}, wanted a finite number",
                at / width,
                at % width
            )));
        }
        let Some(vocabulary) = self.vocabulary else { return Ok(()) };
        let outside = |x: &f64| !(0.0..vocabulary as f64).contains(x);
        match features.to_f64().iter().position(outside) {
            Some(at) => Err(Error::input(format!(
                "row {}: index {} is outside of the {vocabulary} rows of the embedding",
                at / width,
                features.to_f64()[at]
            ))),
            None => Ok(()),
        }
    }
}
