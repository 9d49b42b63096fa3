//! Models of classical machine learning: trees, labels, features.

#![allow(clippy::unwrap_used, reason = "a mistake here is one of the test")]

mod common;

use anygrad_onnx::proto::{AttributeProto, AttributeType, NodeProto, OperatorSetIdProto};
use anygrad_onnx::{Data, Element, Host, Item};
use common::*;

fn list(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(kind as i32), ..AttributeProto::default() }
}

fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    AttributeProto { strings, ..list(name, AttributeType::Strings) }
}

fn numbers(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { floats: floats.to_vec(), ..list(name, AttributeType::Floats) }
}

fn made(
    opset: i64,
    op: &str,
    outputs: &[&str],
    attributes: Vec<AttributeProto>,
    inputs: &[Host],
) -> anygrad_core::Result<Vec<Item>> {
    let names: Vec<String> = (0..inputs.len()).map(|input| format!("x{input}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let node = NodeProto { domain: Some("ai.onnx.ml".into()), ..node(op, &names, outputs, attributes) };
    let mut model = model(20, graph(vec![node], &names, outputs));
    model.opset_import.push(OperatorSetIdProto { domain: Some("ai.onnx.ml".into()), version: Some(opset) });
    let given: Vec<(&str, Host)> = names.iter().copied().zip(inputs.iter().cloned()).collect();
    run(model, &given)
}

fn one(opset: i64, op: &str, attributes: Vec<AttributeProto>, inputs: &[Host]) -> Host {
    match made(opset, op, &["y"], attributes, inputs).unwrap().remove(0) {
        Item::Tensor(host) => host,
        other => panic!("no tensor: {other:?}"),
    }
}

/// Two trees: x0 <= 1 ? (x1 < 5 ? 1 : 2) : 4, where NaN goes left; and a leaf of 10.
fn trees(yes: &[i64]) -> Vec<AttributeProto> {
    let modes = ["BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF", "LEAF", "LEAF"];
    vec![
        ints("nodes_treeids", &[0, 0, 0, 0, 0, 7]),
        ints("nodes_nodeids", &[0, 1, 2, 3, 4, 0]),
        ints("nodes_featureids", &[0, 1, 0, 0, 0, 0]),
        numbers("nodes_values", &[1.0, 5.0, 0.0, 0.0, 0.0, 0.0]),
        texts("nodes_modes", &modes),
        ints("nodes_truenodeids", yes),
        ints("nodes_falsenodeids", &[2, 4, 0, 0, 0, 0]),
        ints("nodes_missing_value_tracks_true", &[1, 0, 0, 0, 0, 0]),
    ]
}

fn regressor(aggregate: &str, yes: &[i64]) -> Vec<AttributeProto> {
    let mut attributes = trees(yes);
    attributes.extend([
        ints("target_treeids", &[0, 0, 0, 7]),
        ints("target_nodeids", &[3, 4, 2, 0]),
        ints("target_ids", &[0, 0, 0, 0]),
        numbers("target_weights", &[1.0, 2.0, 4.0, 10.0]),
        numbers("base_values", &[100.0]),
        text("aggregate_function", aggregate),
    ]);
    attributes
}

#[test]
fn trees_are_walked_to_their_leaves() {
    let x = floats(&[5, 2], &[1.0, 4.9, 1.0, 5.0, 1.1, 0.0, f32::NAN, 0.0, 0.0, f32::NAN]);
    let yes = [1, 3, 0, 0, 0, 0];
    for (aggregate, want) in [
        ("SUM", [111.0, 112.0, 114.0, 111.0, 112.0]),
        ("AVERAGE", [105.5, 106.0, 107.0, 105.5, 106.0]),
        ("MIN", [101.0, 102.0, 104.0, 101.0, 102.0]),
        ("MAX", [110.0; 5]),
    ] {
        let y = one(3, "TreeEnsembleRegressor", regressor(aggregate, &yes), std::slice::from_ref(&x));
        assert_eq!(y, floats(&[5, 1], &want), "{aggregate}");
    }
    for (yes, says) in [([9, 3, 0, 0, 0, 0], "no node 9"), ([1, 1, 0, 0, 0, 0], "two ways")] {
        let error =
            made(3, "TreeEnsembleRegressor", &["y"], regressor("SUM", &yes), std::slice::from_ref(&x));
        assert!(error.as_ref().is_err_and(|error| error.to_string().contains(says)), "{error:?}");
    }
    let narrow = [floats(&[1, 1], &[1.0])];
    let error = made(3, "TreeEnsembleRegressor", &["y"], regressor("SUM", &yes), &narrow).unwrap_err();
    assert!(error.to_string().contains("feature 1 of 1"), "{error}");
}

#[test]
fn classes_have_labels_of_text() {
    let x = floats(&[2, 2], &[1.0, 4.0, 2.0, 0.0]);
    let mut attributes = trees(&[1, 3, 0, 0, 0, 0]);
    attributes.extend([
        ints("class_treeids", &[0, 0, 0, 7]),
        ints("class_nodeids", &[3, 4, 2, 0]),
        ints("class_ids", &[1, 1, 2, 0]),
        numbers("class_weights", &[1.0, 2.0, 4.0, 0.5]),
        texts("classlabels_strings", &["a", "b", "c"]),
    ]);
    let got = made(3, "TreeEnsembleClassifier", &["label", "scores"], attributes, &[x]).unwrap();
    let scores = floats(&[2, 3], &[0.5, 1.0, 0.0, 0.5, 0.0, 4.0]);
    assert_eq!(got, [Item::Tensor(words(&[2], &["b", "c"])), Item::Tensor(scores)]);
}

#[test]
fn labels_are_looked_up() {
    let encoder = |attributes: Vec<AttributeProto>, x: Host| one(2, "LabelEncoder", attributes, &[x]);
    let keys = || numbers("keys_floats", &[1.5, f32::NAN]);
    let y = encoder(
        vec![keys(), ints("values_int64s", &[7, 8]), int("default_int64", -3)],
        floats(&[3], &[1.5, f32::NAN, 2.0]),
    );
    assert_eq!(y, longs(&[7, 8, -3]));
    let y =
        encoder(vec![ints("keys_int64s", &[1, 2]), texts("values_strings", &["one", "two"])], longs(&[2, 3]));
    assert_eq!(y, words(&[2], &["two", "_Unused"]));
    let y = encoder(
        vec![texts("keys_strings", &["x", "y"]), numbers("values_floats", &[0.5, 0.25])],
        words(&[2, 1], &["y", "z"]),
    );
    assert_eq!(y, floats(&[2, 1], &[0.25, 0.0]));
    let first = |x: Host| one(1, "LabelEncoder", vec![texts("classes_strings", &["a", "b"])], &[x]);
    assert_eq!(first(words(&[2], &["b", "q"])), longs(&[1, -1]));
    assert_eq!(first(longs(&[1, 5])), words(&[2], &["b", "_Unused"]));
}

#[test]
fn features_are_prepared() {
    let x = floats(&[2, 2], &[1.0, f32::NAN, 3.0, 4.0]);
    let y = one(
        1,
        "Imputer",
        vec![numbers("imputed_value_floats", &[9.0, 8.0]), float("replaced_value_float", f32::NAN)],
        std::slice::from_ref(&x),
    );
    assert_eq!(y, floats(&[2, 2], &[1.0, 8.0, 3.0, 4.0]));
    let y = one(1, "Scaler", vec![numbers("offset", &[1.0]), numbers("scale", &[2.0, 10.0])], &[y]);
    assert_eq!(y, floats(&[2, 2], &[0.0, 70.0, 4.0, 30.0]));
    let y = one(1, "ArrayFeatureExtractor", vec![], &[y, longs(&[1, 1, 0])]);
    assert_eq!(y, floats(&[2, 3], &[70.0, 70.0, 0.0, 30.0, 30.0, 4.0]));
    let error = made(1, "ArrayFeatureExtractor", &["y"], vec![], &[x, longs(&[2])]).unwrap_err();
    assert!(error.to_string().contains("feature 2"), "{error}");
    let y = one(1, "Normalizer", vec![text("norm", "L1")], &[floats(&[2, 2], &[-1.0, 3.0, 0.0, 0.0])]);
    assert_eq!(y, floats(&[2, 2], &[-0.25, 0.75, 0.0, 0.0]));
}

#[test]
fn categories_that_are_none_are_told() {
    let hot = |zeros: i64, x: Host| {
        made(1, "OneHotEncoder", &["y"], vec![ints("cats_int64s", &[3, 5]), int("zeros", zeros)], &[x])
    };
    let y = |zeros| match &hot(zeros, longs(&[5, 4])).unwrap()[0] {
        Item::Tensor(host) => host.to_f64(),
        other => panic!("no tensor: {other:?}"),
    };
    assert_eq!(y(1), [0.0, 1.0, 0.0, 0.0]);
    assert!(y(0)[..2] == [0.0, 1.0] && y(0)[2..].iter().all(|y| y.is_nan()));
    let text = |zeros: i64| {
        made(
            1,
            "OneHotEncoder",
            &["y"],
            vec![texts("cats_strings", &["u"]), int("zeros", zeros)],
            &[words(&[1], &["v"])],
        )
    };
    assert_eq!(text(1).unwrap(), [Item::Tensor(floats(&[1, 1], &[0.0]))]);
    assert!(text(0).unwrap_err().to_string().contains("\"v\""));
}

#[test]
fn two_classes_share_one_score() {
    // scores -s and s of s = x - 1
    let attributes = |labels: AttributeProto| {
        vec![numbers("coefficients", &[1.0]), numbers("intercepts", &[-1.0]), labels]
    };
    let x = Host::new(Element::Float, &[2, 1], Data::F32(vec![3.0, 0.0])).unwrap();
    let got = made(
        1,
        "LinearClassifier",
        &["label", "scores"],
        attributes(ints("classlabels_ints", &[4, 6])),
        std::slice::from_ref(&x),
    )
    .unwrap();
    assert_eq!(got, [Item::Tensor(longs(&[6, 4])), Item::Tensor(floats(&[2, 2], &[-2.0, 2.0, 1.0, -1.0]))]);
    let error =
        made(1, "LinearClassifier", &["label", "scores"], attributes(ints("classlabels_ints", &[1])), &[x])
            .unwrap_err();
    assert!(error.to_string().contains("1 scores for 1 classes"), "{error}");
}
