//! Functions of elements, reductions and norms: versions of the operator sets, attributes and edges.

#![allow(clippy::unwrap_used, reason = "a mistake here is one of the test")]

mod common;

use anygrad_onnx::proto::{AttributeProto, NodeProto};
use anygrad_onnx::{Element, Host, Item};
use common::*;

fn op(name: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    node(name, &[], &["y"], attributes)
}

fn numbers(item: &Item) -> Vec<f64> {
    match item {
        Item::Tensor(host) => host.to_f64(),
        other => panic!("no tensor: {other:?}"),
    }
}

/// That a node's first output is near these numbers.
#[track_caller]
fn near(opset: i64, node: NodeProto, inputs: &[Host], want: &[f64]) {
    for given in [true, false] {
        let got = numbers(&node_outputs(opset, node.clone(), inputs, given).unwrap()[0]);
        assert_eq!(got.len(), want.len(), "{got:?}");
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() <= 1e-5 * (1.0 + w.abs()) || g == w, "{got:?}, wanted {want:?}");
        }
    }
}

#[test]
fn softmax_takes_all_axes_behind_one_up_to_version_12() {
    let zeros = floats(&[1, 2, 2], &[0.0; 4]);
    near(12, op("Softmax", vec![]), std::slice::from_ref(&zeros), &[0.25; 4]);
    near(13, op("Softmax", vec![]), std::slice::from_ref(&zeros), &[0.5; 4]);
    near(12, op("Softmax", vec![int("axis", 3)]), std::slice::from_ref(&zeros), &[1.0; 4]);
    near(13, op("Softmax", vec![int("axis", 0)]), std::slice::from_ref(&zeros), &[1.0; 4]);
    let x = floats(&[2, 2], &[1.0, 1.0, 0.0, 2.0]);
    near(13, op("Hardmax", vec![]), std::slice::from_ref(&x), &[1.0, 0.0, 0.0, 1.0]);
    near(11, op("Hardmax", vec![int("axis", 0)]), &[x], &[0.0, 0.0, 0.0, 1.0]);
    refused(13, op("Softmax", vec![int("axis", 3)]), &[zeros], "axis 3 of 3");
}

#[test]
fn operands_are_placed_by_an_axis_up_to_version_6() {
    let inputs = [floats(&[2, 3], &[0.0; 6]), floats(&[2], &[1.0, 2.0])];
    let placed = |axis| op("Add", vec![int("broadcast", 1), int("axis", axis)]);
    near(6, placed(0), &inputs, &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
    refused(6, placed(1), &inputs, "3");
    refused(7, placed(0), &inputs, "[2, 3]");
    let whole_inputs = [whole(Element::Int64, &[2, 2], &[1, 2, 3, 4]), longs(&[1, 4])];
    let want = [whole(Element::Bool, &[2, 2], &[1, 0, 0, 1])];
    check("Equal", 6, op("Equal", vec![int("broadcast", 1), int("axis", 0)]), &whole_inputs, &want);
}

#[test]
fn reductions_have_axes_in_attributes_and_inputs() {
    let x = floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    near(12, op("ReduceSum", vec![ints("axes", &[0])]), std::slice::from_ref(&x), &[4.0, 6.0]);
    near(13, op("ReduceSum", vec![]), &[x.clone(), longs(&[-1])], &[3.0, 7.0]);
    near(17, op("ReduceMax", vec![ints("axes", &[-1])]), std::slice::from_ref(&x), &[2.0, 4.0]);
    near(18, op("ReduceMax", vec![]), &[x.clone(), longs(&[0])], &[3.0, 4.0]);
    near(18, op("ReduceMean", vec![]), std::slice::from_ref(&x), &[2.5]);
    // Without axes everything is reduced, or nothing is: functions of the elements stay.
    near(
        18,
        op("ReduceSumSquare", vec![int("noop_with_empty_axes", 1)]),
        std::slice::from_ref(&x),
        &[1.0, 4.0, 9.0, 16.0],
    );
    refused(18, op("ReduceMin", vec![]), &[x.clone(), longs(&[2])], "axis 2 of 2");
    refused(18, op("ReduceMin", vec![]), &[x, longs(&[0, -2])], "twice");
    let wholes = whole(Element::Int32, &[2, 2], &[-7, 2, 3, 4]);
    let want = |numbers: &[i64]| [whole(Element::Int32, &[2], numbers)];
    let rows = |name: &str| op(name, vec![ints("axes", &[1]), int("keepdims", 0)]);
    check("mean", 13, rows("ReduceMean"), std::slice::from_ref(&wholes), &want(&[-2, 3]));
    check("l1", 13, rows("ReduceL1"), std::slice::from_ref(&wholes), &want(&[9, 7]));
    check("l2", 13, rows("ReduceL2"), std::slice::from_ref(&wholes), &want(&[7, 5]));
    check("squares", 13, rows("ReduceSumSquare"), std::slice::from_ref(&wholes), &want(&[53, 25]));
    let truths = whole(Element::Bool, &[2, 2], &[0, 1, 1, 1]);
    let want = [whole(Element::Bool, &[2, 1], &[0, 1])];
    check("all", 20, op("ReduceMin", vec![]), &[truths, longs(&[1])], &want);
}

#[test]
fn reductions_of_nothing_have_a_result() {
    let none = |element: Element| Host::from_f64(element, &[2, 0], &[]).unwrap();
    let rows = |name: &str| op(name, vec![int("keepdims", 0)]);
    let infinity = f64::INFINITY;
    for (name, want) in [
        ("ReduceSum", 0.0),
        ("ReduceProd", 1.0),
        ("ReduceMax", -infinity),
        ("ReduceMin", infinity),
        ("ReduceL2", 0.0),
        ("ReduceLogSum", -infinity),
        ("ReduceLogSumExp", -infinity),
    ] {
        near(20, rows(name), &[none(Element::Float), longs(&[1])], &[want; 2]);
    }
    let largest = [whole(Element::Int32, &[2], &[i64::from(i32::MIN); 2])];
    check("integers", 20, rows("ReduceMax"), &[none(Element::Int32), longs(&[1])], &largest);
    refused(20, rows("ReduceMean"), &[none(Element::Int32), longs(&[1])], "no integers");
}

#[test]
fn known_integers_are_reduced_in_64_bits() {
    let outputs = |name: &str, numbers: &[i64]| {
        let inputs = [longs(numbers), longs(&[0])];
        node_outputs(18, op(name, vec![int("keepdims", 0)]), &inputs, false).unwrap()
    };
    assert_eq!(outputs("ReduceProd", &[65536, 65536, 3]), [Item::Tensor(long(3 << 32))]);
    assert_eq!(outputs("ReduceSum", &[1 << 40, 1]), [Item::Tensor(long((1 << 40) + 1))]);
    assert_eq!(outputs("ReduceMin", &[i64::MIN, 1]), [Item::Tensor(long(i64::MIN))]);
    let inputs = [longs(&[3, i64::MAX]), longs(&[5, 7])];
    let max = node_outputs(13, op("Max", vec![]), &inputs, false).unwrap();
    assert_eq!(max, [Item::Tensor(longs(&[5, i64::MAX]))]);
    let power = node_outputs(13, op("Pow", vec![]), &[longs(&[3]), longs(&[39])], false).unwrap();
    assert_eq!(power, [Item::Tensor(longs(&[3_i64.pow(39)]))]);
}

#[test]
fn the_first_or_the_last_of_equals_is_the_place() {
    let want = |numbers: &[i64]| [whole(Element::Int64, &[2], numbers)];
    let place =
        |name: &str, last| op(name, vec![int("axis", 1), int("keepdims", 0), int("select_last_index", last)]);
    let numbers = [[5, 7, 7], [2, 2, 9]].concat();
    for element in [Element::Float, Element::Float16, Element::Int32, Element::Uint8] {
        let x = [Host::from_i64(element, &[2, 3], &numbers).unwrap()];
        check("first", 13, place("ArgMax", 0), &x, &want(&[1, 2]));
        check("last", 13, place("ArgMax", 1), &x, &want(&[2, 2]));
        check("least", 13, place("ArgMin", 0), &x, &want(&[0, 0]));
        check("last least", 13, place("ArgMin", 1), &x, &want(&[0, 1]));
    }
}

#[test]
fn powers_of_integers_are_exact() {
    let base = whole(Element::Int32, &[9], &[3, -3, 2, 0, -1, -1, 1, 5, -2]);
    let exponent = [19, 3, 30, 0, 1001, -3, -1, -1, 31];
    let want = [3_i64.pow(19), -27, 1 << 30, 1, -1, -1, 1, 0, -(1 << 31)];
    let want = [whole(Element::Int32, &[9], &want)];
    check("integers", 15, op("Pow", vec![]), &[base.clone(), whole(Element::Int64, &[9], &exponent)], &want);
    let exponent = floats(&[9], &exponent.map(|e| e as f32));
    check("floats", 15, op("Pow", vec![]), &[base, exponent], &want);
    let roots = [whole(Element::Int32, &[2], &[9, 16]), floats(&[], &[0.5])];
    check("roots", 15, op("Pow", vec![]), &roots, &[whole(Element::Int32, &[2], &[3, 4])]);
}

#[test]
fn rests_have_the_sign_of_one_or_the_other() {
    let (a, b) = ([7, -7, 7, -7], [3, 3, -3, -3]);
    for element in [Element::Int8, Element::Int32, Element::Int64] {
        let inputs = [whole(element, &[4], &a), whole(element, &[4], &b)];
        check("floor", 13, op("Mod", vec![]), &inputs, &[whole(element, &[4], &[1, 2, -2, -1])]);
        let cut = op("Mod", vec![int("fmod", 1)]);
        check("cut", 13, cut, &inputs, &[whole(element, &[4], &[1, -1, 1, -1])]);
    }
    let inputs = [floats(&[2], &[5.5, -5.5]), floats(&[2], &[2.0, 2.0])];
    near(13, op("Mod", vec![int("fmod", 1)]), &inputs, &[1.5, -1.5]);
}

#[test]
fn clips_by_bounds_that_no_32_bits_hold() {
    let inputs = [longs(&[-5, 5]), long(i64::MIN), long(3)];
    let got = node_outputs(13, op("Clip", vec![]), &inputs, false).unwrap();
    assert_eq!(got, [Item::Tensor(longs(&[-5, 3]))]);
    let x = [floats(&[2], &[-9.0, 9.0])];
    near(6, op("Clip", vec![float("min", -1.0)]), &x, &[-1.0, 9.0]);
    // An upper bound below the lower one holds.
    near(13, op("Clip", vec![]), &[x[0].clone(), floats(&[], &[2.0]), floats(&[], &[1.0])], &[1.0, 1.0]);
}

#[test]
fn batches_are_normalized_by_version() {
    let per_channel = |x: f32| floats(&[1], &[x]);
    let x = floats(&[2, 1, 2], &[1.0, 3.0, 5.0, 7.0]);
    let inputs = [x, per_channel(2.0), per_channel(1.0), per_channel(3.0), per_channel(4.0)];
    let exact = float("epsilon", 0.0);
    near(9, op("BatchNormalization", vec![exact.clone()]), &inputs, &[-1.0, 1.0, 3.0, 5.0]);
    near(15, op("BatchNormalization", vec![exact.clone()]), &inputs, &[-1.0, 1.0, 3.0, 5.0]);
    let training = |opset: i64, outputs: &[&str]| {
        let mut attributes = vec![exact.clone(), float("momentum", 0.75)];
        attributes.extend((opset >= 14).then(|| int("training_mode", 1)));
        node_outputs(opset, node("BatchNormalization", &[], outputs, attributes), &inputs, true)
    };
    // The batch has mean 4 and variance 5.
    for opset in [9, 14] {
        let got = training(opset, &["y", "m", "v"]).unwrap();
        let [y, mean, variance] = [0, 1, 2].map(|output| numbers(&got[output]));
        assert!((y[0] - (1.0 - 6.0 / 5_f64.sqrt())).abs() < 1e-5, "{y:?}");
        assert_eq!((mean, variance), (vec![3.25], vec![4.25]));
    }
    let error = training(9, &["y", "m", "v", "sm"]).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("saved"), "{error}");
}

#[test]
fn groups_have_weights_of_their_own_before_version_21() {
    let x = floats(&[1, 4, 1], &[1.0, 3.0, 10.0, 30.0]);
    let groups = |weights: &[f32]| {
        let n = weights.len();
        [x.clone(), floats(&[n], weights), floats(&[n], &vec![0.0; n])]
    };
    let group = || op("GroupNormalization", vec![int("num_groups", 2), float("epsilon", 0.0)]);
    near(18, group(), &groups(&[1.0, 2.0]), &[-1.0, 1.0, -2.0, 2.0]);
    near(21, group(), &groups(&[1.0, 2.0, 3.0, 4.0]), &[-1.0, 2.0, -3.0, 4.0]);
    refused(21, op("GroupNormalization", vec![int("num_groups", 3)]), &groups(&[1.0; 4]), "3 groups");
}

#[test]
fn slopes_of_one_axis_belong_to_channels_up_to_version_6() {
    let inputs = [floats(&[1, 2, 2], &[-1.0; 4]), floats(&[2], &[2.0, 3.0])];
    near(6, op("PRelu", vec![]), &inputs, &[-2.0, -2.0, -3.0, -3.0]);
    near(7, op("PRelu", vec![]), &inputs, &[-2.0, -3.0, -2.0, -3.0]);
}

#[test]
fn losses_leave_out_a_class() {
    let logs = floats(&[3, 2], &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
    let inputs = [logs, longs(&[0, 1, -1]), floats(&[2], &[1.0, 3.0])];
    let loss = |reduction: &str| {
        op("NegativeLogLikelihoodLoss", vec![text("reduction", reduction), int("ignore_index", -1)])
    };
    near(13, loss("none"), &inputs, &[1.0, 12.0, 0.0]);
    near(13, loss("sum"), &inputs, &[13.0]);
    near(13, loss("mean"), &inputs, &[13.0 / 4.0]);
    refused(13, loss("median"), &inputs, "median");
}

#[test]
fn integers_are_multiplied_as_matrices() {
    let a = whole(Element::Int32, &[2, 3], &[1 << 24, 1, 1, -1, 0, 2]);
    let b = whole(Element::Int32, &[3, 2], &[1, 2, 1, 0, 0, 5]);
    let want = [whole(Element::Int32, &[2, 2], &[(1 << 24) + 1, (1 << 25) + 5, -1, 8])];
    check("matrices", 13, op("MatMul", vec![]), &[a.clone(), b.clone()], &want);
    let column = whole(Element::Int32, &[3], &[1, 1, 1]);
    let want = [whole(Element::Int32, &[2], &[(1 << 24) + 2, 1])];
    check("vector", 13, op("MatMul", vec![]), &[a.clone(), column.clone()], &want);
    check(
        "row",
        13,
        op("MatMul", vec![]),
        &[column.clone(), b.clone()],
        &[whole(Element::Int32, &[2], &[2, 7])],
    );
    check("dot", 13, op("MatMul", vec![]), &[column.clone(), column], &[whole(Element::Int32, &[], &[3])]);
    let c = whole(Element::Int32, &[2], &[10, 20]);
    let want = [whole(Element::Int32, &[2, 2], &[(1 << 24) + 11, (1 << 25) + 25, 9, 28])];
    check("gemm", 13, op("Gemm", vec![]), &[a, b, c], &want);
}

#[test]
fn determinants_find_their_pivots() {
    near(11, op("Det", vec![]), &[floats(&[3, 3], &[0.0, 2.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 4.0])], &[-24.0]);
    near(
        11,
        op("Det", vec![]),
        &[floats(&[2, 2, 2], &[1.0, 2.0, 2.0, 4.0, 0.0, 1.0, 1.0, 0.0])],
        &[0.0, -1.0],
    );
    near(11, op("Det", vec![]), &[floats(&[1, 1], &[7.0])], &[7.0]);
    refused(11, op("Det", vec![]), &[floats(&[1, 2], &[7.0; 2])], "square");
}
