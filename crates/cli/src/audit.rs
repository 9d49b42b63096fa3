//! `anygrad audit`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::store::audit::{self, Head, RunChecked};
use anygrad::store::{Identity, Keys};
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a run, or its audit.jsonl alone
    run: PathBuf,
    /// Identities that read its encrypted checkpoints
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// A line that the log must hold, as an earlier audit printed it
    #[arg(long, value_name = "LINE:HASH")]
    head: Option<Head>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut keys = Keys::default();
    if let Some(path) = &arguments.identity {
        keys.identities = Identity::read_file(path)?;
    }
    let mut found = match arguments.run.is_dir() {
        true => audit::check_run(&arguments.run, &keys)?,
        false => RunChecked { log: audit::check(&arguments.run)?, ..RunChecked::default() },
    };
    if let Some(lacks) = arguments.head.as_ref().and_then(|head| found.log.lacks(head)) {
        found.faults.push(lacks);
    }
    for fault in &found.log.faults {
        output::line(fault)?;
    }
    for fault in &found.faults {
        output::line(fault)?;
    }
    if let Some(torn) = found.log.torn {
        let what = "the last line was not finished: the process was killed; the next run repairs it";
        output::line(format_args!("{what} ({} bytes)", torn.bytes))?;
    }
    let count = |paths: &[PathBuf], what: &str| match paths.len() {
        0 => Ok(()),
        n => output::line(format_args!("{n} {} {what}", if n == 1 { "checkpoint" } else { "checkpoints" })),
    };
    count(&found.as_noted, "as the log noted")?;
    count(&found.not_noted, "not noted in the log: the process was killed after saving, or it is foreign")?;
    count(&found.not_read, "encrypted: what they note of the log was not read (--identity)")?;
    if !found.holds() {
        let faults = found.log.faults.len() + found.faults.len();
        let faults = if faults == 1 { "1 fault".to_owned() } else { format!("{faults} faults") };
        output::line(format_args!("{faults}: this was changed after it was written"))?;
        return Ok(ExitCode::FAILURE);
    }
    let head = found.log.head().map_or("the log is empty".to_owned(), |head| format!("head {head}"));
    output::line(format_args!("{} lines, all hold; {head}", found.log.lines.len()))?;
    Ok(ExitCode::SUCCESS)
}
