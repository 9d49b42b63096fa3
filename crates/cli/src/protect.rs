//! What protects checkpoints, as arguments.

use std::path::{Path, PathBuf};

use anygrad::core::{Error, Result};
use anygrad::run::RunOptions;
use anygrad::store::{Identity, Keys, Lock, Passphrase, PublicKey, Recipient, SecretKey};
use clap::Args;

/// How checkpoints are read.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Reading {
    /// A file with the passphrase of the checkpoints, which train also encrypts with
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Identities that read checkpoints which are encrypted to recipients
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read only checkpoints that the owner of this public key signed
    #[arg(long, value_name = "FILE")]
    require: Option<PathBuf>,
}

impl Reading {
    pub(crate) fn keys(&self) -> Result<Keys> {
        let mut keys = Keys::default();
        if let Some(path) = &self.passphrase_file {
            keys.passphrase = Some(passphrase(path)?);
        }
        if let Some(path) = &self.identity {
            keys.identities = Identity::read_file(path)?;
        }
        Ok(keys)
    }

    pub(crate) fn required(&self) -> Result<Option<PublicKey>> {
        self.require.as_deref().map(PublicKey::read_file).transpose()
    }
}

/// How checkpoints are written.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Writing {
    /// Encrypt checkpoints to a recipient; may be given several times
    #[arg(long, value_name = "age1...", conflicts_with = "passphrase_file")]
    encrypt_to: Vec<String>,
    /// Sign checkpoints by this secret key
    #[arg(long, value_name = "FILE")]
    sign_with: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

impl Writing {
    pub(crate) fn is_given(&self) -> bool {
        let Reading { passphrase_file, identity, require } = &self.reading;
        let files = [passphrase_file, identity, require, &self.sign_with];
        !self.encrypt_to.is_empty() || files.into_iter().any(Option::is_some)
    }

    pub(crate) fn options(&self) -> Result<RunOptions> {
        let keys = self.reading.keys()?;
        let recipients =
            self.encrypt_to.iter().map(|text| text.parse()).collect::<Result<Vec<Recipient>>>()?;
        let lock = match &keys.passphrase {
            _ if !recipients.is_empty() => Lock::Recipients(recipients),
            Some(passphrase) => Lock::Passphrase(passphrase.clone()),
            None => Lock::Open,
        };
        let sign_with = self.sign_with.as_deref().map(SecretKey::read_file).transpose()?;
        let require = self.reading.required()?;
        Ok(RunOptions { lock, keys, sign_with, require, ..RunOptions::default() })
    }
}

/// The first line of a file.
fn passphrase(path: &Path) -> Result<Passphrase> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::input(format!("{}: cannot be read: {error}", path.display())))?;
    let line = text.lines().next().unwrap_or_default();
    Passphrase::new(line).map_err(|error| error.context(path.display()))
}
