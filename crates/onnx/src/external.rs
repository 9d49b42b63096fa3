//! Data of tensors that stand in files beside the model.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path};

use anygrad_core::{Error, Result};

use crate::proto::StringStringEntryProto;

/// Where the data of a tensor stand.
pub(crate) struct External {
    location: String,
    offset: u64,
    length: Option<u64>,
}

impl External {
    /// What the entries of a tensor tell.
    ///
    /// # Errors
    /// No location, or a number that is none.
    pub(crate) fn of(entries: &[StringStringEntryProto]) -> Result<Self> {
        let find =
            |key: &str| entries.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.clone());
        let number = |key: &str| -> Result<Option<u64>> {
            find(key)
                .map(|text| {
                    text.parse()
                        .map_err(|_| Error::input(format!("external data: {key} is {text:?}, no number")))
                })
                .transpose()
        };
        let location = find("location").ok_or_else(|| Error::input("external data without a location"))?;
        Ok(External { location, offset: number("offset")?.unwrap_or(0), length: number("length")? })
    }

    /// The bytes, `want` of them.
    ///
    /// # Errors
    /// The file is not inside the model's folder, is missing, or is too short; nothing is read then.
    pub(crate) fn read(&self, folder: Option<&Path>, want: u64) -> Result<Vec<u8>> {
        let location = &self.location;
        let fail = |what: String| Error::input(format!("external data {location:?}: {what}"));
        let Some(folder) = folder else {
            return Err(fail("the model was not loaded from a folder".into()));
        };
        let path = Path::new(location);
        if location.is_empty()
            || !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(fail("only a file inside the model's folder is read".into()));
        }
        // Links are followed here, and may not lead out of the folder either.
        let real = |path: &Path| path.canonicalize().map_err(|error| fail(error.to_string()));
        let (home, file) = (real(folder)?, real(&folder.join(path))?);
        if !file.starts_with(&home) {
            return Err(fail("a link leads out of the model's folder".into()));
        }
        if self.length.is_some_and(|length| length != want) {
            return Err(fail(format!(
                "the tensor takes {want} bytes, the length given is {}",
                self.length.unwrap_or(0)
            )));
        }
        let io = |error: std::io::Error| fail(error.to_string());
        // Before it is opened: opening a pipe waits for somebody to write.
        let metadata = std::fs::metadata(&file).map_err(io)?;
        if !metadata.is_file() {
            return Err(fail("no file".into()));
        }
        let mut file = File::open(file).map_err(io)?;
        if self.offset.checked_add(want).is_none_or(|end| end > metadata.len()) {
            let size = metadata.len();
            return Err(fail(format!(
                "{want} bytes from {} on were asked for, the file has {size}",
                self.offset
            )));
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(io)?;
        let mut bytes = Vec::new();
        file.take(want).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 != want {
            return Err(fail(format!("{want} bytes were asked for, {} came", bytes.len())));
        }
        Ok(bytes)
    }
}
