//! A process that saves without end, killed at random: what it saved is there, whole.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anygrad_core::Array;
use anygrad_store::audit::{self, AUDIT, AuditLog, CHECKPOINT, CHECKPOINTS, Event, RESUME};
use anygrad_store::{Checkpoint, Checkpoints, Keys, Options};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};

/// How often the process is killed.
const KILLS: u64 = 50;
/// Where the process saves; with it this program is that process.
const FOLDER: &str = "ANYGRAD_TEST_KILL_FOLDER";
/// Elements of a tensor: enough that a save takes several writes.
const ELEMENTS: usize = 50_000;

/// The checkpoint of a step: every element says which step it is of.
fn of_step(step: u64, meta: Value) -> Checkpoint {
    let tensor =
        |name: &str| (name.to_owned(), Array::u32(&[ELEMENTS], vec![step as u32; ELEMENTS]).unwrap());
    Checkpoint { tensors: ["a", "b", "c"].map(tensor).into(), meta }
}

fn open(folder: &Path) -> Checkpoints {
    let options = Options { keep_last: 2, ..Options::default() };
    Checkpoints::new(folder.join(CHECKPOINTS), options).unwrap()
}

/// The newest step, its content checked.
fn latest(folder: &Path) -> u64 {
    let Some(loaded) = open(folder).latest().unwrap() else { return 0 };
    assert!(loaded.refused.is_empty(), "{:?}", loaded.refused);
    let step = loaded.label.step;
    assert_eq!(loaded.checkpoint.tensors, of_step(step, Value::Null).tensors);
    assert_eq!(loaded.checkpoint.meta["step"], step);
    step
}

/// What is killed: goes on from the newest checkpoint, and tells of each step once it is saved.
fn save_until_killed(folder: &Path) -> ! {
    let mut checkpoints = open(folder);
    let mut log = AuditLog::open(&folder.join(AUDIT)).unwrap();
    let event = |kind, data| Event { time: std::time::SystemTime::now(), who: "test", kind, data };
    log.append(&event("start", json!({}))).unwrap();
    let mut step = 0;
    if let Some(loaded) = checkpoints.latest().unwrap() {
        step = loaded.label.step;
        log.append(&event(RESUME, loaded.event())).unwrap();
    }
    loop {
        step += 1;
        let mut meta = json!({ "step": step });
        log.head().unwrap().note(&mut meta).unwrap();
        let saved = checkpoints.save(step, &of_step(step, meta), Some(step as f64)).unwrap();
        log.append(&event(CHECKPOINT, saved.event())).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "saved {step}").unwrap();
        out.flush().unwrap();
    }
}

fn a_process_killed_at_any_point_loses_nothing_that_it_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (mut saved, mut leftovers) = (0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = |line: std::io::Result<String>| {
            if let Some(step) = line.unwrap().strip_prefix("saved ") {
                saved = step.parse().unwrap();
            }
            saved
        };
        let before = told(Ok(String::new()));
        while told(lines.next().expect("the process died by itself")) < before + 2 {}
        // Points spread over the time of a save by a step that has no common measure with it.
        std::thread::sleep(Duration::from_micros(kill * 7_919 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        lines.for_each(|line| _ = told(line));
        let newest = latest(folder.path());
        assert!(newest == saved || newest == saved + 1, "{saved} was told, {newest} is there");
        assert_eq!(open(folder.path()).best().unwrap().unwrap().label.step, 1, "the best is kept as well");
        let parts = std::fs::read_dir(folder.path().join(CHECKPOINTS)).unwrap();
        leftovers +=
            parts.filter(|part| part.as_ref().unwrap().path().extension().unwrap() == "part").count();
        let found = audit::check_run(folder.path(), &Keys::default()).unwrap();
        assert!(found.holds(), "{:?} {:?}", found.log.faults, found.faults);
        assert!(found.not_noted.len() <= 1, "{:?}", found.not_noted);
    }
    assert!(saved >= 2 * KILLS, "{saved} steps were saved");
    // About half of the time goes into writing the file: of 50 kills some hit it.
    println!("{saved} saves, {leftovers} of {KILLS} kills left a part of a file");
    assert!(leftovers > 0, "no kill came in the middle of a save");
    let checked = audit::check(&folder.path().join(AUDIT)).unwrap();
    assert_eq!(checked.lines.iter().filter(|line| line.kind == RESUME).count() as u64, KILLS - 1);
}

/// A disk whose files cannot grow: what the kernel itself says in the middle of a write.
#[cfg(target_os = "linux")]
fn a_disk_that_is_really_full_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).save(7, &of_step(7, json!({ "step": 7 })), None).unwrap();
    let exe = std::env::current_exe().unwrap();
    // Files of at most 100 KiB; the signal that would end the process is ignored.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"])
        .arg(exe)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("the checkpoint of step 8") && error.contains("File too large"), "{error}");
    assert_eq!(latest(folder.path()), 7);
    assert_eq!(std::fs::read_dir(folder.path().join(CHECKPOINTS)).unwrap().count(), 1);
}

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        save_until_killed(Path::new(&folder));
    }
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let mut trials = vec![trial(
        "a_process_killed_at_any_point_loses_nothing_that_it_saved",
        a_process_killed_at_any_point_loses_nothing_that_it_saved,
    )];
    #[cfg(target_os = "linux")]
    trials.push(trial("a_disk_that_is_really_full_costs_nothing", a_disk_that_is_really_full_costs_nothing));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}
