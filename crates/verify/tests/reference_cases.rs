//! Cases that other libraries computed: outputs and gradients of every operator, update rules, and
//! whole trainings, on a device and on the interpreter.
//!
//! The cases are data, not part of this repository: `ANYGRAD_SHARED` names the folder whose `cases`
//! folder holds them, in the format refcase/1. Without the variable there is one ignored trial. The
//! device is the software adapter unless `ANYGRAD_ADAPTER` names another.
//!
//! None is left out: an operator that is not known fails.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use anygrad_gpu::{Choice, Session};
use anygrad_verify::refcase::{self, Entry};
use libtest_mimic::{Arguments, Failed, Trial};
use pollster::block_on;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match std::env::var_os("ANYGRAD_SHARED") {
        None => vec![Trial::test("ANYGRAD_SHARED is not set", || Ok(())).with_ignored_flag(true)],
        Some(folder) => trials(&PathBuf::from(folder).join("cases")),
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(folder: &Path) -> Vec<Trial> {
    let entries = match refcase::entries(folder) {
        Ok(entries) => entries,
        Err(error) => return vec![Trial::test("the cases can be read", move || Err(error.into()))],
    };
    let mut trials = Vec::new();
    for entry in entries {
        let mut add = |engine: &str, session: fn() -> Session| {
            let (folder, entry) = (folder.to_path_buf(), entry.clone());
            let trial =
                Trial::test(format!("{engine}/{}", entry.id), move || run(&folder, &entry, &session()));
            trials.push(trial);
        };
        add("adapter", adapter);
        add("interpreter", Session::interpreter);
    }
    trials
}

fn run(folder: &Path, entry: &Entry, session: &Session) -> Result<(), Failed> {
    let outcome = block_on(refcase::run(folder, entry, session))?;
    if outcome.passed() { Ok(()) } else { Err(outcome.findings.join("\n").into()) }
}

/// The session that all trials on the device share.
fn adapter() -> Session {
    static SESSION: OnceLock<Session> = OnceLock::new();
    let open = || block_on(Session::open(&Choice::from_env_or(Choice::Software)));
    SESSION.get_or_init(|| open().expect("these tests need an adapter")).clone()
}
