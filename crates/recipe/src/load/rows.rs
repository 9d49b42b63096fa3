//! Rows that do not depend on each other.

use anygrad_core::{Array, DType, Result};
use anygrad_data::{Dataset, generate, load_mnist};
use anygrad_nn::Loss;

use super::{Cut, Loaded};
use crate::build::Sizes;
use crate::data::{File, Part, Set, Source, Split, Task};
use crate::preprocessing::{Preprocessing, Scale};
use crate::recipe::Recipe;

impl Recipe {
    /// Rows that do not depend on each other.
    pub(super) fn rows(&self) -> Result<Loaded> {
        let data = &self.settings().data;
        let (training, validation, test) = self.parts_of_rows()?;
        let mut preprocessing =
            Preprocessing { classes: training.classes().to_vec(), ..Preprocessing::default() };
        // Images have one scale for all pixels.
        let one_for_all = training.features().shape().rank() > 2;
        preprocessing.features = self.scale(training.features(), one_for_all)?;
        if data.normalize_targets {
            preprocessing.targets = Some(Scale::standard(training.targets(), false)?);
        }
        let outputs = match &data.task {
            Task::Multiclass(_) => training.classes().len(),
            _ => training.targets().shape().get(1).copied().unwrap_or(1),
        };
        let prepared = |part: Dataset| {
            let part = part.map_features(|features| preprocessing.apply(features))?;
            let part = match &preprocessing.targets {
                Some(scale) => part.map_targets(|targets| scale.apply(targets))?,
                None => part,
            };
            self.targets(part, outputs)
        };
        let training = prepared(training)?;
        let sizes = Sizes {
            features: training.features().shape()[1..].to_vec(),
            dtype: training.features().dtype(),
            outputs,
            vocabulary: None,
            rows: training.len(),
        };
        let (validation, test) = (validation.map(&prepared).transpose()?, test.map(&prepared).transpose()?);
        Ok(Loaded { training, validation, test, preprocessing, sizes })
    }

    /// Targets in the form that the loss takes.
    fn targets(&self, part: Dataset, outputs: usize) -> Result<Dataset> {
        let classes = part.classes().to_vec();
        match (&self.settings().data.task, self.loss()) {
            (Task::Multiclass(_), loss) if !loss.takes_classes() => {
                let rows = part.len();
                // Shares of the classes are no class numbers: their names stay in the preprocessing.
                part.map_targets(|targets| {
                    let mut shares = vec![0.0; rows * outputs];
                    for (row, class) in targets.to_f64().into_iter().enumerate() {
                        shares[row * outputs + class as usize] = 1.0;
                    }
                    Array::f32(&[rows, outputs], shares)
                })
            }
            (Task::Binary(_), Loss::Hinge | Loss::SquaredHinge) => part.map_targets(|targets| {
                let signs: Vec<f32> = targets.as_f32()?.iter().map(|t| 2.0 * t - 1.0).collect();
                Array::f32(&targets.shape(), signs)
            }),
            _ if classes.is_empty() => Ok(part),
            _ => part.with_classes(classes),
        }
    }

    fn parts_of_rows(&self) -> Result<Cut<Dataset>> {
        let (data, seed) = (&self.settings().data, self.settings().training.seed);
        match (&data.source, self.split()) {
            (Source::Idx(idx), Split::File(split)) => {
                let mnist = self.reading("path", load_mnist(self.path(&idx.path)))?;
                let (training, validation) = self.with_share(mnist.train, &split)?;
                Ok((training, validation, mnist.test))
            }
            (_, Split::File(split)) => {
                let read = |part: &Part| match part {
                    Part::File(path) => self.csv_like(Some(path)).map(Some),
                    Part::Share(_) => Ok(None),
                };
                let (all, given) = (self.csv_like(None)?, read(&split.validation)?);
                let (training, shared) = self.with_share(all, &split)?;
                let test = split.test.as_ref().map(|path| self.csv_like(Some(path))).transpose()?;
                let same =
                    |part: Option<Dataset>| part.map(|part| self.same_classes(&training, part)).transpose();
                let (validation, test) = (same(given.or(shared))?, same(test)?);
                Ok((training, validation, test))
            }
            (Source::Idx(idx), split) => {
                let mnist = self.reading("path", load_mnist(self.path(&idx.path)))?;
                self.cut(mnist.train, &split, seed)
            }
            (_, split) => self.cut(self.csv_like(None)?, &split, seed),
        }
    }

    /// The rows of one file, or of another in its place.
    fn csv_like(&self, other: Option<&str>) -> Result<Dataset> {
        let seed = self.settings().training.seed;
        match &self.settings().data.source {
            Source::Csv(csv) => self.csv(csv, other.unwrap_or(&csv.path)),
            Source::Generated(made) => match made.set {
                Set::Line => generate::line(made.rows, seed),
                Set::And => generate::and_points(made.rows, seed),
                Set::Digits => generate::digits(made.rows, seed),
                Set::Sine => self.unavailable(&["data", "set"], "a series in independent rows"),
            },
            Source::Images(_) => self.unavailable(&["data", "format"], "a folder of images"),
            Source::Npy(_) | Source::Npz(_) => self.unavailable(&["data", "format"], "NumPy's format"),
            Source::Idx(_) => self.unavailable(&["data", "split"], "another folder for a part"),
            Source::Text(_) => self.unavailable(&["data", "task"], "a text in independent rows"),
        }
    }

    /// The rows of one data set cut by shares.
    fn cut(&self, data: Dataset, split: &Split, seed: u64) -> Result<Cut<Dataset>> {
        let data = match split {
            Split::Fraction(fraction) if fraction.shuffle => data.shuffle(seed)?,
            Split::Stratified(_) => return self.unavailable(&["data", "split"], "a stratified split"),
            _ => data,
        };
        let [train, validation, test] = self.counts(split, data.len())?;
        let rows = |from: usize, count: usize| {
            (count > 0).then(|| data.take(&(from..from + count).collect::<Vec<_>>())).transpose()
        };
        let (validation_rows, test_rows) = (rows(train, validation)?, rows(train + validation, test)?);
        Ok((data.take(&(0..train).collect::<Vec<_>>())?, validation_rows, test_rows))
    }

    /// A training file without a share for validation, drawn at random.
    fn with_share(&self, data: Dataset, split: &File) -> Result<(Dataset, Option<Dataset>)> {
        let share = match split.validation {
            Part::Share(share) => share,
            Part::File(_) => 0.0,
        };
        if share == 0.0 {
            return Ok((data, None));
        }
        let parts = data.shuffle(self.settings().training.seed)?.split(&[1.0 - share, share]);
        let mut parts = parts.map_err(|error| self.error(&["data", "split", "validation"], error))?;
        let validation = parts.pop();
        Ok((parts.swap_remove(0), validation))
    }

    /// A part of another file with the class numbers of the training part.
    fn same_classes(&self, training: &Dataset, part: Dataset) -> Result<Dataset> {
        let (known, own) = (training.classes(), part.classes());
        if known == own {
            return Ok(part);
        }
        let number = |name: &String| {
            known.iter().position(|known| known == name).ok_or_else(|| {
                let message = format!("the class {name:?} of another file is not in the training part");
                self.error(&["data", "split"], message)
            })
        };
        let numbers = own.iter().map(number).collect::<Result<Vec<usize>>>()?;
        let changed = part.map_targets(|targets| {
            let moved = targets.to_f64().into_iter().map(|class| numbers[class as usize]);
            match targets.dtype() {
                DType::I32 => Array::i32(&targets.shape(), moved.map(|c| c as i32).collect::<Vec<_>>()),
                _ => Array::f32(&targets.shape(), moved.map(|c| c as f32).collect::<Vec<_>>()),
            }
        })?;
        changed.with_classes(known.to_vec())
    }
}
