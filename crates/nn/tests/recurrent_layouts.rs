//! The weights of recurrent layers from and to the layouts of PyTorch and ONNX: each framework's own
//! formulas on its own layout, the way there and back, and a case of ONNX's backend tests.

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

/// The case test_gru_seq_length of ONNX's backend tests (Apache 2.0): two steps of three rows, five
/// units, the reset gate before the product.
#[test]
fn a_gru_of_the_onnx_backend_tests() {
    let weights = OnnxWeights {
        w: Array::f32(&[15, 3], W.to_vec()).unwrap(),
        r: Array::f32(&[15, 5], R.to_vec()).unwrap(),
        b: Some(Array::f32(&[30], B.to_vec()).unwrap()),
    };
    let weights = RecurrentWeights::from_onnx(GRU_BEFORE, &weights).unwrap();
    let graph = Graph::new();
    // ONNX has the time first.
    let x: Vec<f32> = (1..=18u8).map(f32::from).collect();
    let x = graph.constant(Array::f32(&[2, 3, 3], x).unwrap()).permute(&[1, 0, 2]);
    let layer =
        Recurrent::new(GRU_BEFORE, graph.constant(weights.kernel), graph.constant(weights.recurrent_kernel));
    let hidden = x.recurrent(&layer.bias(weights.bias.map(|bias| graph.constant(bias)))).hidden;
    let got = Interpreter::new(Precision::F32).run(&graph, &[hidden]).unwrap()[0].to_f64();
    assert_close(&got, &Y_H.map(f64::from), "the last state");
}

const W: [f32; 45] = [
    1.7640524,
    0.4001572,
    0.978738,
    2.2408931,
    1.867558,
    -0.9772779,
    0.95008844,
    -0.1513572,
    -0.10321885,
    0.41059852,
    0.14404356,
    1.4542735,
    0.7610377,
    0.121675014,
    0.44386324,
    0.33367434,
    1.4940791,
    -0.20515826,
    0.3130677,
    -0.85409576,
    -2.5529897,
    0.6536186,
    0.8644362,
    -0.742165,
    2.2697546,
    -1.4543657,
    0.045758516,
    -0.18718386,
    1.5327792,
    1.4693588,
    0.15494743,
    0.37816253,
    -0.88778573,
    -1.9807965,
    -0.34791216,
    0.15634897,
    1.2302907,
    1.2023798,
    -0.3873268,
    -0.30230275,
    -1.048553,
    -1.420018,
    -1.7062702,
    1.9507754,
    -0.5096522,
];
const R: [f32; 75] = [
    -0.4380743,
    -1.2527953,
    0.7774904,
    -1.6138978,
    -0.21274029,
    -0.89546657,
    0.3869025,
    -0.51080513,
    -1.1806322,
    -0.028182229,
    0.42833188,
    0.06651722,
    0.3024719,
    -0.6343221,
    -0.36274117,
    -0.67246044,
    -0.35955316,
    -0.8131463,
    -1.7262826,
    0.17742614,
    -0.40178093,
    -1.6301984,
    0.46278226,
    -0.9072984,
    0.051945396,
    0.7290906,
    0.12898292,
    1.1394007,
    -1.2348258,
    0.40234163,
    -0.6848101,
    -0.87079716,
    -0.5788497,
    -0.31155252,
    0.05616534,
    -1.1651498,
    0.9008265,
    0.46566245,
    -1.5362437,
    1.4882522,
    1.8958892,
    1.1787796,
    -0.17992483,
    -1.0707526,
    1.0544517,
    -0.40317693,
    1.222445,
    0.20827498,
    0.97663903,
    0.3563664,
    0.7065732,
    0.01050002,
    1.7858706,
    0.12691209,
    0.40198937,
    1.8831507,
    -1.347759,
    -1.270485,
    0.9693967,
    -1.1731234,
    1.9436212,
    -0.41361898,
    -0.7474548,
    1.922942,
    1.4805148,
    1.867559,
    0.90604466,
    -0.86122566,
    1.9100649,
    -0.26800337,
    0.8024564,
    0.947252,
    -0.15501009,
    0.61407936,
    0.9222067,
];
const B: [f32; 30] = [
    0.37642553,
    -1.0994008,
    0.2982382,
    1.3263859,
    -0.69456786,
    -0.14963454,
    -0.43515354,
    1.8492638,
    0.67229474,
    0.40746182,
    -0.76991606,
    0.5392492,
    -0.6743327,
    0.031830557,
    -0.6358461,
    0.67643327,
    0.57659084,
    -0.20829876,
    0.3960067,
    -1.0930616,
    -1.4912575,
    0.4393917,
    0.1666735,
    0.63503146,
    2.3831449,
    0.94447947,
    -0.91282225,
    1.1170163,
    -1.3159074,
    -0.4615846,
];
const Y_H: [f32; 15] = [
    -0.001306729,
    -0.07352664,
    0.39301673,
    -0.0011306403,
    -0.148789,
    -1.18005026e-07,
    -6.6757198e-06,
    0.0750086,
    -2.7418137e-06,
    -0.008993223,
    0.0,
    0.0,
    0.00996356,
    0.0,
    -0.00019492584,
];
