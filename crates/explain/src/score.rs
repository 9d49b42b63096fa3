//! Scores of a model's outputs for [`Explainer::permutation_importance`](crate::Explainer): any function of
//! these arguments is one.

use anygrad_core::{Array, Error, Result};

use crate::target::largest;

/// The share of rows whose largest output, of `[n, classes]`, is that of their class, of `[n]`. Larger is
/// better.
///
/// # Errors
/// The shapes are others.
pub fn accuracy(outputs: &Array, targets: &Array) -> Result<f64> {
    let rows = outputs.shape().first().copied().unwrap_or(0);
    let (numbers, classes) = (outputs.as_f32()?, targets.to_f64());
    if rows == 0 || classes.len() != rows {
        return Err(unlike("accuracy", outputs, targets));
    }
    let width = numbers.len() / rows;
    let right = |(row, class): (usize, &f64)| {
        largest(&numbers[row * width..(row + 1) * width]).is_some_and(|found| found as f64 == *class)
    };
    Ok(classes.iter().enumerate().filter(|&(row, class)| right((row, class))).count() as f64 / rows as f64)
}

/// The mean of (output - target)^2 over all numbers. Smaller is better.
///
/// # Errors
/// Not as many outputs as targets.
pub fn mean_squared_error(outputs: &Array, targets: &Array) -> Result<f64> {
    let (outputs_f64, targets_f64) = pairs("mean squared error", outputs, targets)?;
    let squares = outputs_f64.iter().zip(&targets_f64).map(|(y, t)| (y - t).powi(2));
    Ok(squares.sum::<f64>() / targets_f64.len() as f64)
}

/// The share of the targets' variance that the outputs explain, R^2. Larger is better.
///
/// # Errors
/// Not as many outputs as targets, or all targets are equal.
pub fn r_squared(outputs: &Array, targets: &Array) -> Result<f64> {
    let error = mean_squared_error(outputs, targets)?;
    let numbers = targets.to_f64();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let variance = numbers.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / numbers.len() as f64;
    if variance == 0.0 {
        return Err(Error::input(format!("R^2: all {} targets are {mean}", numbers.len())));
    }
    Ok(1.0 - error / variance)
}

fn pairs(what: &str, outputs: &Array, targets: &Array) -> Result<(Vec<f64>, Vec<f64>)> {
    let (y, t) = (outputs.to_f64(), targets.to_f64());
    if y.len() != t.len() || y.is_empty() { Err(unlike(what, outputs, targets)) } else { Ok((y, t)) }
}

fn unlike(what: &str, outputs: &Array, targets: &Array) -> Error {
    Error::shape(format!("{what} of outputs {} and targets {}", outputs.shape(), targets.shape()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_formulas() {
        let outputs = Array::f32(&[4, 2], [0.1, 0.9, 2.0, 1.0, 0.0, 0.0, 5.0, 6.0]).unwrap();
        let classes = Array::i32(&[4], [1, 0, 1, 1]).unwrap();
        assert_eq!(accuracy(&outputs, &classes).unwrap(), 0.75);
        let (y, t) =
            (Array::f32(&[3, 1], [1.0, 2.0, 4.0]).unwrap(), Array::f32(&[3], [1.0, 3.0, 5.0]).unwrap());
        assert!((mean_squared_error(&y, &t).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((r_squared(&y, &t).unwrap() - 0.75).abs() < 1e-12);
        assert!(accuracy(&outputs, &t).unwrap_err().is_shape());
        assert!(mean_squared_error(&y, &classes).unwrap_err().is_shape());
        let equal = Array::f32(&[3], [2.0; 3]).unwrap();
        assert_eq!(r_squared(&y, &equal).unwrap_err().to_string(), "R^2: all 3 targets are 2");
    }
}
