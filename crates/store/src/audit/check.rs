//! Whether a log is as it was written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anygrad_core::{Error, Result};

use super::Head;
use super::line::{Line, could_begin};
use crate::digest::DIGITS;

/// Something in a log that is not as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// The end of a log whose writer was stopped in the middle of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Torn {
    /// Where the line begins in the file.
    pub at: u64,
    /// How many bytes of it are there.
    pub bytes: u64,
    /// Whether only its line feed is missing.
    pub complete: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The lines that are whole and say what their hash says.
    pub lines: Vec<Line>,
    /// Everything that was tampered with. Empty if the log holds.
    pub faults: Vec<Fault>,
    /// A last line that was not finished: no fault, a killed process leaves it.
    pub torn: Option<Torn>,
}

impl Checked {
    /// The last line: what a later check can be held against.
    pub fn head(&self) -> Option<Head> {
        self.lines.last().map(|line| Head { line: line.line, hash: line.hash.clone() })
    }

    /// Says what is wrong if the log does not hold a line that it held once.
    pub fn lacks(&self, head: &Head) -> Option<String> {
        match self.lines.iter().find(|line| line.line == head.line) {
            Some(line) if line.hash == head.hash => None,
            Some(line) => Some(format!(
                "line {} was rewritten: its hash was {}, it is {}",
                head.line, head.hash, line.hash
            )),
            None => Some(format!(
                "the log was cut: it held line {}, the last one now is {}",
                head.line,
                self.head().map_or(0, |head| head.line)
            )),
        }
    }
}

/// Checks a log.
///
/// Every changed, missing, swapped or added line is found, and lines cut from the front. Lines cut
/// from the end leave a log that is whole in itself: [`Checked::lacks`] finds them where a [`Head`] was
/// kept elsewhere, as in a checkpoint.
///
/// # Errors
/// The file cannot be read. What is wrong with its content stands in the result.
pub fn check(path: &Path) -> Result<Checked> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::input(format!("{}: cannot be read: {error}", path.display())))?;
    Ok(check_bytes(&bytes))
}

pub(super) fn check_bytes(bytes: &[u8]) -> Checked {
    let mut checked = Checked::default();
    let mut places: BTreeMap<u64, usize> = BTreeMap::new();
    let mut pieces: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    // What follows the last line feed is empty, or a line that was not finished.
    let tail = pieces.pop().unwrap_or_default();
    let parsed: Vec<_> = pieces.iter().map(|piece| Line::parse(piece)).collect();
    for (at, line) in parsed.iter().enumerate() {
        if let Ok(line) = line {
            places.entry(line.line).or_insert(at + 1);
        }
    }
    let mut expected = 1u64;
    let mut previous = Some("0".repeat(DIGITS));
    for (at, line) in parsed.into_iter().enumerate() {
        let mut fault = |what: String| checked.faults.push(Fault { line: at + 1, what });
        match line {
            Err(what) => {
                fault(what);
                expected = expected.saturating_add(1);
                previous = None;
            }
            Ok(line) => {
                if line.line != expected {
                    fault(misplaced(line.line, expected, &places));
                } else if previous.as_ref().is_some_and(|hash| *hash != line.previous) {
                    let before = if expected == 1 { "no line" } else { "the line before as it stands" };
                    fault(format!("it does not follow {before}: one of the two was replaced"));
                }
                expected = line.line.saturating_add(1);
                previous = Some(line.hash.clone());
                checked.lines.push(line);
            }
        }
    }
    if !tail.is_empty() {
        let complete = Line::parse(tail).is_ok_and(|line| {
            line.line == expected && previous.as_ref().is_none_or(|hash| *hash == line.previous)
        });
        if complete || unfinished(tail, expected) {
            let length = tail.len() as u64;
            checked.torn = Some(Torn { at: bytes.len() as u64 - length, bytes: length, complete });
        } else {
            let what = "it has no line feed, and is no line that a writer began".to_owned();
            checked.faults.push(Fault { line: pieces.len() + 1, what });
        }
    }
    checked
}

/// What is wrong where another line stands than should.
fn misplaced(found: u64, expected: u64, places: &BTreeMap<u64, usize>) -> String {
    let elsewhere = |number: u64| places.get(&number).map(|at| format!("; line {number} stands at {at}"));
    match found > expected {
        true => match elsewhere(expected) {
            Some(place) => format!("it is number {found}{place}: lines were swapped"),
            None if found - expected == 1 => format!("it is number {found}: line {expected} is missing"),
            None => format!("it is number {found}: lines {expected} to {} are missing", found - 1),
        },
        false => format!("it is number {found}, number {expected} should stand here: it was moved or added"),
    }
}

/// Whether bytes are the beginning of the line of this number, and not all of it. A power cut can leave
/// zeros behind what was written.
fn unfinished(tail: &[u8], number: u64) -> bool {
    let length = tail.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
    let tail = &tail[..length];
    let (mut depth, mut in_text, mut escaped) = (0i64, false, false);
    for &byte in tail {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return false;
        }
    }
    could_begin(tail, number)
}
