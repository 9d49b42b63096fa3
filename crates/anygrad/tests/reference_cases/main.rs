//! Cases that other libraries computed: outputs and gradients of every operator, update rules, and
//! whole trainings, on a device and on the interpreter.
//!
//! The cases are data, not part of this repository: `ANYGRAD_SHARED` names the folder whose `cases`
//! folder holds them (`cases/FORMAT.md` describes the format, refcase/1). Without the variable there
//! is one ignored trial. The device is the software adapter unless `ANYGRAD_ADAPTER` names another.
//!
//! A case passes when `|got - want| <= atol + rtol |want|` for every element. An operator that this
//! release does not have stands in [`LATER`] and its trials are ignored; one that is neither built
//! here nor listed there fails.
#![allow(clippy::unwrap_used)]

mod case;
mod compare;
mod expression;
mod families;
mod optimizer;
mod sampled;
mod schedule;
mod trajectory;
mod weights;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use anygrad::gpu::{Choice, Session};
use libtest_mimic::{Arguments, Failed, Trial};
use pollster::block_on;

use case::{Case, Entry};

/// Operators, groups (with a `/` at the end) and single cases that this release does not have.
const LATER: &[&str] = &[
    // Normalization and attention.
    "batchnorm",
    "batchnorm_plain",
    "groupnorm",
    "layernorm",
    "layernorm_plain",
    "rmsnorm",
    "gpt2_block",
    "multi_head_attention",
    "sdpa",
    "trajectory/e_mlp_batchnorm_rmsprop",
    "trajectory/f_embedding_gru_adamw",
    // Storage in 16-bit floats.
    "f16/",
    // Single operators.
    "cumsum",
    "einsum",
    "gather_nd",
    "topk",
    // Optimizers.
    "adadelta",
    "adamax",
    "lion",
    "nadam",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match std::env::var_os("ANYGRAD_SHARED") {
        None => vec![Trial::test("ANYGRAD_SHARED is not set", || Ok(())).with_ignored_flag(true)],
        Some(folder) => trials(&PathBuf::from(folder).join("cases")),
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(folder: &Path) -> Vec<Trial> {
    let entries = match case::entries(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{}: {}", folder.display(), error.message().unwrap_or("unreadable"));
            return vec![Trial::test("the cases can be read", move || Err(message.into()))];
        }
    };
    let mut trials = Vec::new();
    for entry in entries {
        let later = is_later(&entry);
        let mut add = |engine: &str, run: fn(&Case) -> Result<(), Failed>| {
            let (folder, id) = (folder.to_path_buf(), entry.id.clone());
            let trial = Trial::test(format!("{engine}/{id}"), move || run(&Case::load(&folder, &id)?));
            trials.push(trial.with_ignored_flag(later));
        };
        add("adapter", |case| run(case, &adapter()?));
        // The formulas of the kind "sampled" stand for millions of elements: too slow there.
        if entry.kind != "sampled" {
            add("interpreter", |case| run(case, &Session::interpreter()));
        }
    }
    trials
}

fn is_later(entry: &Entry) -> bool {
    LATER.iter().any(|&later| {
        later == entry.op || later == entry.id || later.ends_with('/') && entry.id.starts_with(later)
    })
}

fn run(case: &Case, session: &Session) -> Result<(), Failed> {
    match (case.kind(), case.op()) {
        ("optimizer", _) => optimizer::run(case, session),
        ("trajectory", _) => trajectory::run(case, session),
        ("sampled", _) => sampled::run(case, session),
        (_, "lr_schedule") => schedule::run(case),
        _ => expression::run(case, session),
    }
}

/// The session that all trials on the device share.
fn adapter() -> Result<Session, Failed> {
    static SESSION: OnceLock<Result<Session, String>> = OnceLock::new();
    let open = || {
        let choice = Choice::from_env_or(Choice::Software);
        block_on(Session::open(&choice)).map_err(|error| error.to_string())
    };
    Ok(SESSION.get_or_init(open).clone()?)
}
