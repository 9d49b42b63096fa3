//! Short trainings: the losses of a few steps of whole models, against the same steps in double
//! precision. They catch what no single operator shows: state that is updated too early, a step that
//! reads what another one wrote, an optimizer that loses its place.

use anygrad_core::{Array, DType, Error, Result};
use anygrad_gpu::Session;
use anygrad_graph::{Fill, Graph, Interpreter, Precision, Tensor, Tolerance};
use anygrad_nn::{
    Activation, Adam, Conv2d, Dense, Flatten, Layer, Loss, Lstm, MaxPool2d, Mode, Scope, Sequential,
    TransformerBlock, minimize,
};
use serde::Serialize;

use crate::check::Failure;

/// Steps of each training: enough for an error in the optimizer's state to show in the losses.
const STEPS: usize = 8;

/// Losses after a few steps with a small learning rate differ by little more than those of one
/// step do: rounding of weights near 1 by 2^-24 each step, and sums of some hundred terms.
const TOLERANCE: Tolerance = Tolerance { relative: 2e-5, absolute: 2e-6 };

const LR: f64 = 0.01;

/// What one training came to.
#[derive(Clone, Debug, Serialize)]
pub struct TrainingReport {
    /// The model.
    pub model: &'static str,
    /// The losses of its steps on the adapter.
    pub losses: Vec<f64>,
    /// The largest error of a loss, as a share of what is allowed.
    pub worst: f64,
    /// What did not hold.
    pub failure: Option<Failure>,
}

struct Model {
    name: &'static str,
    layer: fn() -> Sequential,
    /// Of one batch of features.
    features: &'static [usize],
    targets: &'static [usize],
    loss: fn() -> Loss,
}

/// The models that are trained.
const MODELS: [Model; 3] = [
    Model {
        name: "a convolutional network",
        layer: || {
            Sequential::new()
                .add(Conv2d::new(6, [3, 3]).activation(Activation::Relu))
                .add(MaxPool2d::new([2, 2]))
                .add(Flatten)
                .add(Dense::new(16).activation(Activation::Relu))
                .add(Dense::new(3))
        },
        features: &[8, 2, 10, 10],
        targets: &[8, 3],
        loss: Loss::mse,
    },
    Model {
        name: "an LSTM network",
        layer: || Sequential::new().add(Lstm::new(12)).add(Dense::new(2)),
        features: &[8, 9, 3],
        targets: &[8, 2],
        loss: Loss::mse,
    },
    Model {
        name: "a transformer block",
        layer: || {
            Sequential::new().add(TransformerBlock::new(2).causal(true)).add(Flatten).add(Dense::new(2))
        },
        features: &[4, 7, 8],
        targets: &[4, 2],
        loss: Loss::mse,
    },
];

/// How many trainings there are.
pub(crate) const COUNT: usize = MODELS.len();

impl Model {
    /// One step of training, with a scope that knows the parameters.
    fn build<'g>(&self, graph: &'g Graph) -> (Tensor<'g>, Scope<'g>) {
        let mut scope = Scope::new(graph, Mode::Train, 0);
        let x = graph.input("features", self.features, DType::F32);
        let y = graph.input("targets", self.targets, DType::F32);
        let model = (self.layer)();
        let predictions = scope.model(&model as &dyn Layer, x);
        let loss = (self.loss)().mean(predictions, y);
        minimize(&mut scope, &Adam::new(LR), loss);
        (loss, scope)
    }
}

/// Runs training number `number`.
pub(crate) async fn run(session: &Session, number: usize, seed: u64) -> Result<TrainingReport> {
    let model = &MODELS[number];
    let graph = Graph::new();
    let (loss, scope) = model.build(&graph);
    let mut program = session.compile(&graph, &[loss])?;
    let mut reference = Interpreter::new(Precision::F64);
    for parameter in scope.parameters() {
        let start = parameter.init.array(seed, &parameter.name, parameter.shape);
        session.write_state(&parameter.name, &start)?;
        reference.write(&parameter.name, &start);
    }
    let (mut losses, mut wanted) = (Vec::new(), Vec::new());
    for step in 0..STEPS as u64 {
        for (place, (name, sizes)) in
            [("features", model.features), ("targets", model.targets)].into_iter().enumerate()
        {
            let count = sizes.iter().product();
            let numbers = Fill::Uniform(-1.0, 1.0).numbers(count, seed ^ (2 * step + place as u64 + 100));
            let array = Array::f32(sizes, numbers.iter().map(|&x| x as f32).collect::<Vec<_>>())?;
            program.write(name, &array)?;
            reference.write(name, &array);
        }
        program.run()?;
        losses.extend(program.read(0).await?.to_f64());
        wanted.push(reference.run_values(&graph, &[loss.id()])?[0].data[0]);
    }
    let worst =
        losses.iter().zip(&wanted).map(|(&got, &want)| TOLERANCE.share(got, want)).fold(0.0, f64::max);
    let failure = TOLERANCE.compare(&losses, &wanted).map(|mismatch| Failure {
        case: name(number),
        place: "losses by step".into(),
        finding: mismatch.to_string(),
    });
    Ok(TrainingReport { model: model.name, losses, worst, failure })
}

/// The name of training number `number`.
pub(crate) fn name(number: usize) -> String {
    format!("training of {}", MODELS[number].name)
}

/// The report of a training that ended with an error.
pub(crate) fn failed(number: usize, error: Error) -> TrainingReport {
    let failure = Failure { case: name(number), place: "error".into(), finding: error.to_string() };
    TrainingReport {
        model: MODELS[number].name,
        losses: Vec::new(),
        worst: f64::INFINITY,
        failure: Some(failure),
    }
}
