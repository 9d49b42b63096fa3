//! Recurrent layers against numbers that ONNX's own tests and onnxruntime computed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::Array;
use anygrad_graph::ops::{Recurrent, RecurrentCell};
use anygrad_graph::{Graph, Interpreter, Precision, Tensor};
use anygrad_nn::{OnnxWeights, RecurrentWeights};

const GRU_BEFORE: RecurrentCell = RecurrentCell::Gru { reset_after: false };

fn array<const N: usize>(sizes: &[usize], numbers: [f32; N]) -> Array {
    Array::f32(sizes, numbers.to_vec()).unwrap()
}

/// A layer of ONNX's weights.
fn layer<'g>(graph: &'g Graph, cell: RecurrentCell, weights: &OnnxWeights) -> Recurrent<'g> {
    let ours = RecurrentWeights::from_onnx(cell, weights).unwrap();
    let layer = Recurrent::new(cell, graph.constant(ours.kernel), graph.constant(ours.recurrent_kernel));
    layer.bias(ours.bias.map(|bias| graph.constant(bias)))
}

/// Whether the results are those numbers.
fn assert_close(graph: &Graph, outputs: &[Tensor<'_>], want: &[&[f32]], what: &str) {
    let got = Interpreter::new(Precision::F32).run(graph, outputs).unwrap();
    for (got, want) in got.iter().zip(want) {
        let got = got.as_f32().unwrap();
        let is_close = got.len() == want.len() && got.iter().zip(*want).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(is_close, "{what}: {got:?}, wanted {want:?}");
    }
}

/// Backwards with the lengths 3 and 2, as `direction = "reverse"`: the sequence in ONNX's order, the
/// time first, each row where its steps stood.
fn reversed<'g>(graph: &'g Graph, layer: Recurrent<'g>) -> Vec<Tensor<'g>> {
    let lengths = graph.constant(Array::i32(&[2], vec![3, 2]).unwrap());
    let x = graph.constant(array(&[3, 2, 2], X)).permute(&[1, 0, 2]);
    let layer = layer.initial(graph.constant(array(&[2, 2], H0))).lengths(lengths).go_backwards(true);
    let y = x.recurrent(&layer);
    let sequence = y.sequence.reverse_sequence(lengths).permute(&[1, 0, 2]);
    [sequence, y.hidden].into_iter().chain(y.cell).collect()
}

/// LSTM with peepholes, initial states and lengths, backwards; onnxruntime 1.32.
#[test]
fn an_lstm_with_all_options_is_onnxruntimes() {
    const W: [f32; 16] = [
        0.82, -0.98, 0.0, 0.64, -0.73, 0.59, -0.76, -0.06, 0.63, -0.39, -0.32, -0.44, 0.44, -0.49, 0.98,
        -0.11,
    ];
    const R: [f32; 16] =
        [-0.04, 0.01, 0.16, 0.11, 0.02, 0.99, 0.61, 0.58, 0.4, 0.24, -0.32, 0.97, -0.07, -0.57, 0.69, -0.68];
    const B: [f32; 16] = [
        0.71, 0.22, -0.77, -0.91, -0.11, -0.92, -0.71, 0.03, 0.94, -0.07, 0.61, 0.83, 0.64, 0.26, -0.12, 0.03,
    ];
    const C0: [f32; 4] = [0.76, -0.6, 0.44, -0.26];
    const P: [f32; 6] = [-0.47, -0.01, -0.24, -0.5, 0.98, -0.97];
    const Y: [f32; 12] = [
        -0.24474078,
        0.08770023,
        -0.34333295,
        0.07930908,
        -0.22066136,
        0.001992035,
        -0.026747104,
        0.15077543,
        0.02277558,
        -0.28298214,
        0.0,
        0.0,
    ];
    const Y_H: [f32; 4] = [-0.24474078, 0.08770023, -0.34333295, 0.07930908];
    const Y_C: [f32; 4] = [-0.76010305, 0.36265317, -0.6719275, 0.20530412];
    const Y_CLIPPED: [f32; 12] = [
        -0.11030015,
        0.089802645,
        -0.10805974,
        0.084940836,
        -0.042192772,
        0.009429989,
        0.01442169,
        0.04327179,
        0.08976753,
        -0.21917237,
        0.0,
        0.0,
    ];
    const Y_H_CLIPPED: [f32; 4] = [-0.11030015, 0.089802645, -0.10805974, 0.084940836];
    const Y_C_CLIPPED: [f32; 4] = [-0.28210118, 0.22762392, -0.20594686, 0.21490613];
    let weights = OnnxWeights { w: array(&[8, 2], W), r: array(&[8, 2], R), b: Some(array(&[16], B)) };
    for (clip, want) in
        [(None, [&Y[..], &Y_H, &Y_C]), (Some(0.4), [&Y_CLIPPED[..], &Y_H_CLIPPED, &Y_C_CLIPPED])]
    {
        let graph = Graph::new();
        let layer = layer(&graph, RecurrentCell::Lstm, &weights)
            .initial_cell(graph.constant(array(&[2, 2], C0)))
            .peepholes(graph.constant(array(&[6], P)))
            .clip(clip);
        assert_close(&graph, &reversed(&graph, layer), &want, &format!("clip {clip:?}"));
    }
}

/// GRU with initial states and lengths, backwards, `linear_before_reset` 0 and 1; onnxruntime 1.32.
#[test]
fn a_gru_of_both_forms_is_onnxruntimes() {
    const W: [f32; 12] = [-0.02, -0.99, 0.23, 0.66, 0.33, -0.69, 0.07, -0.46, 0.93, 0.76, -0.62, 0.02];
    const R: [f32; 12] = [0.88, 0.69, 0.41, 0.28, -0.91, 0.48, -0.05, -0.81, -0.51, 0.08, 0.45, 0.02];
    const B: [f32; 12] = [0.22, 0.74, 0.37, -0.28, 0.29, 0.2, -0.78, -0.88, 0.32, -0.22, 0.2, -0.35];
    const Y_0: [f32; 12] = [
        0.7679658,
        -0.3240888,
        0.83075994,
        -0.019573364,
        0.61083156,
        -0.20820111,
        0.7849707,
        0.069356665,
        -0.43915474,
        -0.06929278,
        0.0,
        0.0,
    ];
    const Y_H_0: [f32; 4] = [0.7679658, -0.3240888, 0.83075994, -0.019573364];
    const Y_1: [f32; 12] = [
        0.73459846,
        -0.12501617,
        0.80316854,
        0.07503334,
        0.5796695,
        0.022064624,
        0.7710192,
        0.114371456,
        -0.47975534,
        0.09981644,
        0.0,
        0.0,
    ];
    const Y_H_1: [f32; 4] = [0.73459846, -0.12501617, 0.80316854, 0.07503334];
    let weights = OnnxWeights { w: array(&[6, 2], W), r: array(&[6, 2], R), b: Some(array(&[12], B)) };
    for (reset_after, want) in [(false, [&Y_0[..], &Y_H_0]), (true, [&Y_1[..], &Y_H_1])] {
        let graph = Graph::new();
        let layer = layer(&graph, RecurrentCell::Gru { reset_after }, &weights);
        assert_close(&graph, &reversed(&graph, layer), &want, &format!("reset after {reset_after}"));
    }
}

/// What the two tests above share.
const X: [f32; 12] = [0.89, 0.25, 0.37, 0.79, 0.16, 0.55, 0.66, -0.55, -0.88, -0.4, -0.43, 0.74];
const H0: [f32; 4] = [-0.8, -0.61, 0.93, 0.38];

/// The case test_gru_seq_length of ONNX's backend tests (Apache 2.0): two steps of three rows, five
/// units, the reset gate before the product.
#[test]
fn a_gru_of_the_onnx_backend_tests() {
    let weights = OnnxWeights { w: array(&[15, 3], W), r: array(&[15, 5], R), b: Some(array(&[30], B)) };
    let graph = Graph::new();
    let x: Vec<f32> = (1..=18u8).map(f32::from).collect();
    let x = graph.constant(Array::f32(&[2, 3, 3], x).unwrap()).permute(&[1, 0, 2]);
    let hidden = x.recurrent(&layer(&graph, GRU_BEFORE, &weights)).hidden;
    assert_close(&graph, &[hidden], &[&Y_H], "the last state");
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
