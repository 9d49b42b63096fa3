//! The rows that are explained, as the model takes them.

use std::path::Path;

use anygrad_core::{Array, Error, Result};
use anygrad_data::Dataset;
use anygrad_recipe::Loaded;

/// Rows, and what their columns are called.
pub(super) struct Rows {
    /// As the model takes them.
    pub features: Array,
    /// As the loss takes them, where they were asked for.
    pub targets: Option<Array>,
    /// A name for each column of the last axis.
    pub columns: Vec<String>,
    /// Where they come from.
    pub source: String,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.features.shape().first().copied().unwrap_or(0)
    }

    /// Those of a file, which has targets where they are asked for; else those of a part.
    pub(super) fn read(loaded: &Loaded, file: Option<&Path>, with_targets: bool) -> Result<Self> {
        let of = |data: &Dataset| (data.features().clone(), Some(data.targets().clone()));
        let ((features, targets), source) = match (file, &loaded.test, &loaded.validation) {
            (Some(file), ..) if with_targets => {
                (of(&loaded.preprocessing.labelled(file)?), file.display().to_string())
            }
            (Some(file), ..) => ((loaded.preprocessing.features(file)?, None), file.display().to_string()),
            (None, Some(test), _) => (of(test), "the test part".to_owned()),
            (None, None, Some(validation)) => (of(validation), "the validation part".to_owned()),
            (None, None, None) => (of(&loaded.training), "the training part".to_owned()),
        };
        let (found, wanted) = (features.shape(), &loaded.sizes.features);
        if found[1..] != wanted[..] {
            let message = format!("{source}: rows of {:?}, the model takes {wanted:?}", &found[1..]);
            return Err(Error::shape(message));
        }
        let count = found.last().copied().unwrap_or(1);
        let names = loaded.preprocessing.feature_names();
        let numbered = || (0..count).map(|column| format!("column {column}")).collect();
        let columns = if names.len() == count { names } else { numbered() };
        Ok(Rows { features, targets, columns, source })
    }
}
