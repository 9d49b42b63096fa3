//! Dropout draws as often as it should, and anew when its counter moves.

use anygrad_graph::core::{Array, DType, Shape};
use anygrad_graph::{Graph, Interpreter, Precision};

const COUNT: usize = 100_000;

fn draw(seed: u32, counter: f64, rate: Option<f64>) -> Vec<f64> {
    let graph = Graph::new();
    let x = graph.input("x", &[COUNT], DType::F32);
    let step = graph.input("step", &[], DType::U32);
    let y = match rate {
        Some(rate) => x.dropout(rate, seed, step),
        None => graph.random_uniform(&[COUNT], seed, step),
    };
    let mut cpu = Interpreter::new(Precision::F32);
    cpu.write("x", &Array::f32(&[COUNT], vec![1.0; COUNT]).expect("a valid program"));
    cpu.write("step", &Array::from_f64(Shape::SCALAR, DType::U32, &[counter]));
    cpu.run(&graph, &[y]).expect("a valid program")[0].to_f64()
}

#[test]
fn the_rate_is_met() {
    for (seed, counter, rate) in [(0, 0.0, 0.5), (7, 1.0, 0.1), (1, 1e9, 0.9)] {
        let y = draw(seed, counter, Some(rate));
        let kept = y.iter().filter(|&&y| y != 0.0).count() as f64 / COUNT as f64;
        // Five deviations of a binomial share.
        assert!(
            (kept - (1.0 - rate)).abs() < 5.0 * (rate * (1.0 - rate) / COUNT as f64).sqrt(),
            "{kept} {rate}"
        );
        assert!(y.iter().all(|&y| y == 0.0 || (y - 1.0 / (1.0 - rate)).abs() < 1e-6));
    }
}

#[test]
fn neighbours_and_steps_do_not_hang_together() {
    let correlation = |a: &[f64], b: &[f64]| {
        let covariance: f64 = a.iter().zip(b).map(|(a, b)| (a - 0.5) * (b - 0.5)).sum();
        covariance / a.len().min(b.len()) as f64 * 12.0
    };
    let now = draw(3, 10.0, None);
    let mean = now.iter().sum::<f64>() / COUNT as f64;
    assert!((mean - 0.5).abs() < 0.005 && now.iter().all(|u| (0.0..1.0).contains(u)), "{mean}");
    assert_eq!(now, draw(3, 10.0, None));
    for other in [&draw(3, 11.0, None), &draw(4, 10.0, None), &now[1..], &now[4..], &now[256..]] {
        assert!(correlation(&now, other).abs() < 0.016);
    }
}

#[test]
fn a_rate_outside_is_refused() {
    let graph = Graph::new();
    let x = graph.input("x", &[3], DType::F32);
    x.dropout(1.5, 0, graph.input("step", &[], DType::U32));
    assert!(graph.check().unwrap_err().to_string().contains("1.5 does not lie between 0 and 1"));
}
