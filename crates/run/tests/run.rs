//! Runs that are stopped, killed, damaged and out of space: what is there afterwards, and that they go on
//! as if nothing had been.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anygrad_core::Random;
use anygrad_gpu::{Choice, Device, Session};
use anygrad_nn::{End, FitOptions, History, Observer, Silent, Step};
use anygrad_recipe::Recipe;
use anygrad_run::{Assembly, Outcome, RunInfo, RunOptions, Saved, Tested, Which, assemble, resume, train};
use anygrad_store::audit::check_run;
use anygrad_store::{Checkpoint, Identity, Keys, Lock, PublicKey, SecretKey};
use pollster::block_on;

/// A table of three classes, and a recipe with all that a state has to keep: dropout, a schedule,
/// accumulation, augmentation, early stopping.
fn table(folder: &Path, units: usize, epochs: usize) -> PathBuf {
    let mut random = Random::new(3);
    let mut text = "a,b,kind\n".to_owned();
    for row in 0..60 {
        let kind = ["sun", "rain", "snow, wet"][row % 3];
        let (a, b) = (random.normal() + (row % 3) as f64, random.normal() - (row % 3) as f64);
        writeln!(text, "{a:.3},{b:.3},\"{kind}\"").unwrap();
    }
    std::fs::write(folder.join("rows.csv"), text).unwrap();
    let recipe = format!(
        r#"
        model = [
            {{ type = "dense", units = {units}, activation = "relu" }},
            {{ type = "dropout", rate = 0.3 }},
            {{ type = "dense", units = "outputs" }},
        ]
        optimizer = {{ type = "adam", lr = 0.01 }}
        schedule = {{ type = "cosine", warmup_steps = 3 }}
        [data]
        format = "csv"
        path = "rows.csv"
        task = "multiclass"
        normalize = "standard"
        split = {{ by = "fraction", train = 0.7, validation = 0.15, test = 0.15 }}
        [regularization]
        augmentation = {{ noise = 0.05 }}
        [training]
        epochs = {epochs}
        batch_size = 8
        gradient_accumulation = 2
        early_stopping = {{ monitor = "validation_loss", patience = 50 }}
        checkpoint = {{ keep = 2 }}
        "#
    );
    let path = folder.join("table.toml");
    std::fs::write(&path, recipe).unwrap();
    path
}

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

fn read(path: &Path) -> Recipe {
    Recipe::read(path, &[]).unwrap()
}

/// Sets the flag after so many steps, as Ctrl-C would.
struct Stopper(Arc<AtomicBool>, usize);

impl Observer for Stopper {
    fn on_step(&mut self, _: &Step) {
        self.1 -= 1;
        if self.1 == 0 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// What a run left: epochs with all their bits, figures on the test part, and every tensor of the last
/// checkpoint.
fn left(folder: &Path, keys: &Keys) -> (String, Option<String>, Checkpoint) {
    let history: History =
        serde_json::from_slice(&std::fs::read(folder.join("history.json")).unwrap()).unwrap();
    let test = std::fs::read(folder.join("scores.json")).ok().map(|bytes| {
        let scores: Tested = serde_json::from_slice(&bytes).unwrap();
        format!("{:?}", scores.scores)
    });
    let names = std::fs::read_dir(folder.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        names.filter(|path| path.to_string_lossy().contains(".safetensors")).collect();
    files.sort();
    files.retain(|path| !path.to_string_lossy().ends_with(".sig"));
    let last = Checkpoint::read(files.last().unwrap(), keys, None).unwrap();
    (format!("{:?}", history.epochs), test, last)
}

fn same(a: &Path, b: &Path) {
    let (a, b) = (left(a, &Keys::default()), left(b, &Keys::default()));
    assert_eq!(a.0, b.0);
    assert_eq!(a.1, b.1);
    assert!(a.1.is_some());
    assert_eq!(a.2.tensors, b.2.tensors);
    assert_eq!(a.2.meta["progress"], b.2.meta["progress"]);
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

/// What the other tests start, to kill it: trains, or goes on.
#[test]
#[ignore = "other tests start it as a process of its own"]
fn child() {
    let Some(folder) = std::env::var_os("ANYGRAD_TEST_RUN") else { return };
    let folder = PathBuf::from(folder);
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
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env("ANYGRAD_TEST_RUN", folder);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
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

#[test]
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
#[test]
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
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact child --ignored --nocapture";
    command.args(["-c", limited]).arg(std::env::current_exe().unwrap());
    let output = command.env("ANYGRAD_TEST_RUN", folder.path()).output().unwrap();
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
    let csv = with_targets.csv().unwrap();
    let header = csv.lines().next().unwrap();
    assert!(header.starts_with("class,p(") && header.contains("\"p(snow, wet)\""), "{header}");
    let sum: f32 = with_targets.rows[0][1..].iter().map(|cell| cell.parse::<f32>().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5);
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
