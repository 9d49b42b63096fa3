//! Text, character by character.

use std::path::Path;

use anygrad_core::{Array, Error, Result};

use crate::Dataset;
use crate::file::read_file;
use crate::windows::windows as cut;

/// The text of a file.
///
/// # Errors
/// The file cannot be read, is empty, or is not UTF-8 (with the line).
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let (path, bytes) = (path.as_ref().display(), read_file(path.as_ref())?);
    if bytes.is_empty() {
        return Err(Error::input(format!("{path}: the file is empty")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count();
        Error::input(format!("{path}: line {line}: byte {valid} of the file is not UTF-8"))
    })
}

/// The characters of a text, sorted; a character's id is its place among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    characters: Vec<char>,
}

impl Vocabulary {
    /// The characters that occur in a text.
    pub fn of(text: &str) -> Self {
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        Vocabulary { characters }
    }

    /// The characters, in the order of their ids.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// The id of each character of a text.
    ///
    /// # Errors
    /// A character is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<i32>> {
        let id = |(place, c): (usize, char)| match self.characters.binary_search(&c) {
            Ok(id) => Ok(id as i32),
            Err(_) => Err(Error::input(format!(
                "character {place}, {c:?}, is none of the {} in the vocabulary",
                self.characters.len()
            ))),
        };
        text.chars().enumerate().map(id).collect()
    }

    /// The text of some ids.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    pub fn decode(&self, ids: &[i32]) -> Result<String> {
        let character = |&id: &i32| {
            let found = usize::try_from(id).ok().and_then(|id| self.characters.get(id)).copied();
            found.ok_or_else(|| {
                Error::input(format!("id {id} is none of the {} in the vocabulary", self.characters.len()))
            })
        };
        ids.iter().map(character).collect()
    }

    /// Every `stride`-th window of `width` characters of a text, to predict the next one: features
    /// `[n, width]` and targets `[n]`, ids as `i32`. The classes are the characters.
    ///
    /// # Errors
    /// A character is not in the vocabulary, a width or stride of 0, or a text of fewer than
    /// `width + 1` characters.
    pub fn windows(&self, text: &str, width: usize, stride: usize) -> Result<Dataset> {
        let (inputs, next) = cut(&self.encode(text)?, width, stride)?;
        let n = next.len();
        Dataset::new(Array::i32(&[n, width], inputs)?, Array::i32(&[n], next)?)?
            .with_classes(self.characters.iter().map(char::to_string).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_from_its_ids() {
        let vocabulary = Vocabulary::of("hello, wörld");
        let ids = vocabulary.encode("wörld").unwrap();
        assert_eq!(vocabulary.decode(&ids).unwrap(), "wörld");
        let error = vocabulary.encode("hex").unwrap_err().to_string();
        assert_eq!(error, "character 2, 'x', is none of the 10 in the vocabulary");
        assert!(vocabulary.decode(&[-1]).is_err() && vocabulary.decode(&[10]).is_err());
    }

    #[test]
    fn windows_predict_the_next_character() {
        let data = Vocabulary::of("abcd").windows("abcda", 2, 2).unwrap();
        assert_eq!(data.features(), &Array::i32(&[2, 2], [0, 1, 2, 3]).unwrap());
        assert_eq!(data.targets(), &Array::i32(&[2], [2, 0]).unwrap());
        assert_eq!(data.classes()[3], "d");
        assert!(Vocabulary::of("ab").windows("ab", 2, 1).unwrap_err().is_input());
        assert!(Vocabulary::of("").windows("", 1, 1).is_err());
    }

    #[test]
    fn a_file_that_is_not_text_is_an_error_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, b"ab\nc\xffd").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.ends_with("a.txt: line 2: byte 4 of the file is not UTF-8"), "{error}");
        std::fs::write(&path, b"").unwrap();
        assert!(read(&path).is_err() && read(folder.path()).is_err());
        assert!(read(folder.path().join("none")).unwrap_err().is_input());
        std::fs::write(&path, "a\u{e9}").unwrap();
        assert_eq!(read(&path).unwrap(), "aé");
    }
}
