//! What is measured.

use anygrad_core::{DType, Result};
use anygrad_graph::ops::{Conv, Pool};
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::{
    Activation, Adam, Conv2d, Dense, Flatten, Loss, Lstm, MaxPool2d, Mode, Parameter, Scope, Sequential,
    minimize,
};
use serde::Serialize;

/// A time that a workload should reach on a software adapter on two cores, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Goal {
    /// What it must reach at least.
    pub at_least_ms: f64,
    /// What would be outstanding.
    pub moonshot_ms: f64,
}

/// A graph to time.
pub struct Workload {
    /// Group and name, as `matmul 512`.
    pub name: &'static str,
    /// Additions and multiplications of one run.
    pub operations: f64,
    /// Bytes of what must be read and written once, whatever the kernels do.
    pub bytes: f64,
    /// What it should reach on a software adapter.
    pub goal: Option<Goal>,
    build: Box<Build>,
}

type Build = dyn for<'g> Fn(&'g Graph) -> (Vec<Tensor<'g>>, Vec<Parameter>) + Send + Sync;

impl Workload {
    fn new(
        name: &'static str,
        goal: Option<(f64, f64)>,
        operations: f64,
        elements: usize,
        build: impl for<'g> Fn(&'g Graph) -> (Vec<Tensor<'g>>, Vec<Parameter>) + Send + Sync + 'static,
    ) -> Self {
        let goal = goal.map(|(at_least_ms, moonshot_ms)| Goal { at_least_ms, moonshot_ms });
        Workload { name, operations, bytes: 4.0 * elements as f64, goal, build: Box::new(build) }
    }

    /// Builds the graph: its outputs, and parameters that it must start from.
    ///
    /// # Errors
    /// The graph holds a mistake: one of ours.
    pub fn graph<'g>(&self, graph: &'g Graph) -> Result<(Vec<Tensor<'g>>, Vec<Parameter>)> {
        let built = (self.build)(graph);
        graph.check()?;
        Ok(built)
    }
}

fn input<'g>(graph: &'g Graph, name: &str, sizes: &[usize]) -> Tensor<'g> {
    graph.input(name, sizes, DType::F32)
}

/// All workloads.
pub fn workloads() -> Vec<Workload> {
    let mut all = Vec::new();
    for (name, n, goal) in [("matmul 512", 512usize, (5.37, 2.83)), ("matmul 1024", 1024, (42.9, 22.6))] {
        let operations = 2.0 * (n as f64).powi(3);
        all.push(Workload::new(name, Some(goal), operations, 3 * n * n, move |graph| {
            (vec![input(graph, "a", &[n, n]).matmul(input(graph, "b", &[n, n]))], vec![])
        }));
    }
    all.extend(convolutions());
    all.push(Workload::new(
        "max pool 32x32x28x28",
        Some((0.8, 0.3)),
        0.0,
        32 * 32 * (28 * 28 + 14 * 14),
        |graph| (vec![input(graph, "x", &[32, 32, 28, 28]).max_pool2d(Pool::new([2, 2]))], vec![]),
    ));
    all.extend(rows());
    all.extend(recurrent());
    all.extend(training_steps());
    all
}

/// 3x3 on N8 C32 56x56 to 64 channels, and its gradients.
fn convolutions() -> Vec<Workload> {
    let (x, w, y) = ([8, 32, 56, 56], [64, 32, 3, 3], [8, 64, 56, 56]);
    let elements = |sizes: [usize; 4]| sizes.iter().product::<usize>();
    let operations = 2.0 * (elements(y) * 32 * 9) as f64;
    let all = elements(x) + elements(w) + elements(y);
    let conv = Conv { padding: [[1, 1]; 2], ..Conv::default() };
    let product = move |graph: &Graph, of: usize| {
        let operands = [input(graph, "x", &x), input(graph, "w", &w)];
        let result = operands[0].conv2d(operands[1], conv);
        let slope = input(graph, "dy", &y);
        graph.gradients_from(result, slope, &[operands[of]])[0].id()
    };
    let goal = Some((18.0, 9.0));
    vec![
        Workload::new("conv 3x3", goal, operations, all, move |graph| {
            (vec![input(graph, "x", &x).conv2d(input(graph, "w", &w), conv)], vec![])
        }),
        Workload::new("conv 3x3 input gradient", goal, operations, all, move |graph| {
            (vec![graph.tensor(product(graph, 0))], vec![])
        }),
        Workload::new("conv 3x3 weight gradient", goal, operations, all, move |graph| {
            (vec![graph.tensor(product(graph, 1))], vec![])
        }),
    ]
}

fn rows() -> Vec<Workload> {
    const COUNT: usize = 1 << 24;
    let (rows, columns) = (4096, 1024);
    let both = 2 * rows * columns;
    vec![
        Workload::new("softmax 4096x1024", Some((7.0, 4.0)), 0.0, both, move |graph| {
            (vec![input(graph, "x", &[rows, columns]).softmax(-1)], vec![])
        }),
        Workload::new("layer norm 4096x1024", Some((7.0, 4.0)), 0.0, both, move |graph| {
            (vec![input(graph, "x", &[rows, columns]).layer_norm(1, None, None, 1e-5)], vec![])
        }),
        Workload::new(
            "relu(a x + b) c + d, 16M",
            Some((15.0, 9.0)),
            5.0 * COUNT as f64,
            2 * COUNT,
            |graph| {
                let number = |name| input(graph, name, &[]);
                let x = input(graph, "x", &[COUNT]);
                (vec![(x * number("a") + number("b")).relu() * number("c") + number("d")], vec![])
            },
        ),
        Workload::new("sum 16M", Some((6.0, 3.0)), COUNT as f64, COUNT, |graph| {
            (vec![input(graph, "x", &[COUNT]).sum_all()], vec![])
        }),
    ]
}

/// LSTM of batch 32 over 50 steps, as many features as units.
fn recurrent() -> Vec<Workload> {
    const BATCH: usize = 32;
    const TIME: usize = 50;
    let mut all = Vec::new();
    for (units, names, goals) in [
        (64usize, ["LSTM 64", "LSTM 64 with gradients"], [(6.0, 3.0), (20.0, 9.0)]),
        (256, ["LSTM 256", "LSTM 256 with gradients"], [(50.0, 30.0), (160.0, 90.0)]),
    ] {
        let forward = (2 * BATCH * TIME * 8 * units * units) as f64;
        let elements = 2 * BATCH * TIME * units + 8 * units * units;
        for (with_gradients, name, goal) in [(false, names[0], goals[0]), (true, names[1], goals[1])] {
            let operations = if with_gradients { 3.0 * forward } else { forward };
            all.push(Workload::new(name, Some(goal), operations, elements, move |graph| {
                let x = input(graph, "x", &[BATCH, TIME, units]);
                let w = [
                    input(graph, "kernel", &[units, 4 * units]),
                    input(graph, "recurrent_kernel", &[units, 4 * units]),
                    input(graph, "bias", &[4 * units]),
                ];
                let sequence = x.lstm(w[0], w[1], Some(w[2]), None).sequence;
                let mut outputs = vec![sequence];
                if with_gradients {
                    outputs.extend(graph.gradients((sequence * sequence).sum_all(), &[x, w[0], w[1], w[2]]));
                }
                (outputs, vec![])
            }));
        }
    }
    all
}

/// Whole steps of training, with Adam: a CNN's and an LSTM's.
pub fn training_steps() -> Vec<Workload> {
    const IMAGES: usize = 64;
    // Convolutions of 26x26x32 and 11x11x64 results, dense layers of 1600x128 and 128x10; the gradients
    // cost about twice as much again.
    let per_image = 26 * 26 * 32 * 9 + 11 * 11 * 64 * 32 * 9 + 1600 * 128 + 1280;
    let parameters = 32 * 10 + 64 * (32 * 9 + 1) + 1601 * 128 + 129 * 10;
    let cnn = Workload::new(
        "MNIST CNN step, batch 64",
        Some((40.0, 20.0)),
        (6 * IMAGES * per_image) as f64,
        7 * parameters + IMAGES * 28 * 28,
        |graph| {
            let model = Sequential::new()
                .add(Conv2d::new(32, 3).activation(Activation::Relu))
                .add(MaxPool2d::new(2))
                .add(Conv2d::new(64, 3).activation(Activation::Relu))
                .add(MaxPool2d::new(2))
                .add(Flatten)
                .add(Dense::new(128).activation(Activation::Relu))
                .add(Dense::new(10));
            let x = input(graph, "x", &[IMAGES, 1, 28, 28]);
            let classes = graph.input("y", &[IMAGES], DType::I32);
            step(graph, &model, x, |predictions| Loss::sparse_cross_entropy().mean(predictions, classes))
        },
    );
    let lstm = Workload::new(
        "2x LSTM(64) step, B32 T50",
        Some((50.0, 25.0)),
        (6 * 32 * 50 * 4 * 64 * (1 + 3 * 64)) as f64,
        7 * (4 * 64 * (66 + 129)),
        |graph| {
            let model = Sequential::new()
                .add(Lstm::new(64).return_sequences(true))
                .add(Lstm::new(64))
                .add(Dense::new(1));
            let x = input(graph, "x", &[32, 50, 1]);
            let targets = input(graph, "y", &[32, 1]);
            step(graph, &model, x, |predictions| Loss::mse().mean(predictions, targets))
        },
    );
    vec![cnn, lstm]
}

fn step<'g>(
    graph: &'g Graph,
    model: &Sequential,
    x: Tensor<'g>,
    loss: impl FnOnce(Tensor<'g>) -> Tensor<'g>,
) -> (Vec<Tensor<'g>>, Vec<Parameter>) {
    let mut scope = Scope::new(graph, Mode::Train, 0);
    let predictions = scope.model(model, x);
    let loss = loss(predictions);
    minimize(&mut scope, &Adam::new(1e-3), loss);
    (vec![loss], scope.parameters().to_vec())
}
