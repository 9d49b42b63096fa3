//! Who made a file: Ed25519 signatures beside it.
//!
//! `FILE.sig` is JSON:
//!
//! ```json
//! {"format":"anygrad-signature/1","algorithm":"ed25519","public_key":"...","sha256":"...","signature":"..."}
//! ```
//!
//! Key, SHA-256 of the file and signature are hexadecimal digits. What is signed are the two lines
//! `anygrad-signature/1` and `sha256 DIGITS`, each with its line feed: a key that also signs other
//! things never signs these by accident. The name of the file is not signed.

mod keys;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anygrad_core::{Context, Error, Result};
use serde::{Deserialize, Serialize};

pub use self::keys::{PublicKey, SecretKey};
use crate::digest::{hex, sha256_of_file, unhex};
use crate::files;

const FORMAT: &str = "anygrad-signature/1";
const ALGORITHM: &str = "ed25519";

/// The JSON of a signature.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    format: String,
    algorithm: String,
    public_key: String,
    sha256: String,
    signature: String,
}

/// Where the signature of a file lies.
pub fn signature_path(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".sig");
    PathBuf::from(path)
}

/// Signs a file as it is now: writes `FILE.sig`, in place of one that is there.
///
/// # Errors
/// The file cannot be read, or the signature cannot be written.
pub fn sign_file(file: &Path, key: &SecretKey) -> Result<PathBuf> {
    let sha256 = sha256_of_file(file)?;
    let path = signature_path(file);
    files::write(&path, signature(&sha256, key)?.as_bytes())?;
    Ok(path)
}

/// The text of a signature of a file with this SHA-256.
pub(crate) fn signature(sha256: &str, key: &SecretKey) -> Result<String> {
    let signature = Signature {
        format: FORMAT.to_owned(),
        algorithm: ALGORITHM.to_owned(),
        public_key: key.public().digits(),
        sha256: sha256.to_owned(),
        signature: hex(&key.sign(message(sha256).as_bytes())),
    };
    let text = serde_json::to_string(&signature);
    text.map(|text| text + "\n").map_err(|error| Error::internal(format!("JSON: {error}")))
}

/// What is signed.
fn message(sha256: &str) -> String {
    format!("{FORMAT}\nsha256 {sha256}\n")
}

impl PublicKey {
    /// Verifies that a file is as it was when the owner of this key signed it.
    ///
    /// # Errors
    /// The file or its signature cannot be read; the file was changed since; it was signed by another
    /// key; or the signature is wrong.
    pub fn verify_file(&self, file: &Path) -> Result<()> {
        self.verify_sha256(file, &sha256_of_file(file)?)
    }

    /// Verifies the signature of a file that has this SHA-256.
    pub(crate) fn verify_sha256(&self, file: &Path, sha256: &str) -> Result<()> {
        let path = signature_path(file);
        if !path.exists() {
            let message = format!("it is not signed: {} does not exist", path.display());
            return Err(Error::input(message));
        }
        let text = files::read_small(&path)?;
        self.verify(&text, sha256).context(|| path.display())
    }

    fn verify(&self, text: &str, sha256: &str) -> Result<()> {
        let signature: Signature = serde_json::from_str(text)
            .map_err(|error| Error::input(format!("this is no signature: {error}")))?;
        if (&*signature.format, &*signature.algorithm) != (FORMAT, ALGORITHM) {
            return Err(Error::unsupported(format!(
                "a signature of format {:?} by {:?}, this release knows {FORMAT:?} by {ALGORITHM:?}",
                signature.format, signature.algorithm
            )));
        }
        if signature.sha256 != sha256 {
            return Err(Error::input(format!(
                "the file was changed since it was signed: its SHA-256 is {sha256}, signed was {}",
                signature.sha256
            )));
        }
        if signature.public_key != self.digits() {
            return Err(Error::input(format!(
                "it is signed by the key {}, not by {}",
                signature.public_key,
                self.digits()
            )));
        }
        let bytes = unhex::<64>(&signature.signature)
            .ok_or_else(|| Error::input("the signature is not 128 hexadecimal digits"))?;
        if !self.holds(message(sha256).as_bytes(), &bytes) {
            return Err(Error::input(format!("the signature is not one of the key {}", self.digits())));
        }
        Ok(())
    }
}
