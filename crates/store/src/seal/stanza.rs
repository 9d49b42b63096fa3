//! How a file key is wrapped: for a recipient, by a key that X25519 agrees upon with a secret made
//! for this file alone; by a passphrase, by a key that scrypt makes of it.

use anygrad_core::{Error, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit};
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::header::Stanza;
use super::keys::{Identity, Passphrase, Recipient};
use super::{FileKey, Key, Keys, derive, random};

const X25519: &str = "X25519";
const SCRYPT: &str = "scrypt";
/// What the derived keys are for.
const X25519_LABEL: &[u8] = b"age-encryption.org/v1/X25519";
const SCRYPT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
/// Bytes of a wrapped file key.
const WRAPPED: usize = 32;

/// The work of scrypt, as a power of two: 256 MiB, about a second.
#[cfg(not(test))]
const WORK: u8 = 18;
#[cfg(test)]
const WORK: u8 = 10;
/// The most work that a file can demand: 1 GiB.
const MAX_WORK: u8 = 20;

impl Recipient {
    pub(super) fn wrap(&self, file_key: &FileKey) -> Result<Stanza> {
        let secret = StaticSecret::from(random::<32>()?);
        let share = PublicKey::from(&secret);
        let key = agreed(&secret.diffie_hellman(&self.0), &share, &self.0)?;
        let arguments = vec![X25519.to_owned(), BASE64.encode(share.as_bytes())];
        Ok(Stanza { arguments, body: wrap(&key, file_key)? })
    }
}

impl Identity {
    /// The file key, if the stanza is for this identity.
    fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>> {
        let [_, share] = &stanza.arguments[..] else { return Err(malformed(X25519)) };
        let share: [u8; 32] = decoded(share).ok_or_else(|| malformed(X25519))?;
        if stanza.body.len() != WRAPPED {
            return Err(malformed(X25519));
        }
        let share = PublicKey::from(share);
        let key = agreed(&self.0.diffie_hellman(&share), &share, &PublicKey::from(&self.0))?;
        Ok(unwrap(&key, &stanza.body))
    }
}

impl Passphrase {
    pub(super) fn wrap(&self, file_key: &FileKey) -> Result<Stanza> {
        let salt = random::<16>()?;
        let key = self.stretched(&salt, WORK)?;
        let arguments = vec![SCRYPT.to_owned(), BASE64.encode(salt), WORK.to_string()];
        Ok(Stanza { arguments, body: wrap(&key, file_key)? })
    }

    fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>> {
        let [_, salt, work] = &stanza.arguments[..] else { return Err(malformed(SCRYPT)) };
        let salt: [u8; 16] = decoded(salt).ok_or_else(|| malformed(SCRYPT))?;
        let claimed: u8 = work.parse().map_err(|_| malformed(SCRYPT))?;
        if claimed.to_string() != *work || claimed == 0 || stanza.body.len() != WRAPPED {
            return Err(malformed(SCRYPT));
        }
        if claimed > MAX_WORK {
            return Err(Error::unsupported(format!(
                "the passphrase demands 2^{claimed} steps of scrypt, at most 2^{MAX_WORK} are done"
            )));
        }
        Ok(unwrap(&self.stretched(&salt, claimed)?, &stanza.body))
    }

    fn stretched(&self, salt: &[u8; 16], work: u8) -> Result<Key> {
        let failed = |error: &dyn std::fmt::Display| Error::internal(format!("scrypt: {error}"));
        let parameters = scrypt::Params::new(work, 8, 1).map_err(|error| failed(&error))?;
        let mut key = Zeroizing::new([0; 32]);
        let salt = [SCRYPT_LABEL, salt].concat();
        scrypt::scrypt(self.bytes(), &salt, &parameters, &mut key[..]).map_err(|error| failed(&error))?;
        Ok(key)
    }
}

impl Keys {
    /// The file key of one of the stanzas.
    pub(super) fn unwrap(&self, stanzas: &[Stanza]) -> Result<FileKey> {
        let of_kind = |kind: &'static str| stanzas.iter().filter(move |stanza| stanza.arguments[0] == kind);
        if of_kind(SCRYPT).next().is_some() {
            let ([stanza], Some(passphrase)) = (stanzas, &self.passphrase) else {
                return Err(match stanzas.len() {
                    1 => Error::input("it is encrypted by a passphrase; none was given"),
                    _ => malformed(SCRYPT),
                });
            };
            let wrong = || Error::input("the passphrase is wrong, or the header was changed");
            return passphrase.unwrap(stanza)?.ok_or_else(wrong);
        }
        let count = of_kind(X25519).count();
        for stanza in of_kind(X25519) {
            for identity in &self.identities {
                if let Some(file_key) = identity.unwrap(stanza)? {
                    return Ok(file_key);
                }
            }
        }
        Err(Error::input(match self.identities.len() {
            0 => format!("it is encrypted to {count} recipients; no identity was given"),
            given => {
                format!("it is encrypted to {count} recipients, none of them among the {given} identities")
            }
        }))
    }
}

fn malformed(kind: &str) -> Error {
    Error::input(format!("the header of the encrypted file is damaged: its {kind} part is malformed"))
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// The key that both sides compute: one from the share's secret, one from the recipient's.
fn agreed(secret: &SharedSecret, share: &PublicKey, recipient: &PublicKey) -> Result<Key> {
    if !secret.was_contributory() {
        return Err(Error::input("a public key of X25519 is one of the few that everybody can compute with"));
    }
    let salt = [*share.as_bytes(), *recipient.as_bytes()].concat();
    derive(secret.as_bytes(), Some(&salt), X25519_LABEL)
}

/// The nonce is zero: each of these keys wraps one file key only.
fn wrap(key: &Key, file_key: &FileKey) -> Result<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(&(**key).into());
    cipher
        .encrypt(&[0; 12].into(), &file_key[..])
        .map_err(|error| Error::internal(format!("ChaCha20-Poly1305: {error}")))
}

fn unwrap(key: &Key, wrapped: &[u8]) -> Option<FileKey> {
    let cipher = ChaCha20Poly1305::new(&(**key).into());
    let plain = Zeroizing::new(cipher.decrypt(&[0; 12].into(), wrapped).ok()?);
    Some(Zeroizing::new(plain.as_slice().try_into().ok()?))
}
