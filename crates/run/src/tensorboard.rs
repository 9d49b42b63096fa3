//! Event files for TensorBoard.
//!
//! A file is records one behind the other, each an `Event` of TensorFlow's `event.proto` and `summary.proto` (the
//! fields that are written here) in the framing of TFRecord:
//!
//! ```text
//! length of the event: u64   its checksum: u32   the event   its checksum: u32        all little-endian
//! checksum = rotate_right(crc32c(bytes), 15) + 0xa282ead8
//! ```

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anygrad_core::{Error, Result};
use anygrad_nn::{Epoch, Scores};
use prost::{Message, Oneof};

/// The folder of the event files within that of a run.
pub const TENSORBOARD: &str = "tensorboard";

/// Added to a checksum, so that one of bytes with checksums in them is no special case.
const MASK: u32 = 0xA282_EAD8;
/// The version of the format, which the first event of a file tells.
const VERSION: &str = "brain.Event:2";
/// `SessionLog.START`: events of this step and later ones that were written before count no longer.
const START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    /// One of a group of forms; a form that is set is written, also where it is 0.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// The event files of a run: one for each part that has figures. The file of a part is new with each start, so that
/// nothing is written into one that a killed process may have left torn.
pub(crate) struct TensorBoard {
    folder: PathBuf,
    train: Option<EventFile>,
    validation: Option<EventFile>,
}

impl TensorBoard {
    pub(crate) fn new(folder: PathBuf) -> Self {
        TensorBoard { folder, train: None, validation: None }
    }

    /// The figures of an epoch, under the names that Keras gives them: the learning rate stands beside those of
    /// training.
    pub(crate) fn epoch(&mut self, epoch: &Epoch) -> Result<()> {
        let lr = epoch.lr.map(|lr| ("learning_rate", lr));
        let validation =
            epoch.validation.as_ref().map(|scores| (&mut self.validation, "validation", scores, None));
        for (file, part, scores, more) in
            [Some((&mut self.train, "train", &epoch.train, lr)), validation].into_iter().flatten()
        {
            let file = match file {
                Some(file) => file,
                None => file.insert(EventFile::new(&self.folder.join(part), epoch.number)?),
            };
            let values = figures(scores)
                .chain(more)
                .map(|(name, x)| Value { tag: format!("epoch_{name}"), simple_value: Some(x as f32) });
            file.write(epoch.number, What::Summary(Summary { values: values.collect() }))?;
        }
        Ok(())
    }

    /// That all epochs after this one come again.
    pub(crate) fn back_to(&mut self, epochs: u64) -> Result<()> {
        let mut files = [&mut self.train, &mut self.validation].into_iter().flatten();
        files.try_for_each(|file| file.start(epochs + 1))
    }
}

fn figures(scores: &Scores) -> impl Iterator<Item = (&str, f64)> {
    std::iter::once(("loss", scores.loss)).chain(scores.metrics.iter().map(|(name, x)| (name.as_str(), *x)))
}

struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// A new file behind those of a folder, from an epoch on. TensorBoard reads them by name.
    fn new(folder: &Path, epoch: u64) -> Result<Self> {
        let cannot =
            |path: &Path, error| Error::input(format!("{}: cannot be made: {error}", path.display()));
        std::fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
        let seconds = now() as u64;
        let mut number = 0;
        loop {
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.{number:04}"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let mut file = EventFile { file, path };
                    file.write(0, What::FileVersion(VERSION.to_owned()))?;
                    file.start(epoch)?;
                    return Ok(file);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(cannot(&path, error)),
            }
        }
    }

    /// That what was written before of this step and later ones counts no longer.
    fn start(&mut self, step: u64) -> Result<()> {
        self.write(step, What::SessionLog(SessionLog { status: START }))
    }

    fn write(&mut self, step: u64, what: What) -> Result<()> {
        let event = Event { wall_time: now(), step: step as i64, what: Some(what) };
        let written = self.file.write_all(&record(&event.encode_to_vec()));
        written.map_err(|error| Error::input(format!("{}: cannot be written: {error}", self.path.display())))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn record(event: &[u8]) -> Vec<u8> {
    let length = (event.len() as u64).to_le_bytes();
    [&length, &checksum(&length).to_le_bytes()[..], event, &checksum(event).to_le_bytes()].concat()
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_as_tensorflow_writes_it() {
        // The first record of every event file but for its time: `tf.io.TFRecordWriter` gave these bytes.
        let event = Event { wall_time: 1.5, step: 0, what: Some(What::FileVersion(VERSION.to_owned())) };
        let bytes = event.encode_to_vec();
        assert_eq!(bytes, [&[9, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F, 26, 13][..], VERSION.as_bytes()].concat());
        let record = record(&bytes);
        assert_eq!(record.len(), 8 + 4 + 24 + 4);
        assert_eq!(record[..12], [24, 0, 0, 0, 0, 0, 0, 0, 163, 127, 75, 34]);
    }

    #[test]
    fn a_figure_of_zero_is_written() {
        let value = Value { tag: "a".into(), simple_value: Some(0.0) };
        assert_eq!(value.encode_to_vec(), [10, 1, b'a', 21, 0, 0, 0, 0]);
    }
}
