//! Whole trainings on the interpreter.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::ops::ControlFlow;

use anygrad_core::{Array, Random, Result};
use anygrad_gpu::Session;
use anygrad_graph::GradientOptions;
use anygrad_nn::{
    Activation, Adam, BatchNorm, Clip, Conv2d, Dense, Dropout, Embedding, Epoch, FitOptions, Flatten, Gru,
    Layer, Loss, Lstm, MaxPool2d, Metric, Observer, Optimizer, Padding, Plateau, Progress, RmsProp, Schedule,
    Sequential, Sgd, Silent, Start, Step, Trainer,
};
use pollster::block_on;

fn trainer(model: impl Layer + 'static, loss: Loss, optimizer: impl Optimizer + 'static) -> Trainer {
    Trainer::new(Session::interpreter(), model, loss, optimizer)
}

fn options(epochs: usize, batch_size: usize) -> FitOptions {
    FitOptions { epochs, batch_size, ..FitOptions::default() }
}

fn fit(trainer: &mut Trainer, x: &Array, y: &Array, options: &FitOptions) -> Result<Vec<f64>> {
    block_on(trainer.fit((x, y), None, options, &mut Silent)).map(|history| history.losses())
}

fn noise(rows: usize, columns: usize) -> Array {
    let mut random = Random::new(5);
    let numbers: Vec<f32> = (0..rows * columns).map(|_| random.normal() as f32).collect();
    Array::f32(&[rows, columns], numbers).unwrap()
}

/// y = 3 x + 2
fn line(rows: usize) -> (Array, Array) {
    let x = noise(rows, 1);
    let y: Vec<f32> = x.as_f32().unwrap().iter().map(|x| 3.0 * x + 2.0).collect();
    (x, Array::f32(&[rows, 1], y).unwrap())
}

#[test]
fn linear_regression_recovers_the_line() {
    let (x, y) = line(50);
    let mut trainer = trainer(Dense::new(1), Loss::mse(), Sgd::new(0.1));
    // 50 rows in batches of 16: the last one has 2.
    let losses = fit(&mut trainer, &x, &y, &options(40, 16)).unwrap();
    assert!(losses[39] < 1e-8 && losses[39] < losses[0], "{losses:?}");
    let read = |name: &str| block_on(trainer.read_parameter(name)).unwrap().to_f64()[0];
    let (kernel, bias) = (read("dense.kernel"), read("dense.bias"));
    assert!((kernel - 3.0).abs() < 1e-4 && (bias - 2.0).abs() < 1e-4, "{kernel} {bias}");
    assert_eq!(trainer.steps(), 160);
}

#[test]
fn one_step_is_the_gradient_by_hand() {
    // p = 2 x + 1 at x = 1, 3 with targets 0, 0: errors 3, 7; dw = mean(2 e x) = 24, db = mean(2 e) = 10.
    let x = Array::f32(&[2, 1], [1.0, 3.0]).unwrap();
    let y = Array::f32(&[2, 1], [0.0, 0.0]).unwrap();
    let mut trainer = trainer(Dense::new(1).kernel_l2(0.5), Loss::mse(), Sgd::new(0.125));
    trainer.build(&[1], x.dtype()).unwrap();
    trainer.write_parameter("dense.kernel", &Array::f32(&[1, 1], [2.0]).unwrap()).unwrap();
    trainer.write_parameter("dense.bias", &Array::f32(&[1], [1.0]).unwrap()).unwrap();
    let loss = block_on(trainer.step_loss(&x, &y)).unwrap();
    // (9 + 49) / 2 and the penalty 0.5 * 2^2.
    assert_eq!(loss, 31.0);
    let read = |name: &str| block_on(trainer.read_parameter(name)).unwrap().to_f64();
    // The penalty adds 2 to dw.
    assert_eq!(read("dense.kernel"), [2.0 - 0.125 * 26.0]);
    assert_eq!(read("dense.bias"), [1.0 - 0.125 * 10.0]);
}

#[test]
fn the_loss_of_an_epoch_is_the_mean_over_its_rows() {
    // Nothing is learned at a rate of 0, so each batch has the loss of the data.
    let (x, y) = line(7);
    let mut slow = trainer(Dense::new(1), Loss::mse(), Sgd::new(0.0));
    let losses = fit(&mut slow, &x, &y, &options(2, 3)).unwrap();
    let whole = block_on(slow.evaluate((&x, &y), 7)).unwrap().loss;
    let parts = block_on(slow.evaluate((&x, &y), 4)).unwrap().loss;
    for loss in losses.into_iter().chain([parts]) {
        assert!((loss / whole - 1.0).abs() < 1e-6, "{loss} {whole}");
    }
}

#[test]
fn logistic_regression_learns_and() {
    let x = Array::f32(&[4, 2], [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]).unwrap();
    let y = Array::i32(&[4], [0, 0, 0, 1]).unwrap();
    let mut trainer = trainer(Dense::new(1), Loss::binary_cross_entropy(), Sgd::new(1.0))
        .metrics(&[Metric::Accuracy, Metric::BinaryAccuracy { threshold: 0.0 }]);
    fit(&mut trainer, &x, &y, &options(300, 4)).unwrap();
    let scores = block_on(trainer.evaluate((&x, &y), 4)).unwrap();
    assert_eq!(scores.metrics, [("accuracy".into(), 1.0), ("binary_accuracy".into(), 1.0)]);
    let logits = block_on(trainer.predict(&x, 3)).unwrap();
    assert_eq!(logits.shape()[..], [4, 1]);
    assert!(logits.as_f32().unwrap().iter().zip([-1.0, -1.0, -1.0, 1.0]).all(|(z, sign)| z * sign > 0.0));
}

fn xor() -> (Array, Array) {
    let x = Array::f32(&[4, 2], [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]).unwrap();
    (x, Array::i32(&[4], [0, 1, 1, 0]).unwrap())
}

fn mlp() -> Sequential {
    Sequential::new().add(Dense::new(8).activation(Activation::Tanh)).add(Dense::new(2))
}

#[test]
fn a_small_network_learns_xor() {
    let (x, y) = xor();
    let mut trainer =
        trainer(mlp(), Loss::sparse_cross_entropy(), Adam::new(0.05)).seed(3).metrics(&[Metric::Accuracy]);
    let losses = fit(&mut trainer, &x, &y, &options(200, 4)).unwrap();
    assert!(losses[199] < 0.05, "{}", losses[199]);
    assert_eq!(block_on(trainer.evaluate((&x, &y), 4)).unwrap().figure("accuracy"), Some(1.0));
}

#[test]
fn a_seed_repeats_every_bit_and_another_does_not() {
    let (x, y) = (noise(20, 3), Array::i32(&[20], (0..20).map(|i| i % 2).collect::<Vec<_>>()).unwrap());
    let losses = |seed| {
        let clipped = RmsProp::new(0.01).momentum(0.5).clip(Clip::GlobalNorm(1.0));
        let mut trainer = trainer(mlp(), Loss::sparse_cross_entropy(), clipped).seed(seed);
        fit(&mut trainer, &x, &y, &options(3, 6)).unwrap()
    };
    assert_eq!(losses(1), losses(1));
    assert_ne!(losses(1), losses(2));
}

#[test]
fn two_calls_of_fit_are_one() {
    let (x, y) = line(20);
    let run = |parts: &[usize]| {
        let mut trainer = trainer(Dense::new(1), Loss::mse(), Adam::new(0.01));
        let losses: Vec<f64> = parts
            .iter()
            .flat_map(|&epochs| fit(&mut trainer, &x, &y, &options(epochs, 6)).unwrap())
            .collect();
        losses
    };
    assert_eq!(run(&[4]), run(&[1, 3]));
}

#[test]
fn metrics_are_those_of_the_predictions() {
    let (x, y) = line(9);
    let mut trainer = trainer(Dense::new(1), Loss::mse(), Sgd::new(0.1))
        .metrics(&[Metric::MeanAbsoluteError, Metric::RootMeanSquaredError]);
    let scores = block_on(trainer.evaluate((&x, &y), 4)).unwrap();
    let p = block_on(trainer.predict(&x, 4)).unwrap().to_f64();
    let errors: Vec<f64> = p.iter().zip(y.to_f64()).map(|(p, y)| p - y).collect();
    let mae = errors.iter().map(|e| e.abs()).sum::<f64>() / 9.0;
    let mse = errors.iter().map(|e| e * e).sum::<f64>() / 9.0;
    let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-5, "{got} {want}");
    near(scores.loss, mse);
    near(scores.metrics[0].1, mae);
    near(scores.metrics[1].1, mse.sqrt());
}

#[derive(Default)]
struct Notes {
    lines: Vec<String>,
    stop_after: Option<u64>,
}

impl Observer for Notes {
    fn on_epoch_start(&mut self, start: &Start) {
        self.lines.push(format!("{} of {}: {} steps", start.epoch, start.last_epoch, start.steps));
    }
    fn on_step(&mut self, step: &Step) {
        let scores = if step.scores.is_some() { " scored" } else { "" };
        self.lines.push(format!("{} {}{scores}", step.number, step.rows));
    }
    fn report_every(&self) -> Option<usize> {
        Some(2)
    }
    fn on_epoch_end(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        assert!(epoch.validation.is_some());
        if self.stop_after == Some(epoch.number) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn observers_see_every_step_and_can_stop() {
    let (x, y) = line(7);
    let mut trainer = trainer(Dense::new(1), Loss::mse(), Sgd::new(0.1));
    let mut notes = Notes { stop_after: Some(1), ..Notes::default() };
    let history = block_on(trainer.fit((&x, &y), Some((&x, &y)), &options(5, 3), &mut notes)).unwrap();
    assert_eq!(notes.lines, ["1 of 5: 3 steps", "1 3", "2 6 scored", "3 7"]);
    assert_eq!(history.epochs.len(), 1);
}

#[test]
fn a_schedule_sets_the_rate_of_each_step() {
    let x = Array::f32(&[1, 1], [1.0]).unwrap();
    let y = Array::f32(&[1, 1], [0.0]).unwrap();
    let steps = Schedule::Piecewise { boundaries: vec![0], values: vec![0.25, 0.0] };
    let mut trainer = trainer(Dense::new(1).bias(false), Loss::mse(), Sgd::new(9.0)).schedule(steps);
    trainer.build(&[1], x.dtype()).unwrap();
    trainer.write_parameter("dense.kernel", &Array::f32(&[1, 1], [8.0]).unwrap()).unwrap();
    fit(&mut trainer, &x, &y, &options(3, 1)).unwrap();
    // 8 - 0.25 * 2 * 8, then nothing more.
    assert_eq!(block_on(trainer.read_parameter("dense.kernel")).unwrap().to_f64(), [4.0]);
}

#[test]
fn a_small_cnn_learns_which_half_is_bright() {
    let mut random = Random::new(1);
    let labels: Vec<i32> = (0..12).map(|i| i % 2).collect();
    let images: Vec<f32> = labels
        .iter()
        .flat_map(|&label| (0..64).map(move |pixel| (label, pixel)))
        .map(|(label, pixel)| if (pixel >= 32) == (label == 1) { 1.0 } else { 0.0 } + random.normal() as f32 * 0.1)
        .collect();
    let x = Array::f32(&[12, 1, 8, 8], images).unwrap();
    let y = Array::i32(&[12], labels).unwrap();
    let model = Sequential::new()
        .add(Conv2d::new(4, 3).padding(Padding::Same).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(BatchNorm::new())
        .add(Flatten)
        .add(Dense::new(2));
    let mut trainer =
        trainer(model, Loss::sparse_cross_entropy(), Adam::new(0.02)).metrics(&[Metric::Accuracy]);
    let losses = fit(&mut trainer, &x, &y, &options(12, 6)).unwrap();
    assert!(losses[11] < 0.2 * losses[0], "{losses:?}");
    let moved = block_on(trainer.read_parameter("batch_norm.moving_mean")).unwrap().to_f64();
    assert!(moved.iter().any(|mean| *mean != 0.0), "{moved:?}");
}

#[test]
fn recurrent_networks_learn_the_first_of_a_sequence() {
    let x = Array::i32(&[8, 4], (0..32).map(|i| if i % 4 == 0 { i / 4 % 2 } else { 2 }).collect::<Vec<_>>());
    let y = Array::f32(&[8, 1], (0..8).map(|i| (i % 2) as f32).collect::<Vec<_>>()).unwrap();
    let x = x.unwrap();
    let models = [
        Sequential::new().add(Embedding::new(3, 4)).add(Lstm::new(6).num_layers(2)).add(Dense::new(1)),
        Sequential::new()
            .add(Embedding::new(3, 4))
            .add(Gru::new(6).return_sequences(true))
            .add(Gru::new(5))
            .add(Dense::new(1)),
    ];
    for model in models {
        let mut trainer = trainer(model, Loss::binary_cross_entropy(), Adam::new(0.05));
        let losses = fit(&mut trainer, &x, &y, &options(40, 8)).unwrap();
        assert!(losses[39] < 0.1, "{losses:?}");
        let bad = Array::i32(&[1, 4], [0, 1, 2, 3]).unwrap();
        let error = block_on(trainer.predict(&bad, 1)).unwrap_err();
        assert_eq!(error.to_string(), "row 0: index 3 is outside of the 3 rows of the embedding");
    }
}

#[test]
fn a_summary_counts_layers_and_parameters() {
    let model = Sequential::new()
        .add(Conv2d::new(32, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Sequential::new().named("head").add(Flatten).add(Dense::new(128)).add(BatchNorm::new()))
        .add(Dense::new(10).bias(false));
    let summary = trainer(model, Loss::sparse_cross_entropy(), Sgd::new(0.1)).summary(&[1, 28, 28]).unwrap();
    let want = "\
layer            output           parameters
--------------------------------------------
conv2d           [n, 32, 26, 26]         320
max_pool2d       [n, 32, 13, 13]           0
head.flatten     [n, 5408]                 0
head.dense       [n, 128]            692,352
head.batch_norm  [n, 128]                512
dense            [n, 10]               1,280
--------------------------------------------
total: 694,464 parameters, 694,208 of them trainable
";
    assert_eq!(summary, want, "\n{summary}");
}

#[test]
fn input_that_does_not_fit_is_refused() {
    let (x, y) = line(6);
    let fresh = || trainer(Dense::new(1), Loss::mse(), Sgd::new(0.1));
    let mut one = fresh();
    for batch in [0, 7] {
        let error = fit(&mut one, &x, &y, &options(1, batch)).unwrap_err();
        assert_eq!(error.to_string(), format!("a batch of {batch} cannot be drawn from 6 rows: take 1 to 6"));
    }
    let (_, short) = line(5);
    assert!(fit(&mut one, &x, &short, &options(1, 2)).unwrap_err().is_shape());
    assert!(fit(&mut one, &noise(6, 2), &y, &options(1, 2)).unwrap_err().is_shape());
    let wide = Array::f32(&[6, 2], [0.0; 12]).unwrap();
    assert!(fit(&mut fresh(), &x, &wide, &options(1, 2)).unwrap_err().is_shape());

    let gap = Array::f32(&[3, 2], [0.0, 1.0, 2.0, f32::NAN, 4.0, 5.0]).unwrap();
    let error = block_on(fresh().predict(&gap, 3)).unwrap_err();
    assert_eq!(error.to_string(), "row 1: feature 1 is NaN, wanted a finite number");

    let classes = Array::i32(&[4], [0, 1, 2, 1]).unwrap();
    let mut two = trainer(mlp(), Loss::sparse_cross_entropy(), Sgd::new(0.1));
    let error = fit(&mut two, &noise(4, 2), &classes, &options(1, 2)).unwrap_err();
    assert!(error.is_input(), "{error}");
    assert_eq!(error.to_string(), "training data: row 2: target 2, wanted a class from 0 to 1");

    let error = block_on(fresh().read_parameter("dense.kernel")).unwrap_err();
    assert!(error.to_string().contains("not built"), "{error}");
    let error = block_on(two.read_parameter("dens.kernel")).unwrap_err();
    assert!(error.to_string().contains("dense_1.bias"), "{error}");
    let error = trainer(Flatten, Loss::mse(), Sgd::new(0.1)).summary(&[1 << 30, 1 << 30]).unwrap_err();
    assert!(error.is_shape());
}

#[test]
fn a_loss_that_runs_away_is_named_with_its_epoch() {
    let (x, y) = line(8);
    let mut wild = trainer(Dense::new(1), Loss::mse(), Sgd::new(1e12));
    let error = fit(&mut wild, &x, &y, &options(9, 8)).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("the loss of epoch "), "{error}");
    let mut wild = trainer(Dense::new(1), Loss::mse(), Sgd::new(1e12));
    let tolerant = FitOptions { allow_nan: true, ..options(9, 8) };
    assert_eq!(fit(&mut wild, &x, &y, &tolerant).unwrap().len(), 9);
}

#[test]
fn dropout_drops_in_training_alone_and_anew_each_step() {
    let x = Array::f32(&[4, 50], [1.0; 200]).unwrap();
    let y = Array::f32(&[4, 50], [0.0; 200]).unwrap();
    let losses = |seed, rate| {
        // Of ones, the mean square is the share that stays over (1 - rate)^2.
        let mut trainer = trainer(Dropout::new(rate), Loss::mse(), Sgd::new(0.0)).seed(seed);
        let losses = [0; 3].map(|_| block_on(trainer.step_loss(&x, &y)).unwrap());
        assert_eq!(block_on(trainer.predict(&x, 4)).unwrap(), x);
        assert_eq!(block_on(trainer.evaluate((&x, &y), 4)).unwrap().loss, 1.0);
        losses
    };
    let first = losses(1, 0.5);
    assert_eq!(first, losses(1, 0.5));
    assert_ne!(first, losses(2, 0.5));
    assert!(first[0] != first[1] || first[1] != first[2], "{first:?}");
    assert!(first.iter().all(|loss| (loss / 2.0 - 1.0).abs() < 0.25), "{first:?}");
    assert_eq!(losses(1, 0.0), [1.0; 3]);
    let mut all = trainer(Dropout::new(1.0), Loss::mse(), Sgd::new(0.0));
    assert!(fit(&mut all, &x, &y, &options(1, 4)).unwrap_err().is_input());
}

#[test]
fn a_progress_bar_changes_nothing() {
    let (x, y) = line(7);
    let watched = |observer: &mut dyn Observer| {
        let mut trainer =
            trainer(Dense::new(1), Loss::mse(), Sgd::new(0.1)).metrics(&[Metric::MeanAbsoluteError]);
        block_on(trainer.fit((&x, &y), Some((&x, &y)), &options(2, 3), observer)).unwrap()
    };
    assert_eq!(watched(&mut Progress::new().report_every(1)), watched(&mut Silent));
}

#[test]
fn a_plateau_lowers_the_rate_between_epochs() {
    // Nothing is learned from rows of 0, so the loss never improves.
    let x = Array::f32(&[2, 1], [0.0; 2]).unwrap();
    let y = Array::f32(&[2, 1], [1.0; 2]).unwrap();
    let plateau = || Plateau::new(0.5, 1);
    let rate = |trainer: &Trainer| {
        block_on(trainer.session().read_state("optimizer.lr")).unwrap().as_f32().unwrap()[0]
    };
    let model = || Dense::new(1).bias(false);
    let mut alone = trainer(model(), Loss::mse(), Sgd::new(0.8)).plateau(plateau());
    let mut rates = Vec::new();
    for _ in 0..5 {
        fit(&mut alone, &x, &y, &options(1, 2)).unwrap();
        rates.push(rate(&alone));
    }
    // The first epoch is the best so far, two failures follow, and two more.
    assert_eq!(rates, [0.8, 0.8, 0.4, 0.4, 0.2]);
    let halving = Schedule::Step { initial: 8.0, step_size: 3, gamma: 0.5 };
    let mut both = trainer(model(), Loss::mse(), Sgd::new(0.8)).plateau(plateau()).schedule(halving);
    fit(&mut both, &x, &y, &options(5, 2)).unwrap();
    // Steps 3 and 4 have 4, the plateau halves from the fourth on.
    assert_eq!(rate(&both), 2.0);
}

#[test]
fn gradients_of_a_model_are_checked_where_it_stands() {
    let (x, y) = (noise(6, 3), Array::i32(&[6], vec![0, 1, 1, 0, 1, 0]).unwrap());
    let model = Sequential::new()
        .add(Dense::new(4).activation(Activation::Tanh).kernel_l2(0.01))
        .add(Dropout::new(0.25))
        .add(Dense::new(2));
    let mut trainer = trainer(model, Loss::sparse_cross_entropy(), Adam::new(0.01)).seed(1);
    fit(&mut trainer, &x, &y, &options(2, 6)).unwrap();
    let before = block_on(trainer.read_parameter("dense.kernel")).unwrap();
    let report = block_on(trainer.check_gradients(&x, &y, &GradientOptions::default())).unwrap();
    assert!(report.passed() && report.warnings().count() == 0, "{report}");
    let names: Vec<&str> = report.parameters.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["dense.kernel", "dense.bias", "dense_1.kernel", "dense_1.bias"]);
    assert_eq!(block_on(trainer.read_parameter("dense.kernel")).unwrap(), before);
    // A unit that no input reaches learns nothing, and is named.
    let dead = Array::f32(&[1, 3], vec![0.0; 3]).unwrap();
    let one = Array::i32(&[1], vec![0]).unwrap();
    trainer.write_parameter("dense_1.kernel", &Array::f32(&[4, 2], vec![0.0; 8]).unwrap()).unwrap();
    let report = block_on(trainer.check_gradients(&dead, &one, &GradientOptions::default())).unwrap();
    let told: Vec<&str> = report.warnings().map(|p| p.name.as_str()).collect();
    assert!(report.passed() && told.contains(&"dense.bias"), "{report}");
}

#[test]
fn the_first_number_that_is_not_finite_is_found() {
    let (x, y) = line(4);
    let mut trainer = trainer(Dense::new(1), Loss::mse(), Sgd::new(0.1));
    trainer.step(&x, &y).unwrap();
    assert_eq!(block_on(trainer.find_nonfinite(&x, &y)).unwrap(), None);
    // Its square is too large.
    trainer.write_parameter("dense.kernel", &Array::f32(&[1, 1], [3e30]).unwrap()).unwrap();
    let found = block_on(trainer.find_nonfinite(&x, &y)).unwrap().unwrap();
    assert_eq!((found.op.as_str(), found.backward), ("square", false));
    assert_eq!(found.label.as_deref(), Some("loss"));
    assert_eq!(block_on(trainer.read_parameter("dense.kernel")).unwrap().as_f32().unwrap(), [3e30]);
    trainer.write_parameter("dense.kernel", &Array::f32(&[1, 1], [f32::NAN]).unwrap()).unwrap();
    let found = block_on(trainer.find_nonfinite(&x, &y)).unwrap().unwrap();
    assert_eq!(found.op, "state \"dense.kernel\"");
    // A product that is too large, in the second of two layers.
    let model = Sequential::new().add(Dense::new(2)).add(Dense::new(1));
    let mut deep = Trainer::new(Session::interpreter(), model, Loss::mse(), Adam::new(0.1));
    deep.step(&x, &y).unwrap();
    deep.write_parameter("dense.kernel", &Array::f32(&[1, 2], [1e20, 1e20]).unwrap()).unwrap();
    deep.write_parameter("dense_1.kernel", &Array::f32(&[2, 1], [1e20, 1e20]).unwrap()).unwrap();
    let found = block_on(deep.find_nonfinite(&x, &y)).unwrap().unwrap();
    assert_eq!((found.op.as_str(), found.label.as_deref()), ("matmul", Some("dense_1")), "{found}");
    assert!(found.to_string().starts_with("matmul in dense_1 makes "), "{found}");
}
