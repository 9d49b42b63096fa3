//! A log of what happened in a run, in which a changed byte is found.
//!
//! `audit.jsonl` holds a JSON object a line (see `line.rs` and `docs/security.md`); each holds the hash of the line
//! before. [`check`] tells which line is not as it was written. The last line's number and hash, the
//! [`Head`], go into each checkpoint ([`Head::note`]), so that lines cut from the end are missed too.
//! [`check_run`] holds log and checkpoints of a run's folder against each other.
//!
//! ```
//! use anygrad_store::audit::{AuditLog, Event, check};
//! use std::time::SystemTime;
//!
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("audit.jsonl");
//! let mut log = AuditLog::open(&path)?;
//! let data = serde_json::json!({ "recipe": "cnn.toml", "seed": 7 });
//! let head = log.append(&Event { time: SystemTime::now(), who: "anna", kind: "start", data })?;
//! let checked = check(&path)?;
//! assert!(checked.faults.is_empty());
//! assert_eq!(checked.head(), Some(head));
//! # Ok::<(), anygrad_core::Error>(())
//! ```

mod check;
mod line;
mod run;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use anygrad_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::check::{Checked, Fault, Torn, check};
pub use self::line::Line;
pub use self::line::utc;
pub use self::run::{AUDIT, CHECKPOINT, CHECKPOINTS, RESUME, RunChecked, check_run};
use crate::digest::{DIGITS, unhex};
use crate::durable::{parent, sync_folder};
use crate::files::cannot_write;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// When; seconds are kept.
    pub time: SystemTime,
    /// Who ran the program; see [`user`].
    pub who: &'a str,
    /// What, in a word: `start`, `end`, [`CHECKPOINT`], [`RESUME`].
    pub kind: &'a str,
    /// What belongs to it.
    pub data: Value,
}

/// The last line of a log at some time: its number and its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The number of the line, from 1.
    pub line: u64,
    /// The hash of the line, in hexadecimal.
    pub hash: String,
}

impl Head {
    /// Where a checkpoint's metadata hold a head.
    const KEY: &'static str = "audit";

    /// Notes the head in the metadata of a checkpoint.
    ///
    /// # Errors
    /// The metadata are neither `null` nor an object.
    pub fn note(&self, meta: &mut Value) -> Result<()> {
        if meta.is_null() {
            *meta = json!({});
        }
        let Some(object) = meta.as_object_mut() else {
            return Err(Error::input("the metadata of the checkpoint are no object: a log cannot be noted"));
        };
        object.insert(Self::KEY.to_owned(), json!({ "line": self.line, "hash": self.hash }));
        Ok(())
    }

    /// The head in the metadata of a checkpoint, if one was noted.
    ///
    /// # Errors
    /// What stands there is no head.
    pub fn noted(meta: &Value) -> Result<Option<Self>> {
        let Some(noted) = meta.get(Self::KEY) else { return Ok(None) };
        Self::deserialize(noted)
            .map(Some)
            .map_err(|error| Error::input(format!("what the checkpoint notes of the audit log: {error}")))
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.hash)
    }
}

impl FromStr for Head {
    type Err = Error;

    /// As it is displayed: `LINE:HASH`.
    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (line, hash) = text.split_once(':')?;
            unhex::<32>(hash)?;
            Some(Head { line: line.parse().ok()?, hash: hash.to_owned() })
        };
        parse().ok_or_else(|| Error::input(format!("{text:?} is no LINE:HASH of an audit log")))
    }
}

/// A log that is written to. One process writes to a log at a time.
#[derive(Debug)]
pub struct AuditLog {
    file: File,
    path: PathBuf,
    /// Bytes of whole lines: where the next one goes.
    end: u64,
    head: Option<Head>,
    /// A line that was not finished, to be repaired before the next one.
    torn: Option<Torn>,
}

impl AuditLog {
    /// Opens a log and checks it; an empty one is made where none is.
    ///
    /// # Errors
    /// The file cannot be read or made, or was tampered with: the message names the first line.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || {
            std::fs::create_dir_all(parent(path))?;
            let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            sync_folder(parent(path))?;
            Ok(file)
        };
        let file = open().map_err(|error| cannot_write(path, &error))?;
        let mut log = AuditLog { file, path: path.to_owned(), end: 0, head: None, torn: None };
        log.reload()?;
        Ok(log)
    }

    /// The last line.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Writes a line, and returns when it is durable. A last line that a killed process did not finish
    /// is removed first, and a line of kind `repair` says so.
    ///
    /// # Errors
    /// The file cannot be written, or was tampered with since it was opened.
    pub fn append(&mut self, event: &Event<'_>) -> Result<Head> {
        let length = self.file.metadata().map_err(|error| cannot_write(&self.path, &error))?.len();
        if length != self.end {
            self.reload()?;
        }
        if let Some(torn) = self.torn.take() {
            self.repair(torn).map_err(|error| cannot_write(&self.path, &error))?;
            let data = json!({ "bytes": torn.bytes, "kept": torn.complete });
            self.write(&Event { kind: "repair", data, ..event.clone() })?;
        }
        self.write(event)
    }

    /// Ends a line that lacks only its line feed; removes any other that was not finished.
    fn repair(&mut self, torn: Torn) -> io::Result<()> {
        if torn.complete {
            self.file.write_all(b"\n")?;
            self.end = torn.at + torn.bytes + 1;
        } else {
            self.file.set_len(torn.at)?;
            self.end = torn.at;
        }
        Ok(())
    }

    fn write(&mut self, event: &Event<'_>) -> Result<Head> {
        let line = Line {
            line: self.head.as_ref().map_or(1, |head| head.line + 1),
            time: utc(event.time),
            who: event.who.to_owned(),
            kind: event.kind.to_owned(),
            data: event.data.clone(),
            previous: self.head.as_ref().map_or_else(|| "0".repeat(DIGITS), |head| head.hash.clone()),
            hash: String::new(),
        };
        let (mut text, hash) = line.render()?;
        text.push('\n');
        // One call for the whole line; what a full disk takes of it is torn, and repaired next time.
        let mut write = || {
            self.file.write_all(text.as_bytes())?;
            self.file.sync_data()
        };
        write().map_err(|error| cannot_write(&self.path, &error))?;
        self.end += text.len() as u64;
        let head = Head { line: line.line, hash };
        self.head = Some(head.clone());
        Ok(head)
    }

    /// Reads the state of the file.
    fn reload(&mut self) -> Result<()> {
        let bytes = std::fs::read(&self.path)
            .map_err(|error| Error::input(format!("{}: cannot be read: {error}", self.path.display())))?;
        let checked = check::check_bytes(&bytes);
        if let Some(fault) = checked.faults.first() {
            return Err(Error::input(format!(
                "{}: {fault}; a log that was tampered with is not written on: move it away",
                self.path.display()
            )));
        }
        self.head = checked.head();
        self.torn = checked.torn;
        if let Some(torn) = checked.torn.filter(|torn| torn.complete) {
            // The line stands, only its line feed is missing.
            let tail = Line::parse(&bytes[torn.at as usize..]).map_err(Error::internal)?;
            self.head = Some(Head { line: tail.line, hash: tail.hash });
        }
        self.end = bytes.len() as u64 - checked.torn.map_or(0, |torn| torn.bytes);
        Ok(())
    }
}

/// The name of who runs this program, as the system tells it; `unknown` where it does not.
pub fn user() -> String {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(named).unwrap_or_else(|| "unknown".to_owned())
}
