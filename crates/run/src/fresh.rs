//! New data for a trained model, in the format of its recipe.

use std::path::Path;

use anygrad_core::{Array, Error, Result};
use anygrad_data::Dataset;

use crate::Saved;

impl Saved {
    /// Features of new data, as the model takes them. Targets need not be there.
    ///
    /// # Errors
    /// Those of [`Preprocessing::features`](anygrad_recipe::Preprocessing::features); rows of another size
    /// than the model was trained on.
    pub fn features(&self, path: &Path) -> Result<Array> {
        let features = self.preprocessing.features(path)?;
        let row = &features.shape()[1..];
        if row != &self.sizes.features[..] {
            return Err(Error::input(format!(
                "{}: rows of {row:?} numbers, the model was trained on rows of {:?}",
                path.display(),
                self.sizes.features
            )));
        }
        Ok(features)
    }

    /// New data with their targets, for figures.
    ///
    /// # Errors
    /// Those of [`Preprocessing::labelled`](anygrad_recipe::Preprocessing::labelled).
    pub fn labelled(&self, path: &Path) -> Result<Dataset> {
        self.preprocessing.labelled(path)
    }
}
