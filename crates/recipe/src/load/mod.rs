//! From a recipe to rows in parts: the one place where formats, splits and normalisation are wired to
//! `anygrad-data`.

mod folds;
mod rows;
mod series;
mod table;
mod text;

pub(crate) use folds::Fold;

use anygrad_core::{Array, Result};
use anygrad_data::{Dataset, Layout, MinMax, MissingReport, Scaling, Standardizer, shuffled, split};

use crate::build::Sizes;
use crate::data::{Normalize, Shares, Source, Split, Task};
use crate::preprocessing::Preprocessing;
use crate::recipe::Recipe;

/// The rows of a recipe, in parts, as the model takes them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is learned.
    pub training: Dataset,
    /// What is watched while training.
    pub validation: Option<Dataset>,
    /// What the last figures are taken from.
    pub test: Option<Dataset>,
    /// What was learned of the training part.
    pub preprocessing: Preprocessing,
    /// What the model has to know.
    pub sizes: Sizes,
    /// The values that a table lacks, and what became of their rows, over all parts; none where it lacks none.
    pub missing: Option<MissingReport>,
}

/// Training, validation and test part as they were read.
struct Cut {
    training: Dataset,
    validation: Option<Dataset>,
    test: Option<Dataset>,
    missing: Option<MissingReport>,
}

impl Cut {
    /// The rows of the parts; a part without rows is none.
    fn of(data: &Dataset, rows: &[Vec<usize>; 3]) -> Result<Cut> {
        let part = |rows: &Vec<usize>| (!rows.is_empty()).then(|| data.take(rows)).transpose();
        let [training, validation, test] = rows;
        Ok(Cut {
            training: data.take(training)?,
            validation: part(validation)?,
            test: part(test)?,
            missing: None,
        })
    }
}

impl Recipe {
    /// Reads the data, cuts them into parts and normalizes them by the training part alone. Classes, categories
    /// and the vocabulary are those of all parts, so that none has one that is not known.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, rows that are too few for the parts: the message names the line
    /// of the recipe and the place in the file.
    pub fn load(&self) -> Result<Loaded> {
        self.check_fold()?;
        let data = &self.settings().data;
        match (&data.task, &data.source) {
            (Task::Language(language), Source::Text(text)) => self.text(language, &text.path),
            (Task::Forecasting(task), source) => self.series(task, source),
            _ => self.rows(),
        }
    }

    /// An error of reading data, with the key that asked for them.
    fn reading<T>(&self, key: &str, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.error(&["data", key], error))
    }

    /// The parts as the model takes them.
    fn finished(&self, cut: Cut, preprocessing: Preprocessing, outputs: usize) -> Result<Loaded> {
        let training = preprocessing.prepared(cut.training)?;
        let prepared = |part: Option<Dataset>| part.map(|part| preprocessing.prepared(part)).transpose();
        let (validation, test) = (prepared(cut.validation)?, prepared(cut.test)?);
        let sizes = Sizes {
            features: training.features().shape()[1..].to_vec(),
            dtype: training.features().dtype(),
            outputs,
            vocabulary: preprocessing.vocabulary.as_ref().map(|_| outputs),
            rows: training.len(),
        };
        Ok(Loaded { training, validation, test, preprocessing, sizes, missing: cut.missing })
    }

    /// The scale of features, by the training part.
    fn scale(&self, features: &Array) -> Result<Option<Scaling>> {
        let layout = if features.shape().rank() > 3 { Layout::Channels } else { Layout::Last };
        let scale = match self.settings().data.normalize {
            Normalize::None => return Ok(None),
            Normalize::Standard => Standardizer::fit_as(features, layout).map(Scaling::Standardize),
            Normalize::MinMax => MinMax::fit(features, layout).map(Scaling::MinMax),
        };
        self.reading("normalize", scale.map(Some))
    }

    /// Deals rows to the parts that have a share; the others get none.
    fn dealt(
        &self,
        shares: &Shares,
        deal: impl FnOnce(&[f64]) -> Result<Vec<Vec<usize>>>,
    ) -> Result<[Vec<usize>; 3]> {
        let shares = [shares.train, shares.validation, shares.test];
        let given: Vec<f64> = shares.into_iter().filter(|&share| share > 0.0).collect();
        let mut parts = self.reading("split", deal(&given))?.into_iter();
        Ok(shares.map(|share| if share > 0.0 { parts.next().unwrap_or_default() } else { Vec::new() }))
    }

    /// The rows of each part of one file.
    fn shared(
        &self,
        split: &Split,
        rows: usize,
        classes: impl FnOnce() -> Result<Vec<usize>>,
    ) -> Result<[Vec<usize>; 3]> {
        let seed = self.settings().training.seed;
        match split {
            Split::Fraction(fraction) if fraction.shuffle => {
                let order = shuffled(rows, seed, 0);
                let drawn = |part: Vec<usize>| part.into_iter().map(|place| order[place]).collect();
                self.dealt(&fraction.shares, |shares| {
                    Ok(split::in_order(rows, shares)?.into_iter().map(drawn).collect())
                })
            }
            Split::Stratified(stratified) => {
                let classes = classes()?;
                self.dealt(&stratified.shares, |shares| split::stratified(&classes, shares, seed))
            }
            split => match split.shares() {
                Some(shares) => self.dealt(shares, |shares| split::in_order(rows, shares)),
                None => Ok([(0..rows).collect(), Vec::new(), Vec::new()]),
            },
        }
    }
}

/// The shares of rows that are cut in their order: without any, all are the training part.
fn in_order(split: &Split) -> Shares {
    match split {
        Split::File(file) => but_for(file.share()),
        split => split.shares().cloned().unwrap_or(but_for(0.0)),
    }
}

/// The shares of a file that is the training part but for a share that is watched.
fn but_for(validation: f64) -> Shares {
    Shares { train: 1.0 - validation, validation, test: 0.0 }
}
