//! Whole trainings: the loss of each of the first steps, from the same weights on the same batches.

use anygrad_core::{Array, DType, Error, Result};
use anygrad_gpu::Session;
use anygrad_graph::ops::{Adam, Conv, Convention, Pool, RmsProp, Sgd, UpdateRule, WeightDecay};
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::{Clip, Loss};

use super::case::Case;
use super::compare::Outcome;
use super::families::{channels_first, channels_last};
use super::unknown;
use super::weights::{self, Start};

/// A training: what the model predicts from inputs and weights, the loss, the optimizer, its rate.
struct Training {
    /// How many weights the model has.
    weights: usize,
    model: for<'g> fn(Tensor<'g>, &[Tensor<'g>]) -> Tensor<'g>,
    loss: Loss,
    rule: Box<dyn UpdateRule>,
    lr: f32,
    clip: Option<Clip>,
}

fn training(id: &str) -> Option<Training> {
    // Keras takes the logits where a model ends in sigmoid or softmax.
    let binary = Loss::binary_cross_entropy();
    let sgd = Sgd::default();
    let adam = Adam {
        betas: (0.9, 0.999),
        epsilon: 1e-7,
        amsgrad: false,
        weight_decay: WeightDecay::None,
        convention: Convention::Keras,
    };
    Some(match id {
        "trajectory/a_linear_regression" => Training {
            weights: 2,
            model: dense_alone,
            loss: Loss::MeanSquaredError,
            rule: Box::new(sgd),
            lr: 0.1,
            clip: None,
        },
        "trajectory/b_logistic_regression" => Training {
            weights: 2,
            model: dense_alone,
            loss: binary,
            rule: Box::new(sgd),
            lr: 0.5,
            clip: None,
        },
        "trajectory/c_cnn_32x32x3" => Training {
            weights: 8,
            model: convolutions,
            loss: binary,
            rule: Box::new(adam),
            lr: 1e-3,
            clip: None,
        },
        "trajectory/d_lstm_64x2_50x1" => Training {
            weights: 8,
            model: two_lstms,
            loss: Loss::MeanSquaredError,
            rule: Box::new(adam),
            lr: 1e-3,
            clip: None,
        },
        "trajectory/e_mlp_batchnorm_rmsprop" => {
            let loss = Loss::sparse_cross_entropy();
            let rule = RmsProp::default();
            Training { weights: 8, model: normalized, loss, rule: Box::new(rule), lr: 2e-3, clip: None }
        }
        "trajectory/f_embedding_gru_adamw" => {
            let rule = Adam { weight_decay: WeightDecay::Decoupled(0.01), ..adam };
            let clip = Some(Clip::GlobalNorm(1.0));
            Training { weights: 8, model: words, loss: binary, rule: Box::new(rule), lr: 5e-3, clip }
        }
        "trajectory/g_residual_depthwise_sgd" => {
            let loss =
                Loss::CrossEntropy { from_logits: true, label_smoothing: 0.1, class_weights: Vec::new() };
            let rule = Sgd { momentum: 0.9, nesterov: true, ..sgd };
            Training { weights: 8, model: residual, loss, rule: Box::new(rule), lr: 0.05, clip: None }
        }
        _ => return None,
    })
}

fn dense<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    x.matmul(w[0]) + w[1]
}

fn dense_alone<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    dense(x, w)
}

/// A convolution of x `[n, c, h, w]` with a kernel `[h, w, c, out_c]`.
fn convolution<'g>(x: Tensor<'g>, w: &[Tensor<'g>], conv: Conv) -> Tensor<'g> {
    x.conv2d(w[0].permute(&[3, 2, 0, 1]), conv) + w[1].reshape(&[1, w[1].shape()[0], 1, 1])
}

fn convolutions<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    let mut x = channels_first(x);
    for w in [&w[0..2], &w[2..4]] {
        x = convolution(x, w, Conv::default()).relu().max_pool2d(Pool::new([2, 2]));
    }
    let (images, per_image) = (x.shape()[0], x.shape()[1..].iter().product());
    let flat = channels_last(x).reshape(&[images, per_image]);
    dense(dense(flat, &w[4..6]).relu(), &w[6..8])
}

fn two_lstms<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    let x = x.lstm(w[0], w[1], Some(w[2]), None).sequence;
    let x = x.lstm(w[3], w[4], Some(w[5]), None).hidden;
    dense(x, &w[6..8])
}

fn normalized<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    // Weights 4 and 5 are the running statistics.
    let x = dense(x, &w[0..2]).batch_norm(-1, Some(w[2]), Some(w[3]), 1e-3).y;
    dense(x.relu(), &w[6..8])
}

fn words<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    let x = w[0].embedding(x.cast(DType::I32)).gru(w[1], w[2], Some(w[3]), None, true).1;
    dense(x.layer_norm(-1, Some(w[4]), Some(w[5]), 1e-3), &w[6..8])
}

fn residual<'g>(x: Tensor<'g>, w: &[Tensor<'g>]) -> Tensor<'g> {
    let size = |x: Tensor<'g>| [x.shape()[2], x.shape()[3]];
    let x = channels_first(x);
    let x = convolution(x, &w[0..2], Conv::same(size(x), [3, 3], [2, 2], [1, 1]));
    // A depthwise kernel is [h, w, c, 1].
    let channels = x.shape()[1];
    let each = Conv { groups: channels, ..Conv::same(size(x), [3, 3], [1, 1], [1, 1]) };
    let inner = x.conv2d(w[2].permute(&[2, 3, 0, 1]), each) + w[3].reshape(&[1, channels, 1, 1]);
    let x = x + convolution(inner.gelu(), &w[4..6], Conv::default());
    let x = x.avg_pool2d(Pool::new([2, 2]), false).mean(&[2, 3], false);
    dense(x, &w[6..8])
}

/// Runs a case of the kind "trajectory".
pub(crate) async fn run(case: &Case, session: &Session) -> Result<Outcome> {
    let training = training(&case.id).ok_or_else(|| unknown("training", &case.id))?;
    let (x, y, batches) = (case.tensor("data.x")?, case.tensor("data.y")?, case.tensor("data.batches")?);
    let [steps, rows] = batches.shape()[..] else {
        return Err(Error::input(format!("data.batches is {}, not [steps, rows]", batches.shape())));
    };
    let batch_of = |data: &Array| [&[rows], &data.shape()[1..]].concat();

    let graph = Graph::new();
    let mut parameters = Vec::new();
    let mut starts = Vec::new();
    for weight in &case.manifest.weights {
        let name = format!("{}/{}", case.id, weight.index);
        let value = case.tensor(&weight.tensor)?;
        parameters.push(graph.state(&name, &value.shape()));
        starts.push(Start { name, value: value.clone() });
    }
    if parameters.len() != training.weights {
        let (has, needs) = (parameters.len(), training.weights);
        return Err(Error::input(format!("the case has {has} weights, the model has {needs}")));
    }
    let inputs = graph.input("x", &batch_of(x), x.dtype());
    let targets = graph.input("y", &batch_of(y), y.dtype());
    let loss = training.loss.mean((training.model)(inputs, &parameters), targets);
    let weights = parameters.iter().zip(&case.manifest.weights);
    // Others are running statistics, which have no part in the losses of a training.
    let trained: Vec<_> = weights.filter(|(_, weight)| weight.trainable).map(|(&p, _)| p).collect();
    let mut gradients = graph.gradients(loss, &trained);
    if let Some(clip) = training.clip {
        gradients = clip.apply(&gradients);
    }
    let (lr, step) = (graph.scalar(f64::from(training.lr)), graph.input("step", &[], DType::F32));
    for (place, (&parameter, &gradient)) in trained.iter().zip(&gradients).enumerate() {
        let name = format!("{}/trained {place}", case.id);
        starts.extend(weights::update(&*training.rule, &name, parameter, gradient, 0.0, [lr, step]));
    }
    let mut program = session.compile(&graph, &[loss])?;
    weights::write(session, &starts)?;

    let mut losses = Vec::new();
    for (s, places) in batches.to_f64().chunks(rows.max(1)).take(steps).enumerate() {
        let places: Vec<usize> = places.iter().map(|&place| place as usize).collect();
        program.write("x", &x.take_rows(&places)?)?;
        program.write("y", &y.take_rows(&places)?)?;
        program.write("step", &Array::scalar(s as f32 + 1.0))?;
        program.run()?;
        losses.extend(program.read(0).await?.to_f64());
    }
    let mut outcome = Outcome::default();
    for expected in &case.manifest.outputs {
        outcome.numbers("loss", &losses, &case.manifest.loss64, expected.tolerance());
    }
    Ok(outcome)
}
