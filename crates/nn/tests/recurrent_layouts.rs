//! The weights of recurrent layers from and to the layouts of PyTorch and ONNX: each framework's own
//! formulas on its own layout, and the way there and back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, Random};
use anygrad_graph::ops::{Activation, Recurrent, RecurrentCell};
use anygrad_graph::{Graph, Interpreter, Precision};
use anygrad_nn::{OnnxWeights, PyTorchWeights, RecurrentWeights};

const INPUTS: usize = 3;
const UNITS: usize = 2;
const RNN: RecurrentCell = RecurrentCell::Rnn(Activation::Tanh);
const GRU: RecurrentCell = RecurrentCell::Gru { reset_after: true };
const GRU_BEFORE: RecurrentCell = RecurrentCell::Gru { reset_after: false };
const LSTM: RecurrentCell = RecurrentCell::Lstm;

/// Numbers in [-1, 1) that follow from a seed.
fn numbers(seed: u64, sizes: &[usize]) -> Array {
    let mut random = Random::stream(seed, 5);
    let count: usize = sizes.iter().product();
    Array::f32(sizes, (0..count).map(|_| random.between(-1.0, 1.0) as f32).collect::<Vec<_>>()).unwrap()
}

fn sigmoid(a: f64) -> f64 {
    1.0 / (1.0 + (-a).exp())
}

/// Numbers of one step in the layout of a framework whose gates are the rows of its weights.
struct Step {
    w: Vec<f64>,
    r: Vec<f64>,
    biases: [Vec<f64>; 2],
    x: Vec<f64>,
    h: Vec<f64>,
    c: Vec<f64>,
}

impl Step {
    fn new(cell: RecurrentCell, weights: [&Array; 4]) -> Self {
        let [w, r, input, state] = weights.map(Array::to_f64);
        assert_eq!(w.len(), cell.gates() * UNITS * INPUTS);
        let [h, c] = [2, 3].map(|seed| numbers(seed, &[1, UNITS]).to_f64());
        Step { w, r, biases: [input, state], x: numbers(1, &[1, 1, INPUTS]).to_f64(), h, c }
    }

    /// W x + b of a gate's unit, without the state.
    fn input(&self, gate: usize, unit: usize) -> f64 {
        let row = gate * UNITS + unit;
        let products = self.x.iter().zip(&self.w[row * INPUTS..]).map(|(x, w)| x * w);
        products.sum::<f64>() + self.biases[0][row]
    }

    /// R h of a gate's unit, for some h.
    fn product(&self, gate: usize, unit: usize, h: &[f64]) -> f64 {
        h.iter().zip(&self.r[(gate * UNITS + unit) * UNITS..]).map(|(h, r)| h * r).sum()
    }

    /// R h + b of a gate's unit.
    fn state(&self, gate: usize, unit: usize) -> f64 {
        self.product(gate, unit, &self.h) + self.biases[1][gate * UNITS + unit]
    }

    fn both(&self, gate: usize, unit: usize) -> f64 {
        self.input(gate, unit) + self.state(gate, unit)
    }

    /// The LSTM of both frameworks, with the places of i, f, g, o.
    fn lstm(&self, [i, f, g, o]: [usize; 4]) -> Vec<f64> {
        let unit = |unit: usize| {
            let gate = |gate: usize| sigmoid(self.both(gate, unit));
            let c = gate(f) * self.c[unit] + gate(i) * self.both(g, unit).tanh();
            gate(o) * c.tanh()
        };
        (0..UNITS).map(unit).collect()
    }

    /// PyTorch's GRU: gates r, z, n, and n = tanh(W_n x + b_n + r (R_n h + b_hn)).
    fn pytorch_gru(&self) -> Vec<f64> {
        let unit = |unit: usize| {
            let (r, z) = (sigmoid(self.both(0, unit)), sigmoid(self.both(1, unit)));
            let n = (self.input(2, unit) + r * self.state(2, unit)).tanh();
            (1.0 - z) * n + z * self.h[unit]
        };
        (0..UNITS).map(unit).collect()
    }

    /// ONNX's GRU: gates z, r, h, and with `linear_before_reset = 0`
    /// h = tanh(W_h x + (r h) R_h + Rb_h + Wb_h).
    fn onnx_gru(&self, linear_before_reset: bool) -> Vec<f64> {
        let reset: Vec<f64> = (0..UNITS).map(|unit| sigmoid(self.both(1, unit)) * self.h[unit]).collect();
        let unit = |unit: usize| {
            let (z, r) = (sigmoid(self.both(0, unit)), sigmoid(self.both(1, unit)));
            let state = match linear_before_reset {
                true => r * self.state(2, unit),
                false => self.product(2, unit, &reset) + self.biases[1][2 * UNITS + unit],
            };
            (1.0 - z) * (self.input(2, unit) + state).tanh() + z * self.h[unit]
        };
        (0..UNITS).map(unit).collect()
    }

    fn rnn(&self) -> Vec<f64> {
        (0..UNITS).map(|unit| self.both(0, unit).tanh()).collect()
    }
}

/// The same step of a layer of this crate.
fn ours(cell: RecurrentCell, weights: &RecurrentWeights) -> Vec<f64> {
    let graph = Graph::new();
    let constant = |array: &Array| graph.constant(array.clone());
    let layer = Recurrent::new(cell, constant(&weights.kernel), constant(&weights.recurrent_kernel))
        .bias(weights.bias.as_ref().map(constant))
        .initial(constant(&numbers(2, &[1, UNITS])))
        .initial_cell((cell == LSTM).then(|| constant(&numbers(3, &[1, UNITS]))));
    let hidden = constant(&numbers(1, &[1, 1, INPUTS])).recurrent(&layer).hidden;
    Interpreter::new(Precision::F32).run(&graph, &[hidden]).unwrap()[0].to_f64()
}

fn assert_close(got: &[f64], want: &[f64], what: &str) {
    let is_close = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(is_close, "{what}: {got:?}, wanted {want:?}");
}

#[test]
fn a_step_from_pytorch_is_pytorchs() {
    for cell in [RNN, GRU, LSTM] {
        let rows = cell.gates() * UNITS;
        let weights = PyTorchWeights {
            weight_ih: numbers(4, &[rows, INPUTS]),
            weight_hh: numbers(5, &[rows, UNITS]),
            biases: Some([6, 7].map(|seed| numbers(seed, &[rows]))),
        };
        let [input, state] = weights.biases.as_ref().unwrap();
        let step = Step::new(cell, [&weights.weight_ih, &weights.weight_hh, input, state]);
        let want = match cell {
            RecurrentCell::Rnn(_) => step.rnn(),
            RecurrentCell::Gru { .. } => step.pytorch_gru(),
            RecurrentCell::Lstm => step.lstm([0, 1, 2, 3]),
        };
        let converted = RecurrentWeights::from_pytorch(cell, &weights).unwrap();
        assert_close(&ours(cell, &converted), &want, &format!("{cell:?}"));
        let back = converted.to_pytorch(cell).unwrap();
        assert_eq!((&back.weight_ih, &back.weight_hh), (&weights.weight_ih, &weights.weight_hh));
        if cell == GRU {
            assert_eq!(back, weights, "both biases of a GRU are kept");
        }
        assert_eq!(RecurrentWeights::from_pytorch(cell, &back).unwrap(), converted);
    }
}

#[test]
fn a_step_from_onnx_is_onnxs() {
    for cell in [RNN, GRU, GRU_BEFORE, LSTM] {
        let rows = cell.gates() * UNITS;
        let [input, state] = [6, 7].map(|seed| numbers(seed, &[rows]));
        let b = [input.as_f32().unwrap(), state.as_f32().unwrap()].concat();
        let weights = OnnxWeights {
            w: numbers(4, &[rows, INPUTS]),
            r: numbers(5, &[rows, UNITS]),
            b: Some(Array::f32(&[2 * rows], b).unwrap()),
        };
        let step = Step::new(cell, [&weights.w, &weights.r, &input, &state]);
        let want = match cell {
            RecurrentCell::Rnn(_) => step.rnn(),
            RecurrentCell::Gru { reset_after } => step.onnx_gru(reset_after),
            // i, o, f, c
            RecurrentCell::Lstm => step.lstm([0, 2, 3, 1]),
        };
        let converted = RecurrentWeights::from_onnx(cell, &weights).unwrap();
        assert_close(&ours(cell, &converted), &want, &format!("{cell:?}"));
        let back = converted.to_onnx(cell).unwrap();
        assert_eq!((&back.w, &back.r), (&weights.w, &weights.r));
        assert_eq!(RecurrentWeights::from_onnx(cell, &back).unwrap(), converted);
    }
}

/// Keras: z, r, h = 0, 1, 2 as columns; one bias, or with the reset after two rows. One unit, one
/// input, by hand, and the same numbers on their way through the other layouts.
#[test]
fn keras_layout_is_the_one_of_the_layers() {
    let weights = RecurrentWeights {
        kernel: Array::f32(&[1, 4], vec![1.0, 2.0, 3.0, 4.0]).unwrap(),
        recurrent_kernel: Array::f32(&[1, 4], vec![5.0, 6.0, 7.0, 8.0]).unwrap(),
        bias: Some(Array::f32(&[4], vec![0.5, 1.0, 0.0, -1.0]).unwrap()),
    };
    let pytorch = weights.to_pytorch(LSTM).unwrap();
    assert_eq!(pytorch.weight_ih, Array::f32(&[4, 1], vec![1.0, 2.0, 3.0, 4.0]).unwrap());
    let onnx = weights.to_onnx(LSTM).unwrap();
    // i, f, c, o becomes i, o, f, c.
    assert_eq!(onnx.w, Array::f32(&[4, 1], vec![1.0, 4.0, 2.0, 3.0]).unwrap());
    assert_eq!(onnx.r, Array::f32(&[4, 1], vec![5.0, 8.0, 6.0, 7.0]).unwrap());
    let b = vec![0.5, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(onnx.b, Some(Array::f32(&[8], b).unwrap()));

    let weights = RecurrentWeights {
        kernel: Array::f32(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap(),
        recurrent_kernel: Array::f32(&[1, 3], vec![7.0, 8.0, 9.0]).unwrap(),
        bias: Some(Array::f32(&[2, 3], vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).unwrap()),
    };
    let pytorch = weights.to_pytorch(GRU).unwrap();
    // z, r, h becomes r, z, n.
    assert_eq!(pytorch.weight_ih, Array::f32(&[3, 2], vec![2.0, 5.0, 1.0, 4.0, 3.0, 6.0]).unwrap());
    let biases = [vec![0.2, 0.1, 0.3], vec![0.5, 0.4, 0.6]].map(|bias| Array::f32(&[3], bias).unwrap());
    assert_eq!(pytorch.biases, Some(biases));
    assert_eq!(RecurrentWeights::from_pytorch(GRU, &pytorch).unwrap(), weights);
}

#[test]
fn weights_of_another_shape_are_refused() {
    let weights = OnnxWeights { w: numbers(1, &[8, 3]), r: numbers(2, &[8, 2]), b: None };
    assert!(RecurrentWeights::from_onnx(LSTM, &weights).is_ok());
    let error = RecurrentWeights::from_onnx(GRU, &weights).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("[8, 3]"), "{error}");
    let long = OnnxWeights { b: Some(numbers(3, &[8])), ..weights };
    assert!(RecurrentWeights::from_onnx(LSTM, &long).unwrap_err().is_shape());
    let ours =
        RecurrentWeights { kernel: numbers(1, &[3, 6]), recurrent_kernel: numbers(2, &[2, 6]), bias: None };
    assert!(ours.to_pytorch(GRU_BEFORE).unwrap_err().to_string().contains("PyTorch"));
}
