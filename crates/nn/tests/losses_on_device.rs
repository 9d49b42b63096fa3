//! All losses with their gradients, and the optimizers, on a device against the interpreter.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use anygrad_core::{Array, DType};
use anygrad_gpu::{Choice, Session};
use anygrad_graph::{Graph, Interpreter, Precision, Tensor, Tolerance};
use anygrad_nn::{
    Adadelta, Adamax, Ctc, Dense, Lion, Loss, MarginRanking, Nadam, Optimizer, Reduction, Trainer,
    TripletMargin,
};
use pollster::block_on;

fn session() -> Session {
    block_on(Session::open(&Choice::from_env_or(Choice::Software))).expect("these tests need an adapter")
}

/// Numbers between 0 and 1.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| (((i + 3) * (seed * 7919 + 104_729)) % 8191) as f32 / 8192.0 + 1e-4).collect()
}

/// Every loss on `[5, 3]`, and the gradients of their sum.
fn all<'g>(graph: &'g Graph, p: Tensor<'g>, t: Tensor<'g>, classes: Tensor<'g>) -> Vec<Tensor<'g>> {
    let weights = vec![0.5, 2.0, 1.0];
    let mut losses: Vec<Tensor<'g>> =
        common::losses_of_numbers().iter().map(|loss| loss.losses(p, t)).collect();
    let sparse = Loss::SparseCrossEntropy {
        from_logits: true,
        label_smoothing: 0.1,
        class_weights: weights.clone(),
        ignore_index: Some(-1),
    };
    let nll = Loss::NegativeLogLikelihood { class_weights: weights, ignore_index: Some(2) };
    losses.push(sparse.mean(p, classes));
    losses.push(nll.reduced(p, classes, Some(t.at(1, 0)), Reduction::WeightedMean));
    losses.push(MarginRanking { margin: 0.25 }.losses(p, t, p - 0.5));
    losses.push(TripletMargin::default().losses(p, t, p.flip(&[0])));
    losses.push(TripletMargin { p: 3.0, swap: true, ..TripletMargin::default() }.losses(p, t, t.flip(&[1])));
    let integers = |sizes: &[usize], numbers: Vec<i32>| graph.constant(Array::i32(sizes, numbers).unwrap());
    let (times, lengths) = (integers(&[1], vec![5]), integers(&[1], vec![2]));
    let ctc = Ctc { zero_infinity: true, per_label: true, ..Ctc::default() };
    losses.push(ctc.losses(p.unsqueeze(0), integers(&[1, 2], vec![1, 2]), times, lengths));
    losses.push(ctc.losses(t.unsqueeze(0), integers(&[1, 6], vec![1; 6]), times, integers(&[1], vec![6])));
    let total = losses.iter().map(|loss| loss.mean_all()).reduce(|a, b| a + b).unwrap();
    losses.extend(graph.gradients(total, &[p, t]));
    losses
}

#[test]
fn losses_and_their_gradients() {
    let graph = Graph::new();
    let (p, t) = (graph.input("p", &[5, 3], DType::F32), graph.input("t", &[5, 3], DType::F32));
    let classes = graph.input("classes", &[5], DType::I32);
    let outputs = all(&graph, p, t, classes);
    let values = [
        ("p", Array::f32(&[5, 3], numbers(15, 1)).unwrap()),
        ("t", Array::f32(&[5, 3], numbers(15, 2)).unwrap()),
        ("classes", Array::i32(&[5], vec![2, 0, -1, 1, 1]).unwrap()),
    ];
    let mut program = session().compile(&graph, &outputs).unwrap();
    let mut oracle = Interpreter::new(Precision::F64);
    for (name, array) in &values {
        program.write(name, array).unwrap();
        oracle.write(name, array);
    }
    program.run().unwrap();
    let ids: Vec<_> = outputs.iter().map(|output| output.id()).collect();
    // Chains of up to twenty functions; the gradients are sums over thirty losses, of which those of
    // logarithms of small probabilities are in the hundreds.
    let tolerance = Tolerance { relative: 2e-5, absolute: 4e-6 };
    for (place, want) in oracle.run_values(&graph, &ids).unwrap().iter().enumerate() {
        let got = block_on(program.read(place)).unwrap().to_f64();
        assert!(want.data.iter().all(|x| x.is_finite()), "output {place}: {:?}", want.data);
        if let Some(mismatch) = tolerance.compare(&got, &want.data) {
            panic!("output {place} of {}: {mismatch}", outputs.len());
        }
    }
}

#[test]
fn optimizers() {
    let x = Array::f32(&[8, 3], numbers(24, 3)).unwrap();
    let y = Array::f32(&[8, 1], numbers(8, 4)).unwrap();
    let losses = |session: Session, optimizer: Box<dyn Optimizer>| {
        let mut trainer = Trainer::new(session, Dense::new(1), Loss::mse(), optimizer);
        (0..6).map(|_| f64::from(block_on(trainer.step_loss(&x, &y)).unwrap())).collect::<Vec<f64>>()
    };
    let all: [fn() -> Box<dyn Optimizer>; 7] = [
        || Box::new(Adadelta::new(1.0).weight_decay(0.01)),
        || Box::new(Adadelta::pytorch(1.0).weight_decay(0.01)),
        || Box::new(Adamax::new(0.02)),
        || Box::new(Adamax::pytorch(0.02)),
        || Box::new(Nadam::new(0.02)),
        || Box::new(Nadam::pytorch(0.02)),
        || Box::new(Lion::new(0.01).weight_decay(0.1)),
    ];
    for optimizer in all {
        let (device, oracle) = (losses(session(), optimizer()), losses(Session::interpreter(), optimizer()));
        assert!(device[5] < device[0], "{device:?}");
        for (got, want) in device.iter().zip(&oracle) {
            assert!((got - want).abs() <= 2e-5 * want.abs(), "{device:?}\n{oracle:?}");
        }
    }
}

#[test]
fn a_fault_of_a_model_is_found_on_the_device() {
    let x = Array::f32(&[8, 3], numbers(24, 3)).unwrap();
    let y = Array::f32(&[8, 1], numbers(8, 4)).unwrap();
    let mut trainer = Trainer::new(session(), Dense::new(1), Loss::mse(), Nadam::new(0.02));
    trainer.step(&x, &y).unwrap();
    let before = block_on(trainer.read_parameter("dense.kernel")).unwrap();
    assert_eq!(block_on(trainer.find_nonfinite(&x, &y)).unwrap(), None);
    assert_eq!(block_on(trainer.read_parameter("dense.kernel")).unwrap(), before);
    trainer.write_parameter("dense.bias", &Array::f32(&[1], [-3e20]).unwrap()).unwrap();
    let found = block_on(trainer.find_nonfinite(&x, &y)).unwrap().unwrap();
    assert_eq!((found.op.as_str(), found.label.as_deref()), ("square", Some("loss")), "{found}");
    assert_eq!(found.kernels, ["pointwise"]);
}
