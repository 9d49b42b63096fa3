//! What was learned of the data before training, so that a prediction can do the same.

use std::path::Path;

use anygrad_core::{Array, Error, Result};
use anygrad_data::text::Vocabulary;
use anygrad_data::{Dataset, Scaling};
use serde::{Deserialize, Serialize};

use crate::reader::Reader;

/// What was learned of the data: it stands beside a trained model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// How files are read; none where the data were generated.
    #[serde(default)]
    pub reader: Option<Reader>,
    /// What is done to features.
    pub features: Option<Scaling>,
    /// What was done to targets, and is undone in predictions.
    pub targets: Option<Scaling>,
    /// The form in which the loss takes targets.
    #[serde(default)]
    pub form: Form,
    /// The name of each class, where there are classes.
    pub classes: Vec<String>,
    /// The characters of a text in the order of their numbers, where it is one.
    pub vocabulary: Option<String>,
}

/// The form in which a loss takes targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As they are read.
    #[default]
    Plain,
    /// Classes as shares: 1 for the class of a row and 0 for the others.
    Shares,
    /// No and yes as -1 and 1.
    Signs,
}

impl Preprocessing {
    /// The features of new data, as the model takes them. Targets need not be there.
    ///
    /// | trained on | takes |
    /// | --- | --- |
    /// | a table | a table with the columns of the features, in any order |
    /// | a series | a table; each window that fits is a row, the last ends with the last row of the table |
    /// | images | an image, or a folder of them: a row each, by name |
    /// | idx | an IDX file of images |
    /// | npy, npz | an `.npy` file of features, or an `.npz` archive that holds them under their name |
    /// | text | a text; every sequence at the recipe's stride is a row |
    ///
    /// # Errors
    /// The file cannot be read, or is not as the one that was learned: the message names the file, the place in
    /// it and what stands there.
    pub fn features(&self, path: impl AsRef<Path>) -> Result<Array> {
        let vocabulary = self.vocabulary().ok();
        self.apply(&self.reader()?.features(path.as_ref(), vocabulary.as_ref())?)
    }

    /// New data with targets, as training takes them. Rows that lack a value are left out where training left
    /// such out. A folder in the form of MNIST is its test part, or all there is; arrays stand in one `.npz`.
    ///
    /// # Errors
    /// Those of [`Preprocessing::features`], and a target that is none of the classes that were learned.
    pub fn labelled(&self, path: impl AsRef<Path>) -> Result<Dataset> {
        let (path, vocabulary) = (path.as_ref(), self.vocabulary().ok());
        let data = self.reader()?.labelled(path, vocabulary.as_ref())?;
        let named = |error: Error| error.context(path.display());
        self.prepared(self.with_classes(data).map_err(named)?).map_err(named)
    }

    /// The names of the features of a table, as of a column or of `column=word`; none of other formats.
    pub fn feature_names(&self) -> Vec<String> {
        self.reader.as_ref().map(Reader::feature_names).unwrap_or_default()
    }

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

    fn reader(&self) -> Result<&Reader> {
        self.reader.as_ref().ok_or_else(|| Error::input("the data were generated: no file is like them"))
    }

    /// Data whose classes have the names that were learned.
    pub(crate) fn with_classes(&self, data: Dataset) -> Result<Dataset> {
        if self.classes.is_empty() { Ok(data) } else { data.with_classes(self.classes.clone()) }
    }

    /// Rows as they were read, as training takes them.
    pub(crate) fn prepared(&self, mut data: Dataset) -> Result<Dataset> {
        if let Some(scale) = &self.features {
            data = data.map_features(|features| scale.apply(features))?;
        }
        if let Some(scale) = &self.targets {
            data = data.map_targets(|targets| scale.apply(targets))?;
        }
        let (rows, classes) = (data.len(), self.classes.len());
        match self.form {
            Form::Plain => Ok(data),
            // Shares of the classes are no class numbers: their names stay here.
            Form::Shares => data.map_targets(|targets| {
                let mut shares = vec![0.0; rows * classes];
                for (row, class) in targets.to_f64().into_iter().enumerate() {
                    shares[row * classes + class as usize] = 1.0;
                }
                Array::f32(&[rows, classes], shares)
            }),
            Form::Signs => data.map_targets(|targets| {
                let signs: Vec<f32> = targets.as_f32()?.iter().map(|t| 2.0 * t - 1.0).collect();
                Array::f32(&targets.shape(), signs)
            }),
        }
    }
}
