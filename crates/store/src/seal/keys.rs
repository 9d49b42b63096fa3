//! Passphrases, recipients (`age1...`) and identities (`AGE-SECRET-KEY-1...`) as text.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use anygrad_core::{Context, Error, Result};
use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::random;
use crate::files;

const RECIPIENT: Hrp = Hrp::parse_unchecked("age");
const IDENTITY: Hrp = Hrp::parse_unchecked("age-secret-key-");

/// A secret that a person remembers.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// From its text.
    ///
    /// # Errors
    /// It is empty.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() {
            return Err(Error::input("the passphrase is empty"));
        }
        Ok(Passphrase(text))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Whom a file is encrypted to: a public key, written `age1...`.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) PublicKey);

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoded(RECIPIENT, self.0.as_bytes()))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Recipient {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::input(format!("{text:?} is no recipient: one looks like age1... and has 62 characters"))
        };
        Ok(Recipient(PublicKey::from(*decoded(RECIPIENT, text).ok_or_else(wrong)?)))
    }
}

/// The secret key behind a [`Recipient`], written `AGE-SECRET-KEY-1...`.
#[derive(Clone)]
pub struct Identity(pub(super) StaticSecret);

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self> {
        Ok(Identity(StaticSecret::from(random()?)))
    }

    /// The public key.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0))
    }

    /// The secret as text. Whoever has it reads every file encrypted to its recipient.
    pub fn secret(&self) -> Zeroizing<String> {
        Zeroizing::new(encoded(IDENTITY, self.0.as_bytes()).to_uppercase())
    }

    /// Writes a new file that only its owner can read, in the form that `age-keygen` writes.
    ///
    /// # Errors
    /// The file exists, or cannot be written.
    pub fn write_file(&self, path: &Path) -> Result<()> {
        let text = format!("# public key: {}\n{}\n", self.recipient(), *self.secret());
        files::write_secret(path, Zeroizing::new(text).as_bytes())
    }

    /// The identities of a file: one a line, empty lines and those that begin with `#` aside.
    ///
    /// # Errors
    /// The file cannot be read, a line is no identity (the message names it, not its text), or there
    /// is none.
    pub fn read_file(path: &Path) -> Result<Vec<Identity>> {
        let text = Zeroizing::new(files::read_small(path)?);
        let lines = text.lines().map(str::trim).enumerate();
        let parse = |(at, line): (usize, &str)| {
            line.parse().context(|| format!("{}: line {}", path.display(), at + 1))
        };
        let identities: Vec<Identity> = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(parse)
            .collect::<Result<_>>()?;
        if identities.is_empty() {
            return Err(Error::input(format!("{}: holds no identity", path.display())));
        }
        Ok(identities)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(of {})", self.recipient())
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // The text is a secret, and may be nearly right: it is not repeated.
        let wrong =
            || Error::input("this is no identity: one looks like AGE-SECRET-KEY-1... and has 74 characters");
        Ok(Identity(StaticSecret::from(*decoded(IDENTITY, text).ok_or_else(wrong)?)))
    }
}

fn encoded(kind: Hrp, bytes: &[u8; 32]) -> String {
    // 32 bytes are never too long.
    bech32::encode::<Bech32>(kind, bytes).unwrap_or_default()
}

fn decoded(kind: Hrp, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok().filter(|checked| checked.hrp() == kind)?;
    let bytes = Zeroizing::new(checked.byte_iter().collect::<Vec<u8>>());
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}
