//! A disk that fails at every point of a save.

use super::*;
use crate::durable::Point;
use crate::durable::faults::with;

/// A folder with the checkpoints of steps 1 and 2, kept by two.
fn two() -> (TempDir, Checkpoints) {
    let folder = tempdir().unwrap();
    let mut checkpoints = open(&folder, Options { keep_last: 2, ..Options::default() });
    checkpoints.save(1, &of_step(1), Some(1.0)).unwrap();
    checkpoints.save(2, &of_step(2), Some(2.0)).unwrap();
    (folder, checkpoints)
}

/// After a save that failed all that was there is there, whole, and nothing else; and once the disk
/// works the next save is as any other.
fn assert_untouched(checkpoints: &mut Checkpoints, error: &Error) {
    assert!(error.is_input() && error.to_string().contains("the checkpoint of step 3"), "{error}");
    assert!(
        error.to_string().contains("cannot be written") && error.to_string().contains("no space"),
        "{error}"
    );
    assert_eq!(names(checkpoints).len(), 2, "{:?}", names(checkpoints));
    assert_eq!(latest_step(checkpoints), 2);
    assert_eq!(checkpoints.best().unwrap().unwrap().checkpoint, of_step(1));
    checkpoints.save(4, &of_step(4), Some(0.5)).unwrap();
    assert_eq!((steps(checkpoints), latest_step(checkpoints)), (vec![2, 4], 4));
}

#[test]
fn a_disk_that_is_full_after_any_number_of_bytes_costs_nothing() {
    let size = std::fs::metadata(two().1.list().unwrap()[1].0.clone()).unwrap().len() as usize;
    for after in 0..size {
        let (_folder, mut checkpoints) = two();
        let saved = with(Point::Write(0), after, || checkpoints.save(3, &of_step(3), Some(3.0)));
        assert_untouched(&mut checkpoints, &saved.expect_err("a full disk"));
    }
    let (_folder, mut checkpoints) = two();
    with(Point::Write(0), size + 16, || checkpoints.save(3, &of_step(3), Some(3.0))).unwrap();
    assert_eq!(latest_step(&mut checkpoints), 3);
}

#[test]
fn a_disk_that_fails_before_the_rename_costs_nothing() {
    for (point, after) in [(Point::Sync, 0), (Point::Sync, 1), (Point::Rename, 0)] {
        let (_folder, mut checkpoints) = two();
        let saved = with(point, after, || checkpoints.save(3, &of_step(3), Some(3.0)));
        assert_untouched(&mut checkpoints, &saved.expect_err("a disk that fails"));
    }
}

#[test]
fn nothing_is_removed_before_the_new_one_is_durable() {
    let (_folder, mut checkpoints) = two();
    let saved = with(Point::SyncFolder, 0, || checkpoints.save(3, &of_step(3), Some(0.5)));
    assert!(saved.unwrap_err().to_string().contains("cannot be written"));
    assert_eq!(steps(&checkpoints), [1, 2, 3], "the new name may not be on the disk: all are kept");
    assert_eq!(latest_step(&mut checkpoints), 3);
}

#[test]
fn what_cannot_be_removed_is_told_and_the_new_one_is_saved() {
    let (_folder, mut checkpoints) = two();
    let saved = with(Point::Remove, 0, || checkpoints.save(3, &of_step(3), Some(0.5))).unwrap();
    assert_eq!(saved.not_removed.len(), 1);
    assert!(saved.not_removed[0].to_string().contains("step-1"), "{}", saved.not_removed[0]);
    assert_eq!((steps(&checkpoints), latest_step(&mut checkpoints)), (vec![1, 2, 3], 3));
    checkpoints.save(4, &of_step(4), Some(0.6)).unwrap();
    assert_eq!(steps(&checkpoints), [3, 4], "the next save removes it");
}

#[test]
fn a_full_disk_costs_nothing_where_files_are_encrypted_and_signed() {
    let key = SecretKey::generate().unwrap();
    let require = Some(key.public());
    let identity = Identity::generate().unwrap();
    let lock = Lock::Recipients(vec![identity.recipient()]);
    let keys = Keys { passphrase: None, identities: vec![identity] };
    let folder = tempdir().unwrap();
    let options = Options { sign_with: Some(key), require, lock, keys, ..Options::default() };
    let mut checkpoints = open(&folder, options);
    checkpoints.save(1, &of_step(1), None).unwrap();
    for point in [Point::Write(0), Point::Sync, Point::Rename, Point::SyncFolder] {
        let (mut after, mut failed) = (0, 0);
        while with(point, after, || checkpoints.save(2, &of_step(2), None)).is_err() {
            let loaded = checkpoints.latest().unwrap().unwrap();
            assert!(loaded.refused.is_empty(), "{point:?} {after}: {:?}", loaded.refused);
            assert_eq!(loaded.checkpoint, of_step(loaded.label.step));
            failed += 1;
            after += if point == Point::Write(0) { 13 } else { 1 };
        }
        assert!(failed >= 2, "{point:?}: {failed}");
        assert_eq!(latest_step(&mut checkpoints), 2);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    let folder = tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, b"a file").unwrap();
    let mut checkpoints = Checkpoints::new(taken.join("checkpoints"), Options::default()).unwrap();
    let error = checkpoints.save(1, &of_step(1), None).unwrap_err().to_string();
    assert!(error.contains("taken"), "{error}");
}
