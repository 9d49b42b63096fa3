//! The official ONNX backend tests, and models as other programs export them, on a device.
//!
//! The cases are data, not part of this repository: `ANYGRAD_SHARED` names the folder that holds them. Without the
//! variable there is one ignored trial. The device is the software adapter unless `ANYGRAD_ADAPTER` names another.
//!
//! `docs/onnx.md` lists the official tests that do not pass, each with what happens and why: that must happen, and all
//! others must pass.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use anygrad_gpu::{Choice, Session};
use anygrad_onnx::suite::{self, Status};
use flate2::read::GzDecoder;
use libtest_mimic::{Arguments, Failed, Trial};
use pollster::block_on;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(shared) = std::env::var_os("ANYGRAD_SHARED").map(PathBuf::from) else {
        let trials = vec![Trial::test("ANYGRAD_SHARED is not set", || Ok(())).with_ignored_flag(true)];
        return libtest_mimic::run(&arguments, trials).exit_code();
    };
    let unpacked = tempfile::tempdir().unwrap();
    let archive = std::fs::File::open(shared.join("onnx/node_tests_open.tar.gz")).unwrap();
    tar::Archive::new(GzDecoder::new(archive)).unpack(unpacked.path()).unwrap();
    let known = known();
    let mut trials = Vec::new();
    for folder in [unpacked.path().to_owned(), shared.join("cases/onnx_models")] {
        for case in suite::find(&folder).unwrap() {
            let name = case.strip_prefix(&folder).unwrap().display().to_string();
            let status = known.get(&name).copied();
            trials.push(Trial::test(name, move || run(&case, status)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(case: &Path, known: Option<Status>) -> Result<(), Failed> {
    let outcome = block_on(suite::run(case, &adapter()));
    match known {
        _ if outcome.status == known.unwrap_or(Status::Pass) => Ok(()),
        Some(known) => Err(format!("{}, docs/onnx.md says {known}", outcome.status).into()),
        None => Err(format!("{}: {}", outcome.status, outcome.reason).into()),
    }
}

/// The rows of the table of official tests in `docs/onnx.md`: name, and how it ends.
fn known() -> BTreeMap<String, Status> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/onnx.md")).unwrap();
    let (_, table) = page.split_once("## Official tests").unwrap();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let status = match rest.split_once(" | ")?.0 {
            "refused" => Status::Unsupported,
            "differs" => Status::Fail,
            other => panic!("{name}: {other:?} is neither refused nor differs"),
        };
        Some((name.to_owned(), status))
    };
    table.lines().take_while(|line| !line.starts_with("## ")).filter_map(row).collect()
}

/// The session that all trials share.
fn adapter() -> Session {
    static SESSION: OnceLock<Session> = OnceLock::new();
    let open = || block_on(Session::open(&Choice::from_env_or(Choice::Software)));
    SESSION.get_or_init(|| open().expect("these tests need an adapter")).clone()
}
