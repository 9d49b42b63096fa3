//! A model as one file, or as two where its parameters are large.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};
use prost::Message;

use crate::proto::{DataLocation, ModelProto, StringStringEntryProto, TensorProto};

/// The most bytes of constants in the model's own file; protocol buffers end at 2 GiB.
pub const LARGEST_FILE: usize = 1_500_000_000;

/// Constants from this many bytes on go into the second file, if there is one.
const LARGE: usize = 1024;

/// Where a constant begins there: whole pages, so that a runtime can map it.
const PAGE: usize = 4096;

/// Writes a model: as `path`, and where its constants are larger than [`LARGEST_FILE`] with those as `path` with
/// `.data` behind it. Each file is there whole or not at all.
///
/// # Errors
/// They cannot be written.
pub fn save(model: ModelProto, path: impl AsRef<Path>) -> Result<()> {
    save_within(model, path, LARGEST_FILE)
}

/// As [`save`], with another limit.
///
/// # Errors
/// Those of [`save`].
pub fn save_within(mut model: ModelProto, path: impl AsRef<Path>, largest: usize) -> Result<()> {
    let path = path.as_ref();
    let tensors = model.graph.as_mut().map(|graph| &mut graph.initializer[..]).unwrap_or_default();
    if tensors.iter().map(size).sum::<usize>() > largest {
        let data = beside(path)?;
        let name = data.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        whole(&data, |file| move_out(tensors, &name, file))?;
    }
    whole(path, |file| file.write_all(&model.encode_to_vec()))
}

fn size(tensor: &TensorProto) -> usize {
    tensor.raw_data.as_ref().map_or(0, Vec::len)
}

fn beside(path: &Path) -> Result<PathBuf> {
    let mut name = path
        .file_name()
        .ok_or_else(|| Error::input(format!("{}: no name of a file", path.display())))?
        .to_owned();
    name.push(".data");
    Ok(path.with_file_name(name))
}

/// Moves large constants into another file.
fn move_out(tensors: &mut [TensorProto], name: &str, file: &mut dyn Write) -> std::io::Result<()> {
    let mut at = 0;
    for tensor in tensors.iter_mut().filter(|tensor| size(tensor) >= LARGE) {
        let bytes = tensor.raw_data.take().unwrap_or_default();
        let start = at + (PAGE - at % PAGE) % PAGE;
        file.write_all(&vec![0; start - at])?;
        file.write_all(&bytes)?;
        at = start + bytes.len();
        let entry =
            |key: &str, value: String| StringStringEntryProto { key: Some(key.into()), value: Some(value) };
        tensor.external_data = vec![
            entry("location", name.to_owned()),
            entry("offset", start.to_string()),
            entry("length", bytes.len().to_string()),
        ];
        tensor.data_location = Some(DataLocation::External.into());
    }
    Ok(())
}

/// Writes a file beside where it shall be, then puts it there.
fn whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<()> {
    let wrong =
        |error: std::io::Error| Error::input(format!("{}: cannot be written: {error}", path.display()));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = (|| {
        let mut file = BufWriter::new(File::create(&part)?);
        write(&mut file)?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&part, path)
    })();
    written.map_err(|error| {
        // The error that matters is the first one.
        let _ = std::fs::remove_file(&part);
        wrong(error)
    })
}
