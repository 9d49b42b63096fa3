//! `anygrad sign` and `anygrad verify-signature`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::{Context, Error, Result};
use anygrad::store::{PublicKey, SecretKey, sign_file};
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to sign: any file
    file: PathBuf,
    /// The secret key, as `anygrad keygen --sign` makes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let key = SecretKey::read_file(&arguments.key)?;
    let signature = sign_file(&arguments.file, &key)?;
    output::line(format_args!("{}: signed by {}", signature.display(), key.public().digits()))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// The file; its signature lies beside it, in FILE.sig
    file: PathBuf,
    /// The public key, as `anygrad keygen --sign` makes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(crate) fn verify(arguments: &VerifyArguments) -> Result<ExitCode> {
    let key = PublicKey::read_file(&arguments.key)?;
    if !arguments.file.is_file() {
        return Err(Error::input(format!("{}: there is no such file", arguments.file.display())));
    }
    match key.verify_file(&arguments.file).context(|| arguments.file.display()) {
        Ok(()) => {
            output::line(format_args!("{}: as {} signed it", arguments.file.display(), key.digits()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            output::error(&error);
            Ok(ExitCode::FAILURE)
        }
    }
}
