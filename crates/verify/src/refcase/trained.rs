//! The same whole trainings by a trainer: layers, losses and optimizers as a person would write them.

use anygrad_core::{Array, Error, Result};
use anygrad_gpu::Session;
use anygrad_nn::{
    Activation, Adam, AvgPool2d, BatchNorm, Clip, Conv2d, Dense, Embedding, Flatten, GlobalAvgPool, Gru,
    Lambda, LayerNorm, Loss, Lstm, MaxPool2d, Optimizer, Padding, RmsProp, Sequential, Sgd, Trainer,
};

use super::case::Case;
use super::compare::Outcome;
use super::families::{channels_first, channels_last};
use super::unknown;

/// Model, loss and optimizer of a case.
fn training(id: &str) -> Option<(Sequential, Loss, Box<dyn Optimizer>)> {
    let model = Sequential::new();
    let relu = Activation::Relu;
    let binary = Loss::binary_cross_entropy();
    Some(match id {
        "trajectory/a_linear_regression" => (model.add(Dense::new(1)), Loss::mse(), Box::new(Sgd::new(0.1))),
        "trajectory/b_logistic_regression" => (model.add(Dense::new(1)), binary, Box::new(Sgd::new(0.5))),
        "trajectory/c_cnn_32x32x3" => {
            let model = model
                .add(Lambda::new("channels_first", |_, x| channels_first(x)))
                .add(Conv2d::new(32, 3).activation(relu))
                .add(MaxPool2d::new(2))
                .add(Conv2d::new(64, 3).activation(relu))
                .add(MaxPool2d::new(2))
                .add(Lambda::new("channels_last", |_, x| channels_last(x)))
                .add(Flatten)
                .add(Dense::new(128).activation(relu))
                .add(Dense::new(1));
            (model, binary, Box::new(Adam::new(1e-3)))
        }
        "trajectory/d_lstm_64x2_50x1" => {
            let first = Lstm::new(64).return_sequences(true);
            let model = model.add(first).add(Lstm::new(64)).add(Dense::new(1));
            (model, Loss::mse(), Box::new(Adam::new(1e-3)))
        }
        "trajectory/e_mlp_batchnorm_rmsprop" => {
            let model = model
                .add(Dense::new(17))
                .add(BatchNorm::new())
                .add(Lambda::new("relu", |_, x| x.relu()))
                .add(Dense::new(4));
            (model, Loss::sparse_cross_entropy(), Box::new(RmsProp::new(2e-3)))
        }
        "trajectory/f_embedding_gru_adamw" => {
            let model = model
                .add(Embedding::new(11, 6))
                .add(Gru::new(8))
                .add(LayerNorm::new().eps(1e-3))
                .add(Dense::new(1));
            let adam = Adam::adamw(5e-3).weight_decay(0.01).clip(Clip::GlobalNorm(1.0));
            (model, binary, Box::new(adam))
        }
        "trajectory/g_residual_depthwise_sgd" => {
            let depthwise = Conv2d::new(8, 3).padding(Padding::Same).groups(8).activation(Activation::Gelu);
            let inner = Sequential::new().add(depthwise).add(Conv2d::new(8, 1));
            let model = model
                .add(Lambda::new("channels_first", |_, x| channels_first(x)))
                .add(Conv2d::new(8, 3).stride(2).padding(Padding::Same))
                .add(Lambda::new("residual", move |scope, x| x + scope.layer(&inner, x)))
                .add(AvgPool2d::new(2))
                .add(GlobalAvgPool)
                .add(Dense::new(3));
            let loss =
                Loss::CrossEntropy { from_logits: true, label_smoothing: 0.1, class_weights: Vec::new() };
            (model, loss, Box::new(Sgd::new(0.05).momentum(0.9).nesterov(true)))
        }
        _ => return None,
    })
}

/// A weight of Keras as ours: a kernel `[h, w, c, filters]`, or of a depthwise convolution `[h, w, c, 1]`, has
/// the filters first, then the channels that each sees.
fn converted(weight: &Array) -> Result<Array> {
    let [h, w, a, b] = weight.shape()[..] else { return Ok(weight.clone()) };
    let filters = if b == 1 { a } else { b };
    let channels = a * b / filters.max(1);
    let numbers = weight.as_f32()?;
    let mut ours = Vec::with_capacity(numbers.len());
    for filter in 0..filters {
        for channel in 0..channels {
            let column = if b == 1 { filter } else { channel * b + filter };
            ours.extend((0..h * w).map(|tap| numbers[tap * a * b + column]));
        }
    }
    Array::f32(&[filters, channels, h, w], ours)
}

/// Runs a case of the kind "trajectory".
pub(crate) async fn run(case: &Case, session: &Session, outcome: &mut Outcome) -> Result<()> {
    let (model, loss, optimizer) = training(&case.id).ok_or_else(|| unknown("training", &case.id))?;
    let (x, y, batches) = (case.tensor("data.x")?, case.tensor("data.y")?, case.tensor("data.batches")?);
    // State of its own, on the same device.
    let session = session.excluding(&session.caps().excluded);
    let mut trainer = Trainer::new(session, model, loss, optimizer);
    trainer.build(&x.shape()[1..], x.dtype())?;
    let names: Vec<String> = trainer.parameters().map(|parameter| parameter.name.clone()).collect();
    if names.len() != case.manifest.weights.len() {
        let (has, needs) = (case.manifest.weights.len(), names.len());
        return Err(Error::input(format!("the case has {has} weights, the model has {needs}")));
    }
    for (name, weight) in names.iter().zip(&case.manifest.weights) {
        trainer.write_parameter(name, &converted(case.tensor(&weight.tensor)?)?)?;
    }
    let rows = batches.shape().last().copied().unwrap_or(1);
    let mut losses = Vec::new();
    for places in batches.to_f64().chunks(rows.max(1)) {
        let places: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        losses.push(f64::from(trainer.step_loss(&x.take_rows(&places)?, &y.take_rows(&places)?).await?));
    }
    for expected in &case.manifest.outputs {
        outcome.numbers("loss of the trainer", &losses, &case.manifest.loss64, expected.tolerance());
    }
    Ok(())
}
