//! What was learned of the data before training, so that a prediction can do the same.

use anygrad_core::{Array, Error, Result};
use anygrad_data::text::Vocabulary;
use serde::{Deserialize, Serialize};

/// y = (x - shift) / factor, column by column of the last axis, or with one pair for all numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// Means, or smallest numbers.
    pub shift: Vec<f32>,
    /// Deviations, or widths of ranges; never 0.
    pub factor: Vec<f32>,
}

/// What was learned of the data: it stands beside a trained model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// What is done to features.
    pub features: Option<Scale>,
    /// What was done to targets, and is undone in predictions.
    pub targets: Option<Scale>,
    /// The name of each class, where there are classes.
    pub classes: Vec<String>,
    /// The characters of a text in the order of their numbers, where it is one.
    pub vocabulary: Option<String>,
}

impl Scale {
    /// Numbers of mean 0 and deviation 1.
    ///
    /// # Errors
    /// Those of [`anygrad_data::Standardizer::fit`].
    pub fn standard(x: &Array, one_for_all: bool) -> Result<Self> {
        let learned = anygrad_data::Standardizer::fit(&columns(x, one_for_all)?)?;
        Ok(Scale { shift: learned.mean, factor: learned.deviation })
    }

    /// Numbers from 0 to 1. A column that is constant becomes 0.
    ///
    /// # Errors
    /// No `f32`, or no numbers.
    pub fn min_max(x: &Array, one_for_all: bool) -> Result<Self> {
        let x = columns(x, one_for_all)?;
        let count = x.shape().last().copied().unwrap_or(1).max(1);
        let numbers = x.as_f32()?;
        if numbers.is_empty() {
            return Err(Error::input("there are no numbers to normalize"));
        }
        let ends = |column: usize| {
            let column = numbers.iter().skip(column).step_by(count);
            column.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
        };
        let ends: Vec<(f32, f32)> = (0..count).map(ends).collect();
        if let Some((column, _)) = ends.iter().enumerate().find(|(_, (low, high))| !(high - low).is_finite())
        {
            return Err(Error::input(format!("column {column}: its range is not finite")));
        }
        let width = |&(low, high): &(f32, f32)| if (high - low).is_normal() { high - low } else { 1.0 };
        Ok(Scale {
            shift: ends.iter().map(|(low, _)| *low).collect(),
            factor: ends.iter().map(width).collect(),
        })
    }

    /// x, normalized.
    ///
    /// # Errors
    /// No `f32`, or other columns than were learned.
    pub fn apply(&self, x: &Array) -> Result<Array> {
        self.map(x, |x, shift, factor| (x - shift) / factor)
    }

    /// y in the units of the data: what [`Scale::apply`] did, undone.
    ///
    /// # Errors
    /// No `f32`, or other columns than were learned.
    pub fn invert(&self, y: &Array) -> Result<Array> {
        self.map(y, |y, shift, factor| y * factor + shift)
    }

    fn map(&self, x: &Array, formula: impl Fn(f64, f64, f64) -> f64) -> Result<Array> {
        let (shape, columns) = (x.shape(), self.shift.len());
        let fits = columns == 1 || shape.last() == Some(&columns);
        if !fits || columns == 0 || self.factor.len() != columns {
            let message = format!("{shape} does not end in the {columns} columns that were learned");
            return Err(Error::shape(message));
        }
        let number = |(i, &x): (usize, &f32)| {
            let column = i % columns;
            formula(x.into(), self.shift[column].into(), self.factor[column].into()) as f32
        };
        Array::f32(&shape, x.as_f32()?.iter().enumerate().map(number).collect::<Vec<f32>>())
    }
}

/// x as `[n, columns]`: those of a table, or one of all numbers.
fn columns(x: &Array, one_for_all: bool) -> Result<Array> {
    let shape = x.shape();
    let columns = if one_for_all { 1 } else { shape.last().copied().unwrap_or(1) };
    Array::f32(&[shape.elements() / columns.max(1), columns], x.as_f32()?.to_vec())
}

impl Preprocessing {
    /// Features as the model takes them.
    ///
    /// # Errors
    /// Other columns than were learned.
    pub fn apply(&self, features: &Array) -> Result<Array> {
        match &self.features {
            Some(scale) => scale.apply(features),
            None => Ok(features.clone()),
        }
    }

    /// Predicted numbers in the units of the targets.
    ///
    /// # Errors
    /// Other columns than were learned.
    pub fn invert(&self, predictions: &Array) -> Result<Array> {
        match &self.targets {
            Some(scale) => scale.invert(predictions),
            None => Ok(predictions.clone()),
        }
    }

    /// The characters of the text that was learned.
    ///
    /// # Errors
    /// It was none.
    pub fn vocabulary(&self) -> Result<Vocabulary> {
        match &self.vocabulary {
            Some(characters) => Ok(Vocabulary::of(characters)),
            None => Err(Error::input("the model was not trained on text: it has no vocabulary")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_their_scale() {
        let x = Array::f32(&[3, 2], [1.0, 10.0, 2.0, 10.0, 6.0, 10.0]).unwrap();
        let scale = Scale::min_max(&x, false).unwrap();
        assert_eq!(scale, Scale { shift: vec![1.0, 10.0], factor: vec![5.0, 1.0] });
        let y = scale.apply(&x).unwrap();
        assert_eq!(y.as_f32().unwrap(), [0.0, 0.0, 0.2, 0.0, 1.0, 0.0]);
        assert_eq!(scale.invert(&y).unwrap(), x);
        let all = Scale::standard(&x, true).unwrap();
        assert_eq!(all.shift.len(), 1);
        let text = serde_json::to_string(&Preprocessing { features: Some(scale), ..Default::default() });
        let back: Preprocessing = serde_json::from_str(&text.unwrap()).unwrap();
        assert_eq!(back.apply(&x).unwrap(), y);
        assert!(back.apply(&Array::f32(&[1, 3], [0.0; 3]).unwrap()).unwrap_err().is_shape());
        assert!(serde_json::from_str::<Preprocessing>("{\"class\": []}").is_err());
    }

    #[test]
    fn what_has_no_range_is_refused() {
        let x = Array::f32(&[2, 1], [f32::MAX, f32::MIN]).unwrap();
        let error = Scale::min_max(&x, false).unwrap_err().to_string();
        assert_eq!(error, "column 0: its range is not finite");
        assert!(Scale::min_max(&Array::f32(&[0, 1], vec![]).unwrap(), false).unwrap_err().is_input());
        assert!(Preprocessing::default().vocabulary().unwrap_err().is_input());
    }
}
