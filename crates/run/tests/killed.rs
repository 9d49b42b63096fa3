//! Runs as processes that are killed or out of space: nothing that was saved is lost, and they come out as if
//! nothing had been.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anygrad_core::Random;
use anygrad_gpu::Session;
use anygrad_nn::{End, Silent};
use anygrad_run::{RunOptions, resume, train};
use anygrad_store::audit::check_run;
use anygrad_store::{Checkpoint, Keys};
use common::{Stopper, read, same, table};
use libtest_mimic::{Arguments, Trial};
use pollster::block_on;

/// Where the process trains; with it this program is that process.
const FOLDER: &str = "ANYGRAD_TEST_RUN";

/// What is killed: trains, or goes on.
fn child(folder: &Path) {
    let session = Session::interpreter();
    let options = RunOptions { save_every: Some(1), ..RunOptions::default() };
    let run = folder.join("run");
    let result = match run.join("recipe.toml").exists() {
        true => block_on(resume(&run, &session, options, &mut Silent)),
        false => block_on(train(&read(&folder.join("table.toml")), &session, &run, options, &mut Silent)),
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        std::process::exit(2);
    }
}

fn child_of(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(FOLDER, folder).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// The checkpoints that are there, and that each is whole.
fn whole_ones(run: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(run.join("checkpoints")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.ends_with(".safetensors")).collect();
    for name in &names {
        Checkpoint::read(&run.join("checkpoints").join(name), &Keys::default(), None).unwrap();
    }
    names
}

fn a_run_killed_fifty_times_comes_out_the_same() {
    let (undisturbed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    table(undisturbed.path(), 4, 12);
    table(killed.path(), 4, 12);
    let begun = Instant::now();
    assert!(child_of(undisturbed.path()).status().unwrap().success());
    let whole = begun.elapsed();
    let run = killed.path().join("run");
    let mut random = Random::new(11);
    let (mut kills, mut newest) = (0, 0);
    for _ in 0..50 {
        let mut process = child_of(killed.path()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(0.02 + 0.2 * random.uniform()).min(Duration::from_secs(1)));
        process.kill().unwrap();
        let output = process.wait_with_output().unwrap();
        kills += usize::from(output.status.code().is_none());
        assert!(
            output.status.code().is_none_or(|code| code == 0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let numbers = whole_ones(&run).into_iter().map(|name| name[11..17].parse::<u64>().unwrap());
        // The newest that was there is there still, or a newer one is.
        let now = numbers.max().unwrap_or(0);
        assert!(now >= newest, "checkpoint {newest} is gone, the newest is {now}");
        newest = now;
    }
    let output = child_of(killed.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    same(&undisturbed.path().join("run"), &run);
    assert!(check_run(&run, &Keys::default()).unwrap().holds());
    assert!(kills > 10, "only {kills} of 50 were killed before they ended");
}

#[cfg(unix)]
fn a_full_disk_is_an_error_and_costs_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    // A checkpoint is larger than any file may become.
    let recipe = table(folder.path(), 2000, 2);
    let run = folder.path().join("run");
    let options = RunOptions { save_every: Some(1), ..RunOptions::default() };
    let mut stopper = Stopper(options.stop.clone(), 4);
    block_on(train(&read(&recipe), &Session::interpreter(), &run, options, &mut stopper)).unwrap();
    let before = whole_ones(&run);
    assert!(!before.is_empty());
    let mut command = Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\"";
    command.args(["-c", limited]).arg(std::env::current_exe().unwrap());
    let output = command.env(FOLDER, folder.path()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("checkpoints: cannot be written: ") && error.contains("the checkpoint of step"),
        "{error}"
    );
    assert_eq!(whole_ones(&run), before);
    let outcome =
        block_on(resume(&run, &Session::interpreter(), RunOptions::default(), &mut Silent)).unwrap();
    assert_eq!(outcome.end, End::Finished);
}

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return child(Path::new(&folder));
    }
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let mut trials = vec![trial(
        "a_run_killed_fifty_times_comes_out_the_same",
        a_run_killed_fifty_times_comes_out_the_same,
    )];
    #[cfg(unix)]
    trials.push(trial(
        "a_full_disk_is_an_error_and_costs_no_checkpoint",
        a_full_disk_is_an_error_and_costs_no_checkpoint,
    ));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
