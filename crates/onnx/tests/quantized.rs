//! Quantized numbers: exact sums of products, limits, ties, and how scales are spread.

mod common;

use anygrad_onnx::proto::{AttributeProto, NodeProto};
use anygrad_onnx::{Element, Host, Item};
use common::*;

fn op(name: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    node(name, &[], &["y"], attributes)
}

/// Numbers of 8 bits without order; the extremes are frequent.
fn bytes(count: usize, seed: u64, element: Element) -> Vec<i64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as i64
    };
    let low = if element == Element::Int8 { -128 } else { 0 };
    (0..count).map(|_| low + [next(), 255, 0][next() as usize % 3]).collect()
}

#[test]
fn products_of_bytes_are_exact() {
    // Below and above the 258 terms that floats add exactly, and above the 4,112 that they do in halves.
    for (terms, a0, b0) in [(3, 7, -3), (258, 0, -128), (259, 255, 127), (4200, 0, 0), (9000, 255, -128)] {
        let (a, b) = (bytes(2 * terms, 1, Element::Uint8), bytes(terms * 3, 2, Element::Int8));
        let sum = |row: usize, column: usize| -> i64 {
            (0..terms).map(|k| (a[row * terms + k] - a0) * (b[k * 3 + column] - b0)).sum()
        };
        let want: Vec<i64> = (0..6).map(|i| sum(i / 3, i % 3)).collect();
        let inputs = [
            whole(Element::Uint8, &[2, terms], &a),
            whole(Element::Int8, &[terms, 3], &b),
            whole(Element::Uint8, &[], &[a0]),
            whole(Element::Int8, &[], &[b0]),
        ];
        let want = [whole(Element::Int32, &[2, 3], &want)];
        check(&format!("{terms} terms"), 10, op("MatMulInteger", vec![]), &inputs, &want);
    }
    // All of them as large as they get.
    let all = |sizes: &[usize]| whole(Element::Uint8, sizes, &[255; 5000]);
    let want = [whole(Element::Int32, &[1, 1], &[5000 * 255 * 255])];
    check("255", 10, op("MatMulInteger", vec![]), &[all(&[1, 5000]), all(&[5000, 1])], &want);
    // A zero point for each row and each column.
    let inputs = [
        whole(Element::Uint8, &[2, 1], &[5, 5]),
        whole(Element::Uint8, &[1, 2], &[3, 3]),
        whole(Element::Uint8, &[2], &[1, 2]),
        whole(Element::Uint8, &[2], &[0, 2]),
    ];
    let want = [whole(Element::Int32, &[2, 2], &[12, 4, 9, 3])];
    check("zero points", 10, op("MatMulInteger", vec![]), &inputs, &want);
}

#[test]
fn convolutions_of_bytes_are_exact() {
    // 2 groups of 600 channels with kernels of 9: 5,400 terms.
    let (groups, channels, size) = (2, 600, 3);
    let x = bytes(groups * channels * size * size, 3, Element::Uint8);
    let weight = bytes(groups * channels * 9, 4, Element::Int8);
    let centre = |group: usize| -> i64 {
        let of_group = group * channels * 9..(group + 1) * channels * 9;
        of_group.map(|i| (x[i] - 128) * (weight[i] - 5)).sum()
    };
    let inputs = [
        whole(Element::Uint8, &[1, groups * channels, size, size], &x),
        whole(Element::Int8, &[groups, channels, 3, 3], &weight),
        whole(Element::Uint8, &[], &[128]),
        whole(Element::Int8, &[], &[5]),
    ];
    let conv = op("ConvInteger", vec![int("group", 2)]);
    let want = [whole(Element::Int32, &[1, 2, 1, 1], &[centre(0), centre(1)])];
    check("ConvInteger", 10, conv, &inputs, &want);
    // Borders are zero points: they add nothing.
    let inputs = [
        whole(Element::Uint8, &[1, 1, 1], &[130]),
        whole(Element::Uint8, &[1, 1, 3], &[1, 1, 1]),
        whole(Element::Uint8, &[], &[128]),
    ];
    let padded = op("ConvInteger", vec![ints("pads", &[1, 1])]);
    check("pads", 10, padded, &inputs, &[whole(Element::Int32, &[1, 1, 1], &[2])]);
    let large = [whole(Element::Int32, &[1, 1, 1], &[1]), whole(Element::Int32, &[1, 1, 1], &[1])];
    refused(10, op("ConvInteger", vec![]), &large, "exact products of INT32");
}

#[test]
fn rescaled_products() {
    // (10 - 8) * (7 - 5) and -2 * 2, times 0.5 * 0.5 / 0.4 = 0.625: 2.5 and -2.5, halves to even, plus 100.
    let inputs = [
        whole(Element::Uint8, &[2, 1], &[10, 6]),
        floats(&[], &[0.5]),
        whole(Element::Uint8, &[], &[8]),
        whole(Element::Uint8, &[1, 1], &[7]),
        floats(&[], &[0.5]),
        whole(Element::Uint8, &[], &[5]),
        floats(&[], &[0.4]),
        whole(Element::Uint8, &[], &[100]),
    ];
    let want = [whole(Element::Uint8, &[2, 1], &[102, 98])];
    check("QLinearMatMul", 10, op("QLinearMatMul", vec![]), &inputs, &want);
    // A scale and a bias for each output; the second is beyond the limits.
    let inputs = [
        whole(Element::Uint8, &[1, 1, 1], &[3]),
        floats(&[], &[1.0]),
        whole(Element::Uint8, &[], &[1]),
        whole(Element::Int8, &[2, 1, 1], &[4, -100]),
        floats(&[2], &[0.5, 2.0]),
        whole(Element::Int8, &[2], &[0, 0]),
        floats(&[], &[2.0]),
        whole(Element::Int8, &[], &[-1]),
        whole(Element::Int32, &[2], &[12, 0]),
    ];
    let want = [whole(Element::Int8, &[1, 2, 1], &[4, -128])];
    check("QLinearConv", 10, op("QLinearConv", vec![]), &inputs, &want);
}

#[test]
fn numbers_to_integers_and_back() {
    let quantize = |element: Element, zero: i64, x: &[f32], want: &[i64]| {
        let inputs = [floats(&[x.len()], x), floats(&[], &[2.0]), whole(element, &[], &[zero])];
        let what = format!("QuantizeLinear to {element}");
        check(&what, 21, op("QuantizeLinear", vec![]), &inputs, &[whole(element, &[x.len()], want)]);
    };
    // Halves go to the even neighbour, before the zero point is added.
    quantize(Element::Uint8, 1, &[1.0, 3.0, -1.0, 5.0, 1e9, -1e9], &[1, 3, 1, 3, 255, 0]);
    quantize(Element::Int8, -1, &[1.0, 3.0, 1e9, -1e9], &[-1, 1, 127, -128]);
    quantize(Element::Uint16, 0, &[140_000.0], &[65_535]);
    quantize(Element::Int4, 0, &[100.0, -100.0, -8.0], &[7, -8, -4]);
    let by_default = op("QuantizeLinear", vec![]);
    let inputs = [floats(&[1], &[7.0]), floats(&[], &[2.0])];
    check("without zero point", 21, by_default, &inputs, &[whole(Element::Uint8, &[1], &[4])]);
    let refused_type = op("QuantizeLinear", vec![int("output_dtype", 6)]);
    refused(21, refused_type, &inputs, "quantization to INT32");
    refused(21, op("QuantizeLinear", vec![int("output_dtype", 17)]), &inputs, "FLOAT8E4M3FN");

    let x = whole(Element::Int8, &[2, 3], &[1, 2, 3, 4, 5, 6]);
    let back = |attributes, scale: Host, zero: Host, want: &[f32]| {
        let inputs = [x.clone(), scale, zero];
        check("DequantizeLinear", 21, op("DequantizeLinear", attributes), &inputs, &[floats(&[2, 3], want)]);
    };
    let zeros = |sizes: &[usize], zeros: &[i64]| whole(Element::Int8, sizes, zeros);
    back(vec![], floats(&[], &[2.0]), zeros(&[], &[1]), &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    let by_column = &[1.0, 20.0, 200.0, 4.0, 50.0, 500.0];
    back(vec![], floats(&[3], &[1.0, 10.0, 100.0]), zeros(&[3], &[0, 0, 1]), by_column);
    let by_row = &[1.0, 2.0, 3.0, 40.0, 50.0, 60.0];
    back(vec![int("axis", -2)], floats(&[2], &[1.0, 10.0]), zeros(&[2], &[0, 0]), by_row);
    // Blocks of two along an axis of three: the last one is short.
    let blocks = vec![int("axis", 1), int("block_size", 2)];
    let scales = floats(&[2, 2], &[1.0, 10.0, 100.0, 1000.0]);
    let want = &[1.0, 2.0, 30.0, 400.0, 500.0, 6000.0];
    back(blocks.clone(), scales, zeros(&[2, 2], &[0; 4]), want);
    let inputs = [x, floats(&[2, 3], &[1.0; 6])];
    refused(21, op("DequantizeLinear", blocks), &inputs, "blocks of 2 along axis 1");
}

#[test]
fn a_scale_that_fits() {
    let quantize = node("DynamicQuantizeLinear", &[], &["y", "scale", "zero"], vec![]);
    let got = node_outputs(11, quantize, &[floats(&[3], &[-51.0, 0.0, 204.0])], true).unwrap();
    let want =
        [whole(Element::Uint8, &[3], &[0, 51, 255]), floats(&[], &[1.0]), whole(Element::Uint8, &[], &[51])];
    assert_eq!(got, want.map(Item::Tensor));
}

/// A node of onnxruntime's own domain.
fn own(name: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: Some("com.microsoft".into()), ..op(name, attributes) }
}

#[test]
fn operators_of_quantized_models() {
    let some = |numbers: &[i64]| whole(Element::Uint8, &[1, 1, numbers.len()], numbers);
    let (half, one) = (floats(&[], &[0.5]), floats(&[], &[1.0]));
    let zero = |zero: i64| whole(Element::Uint8, &[], &[zero]);
    // 1 and 2 by halves, less 1, and 3 and 250: halves to even, and a limit.
    let two =
        [some(&[4, 6]), half.clone(), zero(2), some(&[3, 250]), one.clone(), zero(0), one.clone(), zero(9)];
    check("QLinearAdd", 11, own("QLinearAdd", vec![]), &two, &[some(&[13, 255])]);
    check("QLinearMul", 11, own("QLinearMul", vec![]), &two, &[some(&[12, 255])]);
    let mean = [some(&[4, 7]), half.clone(), zero(2), half.clone(), zero(1)];
    check("mean", 11, own("QLinearGlobalAveragePool", vec![]), &mean, &[some(&[5])]);
    let parts = [half.clone(), zero(0), some(&[4]), half.clone(), zero(0), some(&[4]), one.clone(), zero(2)];
    check("parts", 11, own("QLinearConcat", vec![int("axis", 2)]), &parts, &[some(&[4, 4])]);
    let leaky = own("QLinearLeakyRelu", vec![float("alpha", 0.5)]);
    check("slope", 11, leaky, &[some(&[4, 0]), half.clone(), zero(2), half, zero(2)], &[some(&[4, 1])]);
    // (3 - 1) * (-5, 7) + (1, 2), times 0.5 and the scale of each column.
    let gemm = own("QGemm", vec![int("transB", 1)]);
    let inputs = [
        whole(Element::Uint8, &[1, 1], &[3]),
        floats(&[], &[0.5]),
        zero(1),
        whole(Element::Int8, &[2, 1], &[-5, 7]),
        floats(&[2], &[2.0, 4.0]),
        whole(Element::Int8, &[2], &[0, 0]),
        whole(Element::Int32, &[2], &[1, 2]),
    ];
    check("QGemm", 11, gemm, &inputs, &[floats(&[1, 2], &[-9.0, 32.0])]);
}
