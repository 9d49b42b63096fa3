//! Trainings that take less memory, on the software adapter: what is computed again has the same bits, what
//! is rounded is rounded and no more, and what plans say is what the device holds.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, DType, Random};
use anygrad_gpu::plan::Options;
use anygrad_gpu::{Choice, Device, Session};
use anygrad_graph::Graph;
use anygrad_nn::{
    Activation, Adam, BatchNorm, Conv2d, Dense, Dropout, End, FitOptions, Flatten, Loss, Lstm, MaxPool2d,
    MemoryOptions, Mode, Observer, Recompute, Scope, Sequential, Sgd, Silent, Step, TrainState, Trainer,
    TransformerBlock, Wish, minimize,
};
use pollster::block_on;

const LEVELS: [Recompute; 5] =
    [Recompute::Cheap, Recompute::Layers, Recompute::Segments(2), Recompute::Segments(3), Recompute::Auto];

fn device() -> Device {
    block_on(Device::open(&Choice::Software)).expect("this test needs a software adapter")
}

fn noise(sizes: &[usize], seed: u64) -> Array {
    let mut random = Random::new(seed);
    let count = sizes.iter().product();
    Array::f32(sizes, (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>()).unwrap()
}

fn classes(rows: usize, count: usize) -> Array {
    Array::i32(&[rows], (0..rows).map(|row| (row * 7 % count) as i32).collect::<Vec<_>>()).unwrap()
}

/// A model with its loss and a batch, and the share of the working bytes that is left at most when it
/// computes again.
struct Case {
    name: &'static str,
    model: fn() -> Sequential,
    loss: Loss,
    batch: (Array, Array),
    left: f64,
}

/// Two rounds of convolution and pooling, as on MNIST.
fn cnn() -> Sequential {
    Sequential::new()
        .add(Conv2d::new(32, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Conv2d::new(64, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Flatten)
        .add(Dense::new(128).activation(Activation::Relu))
        .add(Dropout::new(0.3))
        .add(Dense::new(10))
}

fn with_statistics() -> Sequential {
    let block = |filters: usize| {
        Sequential::new().add(Conv2d::new(filters, 3)).add(BatchNorm::new()).add(Activation::Relu)
    };
    Sequential::new().add(block(8)).add(block(8)).add(block(8)).add(Flatten).add(Dense::new(10))
}

fn lstms() -> Sequential {
    let layer = || Lstm::new(16).return_sequences(true);
    let model = Sequential::new().add(layer()).add(layer()).add(layer()).add(Dropout::new(0.2)).add(layer());
    model.add(Lstm::new(16)).add(Dense::new(3))
}

fn transformer() -> Sequential {
    let block = || TransformerBlock::new(2).causal(true).dropout(0.1);
    Sequential::new().add(block()).add(block()).add(block()).add(block()).add(block()).add(block())
}

fn cases() -> [Case; 4] {
    let images = |side: usize| noise(&[8, 1, side, side], 1);
    let classes_of_8 = classes(8, 10);
    [
        Case {
            name: "cnn",
            model: cnn,
            loss: Loss::sparse_cross_entropy(),
            batch: (images(28), classes_of_8.clone()),
            left: 0.93,
        },
        Case {
            name: "statistics",
            model: with_statistics,
            loss: Loss::sparse_cross_entropy(),
            batch: (images(12), classes_of_8),
            left: 0.9,
        },
        Case {
            name: "lstms",
            model: lstms,
            loss: Loss::sparse_cross_entropy(),
            batch: (noise(&[8, 12, 16], 2), classes(8, 3)),
            left: 0.55,
        },
        Case {
            name: "transformer",
            model: transformer,
            loss: Loss::mse(),
            batch: (noise(&[4, 32, 32], 3), noise(&[4, 32, 32], 4)),
            left: 0.4,
        },
    ]
}

fn trainer(case: &Case, memory: MemoryOptions) -> Trainer {
    let session = Session::on(device());
    Trainer::new(session, (case.model)(), case.loss.clone(), Adam::new(1e-3)).seed(9).memory(memory)
}

fn recomputing(recompute: Recompute) -> MemoryOptions {
    MemoryOptions { recompute, ..MemoryOptions::default() }
}

/// Losses of five steps, and the state behind them.
fn five_steps(case: &Case, memory: MemoryOptions) -> (Vec<u32>, TrainState, Vec<String>) {
    let mut trainer = trainer(case, memory);
    let (x, y) = &case.batch;
    let losses = (0..5).map(|_| block_on(trainer.step_loss(x, y)).unwrap().to_bits()).collect();
    (losses, block_on(trainer.state()).unwrap(), trainer.savings())
}

#[track_caller]
fn same(got: &TrainState, want: &TrainState, what: &str) {
    let names = want.tensors.keys().chain(got.tensors.keys());
    let other: Vec<&String> = names.filter(|&name| got.tensors.get(name) != want.tensors.get(name)).collect();
    assert!(other.is_empty(), "{what}: {other:?} differ");
}

#[test]
fn what_is_computed_again_has_the_same_bits() {
    for case in cases() {
        let (losses, state, savings) = five_steps(&case, MemoryOptions::default());
        assert!(savings.is_empty());
        for recompute in LEVELS {
            let (again, end, savings) = five_steps(&case, recomputing(recompute));
            assert_eq!(again, losses, "{} with {recompute:?}", case.name);
            // Running statistics are there once for each step, and moments of Adam.
            same(&end, &state, &format!("{} with {recompute:?}", case.name));
            assert_eq!(savings.len(), 1);
        }
    }
}

/// The graph of a training step, compiled on a device of its own.
fn compiled(case: &Case, options: Options) -> (anygrad_gpu::plan::Plan, u64) {
    let device = device();
    let session = Session::on(device.clone());
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Train, 1);
    let (x, y) = &case.batch;
    let x = graph.input("x", &x.shape(), x.dtype());
    let y = graph.input("y", &y.shape(), y.dtype());
    let predictions = scope.model(&(case.model)(), x);
    let loss = graph.labelled(Graph::LOSS, || case.loss.mean(predictions, y));
    minimize(&mut scope, &Adam::new(1e-3), loss);
    let program = session.compile_with(&graph, &[loss], options).unwrap();
    (program.plan().unwrap().clone(), device.allocated())
}

#[test]
fn the_device_holds_what_the_plan_says() {
    for case in cases() {
        let (before, held) = compiled(&case, Options::DEFAULT);
        assert_eq!(held, before.memory().total(), "{}", case.name);
        for recompute in LEVELS {
            let (plan, held) = compiled(&case, Options { recompute, ..Options::DEFAULT });
            assert_eq!(held, plan.memory().total(), "{} with {recompute:?}", case.name);
            let (now, was) = (plan.memory().working, before.memory().working);
            println!("{} {recompute:?}: {was} -> {now}, {}", case.name, plan.saving_text().unwrap());
            assert_eq!(plan.saving.unwrap().working_before, was);
            assert!(now <= was, "{} with {recompute:?}: {was} and {now} bytes", case.name);
            if recompute == Recompute::Auto {
                assert!(now as f64 <= case.left * was as f64, "{}: {was} and {now} bytes", case.name);
            }
        }
        let (plan, held) = compiled(&case, Options { activations: DType::F16, ..Options::DEFAULT });
        assert_eq!(held, plan.memory().total(), "{} in f16", case.name);
        println!("{}: {}", case.name, plan.saving_text().unwrap());
    }
}

/// Loss and gradients of all parameters, of one step from the start.
fn gradients(case: &Case, options: Options) -> (f32, Vec<(String, Vec<f32>)>) {
    let session = Session::on(device());
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Train, 1);
    let (x, y) = (&case.batch.0, &case.batch.1);
    let input = graph.input("x", &x.shape(), x.dtype());
    let targets = graph.input("y", &y.shape(), y.dtype());
    let predictions = scope.model(&(case.model)(), input);
    let loss = graph.labelled(Graph::LOSS, || case.loss.mean(predictions, targets));
    let parameters: Vec<_> =
        scope.parameters().iter().filter(|p| p.role == anygrad_nn::Role::Trainable).cloned().collect();
    let tensors: Vec<_> = parameters.iter().map(|p| graph.find(&p.name).unwrap()).collect();
    let outputs = [vec![loss], graph.gradients(loss, &tensors)].concat();
    let mut program = session.compile_with(&graph, &outputs, options).unwrap();
    for p in scope.parameters() {
        session.write_state(&p.name, &p.init.array(3, &p.name, p.shape)).unwrap();
    }
    program.write("x", x).unwrap();
    program.write("y", y).unwrap();
    program.run().unwrap();
    let read = |i: usize| block_on(program.read(i)).unwrap().as_f32().unwrap().to_vec();
    let gradients = parameters.iter().enumerate().map(|(i, p)| (p.name.clone(), read(i + 1)));
    (read(0)[0], gradients.collect())
}

#[test]
fn rounded_activations_change_gradients_by_what_rounding_explains() {
    for case in cases() {
        let (loss, exact) = gradients(&case, Options::DEFAULT);
        for (activations, bits) in [(DType::F16, 11), (DType::BF16, 8)] {
            let options = Options { activations, ..Options::DEFAULT };
            let (rounded_loss, rounded) = gradients(&case, options);
            assert_eq!(rounded_loss.to_bits(), loss.to_bits(), "{}: the way there is as it was", case.name);
            let norm = |a: &[f32]| a.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>().sqrt();
            // A bias before a norm of its channel has no gradient but rounding: it is held against all.
            let all = exact.iter().map(|(_, a)| norm(a).powi(2)).sum::<f64>().sqrt();
            let mut differs = 0;
            for ((name, a), (_, b)) in exact.iter().zip(&rounded) {
                let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
                let share = norm(&difference) / norm(a).max(1e-2 * all);
                // Half a unit in the last place of each activation that enters, through a few layers.
                let most = 8.0 * 0.5f64.powi(bits);
                assert!(share <= most, "{} {name} in {activations}: {share:.1e} of {most:.1e}", case.name);
                differs += usize::from(share > 0.0);
            }
            println!("{} {activations}: {differs} of {} gradients differ", case.name, exact.len());
        }
    }
}

#[test]
fn gradients_computed_again_with_dropout_are_those_of_the_loss() {
    // Along the gradient itself the loss grows by its square.
    let case = &cases()[3];
    let options = Options { recompute: Recompute::Layers, ..Options::DEFAULT };
    let (loss, again) = gradients(case, options);
    let (other, held) = gradients(case, Options::DEFAULT);
    assert_eq!((loss.to_bits(), &again), (other.to_bits(), &held));
    assert!(again.iter().all(|(_, gradient)| gradient.iter().any(|&slope| slope != 0.0)));
}

/// Stops after so many batches.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn on_step(&mut self, _: &Step) {
        self.0 = self.0.saturating_sub(1);
    }
    fn wish(&mut self) -> Wish {
        if self.0 == 0 { Wish::Stop } else { Wish::GoOn }
    }
}

fn perceptron(memory: MemoryOptions) -> Trainer {
    perceptron_on(device(), memory)
}

fn perceptron_on(device: Device, memory: MemoryOptions) -> Trainer {
    let dense = || Dense::new(64).activation(Activation::Tanh);
    let model = Sequential::new().add(dense()).add(dense()).add(Dropout::new(0.2)).add(dense()).add(dense());
    let model = model.add(dense()).add(dense()).add(Dense::new(3));
    Trainer::new(Session::on(device), model, Loss::sparse_cross_entropy(), Sgd::new(0.05))
        .seed(4)
        .memory(memory)
}

fn rows(count: usize) -> (Array, Array) {
    (noise(&[count, 16], 5), classes(count, 3))
}

#[test]
fn a_training_that_stops_goes_on_with_the_same_bits() {
    let (x, y) = rows(600);
    let options = FitOptions { epochs: 2, batch_size: 256, ..FitOptions::default() };
    let limited = |limit: u64| MemoryOptions { limit: Some(limit), ..MemoryOptions::default() };
    let rounded = MemoryOptions { activations: DType::F16, ..recomputing(Recompute::Auto) };
    for memory in [recomputing(Recompute::Segments(3)), rounded, limited(needed(&options) * 7 / 10)] {
        let mut whole = perceptron(memory);
        let want = block_on(whole.fit((&x, &y), None, &options, &mut Silent)).unwrap();
        let end = block_on(whole.state()).unwrap();
        for stop in 1..4 {
            let mut first = perceptron(memory);
            let begun = block_on(first.fit((&x, &y), None, &options, &mut StopAfter(stop))).unwrap();
            assert_eq!(begun.end, End::Stopped);
            let state = block_on(first.state()).unwrap();
            let mut second = perceptron(memory);
            second.restore(&state).unwrap();
            let left = FitOptions { epochs: 2 - second.epochs() as usize, ..options.clone() };
            let rest = block_on(second.fit((&x, &y), None, &left, &mut Silent)).unwrap();
            assert_eq!(rest.last_loss().to_bits(), want.last_loss().to_bits());
            same(&block_on(second.state()).unwrap(), &end, &format!("{memory:?} after {stop}"));
        }
    }
}

/// Bytes that the device holds after a training without any saving.
fn needed(options: &FitOptions) -> u64 {
    let (device, (x, y)) = (device(), rows(600));
    let mut trainer = perceptron_on(device.clone(), MemoryOptions::default());
    block_on(trainer.fit((&x, &y), None, options, &mut Silent)).unwrap();
    device.allocated()
}

#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn on_saving(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

#[test]
fn a_limit_is_kept_by_what_costs_least() {
    let (x, y) = rows(600);
    let options = FitOptions { epochs: 1, batch_size: 256, ..FitOptions::default() };
    let all = needed(&options);
    let mut told = Vec::new();
    for share in [1.1, 0.85, 0.7, 0.55] {
        let limit = (all as f64 * share) as u64;
        let device = device();
        let memory = MemoryOptions { limit: Some(limit), ..MemoryOptions::default() };
        let mut trainer = perceptron_on(device.clone(), memory);
        let mut notes = Notes::default();
        let history = block_on(trainer.fit((&x, &y), None, &options, &mut notes)).unwrap();
        let held = device.allocated();
        println!("{limit}: {held} held, loss {}, {:?}", history.last_loss(), notes.0);
        assert!(held <= limit, "{held} bytes are held, the limit is {limit}");
        assert_eq!(trainer.steps(), 3, "updates are by as many rows as before");
        told.push((notes.0.join("; "), history.last_loss()));
    }
    // Enough; computed again; in parts.
    assert!(told[0].0.is_empty() && told[1].0.contains("computed again"), "{told:?}");
    assert!(told[3].0.contains("batches of 256 rows in parts of "), "{told:?}");
    assert_eq!(told[0].1.to_bits(), told[1].1.to_bits());
    assert!((told[0].1 - told[3].1).abs() < 0.05, "{told:?}");
}

#[test]
fn batches_with_statistics_stay_whole() {
    let case = &cases()[1];
    let mut trainer = trainer(case, MemoryOptions { limit: Some(100_000), ..MemoryOptions::default() });
    let (x, y) = &case.batch;
    let options = FitOptions { batch_size: 8, ..FitOptions::default() };
    let refused = block_on(trainer.fit((x, y), None, &options, &mut Silent)).unwrap_err().to_string();
    let why = "batches are not taken in parts, as batch_norm";
    assert!(refused.contains(why) && refused.contains("is a statistic of whole batches"), "{refused}");
    let refused = trainer.step(x, y).unwrap_err().to_string();
    assert!(refused.contains("the limit is 100000"), "{refused}");
}
