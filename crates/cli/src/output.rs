//! What the command writes. A closed pipe or a full disk is an error, not a panic.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use anygrad::core::{Error, Result};
use serde::Serialize;

/// Writes a line to standard output.
pub(crate) fn line(text: impl Display) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| Error::input(format!("standard output: {error}"))),
    }
}

/// Writes an error to standard error. There is nowhere left to say that this failed.
pub(crate) fn error(error: &Error) {
    let _ = writeln!(io::stderr().lock(), "error: {error}");
}

/// A value as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(format!("JSON: {error}")))
}

/// Writes a file whole or not at all.
pub(crate) fn file(path: &Path, text: &str) -> Result<()> {
    anygrad_examples::files::write_whole(path, text.as_bytes())
}
