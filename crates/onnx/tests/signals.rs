//! Transforms of signals against their formula, in double precision.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::f64::consts::TAU;

use anygrad_onnx::proto::{AttributeProto, NodeProto};
use anygrad_onnx::{Element, Host, Item};
use common::*;

fn op(name: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    node(name, &[], &["y"], attributes)
}

fn result(opset: i64, node: NodeProto, inputs: &[Host]) -> Host {
    match node_outputs(opset, node, inputs, true).unwrap().remove(0) {
        Item::Tensor(host) => host,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn near(got: &Host, want: &[f64]) {
    let got = got.to_f64();
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    for (index, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() < 1e-6 * largest, "element {index} is {g}, wanted {w}");
    }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * i * 7 + 3) % 23) as f32 / 4.0 - 2.5).collect()
}

/// sum over j of x[j] e^(sign 2 pi i j k / n)
fn transform(x: &[(f64, f64)], n: usize, sign: f64) -> Vec<(f64, f64)> {
    let frequency = |k: usize| {
        x.iter().take(n).enumerate().fold((0.0, 0.0), |(re, im), (j, (a, b))| {
            let (sin, cos) = (sign * TAU * ((j * k) % n) as f64 / n as f64).sin_cos();
            (re + a * cos - b * sin, im + a * sin + b * cos)
        })
    };
    (0..n).map(frequency).collect()
}

fn pairs(x: &[f32]) -> Vec<(f64, f64)> {
    x.chunks(2).map(|pair| (f64::from(pair[0]), f64::from(pair[1]))).collect()
}

fn flat(x: &[(f64, f64)]) -> Vec<f64> {
    x.iter().flat_map(|&(re, im)| [re, im]).collect()
}

#[test]
fn transforms_of_any_length() {
    // One, a table, a prime beyond tables of 64, and lengths with factors.
    for n in [1, 2, 12, 64, 97, 128, 210, 1000] {
        let x = numbers(2 * n);
        let signal = floats(&[1, n, 2], &x);
        let got = result(17, op("DFT", vec![]), std::slice::from_ref(&signal));
        near(&got, &flat(&transform(&pairs(&x), n, -1.0)));
        let back = result(17, op("DFT", vec![int("inverse", 1)]), &[got]);
        near(&back, &signal.to_f64());
    }
}

#[test]
fn axes_lengths_and_halves() {
    let x = numbers(12);
    let real: Vec<(f64, f64)> = x.iter().map(|&x| (f64::from(x), 0.0)).collect();
    let onesided = || op("DFT", vec![int("onesided", 1), int("axis", 1)]);
    for n in [5, 12, 15] {
        let want = transform(&real, n, -1.0);
        let got = result(17, onesided(), &[floats(&[1, 12, 1], &x), long(n as i64)]);
        assert_eq!(got.sizes(), [1, n / 2 + 1, 2]);
        near(&got, &flat(&want[..n / 2 + 1]));
        // Back from the half to as many real numbers.
        let back = op("DFT", vec![int("onesided", 1), int("inverse", 1)]);
        let again = result(20, back, &[got, long(n as i64), long(-2)]);
        assert_eq!(again.sizes(), [1, n, 1]);
        let padded: Vec<f64> = (0..n).map(|j| real.get(j).map_or(0.0, |x| x.0)).collect();
        near(&again, &padded);
    }
    // The first axis, of two signals beside each other.
    let columns = floats(&[6, 2, 1], &x);
    let got = result(17, op("DFT", vec![int("axis", 0)]), &[columns]);
    let column: Vec<(f64, f64)> = real.iter().copied().skip(1).step_by(2).collect();
    let second: Vec<f64> = got.to_f64().chunks(4).flat_map(|row| [row[2], row[3]]).collect();
    near(
        &floats(&[12], &second.iter().map(|&x| x as f32).collect::<Vec<_>>()),
        &flat(&transform(&column, 6, -1.0)),
    );
    refused(17, op("DFT", vec![int("axis", 2)]), &[floats(&[1, 2, 1], &[1.0; 2])], "holds the parts");
    refused(17, op("DFT", vec![]), &[floats(&[1, 2, 3], &[1.0; 6])], "numbers with 3 parts");
    refused(
        17,
        op("DFT", vec![]),
        &[floats(&[1, 2, 1], &[1.0; 2]), long(1_000_003)],
        "1000003 numbers, a prime",
    );
}

#[test]
fn frames_of_a_signal() {
    let x = numbers(10);
    let window = [0.5, 1.0, 2.0, 1.0];
    let frame = |first: usize| -> Vec<f64> {
        let cut: Vec<(f64, f64)> =
            (0..4).map(|j| (f64::from(x[first + j]) * f64::from(window[j]), 0.0)).collect();
        flat(&transform(&cut, 4, -1.0)[..3])
    };
    let want: Vec<f64> = [0, 3, 6].into_iter().flat_map(frame).collect();
    let inputs = [floats(&[1, 10, 1], &x), long(3), floats(&[4], &window)];
    let got = result(17, op("STFT", vec![]), &inputs);
    assert_eq!(got.sizes(), [1, 3, 3, 2]);
    near(&got, &want);
    refused(
        17,
        op("STFT", vec![]),
        &[floats(&[1, 2, 1], &[1.0; 2]), long(0), floats(&[1], &[1.0])],
        "steps of 0",
    );
}

#[test]
fn windows() {
    let hann = |attributes| result(17, op("HannWindow", attributes), &[long(4)]);
    near(&hann(vec![]), &[0.0, 0.5, 1.0, 0.5]);
    near(&hann(vec![int("periodic", 0)]), &[0.0, 0.75, 0.75, 0.0]);
    let half = hann(vec![int("output_datatype", 10)]);
    assert_eq!(half.element(), Element::Float16);
    near(&result(17, op("BlackmanWindow", vec![]), &[long(2)]), &[0.0, 1.0]);
    near(&result(17, op("HammingWindow", vec![]), &[long(2)]), &[4.0 / 46.0, 1.0]);
    refused(17, op("HannWindow", vec![]), &[long(-1)], "a size is -1");
    refused(17, op("HannWindow", vec![]), &[long(i64::MAX)], "a window of");
}
