//! The header of an encrypted file: lines of text.
//!
//! ```text
//! age-encryption.org/v1
//! -> X25519 <argument>
//! <the file key for one recipient, in base64>
//! --- <HMAC of everything before it, by a key that follows from the file key>
//! ```

use std::io;

use anygrad_core::{Error, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{FileKey, MAGIC, derive};

/// The longest header that is read.
const MAX_HEADER: usize = 64 << 10;
/// Columns of a full line of base64.
const COLUMNS: usize = 64;

/// The file key for one recipient.
#[derive(Debug, PartialEq)]
pub(super) struct Stanza {
    /// Its kind, and what this kind needs.
    pub arguments: Vec<String>,
    pub body: Vec<u8>,
}

/// A header that was read.
pub(super) struct Header<'a> {
    pub stanzas: Vec<Stanza>,
    /// What the HMAC covers.
    covered: &'a [u8],
    mac: Vec<u8>,
}

/// A header with these stanzas.
pub(super) fn render(stanzas: &[Stanza], file_key: &FileKey) -> io::Result<Vec<u8>> {
    let mut text = String::from_utf8_lossy(MAGIC).into_owned();
    for Stanza { arguments, body } in stanzas {
        text += &format!("-> {}\n", arguments.join(" "));
        let body = BASE64.encode(body);
        // The last line is short, empty where the others hold everything.
        for begin in (0..=body.len()).step_by(COLUMNS) {
            text += &body[begin..body.len().min(begin + COLUMNS)];
            text.push('\n');
        }
    }
    text += "---";
    let mac = mac(file_key, text.as_bytes()).map_err(io::Error::other)?.finalize().into_bytes();
    text += &format!(" {}\n", BASE64.encode(mac));
    Ok(text.into_bytes())
}

fn mac(file_key: &FileKey, covered: &[u8]) -> Result<Hmac<Sha256>> {
    let key = derive(&file_key[..], None, b"header")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key[..])
        .map_err(|error| Error::internal(format!("HMAC: {error}")))?;
    mac.update(covered);
    Ok(mac)
}

fn wrong(what: &str) -> Error {
    Error::input(format!("the header of the encrypted file is damaged: {what}"))
}

impl<'a> Header<'a> {
    /// The header of a file, and what follows it.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        let mut lines = Lines { bytes, at: MAGIC.len() };
        let mut stanzas = Vec::new();
        loop {
            let begin = lines.at;
            let line = lines.next()?;
            if let Some(arguments) = line.strip_prefix("-> ") {
                let arguments: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
                let graphic = |argument: &String| {
                    !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_graphic())
                };
                if !arguments.iter().all(graphic) {
                    return Err(wrong("a recipient's line has an argument that is no word"));
                }
                stanzas.push(Stanza { arguments, body: lines.body()? });
            } else if let Some(mac) = line.strip_prefix("--- ") {
                let mac = BASE64.decode(mac).map_err(|_| wrong("its last line is not base64"))?;
                let covered = &bytes[..begin + "---".len()];
                return Ok((Header { stanzas, covered, mac }, &bytes[lines.at..]));
            } else {
                return Err(wrong("a line is neither a recipient nor the end"));
            }
        }
    }

    /// Whether the header is as it was written, by whoever knew the file key.
    pub(super) fn verify(&self, file_key: &FileKey) -> Result<()> {
        mac(file_key, self.covered)?
            .verify_slice(&self.mac)
            .map_err(|_| wrong("its authentication code is another"))
    }
}

/// The lines of a header.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let room = MAX_HEADER.saturating_sub(self.at).min(rest.len());
        let Some(end) = rest[..room].iter().position(|&byte| byte == b'\n') else {
            return Err(wrong(if room < rest.len() { "it has no end" } else { "it was cut off" }));
        };
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| wrong("a line is not text"))
    }

    /// Full lines of base64 and a short one.
    fn body(&mut self) -> Result<Vec<u8>> {
        let mut text = String::new();
        loop {
            let line = self.next()?;
            text += line;
            if line.len() > COLUMNS {
                return Err(wrong("a line is too long"));
            }
            if line.len() < COLUMNS {
                return BASE64.decode(text).map_err(|_| wrong("a recipient's key is not base64"));
            }
        }
    }
}
