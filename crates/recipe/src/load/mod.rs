//! From a recipe to rows in parts: the one place where formats, splits and normalisation are wired to
//! `anygrad-data`.

mod rows;
mod series;
mod table;
mod text;

use anygrad_core::{Array, Result};
use anygrad_data::Dataset;

use crate::build::Sizes;
use crate::data::{Normalize, Source, Split, Task};
use crate::preprocessing::{Preprocessing, Scale};
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
}

/// Training, validation and test part.
type Cut<T> = (T, Option<T>, Option<T>);

impl Recipe {
    /// Reads the data, cuts them into parts and normalizes them by the training part alone.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, rows that are too few for the parts, something that this
    /// build does not offer: the message names the line of the recipe and the place in the file.
    pub fn load(&self) -> Result<Loaded> {
        let data = &self.settings().data;
        let loaded = match (&data.task, &data.source) {
            (Task::Language(language), Source::Text(text)) => self.text(language, &text.path)?,
            (Task::Forecasting(_), _) => self.series()?,
            _ => self.rows()?,
        };
        Ok(loaded)
    }

    /// What this build does not offer yet.
    fn unavailable<T>(&self, path: &[&str], what: &str) -> Result<T> {
        Err(self.error(path, format!("{what} is not available in this build")))
    }

    /// An error of reading data, with the key that asked for them.
    fn reading<T>(&self, key: &str, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.error(&["data", key], error))
    }

    fn scale(&self, features: &Array, one_for_all: bool) -> Result<Option<Scale>> {
        let scale = match self.settings().data.normalize {
            Normalize::None => return Ok(None),
            Normalize::Standard => Scale::standard(features, one_for_all),
            Normalize::MinMax => Scale::min_max(features, one_for_all),
        };
        self.reading("normalize", scale.map(Some))
    }

    /// How many rows each part has.
    fn counts(&self, split: &Split, rows: usize) -> Result<[usize; 3]> {
        let Some(shares) = split.shares() else { return Ok([rows, 0, 0]) };
        let shares = [shares.train, shares.validation, shares.test];
        let (mut reached, mut begin) = (0.0, 0);
        let counts = shares.map(|share| {
            reached += share;
            let end = ((reached * rows as f64).round() as usize).min(rows);
            let count = if share > 0.0 { end.saturating_sub(begin) } else { 0 };
            begin += count;
            count
        });
        if counts.iter().zip(shares).any(|(&count, share)| count == 0 && share > 0.0) {
            let message = format!("{rows} rows make parts of {counts:?} rows: each needs one");
            return Err(self.error(&["data", "split"], message));
        }
        Ok(counts)
    }
}
