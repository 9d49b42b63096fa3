//! Sequences of characters.

use anygrad_core::Result;
use anygrad_data::split;
use anygrad_data::text::{self, Vocabulary, sequences};

use super::{Cut, Loaded, in_order};
use crate::data::{Language, Part, Predict, Split};
use crate::preprocessing::Preprocessing;
use crate::reader::Reader;
use crate::recipe::Recipe;

impl Recipe {
    /// Sequences of a text. Its vocabulary is that of the whole file, so that no part has an unknown
    /// character.
    pub(super) fn text(&self, task: &Language, path: &str) -> Result<Loaded> {
        let all = self.reading("path", text::read(self.path(path)))?;
        let vocabulary = Vocabulary::of(&all);
        let ids = vocabulary.encode(&all)?;
        let (length, stride, every) = (task.sequence_length, task.stride, task.predict == Predict::Every);
        let reader = Reader::Text { sequence_length: length, stride, every };
        let characters = vocabulary.characters();
        let preprocessing = Preprocessing {
            reader: Some(reader.clone()),
            classes: characters.iter().map(char::to_string).collect(),
            vocabulary: Some(characters.iter().collect()),
            ..Preprocessing::default()
        };
        let split = self.split();
        let shares = in_order(&split);
        let rows = self.dealt(&shares, |shares| split::in_order(ids.len(), shares))?;
        let rows = self.in_folds(rows, None)?;
        let cut = |rows: &Vec<usize>| {
            let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else { return Ok(None) };
            let data = sequences(&ids[first..=last], length, stride, every);
            self.reading("sequence_length", data).and_then(|data| preprocessing.with_classes(data)).map(Some)
        };
        let file = |key: &str, path: &str| {
            let data = reader.labelled(&self.path(path), Some(&vocabulary));
            let data = data.map_err(|error| self.error(&["data", "split", key], error))?;
            preprocessing.with_classes(data)
        };
        let [training, mut validation, mut test] = [cut(&rows[0])?, cut(&rows[1])?, cut(&rows[2])?];
        let training = training.ok_or_else(|| self.error(&["data", "split"], "nothing is to be learned"))?;
        if let Split::File(split) = &split {
            if let Part::File(path) = &split.validation {
                validation = Some(file("validation", path)?);
            }
            test = split.test.as_ref().map(|path| file("test", path)).transpose()?;
        }
        let outputs = characters.len();
        let cut = Cut { training, validation, test, missing: None };
        self.finished(cut, preprocessing.clone(), outputs)
    }
}
