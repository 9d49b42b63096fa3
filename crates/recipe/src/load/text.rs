//! Sequences of characters.

use anygrad_core::{Array, DType, Result};
use anygrad_data::Dataset;
use anygrad_data::text::{self, Vocabulary};

use super::Loaded;
use crate::build::Sizes;
use crate::data::{Language, Part, Predict, Split};
use crate::preprocessing::Preprocessing;
use crate::recipe::Recipe;

impl Recipe {
    /// Sequences of a text. Its vocabulary is that of the whole file, so that no part has an unknown
    /// character.
    pub(super) fn text(&self, task: &Language, path: &str) -> Result<Loaded> {
        let read = |path: &str| self.reading("path", text::read(self.path(path)));
        let all = read(path)?;
        let vocabulary = Vocabulary::of(&all);
        let ids = vocabulary.encode(&all)?;
        let of_file = |path: &str| {
            let ids = vocabulary.encode(&read(path)?);
            ids.map_err(|error| self.error(&["data", "split"], format!("{path}: {error}")))
        };
        let (train, validation, test) = match self.split() {
            Split::File(split) => {
                let (train, validation) = match &split.validation {
                    Part::Share(share) => {
                        let border = ((1.0 - share) * ids.len() as f64).round() as usize;
                        (ids[..border].to_vec(), (border < ids.len()).then(|| ids[border..].to_vec()))
                    }
                    Part::File(path) => (ids, Some(of_file(path)?)),
                };
                (train, validation, split.test.as_deref().map(of_file).transpose()?)
            }
            split => {
                let [train, validation, test] = self.counts(&split, ids.len())?;
                let part = |from: usize, count: usize| (count > 0).then(|| ids[from..from + count].to_vec());
                (ids[..train].to_vec(), part(train, validation), part(train + validation, test))
            }
        };
        let sequences = |ids: Vec<i32>| self.sequences(&ids, task, &vocabulary);
        let training = sequences(train)?;
        let (validation, test) = (validation.map(sequences).transpose()?, test.map(sequences).transpose()?);
        let characters = vocabulary.characters();
        let sizes = Sizes {
            features: vec![task.sequence_length],
            dtype: DType::I32,
            outputs: characters.len(),
            vocabulary: Some(characters.len()),
            rows: training.len(),
        };
        let preprocessing = Preprocessing {
            classes: characters.iter().map(char::to_string).collect(),
            vocabulary: Some(characters.iter().collect()),
            ..Preprocessing::default()
        };
        Ok(Loaded { training, validation, test, preprocessing, sizes })
    }

    /// Sequences `[n, length]`, and the character behind each `[n]`, or behind each place `[n, length]`.
    fn sequences(&self, ids: &[i32], task: &Language, vocabulary: &Vocabulary) -> Result<Dataset> {
        let length = task.sequence_length;
        if ids.len() <= length {
            let message = format!("{length} characters and the next do not fit in a part of {}", ids.len());
            return Err(self.error(&["data", "sequence_length"], message));
        }
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for begin in (0..ids.len() - length).step_by(task.stride) {
            let end = begin + length;
            features.extend_from_slice(&ids[begin..end]);
            match task.predict {
                Predict::Next => targets.push(ids[end]),
                Predict::Every => targets.extend_from_slice(&ids[begin + 1..=end]),
            }
        }
        let rows = features.len() / length;
        let sizes: &[usize] = match task.predict {
            Predict::Next => &[rows],
            Predict::Every => &[rows, length],
        };
        Dataset::new(Array::i32(&[rows, length], features)?, Array::i32(sizes, targets)?)?
            .with_classes(vocabulary.characters().iter().map(char::to_string).collect())
    }
}
