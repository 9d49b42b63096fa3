//! `anygrad keygen`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::store::{Identity, SecretKey};
use clap::{ArgGroup, Args};

use crate::output;

#[derive(Args)]
#[command(group(ArgGroup::new("kind").required(true).args(["sign", "encrypt"])))]
pub(crate) struct Arguments {
    /// A key to sign with: the secret in FILE, the public key in FILE.pub
    #[arg(long)]
    sign: bool,
    /// An identity to read encrypted checkpoints with; its recipient is printed
    #[arg(long)]
    encrypt: bool,
    /// Where the secret goes [default: signing.key or identity.txt]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let named = arguments.output.clone();
    if arguments.sign {
        let secret = named.unwrap_or_else(|| PathBuf::from("signing.key"));
        let mut public = secret.clone().into_os_string();
        public.push(".pub");
        let public = PathBuf::from(public);
        let key = SecretKey::generate()?;
        key.write_file(&secret)?;
        key.public().write_file(&public)?;
        output::line(format_args!("secret key: {} (keep it to yourself)", secret.display()))?;
        output::line(format_args!("public key: {} ({})", public.display(), key.public().digits()))?;
    } else {
        let path = named.unwrap_or_else(|| PathBuf::from("identity.txt"));
        let identity = Identity::generate()?;
        identity.write_file(&path)?;
        output::line(format_args!("identity: {} (keep it to yourself)", path.display()))?;
        output::line(format_args!("recipient: {}", identity.recipient()))?;
    }
    Ok(ExitCode::SUCCESS)
}
