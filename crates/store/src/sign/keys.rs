//! Ed25519 keys as PEM files, as OpenSSL writes and reads them.

use std::fmt;
use std::path::Path;

use anygrad_core::{Context, Error, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::digest::hex;
use crate::durable::Access;
use crate::files;
use crate::seal::random;

/// What stands before the 32 bytes of a secret key in PKCS #8 (RFC 8410).
pub(super) const SECRET: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
/// What stands before the 32 bytes of a public key (RFC 8410).
pub(super) const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
/// What PEM files call them.
const SECRET_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// A key to sign with.
pub struct SecretKey(SigningKey);

/// A key to verify signatures with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl SecretKey {
    /// A new key.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self> {
        Ok(SecretKey(SigningKey::from_bytes(&Zeroizing::new(random()?))))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Reads a PEM file.
    ///
    /// # Errors
    /// It cannot be read, or holds no Ed25519 key in the form that [`SecretKey::write_file`] writes.
    pub fn read_file(path: &Path) -> Result<Self> {
        let text = Zeroizing::new(files::read_small(path)?);
        let parse = || {
            let bytes = from_pem(&text, SECRET_LABEL, &SECRET)?;
            Ok(SecretKey(SigningKey::from_bytes(&bytes)))
        };
        parse().context(|| path.display())
    }

    /// Writes a new PEM file that only its owner can read.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn write_file(&self, path: &Path) -> Result<()> {
        let text = Zeroizing::new(pem(SECRET_LABEL, &SECRET, self.0.as_bytes()));
        files::write_secret(path, text.as_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public().digits())
    }
}

impl PublicKey {
    /// Its 32 bytes as hexadecimal digits.
    pub fn digits(&self) -> String {
        hex(self.0.as_bytes())
    }

    /// Reads a PEM file.
    ///
    /// # Errors
    /// It cannot be read, or holds no public Ed25519 key.
    pub fn read_file(path: &Path) -> Result<Self> {
        let text = files::read_small(path)?;
        let parse = || {
            let bytes = from_pem(&text, PUBLIC_LABEL, &PUBLIC)?;
            let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
            key.map(PublicKey).ok_or_else(|| Error::input("the key is no point of the curve, or a weak one"))
        };
        parse().context(|| path.display())
    }

    /// Writes a new PEM file.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn write_file(&self, path: &Path) -> Result<()> {
        files::write_new(path, pem(PUBLIC_LABEL, &PUBLIC, self.0.as_bytes()).as_bytes(), Access::Usual)
    }

    pub(super) fn holds(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.digits())
    }
}

pub(super) fn pem(label: &str, before: &[u8], key: &[u8; 32]) -> String {
    let bytes = Zeroizing::new([before, key].concat());
    let base64 = Zeroizing::new(BASE64.encode(&*bytes));
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", *base64)
}

fn from_pem(text: &str, label: &str, before: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let Some(base64) = text.trim().strip_prefix(&begin).and_then(|text| text.strip_suffix(&end)) else {
        return Err(Error::input(format!("holds no {label}: its first line should be {begin}")));
    };
    let base64 = Zeroizing::new(base64.split_whitespace().collect::<String>());
    let bytes = BASE64.decode(&*base64).map(Zeroizing::new).ok();
    let key = bytes.and_then(|bytes| bytes.strip_prefix(before)?.try_into().ok());
    let wrong = || Error::input(format!("the {label} is none of Ed25519 (RFC 8410, 32 bytes)"));
    key.map(Zeroizing::new).ok_or_else(wrong)
}
