//! Encrypted files, in the format of age (<https://age-encryption.org/v1>).
//!
//! A random file key encrypts the content (`stream.rs`); the header holds it wrapped for each
//! recipient, or by a passphrase (`stanza.rs`), and is authenticated with it (`header.rs`). The
//! primitives are those of RustCrypto and dalek; here are only their framing and order. The programs
//! `age` and `rage` read these files and write files that are read here.
//!
//! Whoever knows a recipient can encrypt to it: this hides content, it does not tell whose it is.
//! Signatures do.

mod header;
mod keys;
mod stanza;
mod stream;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use anygrad_core::{Error, Result};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::keys::{Identity, Passphrase, Recipient};
use self::stream::Opener;
pub(crate) use self::stream::Sealer;

/// How an encrypted file begins.
pub(crate) const MAGIC: &[u8] = b"age-encryption.org/v1\n";
const NONCE: usize = 16;

/// 16 random bytes that everything else in a file follows from.
type FileKey = Zeroizing<[u8; 16]>;
/// A key of ChaCha20-Poly1305.
type Key = Zeroizing<[u8; 32]>;

/// How a file is encrypted when it is written.
#[derive(Clone, Debug, Default)]
pub enum Lock {
    /// It is not.
    #[default]
    Open,
    /// By a passphrase. Making a key of it takes about a second and 256 MiB for each file.
    Passphrase(Passphrase),
    /// To these recipients, each of which can read it. The secret keys need not be here.
    Recipients(Vec<Recipient>),
}

/// What encrypted files are read with.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// For files encrypted by a passphrase.
    pub passphrase: Option<Passphrase>,
    /// For files encrypted to recipients: the first that fits is taken.
    pub identities: Vec<Identity>,
}

/// Whether the bytes begin as an encrypted file does.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Begins an encrypted file: writes its header, and gives the writer of its content. Nothing for
/// [`Lock::Open`].
pub(crate) fn seal<W: Write>(lock: &Lock, mut out: W) -> Result<Option<Sealer<W>>> {
    let file_key = Zeroizing::new(random::<16>()?);
    let stanzas = match lock {
        Lock::Open => return Ok(None),
        Lock::Passphrase(passphrase) => vec![passphrase.wrap(&file_key)?],
        Lock::Recipients(recipients) if recipients.is_empty() => {
            return Err(Error::input("encryption needs at least one recipient"));
        }
        Lock::Recipients(recipients) => {
            recipients.iter().map(|recipient| recipient.wrap(&file_key)).collect::<Result<_>>()?
        }
    };
    let nonce = random::<NONCE>()?;
    let write = |out: &mut W| {
        out.write_all(&header::render(&stanzas, &file_key)?)?;
        out.write_all(&nonce)
    };
    write(&mut out).map_err(cannot_write)?;
    Ok(Some(Sealer::new(&payload_key(&file_key, &nonce)?, out)))
}

/// The content of an encrypted file; nothing if the bytes are not one.
pub(crate) fn open(bytes: &[u8], keys: &Keys) -> Result<Option<Vec<u8>>> {
    if !is_sealed(bytes) {
        return Ok(None);
    }
    let (header, payload) = header::Header::parse(bytes)?;
    let file_key = keys.unwrap(&header.stanzas)?;
    header.verify(&file_key)?;
    let Some((nonce, payload)) = payload.split_first_chunk::<NONCE>() else {
        return Err(Error::input("the encrypted file ends after its header: it was cut off"));
    };
    Opener::new(&payload_key(&file_key, nonce)?).open(payload).map(Some)
}

/// The key of the content.
fn payload_key(file_key: &FileKey, nonce: &[u8; NONCE]) -> Result<Key> {
    derive(&file_key[..], Some(nonce), b"payload")
}

/// A key from other secrets: HKDF with SHA-256.
fn derive(secret: &[u8], salt: Option<&[u8]>, info: &[u8]) -> Result<Key> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(salt, secret)
        .expand(info, &mut key[..])
        .map_err(|error| Error::internal(format!("HKDF: {error}")))?;
    Ok(key)
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::unsupported(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

fn cannot_write(error: io::Error) -> Error {
    Error::input(format!("cannot be written: {error}"))
}
