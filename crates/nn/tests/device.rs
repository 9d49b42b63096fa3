//! The same trainings on a device and on the interpreter.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, Random};
use anygrad_gpu::{Choice, Session};
use anygrad_graph::ops::Rotary;
use anygrad_nn::{
    Activation, Adam, BatchNorm, Clip, Conv2d, Dense, FitOptions, Flatten, GroupNorm, Gru, InstanceNorm,
    Lambda, Layer, LayerNorm, Loss, Lstm, MaxPool2d, Merge, Metric, MultiHeadAttention, Observer, Optimizer,
    PositionEmbedding, RmsNorm, Sequential, Sgd, Silent, Step, Trainer, TransformerBlock,
};
use pollster::block_on;

fn losses(
    session: Session,
    model: impl Layer + 'static,
    optimizer: impl Optimizer + 'static,
    x: &Array,
    y: &Array,
) -> Vec<f64> {
    let mut trainer = Trainer::new(session, model, Loss::sparse_cross_entropy(), optimizer)
        .seed(4)
        .metrics(&[Metric::Accuracy]);
    let options = FitOptions { epochs: 4, batch_size: 5, ..FitOptions::default() };
    let history = block_on(trainer.fit((x, y), Some((x, y)), &options, &mut Silent)).unwrap();
    let figures = history.epochs.iter().flat_map(|epoch| {
        let validation = epoch.validation.clone().unwrap();
        [epoch.train.loss, epoch.train.metrics[0].1, validation.loss, validation.metrics[0].1]
    });
    figures.collect()
}

fn data(sizes: &[usize]) -> (Array, Array) {
    let mut random = Random::new(2);
    let numbers: Vec<f32> = (0..sizes.iter().product()).map(|_| random.normal() as f32).collect();
    let classes: Vec<i32> = (0..sizes[0]).map(|row| row as i32 % 3).collect();
    (Array::f32(sizes, numbers).unwrap(), Array::i32(&[sizes[0]], classes).unwrap())
}

/// Trains on both, on the device twice: the same bits there, the interpreter's losses within what
/// 12 steps in f32 add up to.
#[track_caller]
fn compare<M: Layer + 'static, O: Optimizer + Copy + 'static>(
    model: fn() -> M,
    optimizer: O,
    sizes: &[usize],
) {
    let (x, y) = data(sizes);
    let open = || block_on(Session::open(&Choice::Best)).unwrap();
    let device = losses(open(), model(), optimizer, &x, &y);
    let again = losses(open(), model(), optimizer, &x, &y);
    assert_eq!(device, again);
    let oracle = losses(Session::interpreter(), model(), optimizer, &x, &y);
    for (got, want) in device.iter().zip(&oracle) {
        assert!((got - want).abs() <= 1e-4 * want.abs().max(1e-2), "{device:?}\n{oracle:?}");
    }
}

#[test]
fn a_dense_network_with_momentum_and_decay() {
    let model = || {
        Sequential::new()
            .add(Dense::new(17).activation(Activation::Gelu).kernel_l2(0.01))
            .add(BatchNorm::new())
            .add(Dense::new(3))
    };
    compare(model, Sgd::new(0.05).momentum(0.9).nesterov(true).weight_decay(0.01), &[13, 6]);
}

#[test]
fn a_transformer_with_dropout() {
    let model = || {
        let attention = MultiHeadAttention::new(4).kv_heads(2).rotary(Rotary::HalfSplit, 10_000.0);
        Sequential::new()
            .add(PositionEmbedding::new(40))
            .add(TransformerBlock::new(4).attention(attention.dropout(0.1)).causal(true).dropout(0.1))
            .add(TransformerBlock::new(2).hidden(12))
            .add(Lambda::new("mean", |_scope, x| x.mean(&[1], false)))
            .add(RmsNorm::new())
            .add(Dense::new(3))
    };
    compare(model, Adam::new(0.01), &[12, 35, 8]);
}

#[test]
fn normalized_convolutions() {
    let model = || {
        Sequential::new()
            .add(Conv2d::new(6, 3))
            .add(BatchNorm::pytorch())
            .add(Conv2d::new(4, 3))
            .add(GroupNorm::new(2))
            .add(Conv2d::new(4, 3))
            .add(InstanceNorm::new().bias(false))
            .add(Flatten)
            .add(LayerNorm::new())
            .add(Dense::new(3))
    };
    compare(model, Sgd::new(0.05), &[12, 2, 10, 8]);
}

#[test]
fn a_convolutional_network_with_adam() {
    let model = || {
        Sequential::new()
            .add(Conv2d::new(4, 3).activation(Activation::Relu))
            .add(MaxPool2d::new(2))
            .add(Flatten)
            .add(Dense::new(3))
    };
    compare(model, Adam::new(0.01), &[12, 2, 10, 8]);
}

#[test]
fn a_recurrent_network_that_goes_both_ways() {
    let model = || {
        Sequential::new()
            .add(Gru::new(5).reset_after(false).bidirectional().return_sequences(true))
            .add(Lstm::new(4).peepholes(true).merge(Merge::Average).stateful(true))
            .add(Dense::new(3))
    };
    compare(model, Adam::new(0.01), &[12, 4, 3]);
}

#[test]
fn a_recurrent_network_with_clipping() {
    let model = || Sequential::new().add(Lstm::new(6).num_layers(2).dropout(0.25)).add(Dense::new(3));
    compare(model, Adam::adamw(0.01).clip(Clip::GlobalNorm(0.5)), &[12, 7, 3]);
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn on_step(&mut self, step: &Step) {
        self.0.extend(step.scores.as_ref().map(|scores| scores.loss));
    }

    fn report_every(&self) -> Option<usize> {
        Some(2)
    }
}

/// A report comes when the device has it, and shows the means at the step that asked for it.
#[test]
fn reports_come_late_and_are_those_of_their_step() {
    const ROWS: usize = 60;
    let (x, y) = data(&[ROWS, 4]);
    let session = block_on(Session::open(&Choice::Best)).unwrap();
    // Nothing is learned, so each row's loss stays what it is.
    let mut trainer = Trainer::new(session, Dense::new(3), Loss::sparse_cross_entropy(), Sgd::new(0.0));
    let options = FitOptions { batch_size: 1, shuffle: false, ..FitOptions::default() };
    let mut seen = Losses::default();
    block_on(trainer.fit((&x, &y), None, &options, &mut seen)).unwrap();
    let (mut sum, mut means) = (0.0, Vec::new());
    for row in 0..ROWS {
        let (x, y) = (x.take_rows(&[row]).unwrap(), y.take_rows(&[row]).unwrap());
        sum += block_on(trainer.evaluate((&x, &y), 1)).unwrap().loss;
        if row % 2 == 1 {
            means.push(sum / (row + 1) as f64);
        }
    }
    // At most four submits are on their way, so a report is there a few steps after it was asked for.
    assert!(seen.0.len() >= ROWS / 2 / 4, "{:?}", seen.0);
    let mut later = means.iter();
    for loss in &seen.0 {
        assert!(
            later.any(|mean| (mean - loss).abs() < 1e-13 * mean),
            "{loss} is not a mean of the steps after: {means:?}"
        );
    }
}
