//! What a run tells beside its figures: what kernels took, what the device held, event files for TensorBoard.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use anygrad_gpu::{Choice, Session};
use anygrad_nn::{End, History, Silent};
use anygrad_run::{KERNELS, RunInfo, RunOptions, TENSORBOARD, resume, train};
use common::{Stopper, read, table};
use pollster::block_on;

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn kernels_are_timed_and_memory_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = read(&table(folder.path(), 8, 3));
    let session = block_on(Session::open_or_interpreter(&Choice::from_env_or(Choice::Software))).unwrap();
    let run = folder.path().join("run");
    block_on(train(&recipe, &session, &run, RunOptions::default(), &mut Silent)).unwrap();
    let info: RunInfo = json(&run.join("run.json"));
    let peak = session.usage().unwrap().unwrap().peak;
    assert!(info.device_bytes.is_some_and(|bytes| 0 < bytes && bytes <= peak), "{info:?}");
    // Of two batches of an update one, and the update.
    let of = |step: &'static str| {
        info.kernels.iter().filter(move |cost| cost.step.contains(step)).map(|cost| cost.dispatches)
    };
    assert_eq!(of("adam").collect::<Vec<_>>(), [1], "{:?}", info.kernels);
    assert!(of("matmul").sum::<u64>() >= 5, "{:?}", info.kernels);
    assert!(info.kernels.iter().all(|cost| cost.ms > 0.0 && cost.bytes > Some(0)), "{:?}", info.kernels);
    assert!(info.kernels.is_sorted_by(|a, b| a.ms >= b.ms));
    assert!(
        info.kernel_times.starts_with("One training step, each dispatch in its fastest of 12 runs; times: "),
        "{info:?}"
    );
    let csv = std::fs::read_to_string(run.join(KERNELS)).unwrap();
    assert!(csv.starts_with("kernel,operators,dispatches,ms,bytes\n"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + info.kernels.len());
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(page.contains("Time and memory of each kernel") && page.contains("Device memory"));

    // On the interpreter operators are timed, and no device holds anything.
    let run = folder.path().join("interpreted");
    block_on(train(&recipe, &Session::interpreter(), &run, RunOptions::default(), &mut Silent)).unwrap();
    let info: RunInfo = json(&run.join("run.json"));
    assert_eq!(info.device_bytes, None);
    assert!(info.kernels.iter().all(|cost| cost.kernel == "interpreter"), "{:?}", info.kernels);
    assert!(info.kernel_times.ends_with("times: the interpreter's operators one by one"), "{info:?}");
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 })
    })
}

/// The records of an event file, their checksums checked.
fn records(file: &[u8]) -> Vec<&[u8]> {
    let checked = |from: usize, length: usize| {
        let bytes = &file[from..from + length];
        let crc = crc32c(bytes);
        let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked.to_le_bytes(), file[from + length..from + length + 4]);
        bytes
    };
    let (mut records, mut at) = (Vec::new(), 0);
    while at < file.len() {
        let length = u64::from_le_bytes(checked(at, 8).try_into().unwrap()) as usize;
        records.push(checked(at + 12, length));
        at += 16 + length;
    }
    records
}

/// The fields of a message: number and bytes, those of a number in little-endian order.
fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut number = 0;
        for place in 0.. {
            let byte = message[0];
            *message = &message[1..];
            number |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                break;
            }
        }
        number
    }
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let length = match key % 8 {
            0 => {
                fields.push((key / 8, varint(&mut message).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut message) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        fields.push((key / 8, message[..length].to_vec()));
        message = &message[length..];
    }
    fields
}

/// The scalars of a part by tag and step, as TensorBoard shows them: a start makes what was written of later steps
/// void.
fn scalars(part: &Path) -> BTreeMap<(String, u64), f32> {
    let mut files: Vec<_> = std::fs::read_dir(part).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut shown = BTreeMap::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let records = records(&bytes);
        assert!(fields(records[0]).contains(&(3, b"brain.Event:2".to_vec())));
        for record in &records[1..] {
            let event: BTreeMap<u64, Vec<u8>> = fields(record).into_iter().collect();
            assert!(f64::from_le_bytes(event[&1][..].try_into().unwrap()) > 1.7e9);
            let step = u64::from_le_bytes(event[&2][..].try_into().unwrap());
            if let Some(log) = event.get(&7) {
                assert_eq!(fields(log), [(1, 1u64.to_le_bytes().to_vec())]);
                shown.retain(|(_, at), _| *at < step);
            }
            for (_, value) in event.get(&5).map_or(Vec::new(), |summary| fields(summary)) {
                let value = fields(&value);
                let tag = String::from_utf8(value[0].1.clone()).unwrap();
                shown.insert((tag, step), f32::from_le_bytes(value[1].1[..].try_into().unwrap()));
            }
        }
    }
    shown
}

#[test]
fn event_files_hold_the_history_over_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = read(&table(folder.path(), 8, 4));
    let (session, run) = (Session::interpreter(), folder.path().join("run"));
    let options = RunOptions { tensorboard: true, ..RunOptions::default() };
    // Stopped after the first step of the third epoch.
    let mut stopper = Stopper(options.stop.clone(), 13);
    let stopped = block_on(train(&recipe, &session, &run, options, &mut stopper)).unwrap();
    assert_eq!((stopped.end, stopped.history.epochs.len()), (End::Stopped, 2));
    let events = run.join(TENSORBOARD);
    let first = std::fs::read_dir(events.join("train")).unwrap().next().unwrap().unwrap().path();
    let before = std::fs::read(&first).unwrap();
    block_on(resume(&run, &session, RunOptions::default(), &mut Silent)).unwrap();
    assert_eq!(std::fs::read(&first).unwrap(), before);
    assert_eq!(std::fs::read_dir(events.join("train")).unwrap().count(), 2);

    let history: History = json(&run.join("history.json"));
    assert_eq!(history.epochs.len(), 4);
    let mut wanted = [BTreeMap::new(), BTreeMap::new()];
    for epoch in &history.epochs {
        let parts = [&epoch.train, epoch.validation.as_ref().unwrap()];
        for (wanted, scores) in wanted.iter_mut().zip(parts) {
            for name in ["loss", "accuracy"] {
                let figure = scores.figure(name).unwrap() as f32;
                wanted.insert((format!("epoch_{name}"), epoch.number), figure);
            }
        }
        let lr = epoch.lr.unwrap() as f32;
        wanted[0].insert(("epoch_learning_rate".to_owned(), epoch.number), lr);
    }
    assert_eq!(["train", "validation"].map(|part| scalars(&events.join(part))), wanted);
    // Three steps of warming up, then a cosine from 0.01 to nearly 0.
    let rates: Vec<f64> = history.epochs.iter().map(|epoch| epoch.lr.unwrap()).collect();
    assert!(rates[1..].is_sorted_by(|a, b| a > b) && rates[1] < 0.01 && rates[3] < 0.001, "{rates:?}");

    // A run without them has none.
    let other = folder.path().join("other");
    block_on(train(&recipe, &session, &other, RunOptions::default(), &mut Silent)).unwrap();
    assert!(!other.join(TENSORBOARD).exists());
}
