use anygrad_core::{Array, DType, Data, Error, Result};

use crate::fingerprint::Hash;
use crate::{Task, shuffled, split};

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

    /// A data set from arrays of a file. Features become `f32`, or `i32` where they are whole
    /// numbers; targets get the form of the task:
    ///
    /// - [`Task::Regression`]: `[n]` or `[n, ..]` numbers become `[n, k]`, `f32`;
    /// - [`Task::Binary`]: 0 and 1 become `[n, k]`, `f32`;
    /// - [`Task::Multiclass`]: `[n]` or `[n, 1]` whole numbers from 0 become `[n]`, `i32`, with the
    ///   numbers up to the largest as names of the classes.
    ///
    /// # Errors
    /// Those of [`Dataset::new`], a feature or target that is not finite, or a target that is not of
    /// the task.
    pub fn for_task(features: Array, targets: Array, task: Task) -> Result<Self> {
        for (what, array) in [("feature", &features), ("target", &targets)] {
            let at = match array.data() {
                Data::F32(x) => x.iter().position(|x| !x.is_finite()),
                Data::F16(x) => x.iter().position(|x| !x.is_finite()),
                Data::BF16(x) => x.iter().position(|x| !x.is_finite()),
                Data::I32(_) | Data::U32(_) | Data::Bool(_) => None,
            };
            if let Some(at) = at {
                let (place, value) = (array.shape().index_of(at), array.to_f64()[at]);
                return Err(Error::input(format!("{what} {place:?} is {value}, not finite")));
            }
        }
        let features = match features.data() {
            Data::F32(_) | Data::I32(_) => features,
            Data::U32(x) if x.iter().all(|&x| x <= i32::MAX as u32) => features.cast(DType::I32),
            _ => features.cast(DType::F32),
        };
        let data = Dataset::new(features, targets)?;
        let n = data.len();
        let numbers =
            |data: &Dataset| data.targets.cast(DType::F32).reshape(&[n, data.targets.shape().elements() / n]);
        match task {
            Task::Regression => {
                let targets = numbers(&data)?;
                Ok(Dataset { targets, ..data })
            }
            Task::Binary => {
                let targets = numbers(&data)?;
                match targets.as_f32()?.iter().position(|&x| x != 0.0 && x != 1.0) {
                    Some(at) => Err(Error::input(format!(
                        "target {:?} is {}, neither 0 nor 1",
                        targets.shape().index_of(at),
                        targets.to_f64()[at]
                    ))),
                    None => Ok(Dataset { targets, ..data }),
                }
            }
            Task::Multiclass => {
                let classes = data.class_of_rows()?;
                let most = classes.iter().max().copied().unwrap_or_default();
                if most == 0 || most > MAX_CLASS {
                    return Err(Error::input(format!(
                        "classes go from 0 to {most}: take at least two, up to {MAX_CLASS}"
                    )));
                }
                let targets = classes.iter().map(|&class| class as i32).collect::<Vec<_>>();
                Dataset { targets: Array::i32(&[n], targets)?, ..data }
                    .with_classes((0..=most).map(|class| class.to_string()).collect())
            }
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
}

/// The largest class number of an array: above it, numbers are no classes.
const MAX_CLASS: usize = 1 << 20;

#[cfg(test)]
#[path = "dataset_tests.rs"]
mod tests;
