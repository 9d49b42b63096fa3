//! What is measured.

mod large;

pub use large::large_workloads;

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

/// The workloads that have goals on software adapters.
pub fn workloads() -> Vec<Workload> {
    let mut all = vec![
        matmul("matmul 512", Some((5.37, 2.83)), [512; 3], DType::F32),
        matmul("matmul 1024", Some((42.9, 22.6)), [1024; 3], DType::F32),
    ];
    let names = ["conv 3x3", "conv 3x3 input gradient", "conv 3x3 weight gradient"];
    all.extend(convolutions(names, Some((18.0, 9.0)), [8, 32, 56, 56], [64, 32, 3, 3]));
    all.push(max_pool("max pool 32x32x28x28", Some((0.8, 0.3)), [32, 32, 28, 28]));
    all.extend(rows(["softmax 4096x1024", "layer norm 4096x1024"], Some((7.0, 4.0)), [4096, 1024]));
    all.push(chain("relu(a x + b) c + d, 16M", Some((15.0, 9.0)), 1 << 24));
    all.push(sum("sum 16M", Some((6.0, 3.0)), 1 << 24));
    for (units, names, goals) in [
        (64, ["LSTM 64", "LSTM 64 with gradients"], [(6.0, 3.0), (20.0, 9.0)]),
        (256, ["LSTM 256", "LSTM 256 with gradients"], [(50.0, 30.0), (160.0, 90.0)]),
    ] {
        all.extend(lstm(names, goals.map(Some), [32, 50], units));
    }
    all.extend(training_steps());
    all
}

/// a `[rows, terms]` times b `[terms, columns]`.
fn matmul(
    name: &'static str,
    goal: Option<(f64, f64)>,
    [rows, terms, columns]: [usize; 3],
    dtype: DType,
) -> Workload {
    let operations = 2.0 * (rows * terms * columns) as f64;
    let read = (rows * terms + terms * columns) * dtype.size() / 4;
    Workload::new(name, goal, operations, read + rows * columns, move |graph| {
        let [a, b] = [("a", [rows, terms]), ("b", [terms, columns])]
            .map(|(name, sizes)| graph.input(name, &sizes, dtype));
        (vec![a.matmul(b)], vec![])
    })
}

/// x convolved with w, padded so that sizes stay, and its gradients.
fn convolutions(
    names: [&'static str; 3],
    goal: Option<(f64, f64)>,
    x: [usize; 4],
    w: [usize; 4],
) -> Vec<Workload> {
    let y = [x[0], w[0], x[2], x[3]];
    let elements = |sizes: [usize; 4]| sizes.iter().product::<usize>();
    let operations = 2.0 * (elements(y) * elements(w) / w[0]) as f64;
    let all = elements(x) + elements(w) + elements(y);
    let conv = Conv { padding: [w[2], w[3]].map(|size| [size / 2; 2]), ..Conv::default() };
    let product = move |graph: &Graph, of: usize| {
        let operands = [input(graph, "x", &x), input(graph, "w", &w)];
        let result = operands[0].conv2d(operands[1], conv);
        let slope = input(graph, "dy", &y);
        graph.gradients_from(result, slope, &[operands[of]])[0].id()
    };
    vec![
        Workload::new(names[0], goal, operations, all, move |graph| {
            (vec![input(graph, "x", &x).conv2d(input(graph, "w", &w), conv)], vec![])
        }),
        Workload::new(names[1], goal, operations, all, move |graph| {
            (vec![graph.tensor(product(graph, 0))], vec![])
        }),
        Workload::new(names[2], goal, operations, all, move |graph| {
            (vec![graph.tensor(product(graph, 1))], vec![])
        }),
    ]
}

/// Windows of 2x2.
fn max_pool(name: &'static str, goal: Option<(f64, f64)>, x: [usize; 4]) -> Workload {
    let elements: usize = x.iter().product();
    Workload::new(name, goal, 0.0, elements + elements / 4, move |graph| {
        (vec![input(graph, "x", &x).max_pool2d(Pool::new([2, 2]))], vec![])
    })
}

/// Softmax and layer norm.
fn rows(names: [&'static str; 2], goal: Option<(f64, f64)>, x: [usize; 2]) -> [Workload; 2] {
    let both = 2 * x[0] * x[1];
    [
        Workload::new(names[0], goal, 0.0, both, move |graph| {
            (vec![input(graph, "x", &x).softmax(-1)], vec![])
        }),
        Workload::new(names[1], goal, 0.0, both, move |graph| {
            (vec![input(graph, "x", &x).layer_norm(1, None, None, 1e-5)], vec![])
        }),
    ]
}

/// Five elementwise operators in a row.
fn chain(name: &'static str, goal: Option<(f64, f64)>, count: usize) -> Workload {
    Workload::new(name, goal, 5.0 * count as f64, 2 * count, move |graph| {
        let number = |name| input(graph, name, &[]);
        let x = input(graph, "x", &[count]);
        (vec![(x * number("a") + number("b")).relu() * number("c") + number("d")], vec![])
    })
}

/// All elements of a vector.
fn sum(name: &'static str, goal: Option<(f64, f64)>, count: usize) -> Workload {
    Workload::new(name, goal, count as f64, count, move |graph| {
        (vec![input(graph, "x", &[count]).sum_all()], vec![])
    })
}

/// An LSTM with as many features as units, forwards and with all gradients.
fn lstm(
    names: [&'static str; 2],
    goals: [Option<(f64, f64)>; 2],
    [batch, time]: [usize; 2],
    units: usize,
) -> [Workload; 2] {
    let forward = (2 * batch * time * 8 * units * units) as f64;
    let elements = 2 * batch * time * units + 8 * units * units;
    [(0, forward), (1, 3.0 * forward)].map(|(with_gradients, operations)| {
        Workload::new(names[with_gradients], goals[with_gradients], operations, elements, move |graph| {
            let x = input(graph, "x", &[batch, time, units]);
            let w = [
                input(graph, "kernel", &[units, 4 * units]),
                input(graph, "recurrent_kernel", &[units, 4 * units]),
                input(graph, "bias", &[4 * units]),
            ];
            let sequence = x.lstm(w[0], w[1], Some(w[2]), None).sequence;
            let mut outputs = vec![sequence];
            if with_gradients == 1 {
                outputs.extend(graph.gradients((sequence * sequence).sum_all(), &[x, w[0], w[1], w[2]]));
            }
            (outputs, vec![])
        })
    })
}

/// Whole steps of training, with Adam: a CNN's and an LSTM's.
pub fn training_steps() -> Vec<Workload> {
    vec![
        cnn_step("MNIST CNN step, batch 64", Some((40.0, 20.0)), 64),
        lstm_step("2x LSTM(64) step, B32 T50", Some((50.0, 25.0)), [32, 50], 64),
    ]
}

fn cnn_step(name: &'static str, goal: Option<(f64, f64)>, images: usize) -> Workload {
    // Convolutions of 26x26x32 and 11x11x64 results, dense layers of 1600x128 and 128x10; the gradients
    // cost about twice as much again.
    let per_image = 26 * 26 * 32 * 9 + 11 * 11 * 64 * 32 * 9 + 1600 * 128 + 1280;
    let parameters = 32 * 10 + 64 * (32 * 9 + 1) + 1601 * 128 + 129 * 10;
    let elements = 7 * parameters + images * 28 * 28;
    Workload::new(name, goal, (6 * images * per_image) as f64, elements, move |graph| {
        let model = Sequential::new()
            .add(Conv2d::new(32, 3).activation(Activation::Relu))
            .add(MaxPool2d::new(2))
            .add(Conv2d::new(64, 3).activation(Activation::Relu))
            .add(MaxPool2d::new(2))
            .add(Flatten)
            .add(Dense::new(128).activation(Activation::Relu))
            .add(Dense::new(10));
        classifier_step(graph, &model, &[images, 1, 28, 28])
    })
}

/// Two layers of LSTM over one feature, and a dense layer.
fn lstm_step(
    name: &'static str,
    goal: Option<(f64, f64)>,
    [batch, time]: [usize; 2],
    units: usize,
) -> Workload {
    let operations = (6 * batch * time * 4 * units * (1 + 3 * units)) as f64;
    let elements = 7 * 4 * units * (3 * units + 3);
    Workload::new(name, goal, operations, elements, move |graph| {
        let model = Sequential::new()
            .add(Lstm::new(units).return_sequences(true))
            .add(Lstm::new(units))
            .add(Dense::new(1));
        let x = input(graph, "x", &[batch, time, 1]);
        let targets = input(graph, "y", &[batch, 1]);
        step(graph, &model, x, |predictions| Loss::mse().mean(predictions, targets))
    })
}

/// Images, and their classes from 0 to 9.
fn classifier_step<'g>(
    graph: &'g Graph,
    model: &Sequential,
    x: &[usize; 4],
) -> (Vec<Tensor<'g>>, Vec<Parameter>) {
    let classes = graph.input("y", &x[..1], DType::I32);
    step(graph, model, input(graph, "x", x), |predictions| {
        Loss::sparse_cross_entropy().mean(predictions, classes)
    })
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
