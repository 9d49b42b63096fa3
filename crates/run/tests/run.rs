//! Runs that are stopped, lose their device or are damaged: what is there afterwards, and that they go on
//! as if nothing had been.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::{Path, PathBuf};

use anygrad_gpu::{Choice, Device, Session};
use anygrad_nn::{End, FitOptions, Observer, Silent, Step};
use anygrad_run::{Assembly, Outcome, RunInfo, RunOptions, Saved, Which, assemble, resume, train};
use anygrad_store::audit::check_run;
use anygrad_store::{Identity, Keys, Lock, PublicKey, SecretKey};
use common::{Stopper, read, same, table};
use pollster::block_on;

/// A forecast by an LSTM.
fn series(folder: &Path) -> PathBuf {
    let recipe = r#"
        model = [{ type = "lstm", units = 6 }, { type = "dense", units = "outputs" }]
        [data]
        format = "generated"
        set = "sine"
        rows = 90
        task = "forecasting"
        window = 6
        normalize = "standard"
        [training]
        epochs = 3
        batch_size = 16
    "#;
    let path = folder.join("series.toml");
    std::fs::write(&path, recipe).unwrap();
    path
}

fn software() -> Session {
    block_on(Session::open_or_interpreter(&Choice::from_env_or(Choice::Software))).unwrap()
}

/// Trains in one go, and again stopped after so many steps in turn; both must leave the same.
fn stops(recipe: &Path, stops: &[usize]) {
    let folder = recipe.parent().unwrap();
    let (whole, parts) = (folder.join("whole"), folder.join("parts"));
    let done =
        block_on(train(&read(recipe), &software(), &whole, RunOptions::default(), &mut Silent)).unwrap();
    assert_eq!(done.end, End::Finished);
    let stopped = |steps: &usize, is_first: bool| {
        let options = RunOptions { save_every: Some(2), ..RunOptions::default() };
        let mut stopper = Stopper(options.stop.clone(), *steps);
        let outcome = match is_first {
            true => block_on(train(&read(recipe), &software(), &parts, options, &mut stopper)),
            false => block_on(resume(&parts, &software(), options, &mut stopper)),
        };
        assert_eq!(outcome.unwrap().end, End::Stopped);
    };
    for (i, steps) in stops.iter().enumerate() {
        stopped(steps, i == 0);
    }
    let end = block_on(resume(&parts, &software(), RunOptions::default(), &mut Silent)).unwrap();
    assert_eq!(end.end, End::Finished);
    same(&whole, &parts);
    // One that is over has nothing left to do.
    block_on(resume(&parts, &software(), RunOptions::default(), &mut Silent)).unwrap();
    same(&whole, &parts);
    let checked = check_run(&parts, &Keys::default()).unwrap();
    assert!(checked.holds(), "{checked:?}");
    assert!(checked.not_noted.is_empty());
}

#[test]
fn a_table_goes_on_as_if_it_had_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    // In the midst of an update, in the midst of an epoch, at the end of one.
    stops(&table(folder.path(), 8, 4), &[3, 5, 4]);
    let run = folder.path().join("whole");
    let info: RunInfo = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(info.data.parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [42, 9, 9]);
    assert_eq!((info.seed, info.monitor.as_deref()), (1, Some("val_loss")));
    assert!(info.model.contains("dense") && info.started.ends_with('Z') && info.seconds > 0.0);
    let metrics = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    assert!(metrics.starts_with("epoch,loss,accuracy,val_loss,val_accuracy\n1,"), "{metrics}");
    assert_eq!(metrics.lines().count(), 5);
}

#[test]
fn a_series_goes_on_as_if_it_had_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    stops(&series(folder.path()), &[7]);
}

/// Destroys the device after so many steps.
struct Destroyer(Device, usize);

impl Observer for Destroyer {
    fn on_step(&mut self, _: &Step) {
        if self.1 == 1 {
            self.0.destroy();
        }
        self.1 = self.1.saturating_sub(1);
    }
}

#[test]
fn a_lost_device_costs_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = read(&table(folder.path(), 8, 3));
    let (whole, lost) = (folder.path().join("whole"), folder.path().join("lost"));
    let device = block_on(Device::open(&Choice::from_env_or(Choice::Software))).unwrap();
    let mut destroyer = Destroyer(device.clone(), 9);
    let outcome =
        block_on(train(&recipe, &Session::on(device), &lost, RunOptions::default(), &mut destroyer)).unwrap();
    assert_eq!((outcome.end, outcome.history.recoveries), (End::Finished, 1));
    let fresh = block_on(Device::open(&Choice::from_env_or(Choice::Software))).unwrap();
    block_on(train(&recipe, &Session::on(fresh), &whole, RunOptions::default(), &mut Silent)).unwrap();
    same(&whole, &lost);
}

#[test]
fn what_is_no_run_or_of_another_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = read(&table(folder.path(), 4, 3));
    let session = Session::interpreter();
    let begin = |name: &str| -> (PathBuf, Outcome) {
        let path = folder.path().join(name);
        let outcome = block_on(train(&recipe, &session, &path, RunOptions::default(), &mut Silent)).unwrap();
        (path, outcome)
    };
    let go_on = |path: &Path| block_on(resume(path, &session, RunOptions::default(), &mut Silent));
    let refused = |path: &Path| go_on(path).unwrap_err().to_string();

    let error = refused(&folder.path().join("none"));
    assert!(error.ends_with("none: there is no such folder"), "{error}");
    let error = refused(folder.path());
    assert!(error.contains("no folder of a run: it holds no recipe.toml"), "{error}");
    let (run, outcome) = begin("run");
    let error = block_on(train(&recipe, &session, &run, RunOptions::default(), &mut Silent)).unwrap_err();
    assert!(error.to_string().contains("run: is there already"), "{error}");

    // A torn one: it is named, and the one before is taken.
    let last = outcome.checkpoint.unwrap();
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    let prepared = anygrad_run::Run::resume(&run, &session, RunOptions::default()).unwrap();
    let resumed = prepared.resumed().unwrap();
    assert_eq!(resumed.epochs, 2);
    assert!(resumed.refused[0].contains(&*last.file_name().unwrap().to_string_lossy()), "{resumed:?}");
    drop(prepared);
    std::fs::write(&last, &bytes).unwrap();

    // One of another recipe.
    let (elsewhere, _) = begin("elsewhere");
    let own = std::fs::read_to_string(elsewhere.join("recipe.toml")).unwrap();
    std::fs::write(elsewhere.join("recipe.toml"), own.replace("units = 4", "units = 5")).unwrap();
    assert!(own.contains("units = 4"));
    let error = refused(&elsewhere);
    assert!(error.contains("checkpoint-") && error.contains("is of another recipe"), "{error}");

    // Other data.
    let rows = folder.path().join("rows.csv");
    let data = std::fs::read_to_string(&rows).unwrap();
    std::fs::write(&rows, data.replacen("sun", "rain", 1)).unwrap();
    let error = refused(&run);
    assert!(error.contains("run.json: the data have changed"), "{error}");
    std::fs::write(&rows, &data).unwrap();

    // A history without its epochs.
    std::fs::write(run.join("history.json"), "{").unwrap();
    let error = refused(&run);
    assert!(error.contains("history.json: "), "{error}");
    // Nothing that is whole.
    for entry in std::fs::read_dir(run.join("checkpoints")).unwrap() {
        std::fs::write(entry.unwrap().path(), b"nothing").unwrap();
    }
    let error = refused(&run);
    assert!(error.contains("no checkpoint can be used"), "{error}");
}

#[test]
fn a_model_is_read_back_and_predicts_without_its_data() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = read(&table(folder.path(), 8, 30));
    let session = Session::interpreter();
    let run = folder.path().join("run");
    let key = SecretKey::generate().unwrap();
    let public = key.public();
    let identity = Identity::generate().unwrap();
    let options = RunOptions {
        lock: Lock::Recipients(vec![identity.recipient()]),
        keys: Keys { identities: vec![identity.clone()], passphrase: None },
        sign_with: Some(key),
        ..RunOptions::default()
    };
    let outcome = block_on(train(&recipe, &session, &run, options, &mut Silent)).unwrap();
    let test = outcome.test.unwrap();
    let keys = Keys { identities: vec![identity], passphrase: None };
    let open = |keys: &Keys, key: &PublicKey| {
        Saved::open(&run, &session, Which::Best, keys.clone(), Some(key.clone()))
    };
    assert!(open(&Keys::default(), &public).is_err());
    let error = open(&keys, &SecretKey::generate().unwrap().public()).err().unwrap().to_string();
    assert!(error.contains("it is signed by the key"), "{error}");
    let options = RunOptions { keys: keys.clone(), ..RunOptions::default() };
    let error = block_on(resume(&run, &session, options, &mut Silent)).unwrap_err().to_string();
    assert!(error.contains("is encrypted, and what follows would not be"), "{error}");
    let mut saved = open(&keys, &public).unwrap();
    let part = saved.test_part().unwrap();
    assert_eq!(block_on(saved.evaluate(&part, "test")).unwrap(), test);

    // The whole table with targets, then rows alone.
    let rows = folder.path().join("rows.csv");
    let labelled = saved.labelled(&rows).unwrap();
    let all = block_on(saved.evaluate(&labelled, "rows")).unwrap();
    let with_targets = block_on(saved.predict(&rows)).unwrap();
    let text = std::fs::read_to_string(&rows).unwrap();
    let kinds: Vec<&str> =
        text.lines().skip(1).map(|line| line.splitn(3, ',').nth(2).unwrap().trim_matches('"')).collect();
    let right = with_targets.rows.iter().zip(&kinds).filter(|(row, kind)| row[0] == **kind).count();
    assert_eq!(all.scores.figure("accuracy").unwrap(), right as f64 / 60.0);
    assert!(right > 35, "{right}");
    let alone: String =
        text.lines().map(|line| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(",") + "\n").collect();
    std::fs::remove_file(&rows).unwrap();
    let input = folder.path().join("input.csv");
    std::fs::write(&input, alone).unwrap();
    assert_eq!(block_on(saved.predict(&input)).unwrap(), with_targets);
    let csv = with_targets.to_csv();
    let header = csv.lines().next().unwrap();
    assert!(header.starts_with("class,p(") && header.contains("\"p(snow, wet)\""), "{header}");
    let sum: f32 = with_targets.rows[0][1..].iter().map(|cell| cell.parse::<f32>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    std::fs::write(&rows, text.replacen("snow, wet", "sun", 60)).unwrap();
    let error = saved.test_part().unwrap_err().to_string();
    assert!(error.contains("the fingerprint of the test part was"), "{error}");
    std::fs::write(&input, "a\n1\n").unwrap();
    let error = block_on(saved.predict(&input)).unwrap_err().to_string();
    assert!(error.contains("no column \"b\" among the 1 columns a"), "{error}");
}

#[test]
fn augmentation_suits_the_data_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = read(&table(folder.path(), 4, 1));
    let with = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        assemble(&recipe.with(&sets)?, &Session::interpreter())
    };
    let mixup = "regularization.augmentation={ mixup = 0.3 }";
    let error = with(&[mixup]).err().unwrap().to_string();
    assert!(error.contains("take the loss categorical_cross_entropy"), "{error}");
    let error = with(&["regularization.augmentation={ rotation = 10.0 }"]).err().unwrap().to_string();
    assert!(error.contains("Rotate"), "{error}");
    // Mixed or not, the first epoch's loss is of other rows.
    let loss = |sets: &[&str]| {
        let Assembly { mut trainer, loaded, options } = with(sets).unwrap();
        let rows = (loaded.training.features(), loaded.training.targets());
        block_on(trainer.fit(rows, None, &FitOptions { early_stopping: None, ..options }, &mut Silent))
            .unwrap()
            .last_loss()
    };
    let (plain, mixed) =
        (loss(&["loss=categorical_cross_entropy"]), loss(&["loss=categorical_cross_entropy", mixup]));
    assert!(plain != mixed && mixed.is_finite());
    assert_eq!(mixed, loss(&["loss=categorical_cross_entropy", mixup]));
}
