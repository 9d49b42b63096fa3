use std::time::{Duration, UNIX_EPOCH};

use anygrad_core::Array;
use tempfile::{TempDir, tempdir};

use super::check::check_bytes;
use super::*;
use crate::seal::Keys;
use crate::{Checkpoint, Checkpoints, Options};

fn event(second: u64, kind: &str) -> Event<'_> {
    let data = json!({ "text": "a \"quoted\" },\"hash\":\"{", "nested": { "a": [1, 2], "hash": "0" } });
    Event { time: UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second), who: "anna", kind, data }
}

/// A log of this many lines.
fn log_of(lines: u64) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join(AUDIT);
    let mut log = AuditLog::open(&path).unwrap();
    (0..lines).for_each(|line| _ = log.append(&event(line, "step")).unwrap());
    (folder, path)
}

fn bytes_of(lines: u64) -> Vec<u8> {
    std::fs::read(log_of(lines).1).unwrap()
}

/// The lines of a log with their line feeds.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&byte| byte == b'\n').collect()
}

fn faults(bytes: &[u8]) -> Vec<String> {
    check_bytes(bytes).faults.iter().map(Fault::to_string).collect()
}

#[test]
fn a_log_holds_what_was_written() {
    let (_folder, path) = log_of(3);
    let checked = check(&path).unwrap();
    assert_eq!((checked.faults.len(), checked.torn), (0, None));
    let line = &checked.lines[1];
    assert_eq!(
        (line.line, &*line.time, &*line.who, &*line.kind),
        (2, "2023-11-14T22:13:21Z", "anna", "step")
    );
    assert_eq!(line.data, event(1, "step").data);
    assert_eq!(line.previous, checked.lines[0].hash);
    let mut log = AuditLog::open(&path).unwrap();
    assert_eq!(log.head(), checked.head().as_ref());
    let head = log.append(&event(9, "end")).unwrap();
    assert_eq!(check(&path).unwrap().head(), Some(head.clone()));
    assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
    assert!("4".parse::<Head>().is_err() && "x:00".parse::<Head>().is_err());
    assert!(check(&path.with_extension("none")).unwrap_err().is_input());
}

#[test]
fn the_format_is_what_it_was() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("deep/audit.jsonl");
    let mut log = AuditLog::open(&path).unwrap();
    let data = json!({ "seed": 7 });
    log.append(&Event { data, ..event(0, "start") }).unwrap();
    let body = format!(
        r#"{{"line":1,"time":"2023-11-14T22:13:20Z","who":"anna","kind":"start","data":{{"seed":7}},"previous":"{}""#,
        "0".repeat(64)
    );
    let hash = crate::digest::sha256(&[body.as_bytes()]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{body},\"hash\":\"{hash}\"}}\n"));
}

#[test]
fn every_changed_byte_is_found_and_located() {
    let whole = bytes_of(3);
    let mut number = 1;
    for at in 0..whole.len() {
        for byte in 0..=255 {
            if byte == whole[at] {
                continue;
            }
            let mut bytes = whole.clone();
            bytes[at] = byte;
            let checked = check_bytes(&bytes);
            let fault = checked.faults.first().unwrap_or_else(|| panic!("byte {at} as {byte} is not found"));
            assert_eq!(fault.line, number, "byte {at} as {byte}: {fault}");
        }
        number += usize::from(whole[at] == b'\n');
    }
    assert_eq!(number, 4);
}

#[test]
fn every_added_and_every_removed_byte_is_found() {
    let whole = bytes_of(2);
    for at in 0..=whole.len() {
        for byte in [b'\n', b' ', b'"', b'}', b'0', 0, 0xff] {
            let bytes = [&whole[..at], &[byte], &whole[at..]].concat();
            // Bytes behind the end are a fault too, unless a crash could have left them there.
            let left_by_a_crash = at == whole.len() && byte == 0;
            assert!(!faults(&bytes).is_empty() || left_by_a_crash, "{byte} at {at}");
        }
        if at < whole.len() - 1 {
            let bytes = [&whole[..at], &whole[at + 1..]].concat();
            assert!(!faults(&bytes).is_empty(), "without byte {at}");
        }
    }
}

#[test]
fn missing_swapped_repeated_and_foreign_lines_are_told() {
    let whole = bytes_of(5);
    let line = lines(&whole);
    let of = |order: &[usize]| faults(&order.iter().flat_map(|&i| line[i - 1].to_vec()).collect::<Vec<_>>());
    assert!(of(&[1, 2, 3, 4, 5]).is_empty());
    assert_eq!(of(&[1, 2, 4, 5]), ["line 3: it is number 4: line 3 is missing"]);
    assert_eq!(of(&[3, 4, 5]), ["line 1: it is number 3: lines 1 to 2 are missing"]);
    let swapped = of(&[1, 3, 2, 4, 5]);
    assert_eq!(swapped[0], "line 2: it is number 3; line 2 stands at 3: lines were swapped");
    let repeated = of(&[1, 2, 2, 3, 4, 5]);
    assert_eq!(repeated, ["line 3: it is number 2, number 3 should stand here: it was moved or added"]);

    // A line rewritten together with its own hash.
    let mut forged: Line = Line::parse(line[2].strip_suffix(b"\n").unwrap()).unwrap();
    forged.who = "eve".to_owned();
    let forged = forged.render().unwrap().0 + "\n";
    let replaced = [line[0], line[1], forged.as_bytes(), line[3], line[4]].concat();
    assert_eq!(
        faults(&replaced),
        ["line 4: it does not follow the line before as it stands: one of the two was replaced"]
    );
}

#[test]
fn lines_cut_from_the_end_are_missed_by_whoever_knows_the_head() {
    let (whole, other) = (bytes_of(5), {
        let (_folder, path) = log_of(2);
        let mut log = AuditLog::open(&path).unwrap();
        (0..3).for_each(|_| _ = log.append(&event(77, "other")).unwrap());
        std::fs::read(&path).unwrap()
    });
    let head = check_bytes(&whole).head().unwrap();
    assert_eq!(check_bytes(&whole).lacks(&head), None);
    let cut = check_bytes(&lines(&whole)[..3].concat());
    assert!(cut.faults.is_empty(), "the chain alone cannot tell");
    assert_eq!(cut.lacks(&head).unwrap(), "the log was cut: it held line 5, the last one now is 3");
    assert!(check_bytes(&other).lacks(&head).unwrap().contains("line 5 was rewritten"));
    let mut meta = Value::Null;
    assert_eq!(Head::noted(&meta).unwrap(), None);
    head.note(&mut meta).unwrap();
    assert_eq!(Head::noted(&meta).unwrap(), Some(head.clone()));
    assert!(head.note(&mut json!([1])).is_err());
    assert!(Head::noted(&json!({ "audit": 3 })).is_err());
}

#[test]
fn a_torn_last_line_is_no_tampering_and_is_repaired() {
    let whole = bytes_of(3);
    let last = whole.len() - lines(&whole)[2].len();
    for end in last + 1..whole.len() {
        let checked = check_bytes(&whole[..end]);
        assert_eq!(checked.faults, [], "{end}");
        let torn = checked.torn.expect("a torn line");
        assert_eq!(
            (torn.at, torn.bytes, torn.complete),
            (last as u64, (end - last) as u64, end == whole.len() - 1)
        );
    }
    let ends = [last + 1, last + 40, whole.len() - 70, whole.len() - 2, whole.len() - 1];
    for (end, zeros) in ends.into_iter().flat_map(|end| [(end, 0), (end, 5)]) {
        let folder = tempdir().unwrap();
        let path = folder.path().join(AUDIT);
        if zeros > 0 && end == whole.len() - 1 {
            continue;
        }
        std::fs::write(&path, [&whole[..end], &vec![0; zeros]].concat()).unwrap();
        let mut log = AuditLog::open(&path).unwrap();
        log.append(&event(8, "resume")).unwrap();
        log.append(&event(9, "end")).unwrap();
        let checked = check(&path).unwrap();
        assert_eq!((checked.faults.len(), checked.torn), (0, None), "{end}: {:?}", checked.faults);
        let kinds: Vec<_> = checked.lines.iter().map(|line| &*line.kind).collect();
        let kept = end == whole.len() - 1;
        let before: &[&str] = if kept { &["step", "step", "step"] } else { &["step", "step"] };
        assert_eq!(kinds, [before, &["repair", "resume", "end"]].concat());
        assert_eq!(checked.lines[before.len()].data, json!({ "bytes": end - last + zeros, "kept": kept }));
    }
}

#[test]
fn a_log_that_was_tampered_with_is_not_written_on() {
    let (_folder, path) = log_of(3);
    let mut log = AuditLog::open(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let mut changed = whole.clone();
    changed[20] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    let error = AuditLog::open(&path).unwrap_err().to_string();
    assert!(error.contains("line 1: it was changed") && error.contains("is not written on"), "{error}");
    std::fs::write(&path, &changed[..changed.len() - 1]).unwrap();
    assert!(log.append(&event(4, "step")).is_err(), "also while it is open");
    assert_eq!(std::fs::read(&path).unwrap().len(), whole.len() - 1, "nothing was written");
    // What another process wrote is gone on with.
    std::fs::write(&path, &whole).unwrap();
    AuditLog::open(&path).unwrap().append(&event(5, "step")).unwrap();
    log.append(&event(6, "step")).unwrap();
    assert_eq!(check(&path).unwrap().head().unwrap().line, 5);
    assert!(check(&path).unwrap().faults.is_empty());
}

/// A run's folder: a log, and three checkpoints that note it and are noted there.
fn run() -> (TempDir, Checkpoints) {
    let folder = tempdir().unwrap();
    let mut log = AuditLog::open(&folder.path().join(AUDIT)).unwrap();
    let mut checkpoints = Checkpoints::new(folder.path().join(CHECKPOINTS), Options::default()).unwrap();
    log.append(&event(0, "start")).unwrap();
    for step in 1..=3 {
        let mut meta = json!({});
        log.head().unwrap().note(&mut meta).unwrap();
        let checkpoint = Checkpoint { tensors: [("w".to_owned(), Array::scalar(1.0))].into(), meta };
        let saved = checkpoints.save(step, &checkpoint, None).unwrap();
        log.append(&Event { data: saved.event(), ..event(step, "checkpoint") }).unwrap();
    }
    (folder, checkpoints)
}

#[test]
fn a_run_holds_together() {
    let (folder, checkpoints) = run();
    let found = check_run(folder.path(), &Keys::default()).unwrap();
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.as_noted.len(), found.not_noted.len()), (3, 0));

    // The log is cut to before the last checkpoint's own note.
    let path = folder.path().join(AUDIT);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, lines(&whole)[..2].concat()).unwrap();
    let found = check_run(folder.path(), &Keys::default()).unwrap();
    assert!(!found.holds() && found.log.faults.is_empty());
    assert!(found.faults[0].contains("step-3") && found.faults[0].contains("the log was cut"), "{found:?}");
    // Killed between the last save and its note.
    std::fs::write(&path, lines(&whole)[..3].concat()).unwrap();
    let found = check_run(folder.path(), &Keys::default()).unwrap();
    assert_eq!((found.holds(), found.as_noted.len(), found.not_noted.len()), (true, 2, 1), "{found:?}");
    std::fs::write(&path, &whole).unwrap();

    let (newest, _) = checkpoints.list().unwrap().pop().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 2;
        std::fs::write(&newest, &changed).unwrap();
        let found = check_run(folder.path(), &Keys::default()).unwrap();
        assert_eq!(found.faults.len(), 1, "byte {at}");
        assert!(found.faults[0].contains("line 4 of the log noted"), "{:?}", found.faults);
    }
    std::fs::write(&newest, &bytes).unwrap();
    // Another whole checkpoint under the same name.
    let mut elsewhere = Checkpoints::new(folder.path().join("x"), Options::default()).unwrap();
    for step in 1..=3 {
        let forged = elsewhere.save(step, &Checkpoint::default(), None).unwrap();
        std::fs::copy(&forged.path, &newest).unwrap();
    }
    let found = check_run(folder.path(), &Keys::default()).unwrap();
    assert!(found.faults[0].contains("it was changed or replaced"), "{found:?}");
    assert!(check_run(&folder.path().join("none"), &Keys::default()).unwrap_err().is_input());
}
