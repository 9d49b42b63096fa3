//! Trainings that stop after any step and go on elsewhere, on the software adapter: to the bit as if they had
//! never stopped.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::ops::ControlFlow;

use anygrad_core::{Array, DType, Random, Result};
use anygrad_gpu::{Choice, Session};
use anygrad_nn::{
    Activation, Adam, Average, BatchNorm, Clip, Conv2d, Dense, Dropout, EarlyStopping, End, Epoch,
    FitOptions, Flatten, History, Loss, Lstm, MaxPool2d, Metric, Observer, Plateau, Schedule, Sequential,
    Sgd, Silent, Step, TrainProgress, TrainState, Trainer, Wish,
};
use pollster::block_on;

fn session() -> Session {
    block_on(Session::open(&Choice::from_env_or(Choice::Software))).unwrap()
}

fn data(sizes: &[usize]) -> (Array, Array) {
    let mut random = Random::new(12);
    let numbers: Vec<f32> = (0..sizes.iter().product()).map(|_| random.normal() as f32).collect();
    let classes: Vec<i32> = (0..sizes[0]).map(|row| row as i32 % 3).collect();
    (Array::f32(sizes, numbers).unwrap(), Array::i32(&[sizes[0]], classes).unwrap())
}

/// Stops after so many steps, counted over all epochs.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn on_step(&mut self, _: &Step) {
        self.0 = self.0.saturating_sub(1);
    }
    fn wish(&mut self) -> Wish {
        if self.0 == 0 { Wish::Stop } else { Wish::GoOn }
    }
}

/// As another process would read it.
fn through_a_file(state: &TrainState) -> TrainState {
    let text = serde_json::to_string(&state.progress).unwrap();
    let progress: TrainProgress = serde_json::from_str(&text).unwrap();
    let read = |array: &Array| Array::from_bytes(array.shape(), array.dtype(), array.bytes()).unwrap();
    let tensors = state.tensors.iter().map(|(name, array)| (name.clone(), read(array))).collect();
    TrainState { tensors, progress }
}

#[track_caller]
fn same(got: &TrainState, want: &TrainState, what: &str) {
    let names = want.tensors.keys().chain(got.tensors.keys());
    let other: Vec<&String> = names.filter(|&name| got.tensors.get(name) != want.tensors.get(name)).collect();
    assert!(other.is_empty(), "{what}: {other:?} differ");
    assert_eq!(got.progress, want.progress, "{what}");
}

/// A training of so many epochs in one, and in two with a stop after each of these steps: all losses, all
/// figures, and the whole state at the end are the same.
fn check(make: &dyn Fn() -> Trainer, sizes: &[usize], options: &FitOptions, stops: &[usize]) {
    let (x, y) = data(sizes);
    let validation = Some((&x, &y));
    let mut whole = make();
    let want = block_on(whole.fit((&x, &y), validation, options, &mut Silent)).unwrap();
    let end = block_on(whole.state()).unwrap();
    for &stop in stops {
        let mut first = make();
        let begun = block_on(first.fit((&x, &y), validation, options, &mut StopAfter(stop))).unwrap();
        assert_eq!(begun.end, End::Stopped);
        let state = through_a_file(&block_on(first.state()).unwrap());
        drop(first);
        let mut second = make();
        second.restore(&state).unwrap();
        same(&block_on(second.state()).unwrap(), &state, &format!("restored after step {stop}"));
        let left = FitOptions { epochs: options.epochs - second.epochs() as usize, ..options.clone() };
        let rest = block_on(second.fit((&x, &y), validation, &left, &mut Silent)).unwrap();
        let epochs: Vec<&Epoch> = begun.epochs.iter().chain(&rest.epochs).collect();
        assert_eq!(epochs, want.epochs.iter().collect::<Vec<_>>(), "stopped after step {stop}");
        same(&block_on(second.state()).unwrap(), &end, &format!("stopped after step {stop}"));
    }
}

fn options(epochs: usize, batch_size: usize) -> FitOptions {
    FitOptions { epochs, batch_size, ..FitOptions::default() }
}

fn mlp() -> Trainer {
    let model = Sequential::new()
        .add(Dense::new(8).activation(Activation::Tanh).kernel_l2(0.01))
        .add(Dropout::new(0.3))
        .add(BatchNorm::new())
        .add(Dense::new(3));
    let adam = Adam::new(0.01).clip(Clip::GlobalNorm(1.0));
    Trainer::new(session(), model, Loss::sparse_cross_entropy(), adam)
        .seed(5)
        .metrics(&[Metric::Accuracy, Metric::F1(Average::Macro), Metric::RocAuc(Average::Macro)])
        .schedule(Schedule::cosine(0.02, 9.0, 0.1))
        .plateau(Plateau::new(0.5, 0))
}

#[test]
fn a_perceptron_after_every_step() {
    check(&mlp, &[11, 4], &options(3, 4), &[1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn gathered_gradients_after_every_batch() {
    let options = FitOptions { accumulate: 2, ..options(2, 3) };
    check(&mlp, &[13, 4], &options, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn a_plateau_without_a_schedule() {
    let make = || {
        Trainer::new(session(), Dense::new(3), Loss::sparse_cross_entropy(), Sgd::new(0.5).momentum(0.9))
            .plateau(Plateau::new(0.5, 0).threshold(0.5))
    };
    check(&make, &[10, 4], &options(4, 5), &[1, 2, 5]);
}

#[test]
fn a_convolutional_network() {
    let make = || {
        let model = Sequential::new()
            .add(Conv2d::new(4, 3).activation(Activation::Relu))
            .add(BatchNorm::new())
            .add(MaxPool2d::new(2))
            .add(Dropout::new(0.2))
            .add(Flatten)
            .add(Dense::new(3));
        Trainer::new(session(), model, Loss::sparse_cross_entropy(), Adam::new(0.01)).seed(2)
    };
    check(&make, &[10, 2, 8, 8], &options(2, 4), &[1, 3, 5]);
}

#[test]
fn a_stateful_recurrent_network() {
    let make = || {
        let lstm = Lstm::new(5).num_layers(2).dropout(0.2).stateful(true);
        let model = Sequential::new().add(lstm).add(Dense::new(3));
        Trainer::new(session(), model, Loss::sparse_cross_entropy(), Adam::pytorch_adamw(0.01))
    };
    let options = FitOptions { shuffle: false, ..options(2, 4) };
    check(&make, &[10, 6, 3], &options, &[1, 3, 4, 5]);
}

/// Flips the sign of features by what was drawn.
fn flipped(trainer: Trainer) -> Trainer {
    trainer.transform(|drawn, x, y| {
        let mut random = Random::stream(drawn.seed, drawn.epoch * 100 + drawn.batch as u64);
        let signs: Vec<f32> =
            x.as_f32()?.iter().map(|x| if random.below(2) == 0 { *x } else { -x }).collect();
        Ok((Array::f32(&x.shape(), signs)?, y))
    })
}

#[test]
fn a_transform_draws_as_before() {
    check(&|| flipped(mlp()), &[9, 4], &options(2, 4), &[2, 4]);
    let (x, y) = data(&[9, 4]);
    let plain = block_on(mlp().fit((&x, &y), None, &options(1, 4), &mut Silent)).unwrap();
    let other = block_on(flipped(mlp()).fit((&x, &y), None, &options(1, 4), &mut Silent)).unwrap();
    assert_ne!(plain, other);
}

#[test]
fn early_stopping_goes_on_counting() {
    let make = || Trainer::new(session(), Dense::new(3), Loss::sparse_cross_entropy(), Sgd::new(3.0)).seed(1);
    let options = FitOptions { early_stopping: Some(EarlyStopping::new(2)), ..options(12, 5) };
    check(&make, &[10, 4], &options, &[1, 2, 3, 4, 5]);
    let (x, y) = data(&[10, 4]);
    let mut trainer = make();
    let history = block_on(trainer.fit((&x, &y), Some((&x, &y)), &options, &mut Silent)).unwrap();
    assert_eq!(history.end, End::StoppedEarly, "{history:?}");
    let loss = |epoch: &Epoch| epoch.validation.as_ref().unwrap().loss;
    let losses: Vec<f64> = history.epochs.iter().map(loss).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!((losses.len(), history.restored), (best + 3, Some(best as u64 + 1)));
    // The model is that of the best epoch.
    assert_eq!(block_on(trainer.evaluate((&x, &y), 5)).unwrap().loss, losses[best]);
}

/// Several small batches make the step that one large one makes.
#[test]
fn gathered_gradients_are_those_of_all_rows() {
    let (x, y) = data(&[10, 4]);
    let run = |batch_size: usize, accumulate: usize| {
        let model = Sequential::new().add(Dense::new(6).activation(Activation::Tanh)).add(Dense::new(3));
        let adam = Adam::new(0.01).clip(Clip::Norm(0.1));
        let mut trainer = Trainer::new(session(), model, Loss::sparse_cross_entropy(), adam);
        let options = FitOptions { accumulate, shuffle: false, ..options(3, batch_size) };
        let history = block_on(trainer.fit((&x, &y), None, &options, &mut Silent)).unwrap();
        (
            history.losses(),
            trainer.steps(),
            block_on(trainer.read_parameter("dense.kernel")).unwrap().to_f64(),
        )
    };
    let whole = run(10, 1);
    // 4, 4 and 2 rows.
    let parts = run(4, 3);
    assert_eq!((whole.1, parts.1), (3, 3));
    let pairs = whole.0.iter().zip(&parts.0).chain(whole.2.iter().zip(&parts.2));
    for (want, got) in pairs {
        assert!((want - got).abs() < 1e-5 * want.abs().max(0.1), "{want} {got}");
    }
    assert_ne!(run(4, 1).2, parts.2);
    assert_eq!(run(4, 3), parts);
}

/// Of the batches of one update each drops other elements.
#[test]
fn dropout_draws_anew_for_each_batch_of_an_update() {
    let ones = Array::f32(&[8, 40], vec![1.0; 320]).unwrap();
    let zeros = Array::f32(&[8, 40], vec![0.0; 320]).unwrap();
    let mut trainer = Trainer::new(session(), Dropout::new(0.5), Loss::mse(), Sgd::new(0.0));
    #[derive(Default)]
    struct Losses(Vec<f64>);
    impl Observer for Losses {
        fn on_step(&mut self, step: &Step) {
            self.0.extend(step.scores.as_ref().map(|scores| scores.loss));
        }
        fn report_every(&self) -> Option<usize> {
            Some(1)
        }
    }
    let mut seen = Losses::default();
    // On the interpreter every report is there at once.
    let mut on_host = Trainer::new(Session::interpreter(), Dropout::new(0.5), Loss::mse(), Sgd::new(0.0));
    let options = FitOptions { accumulate: 4, ..options(1, 2) };
    block_on(on_host.fit((&ones, &zeros), None, &options, &mut seen)).unwrap();
    let per_batch: Vec<f64> = (0..4)
        .map(|i| seen.0[i] * (i + 1) as f64 - if i > 0 { seen.0[i - 1] * i as f64 } else { 0.0 })
        .collect();
    assert!(per_batch.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-6), "{per_batch:?}");
    let history = block_on(trainer.fit((&ones, &zeros), None, &options, &mut Silent)).unwrap();
    assert!((history.last_loss() - seen.0[3]).abs() < 1e-6);
}

/// Wishes for states, and keeps them.
#[derive(Default)]
struct Keeper {
    steps: usize,
    states: Vec<TrainState>,
    fails: bool,
}

impl Observer for Keeper {
    fn on_step(&mut self, _: &Step) {
        self.steps += 1;
    }
    fn wish(&mut self) -> Wish {
        if self.steps % 3 == 2 { Wish::Save } else { Wish::GoOn }
    }
    fn on_state(&mut self, state: &TrainState) -> Result<()> {
        if self.fails {
            return Err(anygrad_core::Error::input("the disk is full"));
        }
        self.states.push(state.clone());
        Ok(())
    }
}

#[test]
fn states_on_the_way_are_those_of_their_step() {
    let (x, y) = data(&[10, 4]);
    let mut keeper = Keeper::default();
    let mut trainer = mlp();
    let history = block_on(trainer.fit((&x, &y), None, &options(2, 4), &mut keeper)).unwrap();
    let steps: Vec<u64> = keeper.states.iter().map(|state| state.progress.steps).collect();
    assert_eq!(steps, [2, 5]);
    for state in &keeper.states {
        let mut other = mlp();
        other.restore(state).unwrap();
        let epochs = 2 - other.epochs() as usize;
        let rest = block_on(other.fit((&x, &y), None, &options(epochs, 4), &mut Silent)).unwrap();
        assert_eq!(rest.epochs[..], history.epochs[2 - epochs..]);
    }
    let mut full = Keeper { fails: true, ..Keeper::default() };
    let error = block_on(mlp().fit((&x, &y), None, &options(2, 4), &mut full)).unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
}

#[test]
fn a_state_is_restored_where_another_model_of_the_kind_has_trained() {
    let (x, y) = data(&[11, 4]);
    let mut first = mlp();
    block_on(first.fit((&x, &y), None, &options(1, 4), &mut StopAfter(2))).unwrap();
    let state = block_on(first.state()).unwrap();
    let rest = |trainer: &mut Trainer| -> History {
        block_on(trainer.fit((&x, &y), None, &options(2, 4), &mut Silent)).unwrap()
    };
    let want = rest(&mut first);
    // With the same programs, and with those of another seed.
    for seed in [5, 6] {
        let mut other = mlp().seed(seed);
        rest(&mut other);
        other.restore(&state).unwrap();
        assert_eq!(rest(&mut other), want);
    }
}

#[test]
fn a_state_before_the_first_step() {
    let (x, y) = data(&[11, 4]);
    let mut built = mlp();
    built.build(&[4], DType::F32).unwrap();
    let state = block_on(built.state()).unwrap();
    assert_eq!((state.tensors.len(), state.progress.trained), (8, false));
    let mut trained = mlp();
    let want = block_on(trained.fit((&x, &y), None, &options(1, 4), &mut Silent)).unwrap();
    trained.restore(&state).unwrap();
    assert_eq!(block_on(trained.fit((&x, &y), None, &options(1, 4), &mut Silent)).unwrap(), want);
    let error = block_on(mlp().state()).unwrap_err().to_string();
    assert!(error.contains("not built"), "{error}");
}

#[test]
fn a_state_that_does_not_fit_changes_nothing() {
    let (x, y) = data(&[11, 4]);
    let mut first = mlp();
    block_on(first.fit((&x, &y), None, &options(1, 4), &mut StopAfter(2))).unwrap();
    let good = block_on(first.state()).unwrap();
    let mut bad = good.clone();
    bad.tensors.remove("dense.bias");
    bad.tensors.insert("dense.kernel".into(), Array::f32(&[2, 2], vec![0.0; 4]).unwrap());
    bad.tensors.insert("more".into(), Array::scalar(1.0));
    let mut other = mlp().seed(9);
    other.build(&[4], DType::F32).unwrap();
    let before = block_on(other.state()).unwrap();
    let error = other.restore(&bad).unwrap_err();
    assert!(error.is_input());
    for part in [
        "dense.bias f32[8] is missing",
        "dense.kernel is f32[2, 2], wanted f32[4, 8]",
        "more f32[] is not known",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(block_on(other.state()).unwrap(), before);

    let refused = |change: &dyn Fn(&mut TrainProgress)| {
        let mut state = good.clone();
        change(&mut state.progress);
        mlp().restore(&state).unwrap_err().to_string()
    };
    assert!(refused(&|p| p.features.sizes = vec![5]).contains("wanted f32[5, 8]"));
    assert!(refused(&|p| p.features.sizes = vec![usize::MAX, 9]).contains("elements"));
    assert!(refused(&|p| p.features.dtype = "f8".into()).contains("\"f8\""));
    assert!(refused(&|p| p.plateau = None).contains("no plateau"));
    assert!(refused(&|p| p.targets = None).contains("without targets"));
    assert!(refused(&|p| p.position.as_mut().unwrap().batches = 9).contains("after 9 batches"));
    assert!(refused(&|p| p.position = None).contains("train.sums f32[256, 1] is not known"));
    assert!(refused(&|p| p.batch_sizes = vec![usize::MAX]).contains("elements"));
    // Another place in the epoch than the data have.
    other.restore(&good).unwrap();
    let error = block_on(other.fit((&x, &y), None, &options(1, 5), &mut Silent)).unwrap_err().to_string();
    assert!(error.contains("after batch 2") && error.contains("batches of 4"), "{error}");
}

/// `Break` at an epoch's end stops, too.
#[test]
fn an_end_of_an_epoch_is_a_step_boundary() {
    struct Break;
    impl Observer for Break {
        fn on_epoch_end(&mut self, _: &Epoch) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    let (x, y) = data(&[11, 4]);
    let mut trainer = mlp();
    let history = block_on(trainer.fit((&x, &y), None, &options(5, 4), &mut Break)).unwrap();
    assert_eq!((history.end, history.epochs.len(), trainer.epochs()), (End::Stopped, 1, 1));
    assert_eq!(block_on(trainer.state()).unwrap().progress.position, None);
}
