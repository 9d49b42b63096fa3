//! The content of an encrypted file: chunks of 64 KiB, each ChaCha20-Poly1305 with a number of 11
//! bytes and a mark on the last as its nonce. So no chunk can be changed, moved, left out or added,
//! and the end cannot be cut off.

use std::io::{self, Write};

use anygrad_core::{Error, Result};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use super::Key;

pub(super) const CHUNK: usize = 64 << 10;
/// Bytes by which a chunk grows.
pub(super) const TAG: usize = 16;

/// Numbers the chunks of one file.
struct Stream {
    cipher: ChaCha20Poly1305,
    chunk: u64,
}

impl Stream {
    fn new(key: &Key) -> Self {
        Stream { cipher: ChaCha20Poly1305::new(&(**key).into()), chunk: 0 }
    }

    /// The nonce of the next chunk.
    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.chunk.to_be_bytes());
        nonce[11] = last.into();
        self.chunk += 1;
        nonce.into()
    }
}

/// Encrypts what is written. [`Sealer::finish`] writes the last chunk: without it the file is torn.
pub(crate) struct Sealer<W> {
    stream: Stream,
    out: W,
    chunk: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(key: &Key, out: W) -> Self {
        Sealer { stream: Stream::new(key), out, chunk: Vec::with_capacity(CHUNK) }
    }

    /// Writes the last chunk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.seal(true)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = self.stream.nonce(last);
        let sealed = self.stream.cipher.encrypt(&nonce, &*self.chunk).map_err(io::Error::other)?;
        self.chunk.clear();
        self.out.write_all(&sealed)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk is written when more follows it, as it may be the last.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let count = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Decrypts.
pub(super) struct Opener(Stream);

impl Opener {
    pub(super) fn new(key: &Key) -> Self {
        Opener(Stream::new(key))
    }

    pub(super) fn open(mut self, sealed: &[u8]) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        let mut chunks = sealed.chunks(CHUNK + TAG).peekable();
        if chunks.peek().is_none() {
            return Err(Error::input("the encrypted file has no content: it was cut off"));
        }
        while let Some(chunk) = chunks.next() {
            let number = self.0.chunk;
            let nonce = self.0.nonce(chunks.peek().is_none());
            let opened = self.0.cipher.decrypt(&nonce, chunk).map_err(|_| {
                Error::input(format!(
                    "the encrypted content was changed or cut off: chunk {number} of 64 KiB does not open"
                ))
            })?;
            if opened.is_empty() && number > 0 {
                return Err(Error::input(
                    "the encrypted content ends in an empty chunk, which no writer makes",
                ));
            }
            plain.extend_from_slice(&opened);
        }
        Ok(plain)
    }
}
