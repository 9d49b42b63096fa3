//! CTC against the sum over all ways to spread labels over time.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::Array;
use anygrad_graph::{GradientOptions, Graph, Interpreter, Precision, Tensor, check_gradients};
use anygrad_nn::{Ctc, Reduction};

const TIME: usize = 5;
const CLASSES: usize = 3;

/// Minus the logarithm of the probability of all paths of classes that become `labels` when repeated
/// classes are joined and blanks left out.
fn by_paths(logits: &[f64], steps: usize, labels: &[usize], blank: usize) -> f64 {
    let mut total = 0.0;
    for path in 0..CLASSES.pow(steps as u32) {
        let classes: Vec<usize> = (0..steps).map(|t| path / CLASSES.pow(t as u32) % CLASSES).collect();
        let mut read = classes.clone();
        read.dedup();
        read.retain(|&class| class != blank);
        if read == labels {
            let log: f64 = classes
                .iter()
                .enumerate()
                .map(|(t, &class)| {
                    let row = &logits[t * CLASSES..(t + 1) * CLASSES];
                    row[class] - row.iter().map(|z| z.exp()).sum::<f64>().ln()
                })
                .sum();
            total += log.exp();
        }
    }
    -total.ln()
}

fn logits() -> Vec<f32> {
    (0..4 * TIME * CLASSES).map(|i| ((i * 37 % 23) as f32 - 11.0) / 6.0).collect()
}

fn run(graph: &Graph, tensor: Tensor<'_>) -> Vec<f64> {
    Interpreter::new(Precision::F64).run(graph, &[tensor]).unwrap()[0].to_f64()
}

fn ints<'g>(graph: &'g Graph, sizes: &[usize], numbers: &[i32]) -> Tensor<'g> {
    graph.constant(Array::i32(sizes, numbers).unwrap())
}

#[test]
fn losses_are_sums_over_paths() {
    for blank in [0, 2] {
        let graph = Graph::new();
        let z = graph.constant(Array::f32(&[4, TIME, CLASSES], logits()).unwrap());
        // Two different labels, one twice, none, and one that fills all times that count.
        let other = if blank == 0 { 2 } else { 0 };
        let labels = ints(&graph, &[4, 2], &[1, other, 1, 1, 7, 7, other, 9]);
        let times = ints(&graph, &[4], &[5, 4, 3, 1]);
        let lengths = ints(&graph, &[4], &[2, 2, 0, 1]);
        let ctc = Ctc { blank, ..Ctc::default() };
        let got = run(&graph, ctc.losses(z, labels, times, lengths));
        let numbers: Vec<f64> = logits().into_iter().map(f64::from).collect();
        let rows: Vec<&[f64]> = numbers.chunks(TIME * CLASSES).collect();
        let other = other as usize;
        let want = [
            by_paths(rows[0], 5, &[1, other], blank),
            by_paths(rows[1], 4, &[1, 1], blank),
            by_paths(rows[2], 3, &[], blank),
            by_paths(rows[3], 1, &[other], blank),
        ];
        for (got, want) in got.iter().zip(want) {
            // The results are rounded to f32.
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
        let per_label = Ctc { per_label: true, ..ctc };
        let mean = run(&graph, per_label.reduced(z, labels, [times, lengths], Reduction::Mean));
        let wanted = (want[0] / 2.0 + want[1] / 2.0 + want[2] + want[3]) / 4.0;
        assert!((mean[0] - wanted).abs() < 1e-6);
        // Log-probabilities are as good as logits.
        let logs = run(&graph, ctc.losses(z.log_softmax(-1), labels, times, lengths));
        assert!(logs.iter().zip(&got).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

#[test]
fn rows_that_cannot_be() {
    let graph = Graph::new();
    let z = graph.state("z", &[2, TIME, CLASSES]);
    // Three equal labels take five times; the second row has four.
    let labels = ints(&graph, &[2, 3], &[1, 1, 1, 1, 1, 1]);
    let times = ints(&graph, &[2], &[5, 4]);
    let lengths = ints(&graph, &[2], &[3, 3]);
    let values = Array::f32(&[2, TIME, CLASSES], &logits()[..2 * TIME * CLASSES]).unwrap();
    let mut cpu = Interpreter::new(Precision::F64);
    cpu.write("z", &values);
    let losses = Ctc::default().losses(z, labels, times, lengths);
    let slope = graph.gradients(losses.sum_all(), &[z])[0];
    let results = cpu.run(&graph, &[losses, slope]).unwrap();
    assert!(results[0].to_f64()[0].is_finite() && results[0].to_f64()[1] == f64::INFINITY);
    let slopes = results[1].to_f64();
    assert!(slopes[..15].iter().all(|x| x.is_finite()) && slopes[15..27].iter().all(|x| x.is_nan()));

    let zeroed = Ctc { zero_infinity: true, ..Ctc::default() }.losses(z, labels, times, lengths);
    assert_eq!(cpu.run(&graph, &[zeroed]).unwrap()[0].to_f64()[1], 0.0);
    let values = [("z".to_string(), values)];
    let options = GradientOptions { probes: 30, ..GradientOptions::default() };
    let report = check_gradients(&graph, zeroed.sum_all(), &[z], &values, &options).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |blank, labels: &[usize], lengths: &[usize]| {
        let graph = Graph::new();
        let z = graph.state("z", &[2, TIME, CLASSES]);
        let count = |sizes: &[usize]| vec![1; sizes.iter().product()];
        let labels = ints(&graph, labels, &count(labels));
        let lengths = ints(&graph, lengths, &count(lengths));
        let losses = Ctc { blank, ..Ctc::default() }.losses(z, labels, lengths, lengths);
        assert!(losses.is_poison());
        graph.check().unwrap_err().to_string()
    };
    assert!(refused(3, &[2, 4], &[2]).contains("the blank is class 3, there are 3 classes"));
    assert!(refused(0, &[3, 4], &[2]).contains("2 rows of log-probabilities, 3 of targets"));
    assert!(refused(0, &[2, 4], &[3]).contains("lengths i32[3, 2]"));
    assert!(refused(0, &[2], &[2]).contains("targets are [n, labels], not i32[2]"));
}
