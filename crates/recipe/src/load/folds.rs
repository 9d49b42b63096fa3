//! Folds in the place of the parts for training and validation. The test part stays what it is.

use anygrad_core::{Error, Result};
use anygrad_data::{Dataset, shuffled, split};

use crate::data::{File, Part, Shares, Split};
use crate::recipe::Recipe;

/// Which part of the data is held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fold {
    number: usize,
    of: usize,
}

impl Recipe {
    /// This recipe with one of several folds as the validation part, counted from 0, and the others as the
    /// training part: what both of them were before is cut anew, the test part stays out.
    ///
    /// Classes have their share of the rows of each fold. Rows in time are cut into one block more than there are
    /// folds; each but the first is held out once, with all before it to train on. The rows depend on the
    /// seed of the recipe alone.
    ///
    /// # Errors
    /// Fewer than 2 folds, or no such fold.
    pub fn fold(&self, number: usize, of: usize) -> Result<Self> {
        if of < 2 || number >= of {
            return Err(Error::input(format!(
                "fold {number} of {of}: takes at least 2 folds, counted from 0"
            )));
        }
        let mut recipe = self.clone();
        recipe.fold = Some(Fold { number, of });
        Ok(recipe)
    }

    /// The rows of the parts, those of training and validation cut anew where this is a fold: rows in time without
    /// `data`.
    pub(super) fn in_folds(&self, rows: [Vec<usize>; 3], data: Option<&Dataset>) -> Result<[Vec<usize>; 3]> {
        let Some(Fold { number, of }) = self.fold else { return Ok(rows) };
        let [training, validation, test] = rows;
        let rows = [training, validation].concat();
        let seed = self.settings().training.seed;
        let folds = match (self.split(), data) {
            (Split::Time(_), _) | (_, None) => split::expanding_folds(rows.len(), of, 0),
            (_, Some(data)) => match self.classes_of(data, &rows) {
                Some(classes) => split::stratified_folds(&classes, of, seed),
                None => split::folds(&shuffled(rows.len(), seed, 0), of),
            },
        };
        let (training, held) = self.reading("split", folds)?.swap_remove(number);
        let picked = |places: Vec<usize>| places.into_iter().map(|place| rows[place]).collect();
        Ok([picked(training), picked(held), test])
    }

    /// The class of each of some rows; none where there are no classes, or several truth values for a row.
    fn classes_of(&self, data: &Dataset, rows: &[usize]) -> Option<Vec<usize>> {
        let of_all = match self.settings().data.task.is_of_classes() {
            true => data.class_of_rows().ok()?,
            false => return None,
        };
        Some(rows.iter().map(|&row| of_all[row]).collect())
    }

    /// The shares of a series of so many rows, of which a fold takes the first ones. It has no test part: that is
    /// where the recipe has it.
    pub(super) fn shares_in_folds(&self, shares: &Shares, rows: usize) -> Result<Shares> {
        if self.fold.is_none() {
            return Ok(shares.clone());
        }
        let parts = self.dealt(shares, |shares| split::in_order(rows, shares))?;
        let [training, held, _] = self.in_folds(parts, None)?;
        let share = |part: Vec<usize>| part.len() as f64 / rows as f64;
        Ok(Shares { train: share(training), validation: share(held), test: 0.0 })
    }

    /// Folds cut what is trained on; a file for validation alone would be left unread.
    pub(super) fn check_fold(&self) -> Result<()> {
        match (self.fold, self.split()) {
            (Some(_), Split::File(File { validation: Part::File(_), .. })) => Err(self.error(
                &["data", "split", "validation"],
                "folds are cut from the training file: give a share, as validation = 0",
            )),
            _ => Ok(()),
        }
    }
}
