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
}

/// Every `stride`-th window of `length` ids `[n, length]`, and the id behind each, `[n]`, or behind each of its
/// places, `[n, length]`.
///
/// # Errors
/// A length or stride of 0, fewer than `length + 1` ids, or windows that memory cannot hold.
pub fn sequences(ids: &[i32], length: usize, stride: usize, every: bool) -> Result<Dataset> {
    let (features, next) = cut(ids, length, stride)?;
    let n = next.len();
    let targets = match every {
        true => {
            let behind = |window: usize| &ids[window * stride + 1..=window * stride + length];
            Array::i32(&[n, length], (0..n).flat_map(behind).copied().collect::<Vec<i32>>())?
        }
        false => Array::i32(&[n], next)?,
    };
    Dataset::new(Array::i32(&[n, length], features)?, targets)
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
    fn sequences_predict_the_next_characters() {
        let data = sequences(&[0, 1, 2, 3, 0], 2, 2, false).unwrap();
        assert_eq!(data.features(), &Array::i32(&[2, 2], [0, 1, 2, 3]).unwrap());
        assert_eq!(data.targets(), &Array::i32(&[2], [2, 0]).unwrap());
        let data = sequences(&[0, 1, 2, 3, 0], 2, 2, true).unwrap();
        assert_eq!(data.features(), &Array::i32(&[2, 2], [0, 1, 2, 3]).unwrap());
        assert_eq!(data.targets(), &Array::i32(&[2, 2], [1, 2, 3, 0]).unwrap());
        assert!(sequences(&[0, 1], 2, 1, true).unwrap_err().is_input());
        assert!(sequences(&[], 1, 1, false).is_err() && sequences(&[0, 1], 1, 0, true).is_err());
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
