//! What the command writes. A closed pipe or a full disk is an error, not a panic.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

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

/// What the shell is told of a program whose output was closed: 128 and the number of the signal.
const CLOSED: u8 = 141;

/// As [`line()`], where something is under way that must not end with the output: a closed pipe is an error, too.
pub(crate) fn try_line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// The exit code of what ended because it could not write to standard output.
pub(crate) fn code_of(error: &io::Error) -> ExitCode {
    ExitCode::from(if error.kind() == io::ErrorKind::BrokenPipe { CLOSED } else { 2 })
}

/// Writes a line to standard error, which is for people: nothing depends on whether they read it.
pub(crate) fn aside(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes an error to standard error. There is nowhere left to say that this failed.
pub(crate) fn error(error: &Error) {
    aside(format_args!("error: {error}"));
}

/// A value as JSON on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(format!("JSON: {error}")))
}

/// Writes a file whole or not at all.
pub(crate) fn file(path: &Path, text: &str) -> Result<()> {
    anygrad_examples::files::write_whole(path, text.as_bytes())
}
