//! Optimizers against their formulas as PyTorch and Keras document them, step by step.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, DType};
use anygrad_graph::{Graph, Interpreter, Precision};
use anygrad_nn::{Adadelta, Adam, Adamax, Clip, Lion, Mode, Nadam, Optimizer, Scope, minimize};

/// The parameter after each of some steps with these gradients, which the loss `p g` has.
fn steps(optimizer: &dyn Optimizer, start: f64, gradients: &[f64]) -> Vec<f64> {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Train, 0);
    let p = scope.parameter("p", &[1], anygrad_nn::Init::Zeros);
    let g = graph.input("g", &[1], DType::F32);
    let loss = (p * g).sum_all();
    minimize(&mut scope, optimizer, loss);
    graph.check().unwrap();
    let mut cpu = Interpreter::new(Precision::F64);
    for parameter in scope.parameters() {
        cpu.write(&parameter.name, &parameter.init.array(0, &parameter.name, parameter.shape));
    }
    cpu.write("p", &Array::f32(&[1], [start as f32]).unwrap());
    let one = |g: &f64| {
        cpu.write("g", &Array::f32(&[1], [*g as f32]).unwrap());
        cpu.run(&graph, &[]).unwrap();
        cpu.values("p").unwrap().data[0]
    };
    gradients.iter().map(one).collect()
}

#[track_caller]
fn near(got: &[f64], want: &[f64]) {
    // The learning rate and the gradients are f32.
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-7), "{got:?}, wanted {want:?}");
}

const GRADIENTS: [f64; 4] = [0.5, -0.25, 0.125, 1.0];

/// Runs a rule written as a loop: `advance(p, g, t)` with t counted from 1.
fn loop_of(start: f64, mut advance: impl FnMut(f64, f64, i32) -> f64) -> Vec<f64> {
    let mut p = start;
    let each = GRADIENTS.iter().zip(1..).map(|(&g, t)| {
        p = advance(p, g, t);
        p
    });
    each.collect()
}

#[test]
fn adadelta() {
    for (optimizer, lr, rho, eps, decay) in [
        (Adadelta::new(0.5).weight_decay(0.1), 0.5, 0.95, 1e-7, (0.0, 0.1)),
        (Adadelta::pytorch(1.0).weight_decay(0.1), 1.0, 0.9, 1e-6, (0.1, 0.0)),
    ] {
        let (mut squares, mut movements) = (0.0f64, 0.0f64);
        let want = loop_of(2.0, |p, g, _| {
            let g = g + decay.0 * p;
            squares = rho * squares + (1.0 - rho) * g * g;
            let movement = (movements + eps).sqrt() / (squares + eps).sqrt() * g;
            movements = rho * movements + (1.0 - rho) * movement * movement;
            p - lr * decay.1 * p - lr * movement
        });
        near(&steps(&optimizer, 2.0, &GRADIENTS), &want);
    }
}

#[test]
fn adamax() {
    let (b1, b2) = (0.9f64, 0.999f64);
    for keras in [true, false] {
        // Large, so that the two places of epsilon differ.
        let eps = 0.25;
        let optimizer = if keras { Adamax::new(0.1) } else { Adamax::pytorch(0.1) }.eps(eps);
        let (mut m, mut u) = (0.0, 0.0f64);
        let want = loop_of(2.0, |p, g, t| {
            m = b1 * m + (1.0 - b1) * g;
            let size = if keras { g.abs() } else { g.abs() + eps };
            u = (b2 * u).max(size);
            p - 0.1 / (1.0 - b1.powi(t)) * m / if keras { u + eps } else { u }
        });
        near(&steps(&optimizer, 2.0, &GRADIENTS), &want);
    }
}

#[test]
fn nadam() {
    let (b1, b2) = (0.9f64, 0.999f64);
    for (optimizer, decay, eps) in [(Nadam::new(0.1), 1.0, 1e-7), (Nadam::pytorch(0.1), 0.004, 1e-8)] {
        let mu = |t: i32| b1 * (1.0 - 0.5 * 0.96f64.powf(f64::from(t) * decay));
        let (mut m, mut v, mut product) = (0.0, 0.0f64, 1.0);
        let want = loop_of(2.0, |p, g, t| {
            m = b1 * m + (1.0 - b1) * g;
            v = b2 * v + (1.0 - b2) * g * g;
            product *= mu(t);
            let ahead = mu(t + 1) * m / (1.0 - product * mu(t + 1)) + (1.0 - mu(t)) * g / (1.0 - product);
            p - 0.1 * ahead / ((v / (1.0 - b2.powi(t))).sqrt() + eps)
        });
        near(&steps(&optimizer, 2.0, &GRADIENTS), &want);
    }
}

#[test]
fn lion_moves_by_the_rate() {
    let optimizer = Lion::new(0.125).weight_decay(0.5);
    let mut m = 0.0;
    let want = loop_of(2.0, |p, g, _| {
        let direction: f64 = 0.9 * m + 0.1 * g;
        m = 0.99 * m + 0.01 * g;
        p * (1.0 - 0.125 * 0.5) - 0.125 * direction.signum()
    });
    near(&steps(&optimizer, 2.0, &GRADIENTS), &want);
    // No gradient, no movement.
    near(&steps(&Lion::new(0.125), 2.0, &[0.0, 0.0]), &[2.0, 2.0]);
}

#[test]
fn decay_in_the_gradient_and_apart_from_it() {
    // Adam's first step is lr times the sign of the gradient, whatever its size.
    let coupled = steps(&Adam::pytorch(0.125).weight_decay(0.5), 2.0, &[1.0]);
    let apart = steps(&Adam::pytorch_adamw(0.125).weight_decay(0.5), 2.0, &[1.0]);
    near(&coupled, &[2.0 - 0.125]);
    near(&apart, &[2.0 * (1.0 - 0.0625) - 0.125]);
    // Keras adds epsilon before the correction, which makes it count more.
    near(&steps(&Adam::new(0.125).eps(1e-10).weight_decay(0.5), 2.0, &[1.0]), &apart);
    near(&steps(&Nadam::pytorch(0.125).weight_decay(0.0), 2.0, &[0.0]), &[2.0]);
}

#[test]
fn clipping_by_formula() {
    let graph = Graph::new();
    let constant = |numbers: &[f32]| graph.constant(Array::f32(&[numbers.len()], numbers).unwrap());
    let gradients = [constant(&[3.0, 4.0]), constant(&[0.0, -12.0, 0.0])];
    let clipped = |clip: Clip| -> Vec<Vec<f64>> {
        let results = clip.apply(&gradients);
        let results = Interpreter::new(Precision::F64).run(&graph, &results).unwrap();
        results.iter().map(Array::to_f64).collect()
    };
    assert_eq!(clipped(Clip::Value(3.5)), [vec![3.0, 3.5], vec![0.0, -3.5, 0.0]]);
    // Lengths 5 and 12; the first stays.
    assert_eq!(clipped(Clip::Norm(6.0)), [vec![3.0, 4.0], vec![0.0, -6.0, 0.0]]);
    // 13 together.
    assert_eq!(clipped(Clip::GlobalNorm(6.5)), [vec![1.5, 2.0], vec![0.0, -6.0, 0.0]]);
    assert_eq!(clipped(Clip::GlobalNorm(13.0)), [vec![3.0, 4.0], vec![0.0, -12.0, 0.0]]);
    let nothing = Clip::GlobalNorm(1.0).apply(&[constant(&[0.0, 0.0])]);
    assert_eq!(Interpreter::new(Precision::F64).run(&graph, &nothing).unwrap()[0].to_f64(), [0.0, 0.0]);
}
