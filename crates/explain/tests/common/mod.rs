//! Models with known parameters.

#![allow(dead_code, reason = "each test file uses some of it")]

use anygrad_core::{Array, DType, Random};
use anygrad_gpu::Session;
use anygrad_graph::{Graph, Interpreter, Precision, Tensor, Values};
use anygrad_nn::{Layer, Mode, Role, Scope};

/// Numbers of the normal distribution.
pub fn normal(sizes: &[usize], seed: u64) -> Array {
    let mut random = Random::new(seed);
    let count = sizes.iter().product();
    Array::f32(sizes, (0..count).map(|_| random.normal() as f32).collect::<Vec<f32>>()).unwrap()
}

/// A model on an input of this shape, its parameters in a session and in an interpreter of double precision.
pub fn prepare(session: &Session, model: &dyn Layer, x: &Array) -> Interpreter {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Evaluate, 0);
    let y = scope.model(model, graph.input("x", &x.shape(), x.dtype()));
    session.compile(&graph, &[y]).unwrap();
    let mut oracle = Interpreter::new(Precision::F64);
    for (i, parameter) in scope.parameters().iter().enumerate() {
        let mut value = normal(&parameter.shape, 100 + i as u64);
        if parameter.role == Role::Fixed {
            // Running variances are above 0.
            let numbers = value.as_f32().unwrap().iter().map(|x| x.abs() + 0.5).collect::<Vec<f32>>();
            value = Array::f32(&parameter.shape, numbers).unwrap();
        }
        session.write_state(&parameter.name, &value).unwrap();
        oracle.write(&parameter.name, &value);
    }
    oracle
}

/// An output of row after row in double precision.
pub fn output(oracle: &Interpreter, model: &dyn Layer, x: &Values, target: usize) -> Vec<f64> {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Evaluate, 0);
    let y = scope.model(model, graph.input("x", &x.meta.shape, DType::F32));
    let mut oracle = oracle.clone();
    oracle.write_values("x", x.clone());
    let found = oracle.evaluate(&graph, &[y.id()]).unwrap();
    let width = found[0].data.len() / x.meta.shape[0];
    found[0].data.iter().skip(target).step_by(width).copied().collect()
}

/// The gradient of an output by central differences in double precision.
pub fn differences(oracle: &Interpreter, model: &dyn Layer, x: &Values, target: usize) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let rows = x.meta.shape[0];
    let width = x.data.len() / rows;
    let mut slopes = vec![0.0; x.data.len()];
    // Rows do not depend on each other: one element of each is moved at once.
    for element in 0..width {
        let moved = |shift: f64| {
            let mut moved = x.clone();
            (0..rows).for_each(|row| moved.data[row * width + element] += shift);
            output(oracle, model, &moved, target)
        };
        let (low, high) = (moved(-STEP), moved(STEP));
        (0..rows).for_each(|row| slopes[row * width + element] = (high[row] - low[row]) / (2.0 * STEP));
    }
    slopes
}

#[track_caller]
pub fn assert_near(found: &Array, wanted: &[f64], tolerance: f64) {
    let found = found.to_f64();
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(1.0f64, |largest, x| largest.max(x.abs()));
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() <= tolerance * largest, "{i}: found {found}, wanted {wanted}");
    }
}

/// y = x . w of a state `w`, `[elements, outputs]`.
pub fn linear<'g>(scope: &mut Scope<'g>, x: Tensor<'g>, sizes: [usize; 2]) -> Tensor<'g> {
    let rows = x.shape()[0];
    x.reshape(&[rows, sizes[0]]).matmul(scope.parameter("w", &sizes, anygrad_nn::Init::Zeros))
}
