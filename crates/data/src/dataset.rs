use anygrad_core::{Array, Error, Result};

use crate::fingerprint::Hash;
use crate::{shuffled, split};

/// Samples with what is to be predicted from them, one row per sample.
///
/// - `features: [n, ...]`, `f32` or `i32`;
/// - `targets`: `[n]` class numbers as `i32`, or `[n, k]` numbers as `f32`;
/// - `classes`: the name of each class number, none when the targets are not classes.
///
/// There is always at least one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    features: Array,
    targets: Array,
    classes: Vec<String>,
}

impl Dataset {
    /// A data set from `features: [n, ...]` and `targets: [n]` or `[n, k]`.
    ///
    /// # Errors
    /// There are no rows, or the two have different numbers of rows.
    pub fn new(features: Array, targets: Array) -> Result<Self> {
        match (features.shape().first(), targets.shape().first()) {
            (Some(0), _) | (_, Some(0)) => Err(Error::input("a data set needs at least one row, got 0")),
            (Some(x), Some(y)) if x == y => Ok(Dataset { features, targets, classes: Vec::new() }),
            _ => Err(Error::shape(format!(
                "features {} and targets {} do not have the same number of rows",
                features.shape(),
                targets.shape()
            ))),
        }
    }

    /// The same samples with names for the class numbers.
    ///
    /// # Errors
    /// A target is not a whole number from 0 up to, not including, the number of names.
    pub fn with_classes(mut self, classes: Vec<String>) -> Result<Self> {
        let fits = |class: f64| class >= 0.0 && class < classes.len() as f64 && class.fract() == 0.0;
        if let Some((row, class)) = self.targets.to_f64().into_iter().enumerate().find(|&(_, c)| !fits(c)) {
            return Err(Error::input(format!(
                "row {row}: target {class} is none of the {} classes",
                classes.len()
            )));
        }
        self.classes = classes;
        Ok(self)
    }

    /// The features, `[n, ...]`.
    pub fn features(&self) -> &Array {
        &self.features
    }

    /// The targets, `[n]` or `[n, k]`.
    pub fn targets(&self) -> &Array {
        &self.targets
    }

    /// The name of each class number; empty when the targets are not classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of rows, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.features.shape()[0]
    }

    /// The features and targets of some rows, in the order given.
    ///
    /// # Errors
    /// A row does not exist.
    pub fn select(&self, rows: &[usize]) -> Result<(Array, Array)> {
        Ok((self.features.take_rows(rows)?, self.targets.take_rows(rows)?))
    }

    /// A data set of some rows, in the order given.
    ///
    /// # Errors
    /// A row does not exist, or no row is asked for.
    pub fn take(&self, rows: &[usize]) -> Result<Dataset> {
        let (features, targets) = self.select(rows)?;
        Ok(Dataset { classes: self.classes.clone(), ..Dataset::new(features, targets)? })
    }

    /// The SHA-256 of the features, the targets and the names of the classes, as 64 hexadecimal
    /// digits: [`crate::fingerprint`] of `features` and `targets`, and then each name.
    pub fn fingerprint(&self) -> String {
        let mut hash = Hash::new();
        hash.array("features", &self.features);
        hash.array("targets", &self.targets);
        self.classes.iter().for_each(|class| hash.bytes(class.as_bytes()));
        hash.digits()
    }

    /// The same rows in a random order that depends only on the seed. Do this before a split when
    /// the file is sorted.
    pub fn shuffle(&self, seed: u64) -> Result<Dataset> {
        self.take(&shuffled(self.len(), seed, 0))
    }

    /// The same samples with other features, for example standardized ones.
    ///
    /// # Errors
    /// Those of `change`, or it changed the number of rows.
    pub fn map_features(&self, change: impl FnOnce(&Array) -> Result<Array>) -> Result<Dataset> {
        let changed = Dataset::new(change(&self.features)?, self.targets.clone())?;
        Ok(Dataset { classes: self.classes.clone(), ..changed })
    }

    /// The same samples with other targets, for example standardized ones; class names go.
    ///
    /// # Errors
    /// Those of `change`, or it changed the number of rows.
    pub fn map_targets(&self, change: impl FnOnce(&Array) -> Result<Array>) -> Result<Dataset> {
        Dataset::new(self.features.clone(), change(&self.targets)?)
    }

    /// Consecutive parts of the given fractions of the rows, as `[0.8, 0.1, 0.1]`. Fractions that
    /// sum to 1 use every row; with a smaller sum the last rows stay out.
    ///
    /// # Errors
    /// Those of [`split::in_order`].
    pub fn split(&self, fractions: &[f64]) -> Result<Vec<Dataset>> {
        self.parts(&split::in_order(self.len(), fractions)?)
    }

    /// Parts of the given fractions in which every class has its share of the rows, see
    /// [`split::stratified`].
    ///
    /// # Errors
    /// Those of [`split::stratified`] and [`Dataset::class_of_rows`].
    pub fn split_stratified(&self, fractions: &[f64], seed: u64) -> Result<Vec<Dataset>> {
        self.parts(&split::stratified(&self.class_of_rows()?, fractions, seed)?)
    }

    /// A data set for each list of rows: the parts of a split, or a pair of a fold.
    ///
    /// # Errors
    /// A row does not exist, or a list is empty.
    pub fn parts<R: AsRef<[usize]>>(&self, parts: &[R]) -> Result<Vec<Dataset>> {
        parts.iter().map(|rows| self.take(rows.as_ref())).collect()
    }

    /// The class number of each row.
    ///
    /// # Errors
    /// The targets are not one whole number from 0 for each row.
    pub fn class_of_rows(&self) -> Result<Vec<usize>> {
        let shape = self.targets.shape();
        if shape.elements() != self.len() {
            return Err(Error::shape(format!("targets {shape} are not one class for each row")));
        }
        let class = |(row, class): (usize, f64)| {
            let whole = class >= 0.0 && class.fract() == 0.0 && class <= u32::MAX.into();
            if whole {
                Ok(class as usize)
            } else {
                Err(Error::input(format!("row {row}: target {class} is no class")))
            }
        };
        self.targets.to_f64().into_iter().enumerate().map(class).collect()
    }

    /// Consecutive parts of the given numbers of rows; rows beyond their sum stay out.
    ///
    /// # Errors
    /// A count is 0, or they sum to more than the rows there are.
    pub fn split_counts(&self, counts: &[usize]) -> Result<Vec<Dataset>> {
        let sum = counts.iter().fold(0usize, |sum, &count| sum.saturating_add(count));
        if counts.contains(&0) || sum > self.len() {
            return Err(Error::input(format!(
                "{} rows cannot be split into parts of {counts:?} rows: each part needs one, and they sum to {sum}",
                self.len()
            )));
        }
        let mut begin = 0;
        let part = |&count: &usize| {
            let rows: Vec<usize> = (begin..begin + count).collect();
            begin += count;
            self.take(&rows)
        };
        counts.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(n: usize) -> Dataset {
        let features = Array::f32(&[n, 2], (0..2 * n).map(|i| i as f32).collect::<Vec<_>>()).unwrap();
        let targets = Array::i32(&[n], (0..n as i32).collect::<Vec<_>>()).unwrap();
        Dataset::new(features, targets).unwrap()
    }

    #[test]
    fn rows_are_selected_in_order() {
        let (x, y) = counting(4).select(&[3, 0, 3]).unwrap();
        assert_eq!(x, Array::f32(&[3, 2], [6.0, 7.0, 0.0, 1.0, 6.0, 7.0]).unwrap());
        assert_eq!(y, Array::i32(&[3], [3, 0, 3]).unwrap());
        let error = counting(4).select(&[0, 4]).unwrap_err();
        assert_eq!(error.to_string(), "row 4 does not exist among 4 rows");
        assert!(counting(4).take(&[]).is_err());
    }

    #[test]
    fn fractions_use_every_row_once() {
        for n in 10..200 {
            let parts = counting(n).split(&[0.7, 0.2, 0.1]).unwrap();
            assert_eq!(parts.iter().map(Dataset::len).sum::<usize>(), n);
        }
        let parts = counting(10).split(&[0.5, 0.2]).unwrap();
        assert_eq!(parts[1].targets(), &Array::i32(&[2], [5, 6]).unwrap());
    }

    #[test]
    fn splits_that_do_not_fit_are_refused() {
        let data = counting(3);
        let bad: [&[f64]; 5] = [&[0.8, 0.3], &[-0.1, 0.5], &[f64::NAN], &[f64::INFINITY], &[0.9, 0.1]];
        for fractions in bad {
            assert!(data.split(fractions).unwrap_err().is_input(), "{fractions:?}");
        }
        let error = data.split_counts(&[2, 2]).unwrap_err().to_string();
        assert!(error.contains("3 rows") && error.contains("sum to 4"), "{error}");
        assert!(data.split_counts(&[usize::MAX, 2]).is_err());
    }

    #[test]
    fn rows_and_classes_must_agree() {
        let features = Array::f32(&[2, 1], [0.0, 1.0]).unwrap();
        assert!(Dataset::new(features.clone(), Array::i32(&[3], [0, 1, 2]).unwrap()).unwrap_err().is_shape());
        assert!(Dataset::new(features.clone(), Array::scalar(1.0)).unwrap_err().is_shape());
        let data = Dataset::new(features, Array::i32(&[2], [0, 2]).unwrap()).unwrap();
        let error = data.with_classes(vec!["a".into(), "b".into()]).unwrap_err();
        assert_eq!(error.to_string(), "row 1: target 2 is none of the 2 classes");
        let named = counting(2).with_classes(vec!["a".into(), "b".into()]).unwrap();
        assert_eq!(named.shuffle(3).unwrap().classes(), ["a", "b"]);
    }
}
