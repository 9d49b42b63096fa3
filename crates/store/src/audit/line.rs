//! One line of a log:
//!
//! ```json
//! {"line":2,"time":"2026-11-25T12:00:00Z","who":"anna","kind":"epoch","data":{},"previous":"...","hash":"..."}
//! ```
//!
//! `previous` is the hash of the line before, 64 zeros in the first. `hash` is the SHA-256 of the
//! line's own bytes up to, and without, `,"hash":`. So the bytes of the file are what is hashed, and no
//! two ways to write the same JSON exist.

use std::time::{SystemTime, UNIX_EPOCH};

use anygrad_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{DIGITS, sha256, unhex};

/// What stands before the digits of a line's hash.
const BEFORE_HASH: &str = r#","hash":""#;
/// What stands behind them.
const BEHIND_HASH: &str = "\"}";

/// A line that was read from a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number, from 1.
    pub line: u64,
    /// When it was written, in UTC.
    pub time: String,
    /// Who ran the program.
    pub who: String,
    /// What happened, in a word.
    pub kind: String,
    /// What belongs to it.
    pub data: Value,
    /// The hash of the line before.
    pub previous: String,
    /// Its own hash; no part of what is hashed.
    #[serde(skip_serializing, default)]
    pub hash: String,
}

impl Line {
    /// The text of the line without its line feed, and its hash.
    pub(super) fn render(&self) -> Result<(String, String)> {
        let text = serde_json::to_string(self).map_err(|error| Error::internal(format!("JSON: {error}")))?;
        let body = text.strip_suffix('}').unwrap_or(&text);
        let hash = sha256(&[body.as_bytes()]);
        Ok((format!("{body}{BEFORE_HASH}{hash}{BEHIND_HASH}"), hash))
    }

    /// Reads the text of a line, without its line feed.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        let behind = text.len().saturating_sub(BEFORE_HASH.len() + DIGITS + BEHIND_HASH.len());
        let (body, tail) = text.split_at(behind);
        let digits = std::str::from_utf8(tail).ok().and_then(|tail| {
            let digits = tail.strip_prefix(BEFORE_HASH)?.strip_suffix(BEHIND_HASH)?;
            unhex::<32>(digits).map(|_| digits)
        });
        let digits = digits.ok_or("it does not end in a hash")?;
        let found = sha256(&[body]);
        if found != digits {
            return Err(format!("it was changed: it hashes to {found} and says {digits}"));
        }
        serde_json::from_slice(text).map_err(|error| format!("it is no line of a log: {error}"))
    }
}

/// Whether bytes could be the beginning of the line of this number.
pub(super) fn could_begin(bytes: &[u8], number: u64) -> bool {
    let begin = format!("{{\"line\":{number},\"time\":\"");
    bytes.iter().zip(begin.as_bytes()).all(|(a, b)| a == b)
}

/// A time in UTC as `2026-11-25T12:00:00Z`. Times before 1970 are the first of 1970.
pub fn utc(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut day, rest) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
