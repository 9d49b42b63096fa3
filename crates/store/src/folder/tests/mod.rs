mod faults;

use anygrad_core::Array;
use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::seal::{Identity, Passphrase};

/// The checkpoint of a step: its content follows from the step.
fn of_step(step: u64) -> Checkpoint {
    let tensors = [("w".to_owned(), Array::f32(&[16], vec![step as f32; 16]).unwrap())];
    Checkpoint { tensors: tensors.into(), meta: json!({ "step": step }) }
}

fn open(folder: &TempDir, options: Options) -> Checkpoints {
    Checkpoints::new(folder.path().join("checkpoints"), options).unwrap()
}

/// Names of everything in the folder.
fn names(checkpoints: &Checkpoints) -> Vec<String> {
    let entries = std::fs::read_dir(&checkpoints.folder).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn steps(checkpoints: &Checkpoints) -> Vec<u64> {
    checkpoints.list().unwrap().iter().map(|(_, label)| label.step).collect()
}

fn latest_step(checkpoints: &mut Checkpoints) -> u64 {
    let loaded = checkpoints.latest().unwrap().unwrap();
    assert_eq!(loaded.checkpoint, of_step(loaded.label.step));
    loaded.label.step
}

#[test]
fn the_last_and_the_best_are_kept() {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options { keep_last: 2, ..Options::default() });
    assert!(checkpoints.latest().unwrap().is_none() && checkpoints.best().unwrap().is_none());
    let scores = [Some(3.0), Some(1.0), None, Some(f64::NAN), Some(2.0), Some(1.0), Some(f64::NEG_INFINITY)];
    let kept: [&[u64]; 7] = [&[1], &[1, 2], &[2, 3], &[2, 3, 4], &[2, 4, 5], &[2, 5, 6], &[2, 6, 7]];
    for (step, (score, kept)) in (1..).zip(scores.into_iter().zip(kept)) {
        let saved = checkpoints.save(step, &of_step(step), score).unwrap();
        assert!(saved.not_removed.is_empty());
        assert_eq!(crate::sha256_of_file(&saved.path).unwrap(), saved.sha256);
        assert_eq!(steps(&checkpoints), kept, "after step {step}");
        assert_eq!(latest_step(&mut checkpoints), step);
    }
    assert_eq!(checkpoints.best().unwrap().unwrap().label.step, 2);
    checkpoints.options.goal = Goal::Most;
    assert_eq!(checkpoints.best().unwrap().unwrap().label.step, 2, "the older of two as good");
    assert_eq!(names(&checkpoints).len(), 3, "nothing else is left");
    assert!(Checkpoints::new("x", Options { keep_last: 0, ..Options::default() }).is_err());
}

#[test]
fn the_best_may_be_the_greatest() {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options { keep_last: 1, goal: Goal::Most, ..Options::default() });
    for (step, score) in (1..).zip([0.5, 0.9, -7.0, 0.9]) {
        checkpoints.save(step, &of_step(step), Some(score)).unwrap();
    }
    assert_eq!(steps(&checkpoints), [2, 4]);
    assert_eq!(checkpoints.best().unwrap().unwrap().label.score, Some(0.9));
}

#[test]
fn a_run_that_goes_back_to_an_earlier_step_is_the_newer_one() {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options { keep_last: 2, ..Options::default() });
    for step in [10, 20, 30, 15, 15] {
        checkpoints.save(step, &of_step(step), None).unwrap();
        assert_eq!(latest_step(&mut checkpoints), step);
    }
    assert_eq!(steps(&checkpoints), [15, 15]);
}

#[test]
fn a_damaged_file_is_named_and_the_one_before_is_offered() {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options::default());
    for step in 1..=3 {
        checkpoints.save(step, &of_step(step), Some(step as f64)).unwrap();
    }
    let (path, _) = checkpoints.list().unwrap().pop().unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        for bytes in [&changed[..], &whole[..at]] {
            std::fs::write(&path, bytes).unwrap();
            let loaded = checkpoints.latest().unwrap().unwrap();
            assert_eq!((loaded.label.step, loaded.checkpoint), (2, of_step(2)), "byte {at}");
            assert_eq!(loaded.refused.len(), 1);
            assert!(
                loaded.refused[0].to_string().contains("checkpoint-000003-step-3"),
                "{}",
                loaded.refused[0]
            );
        }
    }
    // What was refused neither counts among those kept nor is removed.
    checkpoints.options.keep_last = 1;
    checkpoints.save(4, &of_step(4), Some(4.0)).unwrap();
    assert_eq!(steps(&checkpoints), [1, 3, 4]);
    let (first, _) = checkpoints.list().unwrap().remove(0);
    std::fs::write(&first, "no checkpoint").unwrap();
    let best = checkpoints.best().unwrap().unwrap();
    assert_eq!((best.label.step, best.refused.len()), (4, 2));
}

#[test]
fn renamed_and_foreign_files_are_refused() {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options::default());
    let saved = checkpoints.save(1, &of_step(1), None).unwrap();
    let newer = checkpoints.folder.join("checkpoint-000002-step-9.safetensors");
    std::fs::copy(&saved.path, &newer).unwrap();
    std::fs::write(checkpoints.folder.join("model.safetensors"), b"x").unwrap();
    std::fs::write(checkpoints.folder.join("notes.txt"), b"x").unwrap();
    std::fs::create_dir(checkpoints.folder.join("checkpoint-000003-step-9.safetensors")).unwrap();
    let loaded = checkpoints.latest().unwrap().unwrap();
    assert_eq!(loaded.label.step, 1);
    let reasons: Vec<_> = loaded.refused.iter().map(Refused::to_string).collect();
    assert!(reasons[0].contains("model.safetensors: this is not the name of a checkpoint"), "{reasons:?}");
    assert!(reasons[1].contains("000003-step-9") && reasons[1].contains("not a regular file"), "{reasons:?}");
    assert!(reasons[2].contains("renamed or swapped"), "{reasons:?}");
    assert_eq!(reasons.len(), 3);

    std::fs::remove_file(&saved.path).unwrap();
    let error = checkpoints.latest().unwrap_err().to_string();
    assert!(error.contains("no checkpoint can be used") && error.contains("model.safetensors"), "{error}");
    assert!(checkpoints.load(Path::new("model.safetensors")).is_err());
}

#[test]
fn what_killed_processes_left_is_removed_by_the_next_save() {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options::default());
    checkpoints.save(1, &of_step(1), None).unwrap();
    let ours = [".anygrad-abc123.part", "checkpoint-000002-step-2.safetensors.sig"];
    let others = [".anygrad-notes", "x.part", "model.sig"];
    ours.iter().chain(&others).for_each(|name| std::fs::write(checkpoints.folder.join(name), b"x").unwrap());
    let mut checkpoints = open(&folder, Options::default());
    checkpoints.latest().unwrap();
    assert_eq!(names(&checkpoints).len(), 6, "who reads removes nothing");
    checkpoints.save(3, &of_step(3), None).unwrap();
    let left = names(&checkpoints);
    assert!(others.iter().all(|name| left.contains(&(*name).to_owned())), "{left:?}");
    assert!(!ours.iter().any(|name| left.contains(&(*name).to_owned())), "{left:?}");
}

#[test]
fn encrypted_checkpoints_need_their_key() {
    let identity = Identity::generate().unwrap();
    let passphrase = Passphrase::new("secret").unwrap();
    let keys_of = |identities: Vec<Identity>, passphrase| Keys { passphrase, identities };
    for (lock, keys) in [
        (Lock::Recipients(vec![identity.recipient()]), keys_of(vec![identity.clone()], None)),
        (Lock::Passphrase(passphrase.clone()), keys_of(Vec::new(), Some(passphrase))),
    ] {
        let folder = tempdir().unwrap();
        let mut writer = open(&folder, Options { lock, keep_last: 1, ..Options::default() });
        for (step, score) in (1..).zip([1.0, 3.0, 2.0]) {
            writer.save(step, &of_step(step), Some(score)).unwrap();
        }
        assert_eq!(steps(&writer), [1, 3], "the best is known without the key");
        let saved = std::fs::read(&writer.list().unwrap()[0].0).unwrap();
        assert!(saved.starts_with(seal::MAGIC));
        assert!(!saved.windows(8).any(|bytes| bytes == b"metadata"), "nothing stands in the clear");
        let error = writer.latest().unwrap_err().to_string();
        assert!(error.contains("it is encrypted"), "{error}");
        let mut reader = open(&folder, Options { keys, ..Options::default() });
        assert_eq!(latest_step(&mut reader), 3);
        assert_eq!(reader.best().unwrap().unwrap().label.step, 1);
    }
}

#[test]
fn only_what_the_required_key_signed_is_read() {
    let (mine, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let folder = tempdir().unwrap();
    let require = Some(mine.public());
    let mut signing = open(&folder, Options { sign_with: Some(mine), keep_last: 1, ..Options::default() });
    signing.save(1, &of_step(1), Some(2.0)).unwrap();
    signing.save(2, &of_step(2), Some(1.0)).unwrap();
    assert_eq!(names(&signing).len(), 2, "the signature goes with its file: {:?}", names(&signing));
    let mut unsigned = open(&folder, Options::default());
    unsigned.save(3, &of_step(3), None).unwrap();
    open(&folder, Options { sign_with: Some(other), ..Options::default() })
        .save(4, &of_step(4), None)
        .unwrap();

    let mut strict = open(&folder, Options { require, ..Options::default() });
    let loaded = strict.latest().unwrap().unwrap();
    assert_eq!((loaded.label.step, loaded.refused.len()), (2, 2));
    assert!(loaded.refused[0].to_string().contains("it is signed by the key"), "{}", loaded.refused[0]);
    assert!(loaded.refused[1].to_string().contains("it is not signed"), "{}", loaded.refused[1]);
    assert_eq!(latest_step(&mut unsigned), 4, "nobody who does not ask for it is held up");
}
