//! Losses against numbers made by hand, and where they refuse.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, DType};
use anygrad_graph::{Graph, Interpreter, Precision, Tensor};
use anygrad_nn::{Loss, Reduction};

fn input<'g>(graph: &'g Graph, sizes: &[usize], numbers: &[f32]) -> Tensor<'g> {
    graph.constant(Array::f32(sizes, numbers).unwrap())
}

fn run(graph: &Graph, tensor: Tensor<'_>) -> Vec<f64> {
    Interpreter::new(Precision::F64).run(graph, &[tensor]).unwrap()[0].to_f64()
}

#[track_caller]
fn near(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{got:?} {want:?}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-6 * w.abs().max(1e-3), "{got:?}, wanted {want:?}");
    }
}

/// Losses of two rows of two numbers.
#[track_caller]
fn two_rows(loss: Loss, predictions: [f32; 4], targets: [f32; 4], want: [f64; 2]) {
    let graph = Graph::new();
    let (p, t) = (input(&graph, &[2, 2], &predictions), input(&graph, &[2, 2], &targets));
    near(&run(&graph, loss.losses(p, t)), &want);
}

#[test]
fn losses_of_numbers() {
    let (p, t) = ([1.0, 2.0, 0.5, 4.0], [0.0, 4.0, 0.0, 4.0]);
    two_rows(Loss::mse(), p, t, [2.5, 0.125]);
    two_rows(Loss::mae(), p, t, [1.5, 0.25]);
    // Errors 1, 2, 0.5, 0 with the border at 1: 0.5, 1.5, 0.125, 0.
    two_rows(Loss::huber(), p, t, [1.0, 0.0625]);
    let log_cosh = |x: f64| x.cosh().ln();
    two_rows(Loss::LogCosh, p, t, [(log_cosh(1.0) + log_cosh(2.0)) / 2.0, log_cosh(0.5) / 2.0]);
    two_rows(Loss::Hinge, [0.5, -2.0, 3.0, 0.0], [1.0, 1.0, 1.0, -1.0], [1.75, 0.5]);
    two_rows(Loss::CosineSimilarity, [3.0, 4.0, 1.0, 0.0], [4.0, 3.0, 0.0, 2.0], [-0.96, 0.0]);
}

#[test]
fn losses_of_probabilities() {
    let ln = f64::ln;
    two_rows(
        Loss::binary_cross_entropy_of_probabilities(),
        [0.25, 0.5, 0.0, 1.0],
        [0.0, 1.0, 0.0, 1.0],
        // The border 1 - 1e-7 is 1 - 2^-23 in f32.
        [-(ln(0.75) + ln(0.5)) / 2.0, (1e-7 + 2f64.powi(-23)) / 2.0],
    );
    two_rows(
        Loss::KullbackLeibler,
        [0.25, 0.75, 0.5, 0.5],
        [0.5, 0.5, 0.5, 0.5],
        [0.5 * ln(2.0) + 0.5 * ln(0.5 / 0.75), 0.0],
    );
    let from_probabilities =
        Loss::CrossEntropy { from_logits: false, label_smoothing: 0.0, class_weights: vec![] };
    two_rows(from_probabilities, [0.25, 0.75, 1.0, 3.0], [0.0, 1.0, 1.0, 0.0], [-ln(0.75), -ln(0.25)]);
}

#[test]
fn logits_keep_their_digits_far_out() {
    let graph = Graph::new();
    let z = graph.state("z", &[4, 1]);
    let t = input(&graph, &[4, 1], &[1.0, 0.0, 0.0, 1.0]);
    let loss = Loss::binary_cross_entropy().losses(z, t);
    let slope = graph.gradients(loss.sum_all(), &[z])[0];
    let mut cpu = Interpreter::new(Precision::F32);
    cpu.write("z", &Array::f32(&[4, 1], [20.0, -20.0, 1000.0, -1000.0]).unwrap());
    let results = cpu.run(&graph, &[loss, slope]).unwrap();
    let small = (-20f64).exp();
    near(&results[0].to_f64(), &[small, small, 1000.0, 1000.0]);
    near(&results[1].to_f64(), &[-small, small, 1.0, -1.0]);
}

#[test]
fn smoothing_moves_targets() {
    let smoothed = Loss::BinaryCrossEntropy { from_logits: true, label_smoothing: 0.2, pos_weight: vec![] };
    let plain = |z: f64, t: f64| z.max(0.0) - z * t + (-z.abs()).exp().ln_1p();
    two_rows(
        smoothed,
        [1.0, 1.0, -2.0, 0.0],
        [1.0, 1.0, 0.0, 0.0],
        [plain(1.0, 0.9), (plain(-2.0, 0.1) + plain(0.0, 0.1)) / 2.0],
    );
    let smoothed = Loss::CrossEntropy { from_logits: true, label_smoothing: 0.2, class_weights: vec![] };
    let all = (1f64.exp() + 1.0).ln();
    two_rows(
        smoothed,
        [1.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 1.0],
        [-(0.9 * (1.0 - all) + 0.1 * -all), 2f64.ln()],
    );
}

#[test]
fn class_numbers_choose_and_padding_does_not_count() {
    let graph = Graph::new();
    let logits = input(&graph, &[3, 3], &[0.0, 0.0, 0.0, 2.0, 1.0, 0.0, 5.0, 5.0, 5.0]);
    let classes = graph.constant(Array::i32(&[3], [2, 0, -1]).unwrap());
    let all = (2f64.exp() + 1f64.exp() + 1.0).ln();
    let padded = Loss::SparseCrossEntropy {
        from_logits: true,
        label_smoothing: 0.0,
        class_weights: vec![],
        ignore_index: Some(-1),
    };
    near(&run(&graph, padded.losses(logits, classes)), &[3f64.ln(), all - 2.0, 0.0]);
    near(&run(&graph, padded.mean(logits, classes)), &[(3f64.ln() + all - 2.0) / 2.0]);
    near(&run(&graph, Loss::sparse_cross_entropy().mean(logits, classes)), &[(3f64.ln() + all - 2.0) / 3.0]);
    let slope = graph.gradients(padded.mean(logits, classes), &[logits])[0];
    let third = 1.0 / 6.0;
    near(&run(&graph, slope)[..3], &[third, third, third - 0.5]);
    assert_eq!(run(&graph, slope)[6..], [0.0; 3]);
}

#[test]
fn reductions_and_weights() {
    let graph = Graph::new();
    let p = input(&graph, &[2, 2], &[1.0, 3.0, 2.0, 0.0]);
    let t = input(&graph, &[2, 2], &[0.0; 4]);
    let weights = input(&graph, &[2], &[3.0, 0.5]);
    let reduced = |weights, reduction| run(&graph, Loss::mse().reduced(p, t, weights, reduction));
    near(&reduced(None, Reduction::None), &[5.0, 2.0]);
    near(&reduced(None, Reduction::Sum), &[7.0]);
    near(&reduced(None, Reduction::Mean), &[3.5]);
    near(&reduced(Some(weights), Reduction::Sum), &[16.0]);
    // By the number of losses, not by the sum of the weights.
    near(&reduced(Some(weights), Reduction::Mean), &[8.0]);
}

#[test]
fn a_column_and_a_vector_are_compared_element_by_element() {
    let graph = Graph::new();
    let p = input(&graph, &[3, 1], &[1.0, 2.0, 3.0]);
    let t = input(&graph, &[3], &[1.0, 2.0, 5.0]);
    near(&run(&graph, Loss::mse().losses(p, t)), &[0.0, 0.0, 4.0]);
    near(&run(&graph, Loss::mse().losses(t, p)), &[0.0, 0.0, 4.0]);
}

#[test]
fn shapes_and_targets_that_do_not_fit_are_refused() {
    let refuse = |loss: Loss, p: &[usize], t: &[usize], dtype| {
        let graph = Graph::new();
        let (p, t) = (graph.input("p", p, DType::F32), graph.input("t", t, dtype));
        loss.mean(p, t);
        graph.check().unwrap_err().to_string()
    };
    let error = refuse(Loss::mse(), &[4, 2], &[4, 3], DType::F32);
    assert!(error.contains("[4, 2]") && error.contains("[4, 3]"), "{error}");
    refuse(Loss::mse(), &[4, 2], &[4], DType::F32);
    refuse(Loss::sparse_cross_entropy(), &[4, 2], &[4, 1], DType::I32);
    refuse(Loss::sparse_cross_entropy(), &[4, 2], &[4], DType::F32);

    let shape = anygrad_core::Shape::new(&[3]).unwrap();
    let classes = Array::i32(&[3], [0, 3, 1]).unwrap();
    let error = Loss::sparse_cross_entropy().check_targets(&classes, &shape).unwrap_err();
    assert_eq!(error.to_string(), "row 1: target 3, wanted a class from 0 to 2");
    let percent = Array::f32(&[2, 2], [0.0, 1.0, 0.0, 50.0]).unwrap();
    let error = Loss::binary_cross_entropy().check_targets(&percent, &shape).unwrap_err();
    assert_eq!(error.to_string(), "row 1: target 50, wanted a number from 0 to 1");
    let gap = Array::f32(&[2], [0.0, f32::NAN]).unwrap();
    assert!(Loss::mse().check_targets(&gap, &shape).unwrap_err().is_input());
}
