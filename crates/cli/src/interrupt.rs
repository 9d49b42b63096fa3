//! Ctrl-C: what runs ends between two steps; a second one ends the program at once.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anygrad::core::{Error, Result};

/// What the shell is told of a program that Ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// Sets the flag on Ctrl-C.
pub(crate) fn listen(stop: Arc<AtomicBool>) -> Result<()> {
    let handler = move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Error::internal(format!("Ctrl-C cannot be heard: {error}")))
}

/// The exit code of what was stopped.
pub(crate) fn code() -> ExitCode {
    ExitCode::from(INTERRUPTED)
}
