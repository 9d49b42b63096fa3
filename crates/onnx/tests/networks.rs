//! Recurrent layers, attention, random numbers and optimizer steps.

#![allow(clippy::unwrap_used, reason = "a mistake here is one of the test")]

mod common;

use anygrad_onnx::proto::{AttributeProto, AttributeType, NodeProto, OperatorSetIdProto};
use anygrad_onnx::{Data, Element, Host, Item};
use common::*;

fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    AttributeProto {
        name: Some(name.into()),
        r#type: Some(AttributeType::Strings as i32),
        strings,
        ..AttributeProto::default()
    }
}

fn numbers(item: &Item) -> Vec<f64> {
    match item {
        Item::Tensor(host) => host.to_f64(),
        other => panic!("no tensor: {other:?}"),
    }
}

/// Numbers between -1 and 1 without order.
fn noise(sizes: &[usize], seed: u64) -> Host {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let next = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let count = sizes.iter().product();
    Host::new(Element::Float, sizes, Data::F32((0..count).map(next).collect())).unwrap()
}

/// The outputs of a node whose inputs may be left out.
fn outputs(
    opset: i64,
    mut node: NodeProto,
    inputs: &[Option<Host>],
    domain: &str,
) -> anygrad_core::Result<Vec<Item>> {
    let name = |input: usize| if inputs[input].is_some() { format!("x{input}") } else { String::new() };
    node.input = (0..inputs.len()).map(name).collect();
    node.domain = Some(domain.into());
    let made: Vec<String> = node.output.clone();
    let made: Vec<&str> = made.iter().map(String::as_str).collect();
    let names: Vec<String> = node.input.iter().filter(|name| !name.is_empty()).cloned().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let given: Vec<(&str, Host)> = names.iter().copied().zip(inputs.iter().flatten().cloned()).collect();
    let mut model = model(if domain.is_empty() { opset } else { 20 }, graph(vec![node], &names, &made));
    model.opset_import.push(OperatorSetIdProto { domain: Some(domain.into()), version: Some(opset) });
    if domain.is_empty() {
        model.opset_import.truncate(1);
    }
    run(model, &given)
}

#[track_caller]
fn same(got: &[Item], want: &[Item], what: &str) {
    assert_eq!(got.len(), want.len());
    for (output, (got, want)) in got.iter().zip(want).enumerate() {
        let (got, want) = (numbers(got), numbers(want));
        assert_eq!(got.len(), want.len(), "{what}: output {output}");
        let worst = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
        assert!(worst < 2e-5, "{what}: output {output} differs by {worst}: {got:?}, {want:?}");
    }
}

#[test]
fn layers_of_other_activations_go_step_by_step() {
    // h = x + h: running sums of each direction, within the lengths.
    let x = floats(&[3, 2, 1], &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    let ones = floats(&[2, 1, 1], &[1.0, 1.0]);
    let lengths = whole(Element::Int32, &[2], &[3, 1]);
    let inputs = [Some(x), Some(ones.clone()), Some(ones), None, Some(lengths)];
    let rnn = |activations: &[&str]| {
        let attributes = vec![
            text("direction", "bidirectional"),
            int("hidden_size", 1),
            texts("activations", activations),
        ];
        node("RNN", &[], &["y", "h"], attributes)
    };
    let got = outputs(14, rnn(&["Affine", "affine"]), &inputs, "").unwrap();
    assert_eq!(numbers(&got[0]), [1.0, 10.0, 6.0, 10.0, 3.0, 0.0, 5.0, 0.0, 6.0, 0.0, 3.0, 0.0]);
    assert_eq!(numbers(&got[1]), [6.0, 10.0, 6.0, 10.0]);
    let error = outputs(14, rnn(&["Affine", "Sinus"]), &inputs, "").unwrap_err().to_string();
    assert!(error.contains("\"Sinus\"") && error.contains("ThresholdedRelu"), "{error}");
    let error = outputs(14, rnn(&["Affine"]), &inputs, "").unwrap_err().to_string();
    assert!(error.contains("2 were expected"), "{error}");
}

#[test]
fn both_ways_through_recurrent_layers_agree() {
    // ScaledTanh is Tanh with its defaults, but no operator of the graph has it.
    let (batch, time, features, units) = (3, 4, 2, 5);
    for (op, gates, usual, other) in [
        ("RNN", 1, vec!["Tanh"], vec!["ScaledTanh"]),
        ("GRU", 3, vec!["Sigmoid", "Tanh"], vec!["Sigmoid", "ScaledTanh"]),
        ("LSTM", 4, vec!["Sigmoid", "Tanh", "Tanh"], vec!["Sigmoid", "ScaledTanh", "Tanh"]),
    ] {
        for (round, reset) in [(0, 0), (1, 1)] {
            let is_lstm = op == "LSTM";
            let mut inputs = vec![
                Some(noise(&[batch, time, features], 1)),
                Some(noise(&[2, gates * units, features], 2)),
                Some(noise(&[2, gates * units, units], 3)),
                Some(noise(&[2, 2 * gates * units], 4)),
                (round == 1).then(|| whole(Element::Int32, &[batch], &[4, 1, 2])),
                Some(noise(&[batch, 2, units], 5)),
            ];
            if is_lstm {
                inputs.extend([Some(noise(&[batch, 2, units], 6)), Some(noise(&[2, 3 * units], 7))]);
            }
            let made = |names: &[&str]| {
                let mut attributes = vec![
                    text("direction", "bidirectional"),
                    int("hidden_size", units as i64),
                    int("layout", 1),
                    int("linear_before_reset", reset),
                    texts("activations", &names.repeat(2)),
                ];
                attributes.extend((round == 1).then(|| float("clip", 0.5)));
                let names: &[&str] = if is_lstm { &["y", "h", "c"] } else { &["y", "h"] };
                outputs(14, node(op, &[], names, attributes), &inputs, "").unwrap()
            };
            same(&made(&other), &made(&usual), &format!("{op} {round}"));
        }
    }
}

#[test]
fn attention_with_and_without_its_scores_agrees() {
    let (batch, queries, width) = (2, 3, 4);
    let past = 2;
    let keys = past + queries;
    let query = Some(noise(&[batch, 4, queries, width], 1));
    let [key, value] = [2, 3].map(|seed| Some(noise(&[batch, 2, queries, width], seed)));
    let [old_key, old_value] = [4, 5].map(|seed| Some(noise(&[batch, 2, past, width], seed)));
    let seen: Vec<i64> = (0..queries * keys).map(|i| i64::from(i % 3 != 0 && i / keys != 1)).collect();
    let masks = [
        None,
        Some(whole(Element::Bool, &[queries, keys], &seen)),
        Some(noise(&[batch, 1, queries, keys - 1], 6)),
    ];
    for (index, mask) in masks.into_iter().enumerate() {
        for (causal, left) in [(0, -1), (1, -1), (1, 1)] {
            let inputs = [&query, &key, &value, &mask, &old_key, &old_value].map(Clone::clone);
            let attributes = || vec![int("is_causal", causal), int("left_window_size", left)];
            let made = |names: &[&str]| {
                outputs(25, node("Attention", &[], names, attributes()), &inputs, "").unwrap()
            };
            let (plain, shown) = (made(&["y", "k", "v"]), made(&["y", "k", "v", "scores"]));
            same(&shown[..3], &plain, &format!("mask {index}, causal {causal}, window {left}"));
            if index == 1 {
                // The second query sees nothing, so it is given 0.
                assert!(numbers(&plain[0])[width..2 * width].iter().all(|&y| y == 0.0));
            }
        }
    }
    let inputs = [Some(noise(&[1, 2, 6], 1)), Some(noise(&[1, 2, 6], 1)), Some(noise(&[1, 2, 6], 1))];
    let odd = node("Attention", &[], &["y"], vec![int("q_num_heads", 4), int("kv_num_heads", 4)]);
    let error = outputs(23, odd, &inputs, "").unwrap_err().to_string();
    assert!(error.contains("4 heads"), "{error}");
}

#[test]
fn random_numbers_follow_their_seed() {
    let count = 40_000;
    let made = |op: &str, attributes: Vec<AttributeProto>, inputs: &[Option<Host>]| {
        numbers(&outputs(20, node(op, &[], &["y"], attributes), inputs, "").unwrap()[0])
    };
    let shape = || ints("shape", &[count]);
    let uniform =
        |seed: f32| made("RandomUniform", vec![shape(), float("seed", seed), float("low", -1.0)], &[]);
    assert_eq!(uniform(1.0), uniform(1.0));
    assert_ne!(uniform(1.0), uniform(2.0));
    let moments = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        (mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64)
    };
    let (mean, variance) = moments(&uniform(1.0));
    assert!(mean.abs() < 0.02 && (variance - 1.0 / 3.0).abs() < 0.01, "{mean} {variance}");
    let (mean, variance) =
        moments(&made("RandomNormal", vec![shape(), float("mean", 3.0), float("scale", 2.0)], &[]));
    assert!((mean - 3.0).abs() < 0.04 && (variance - 4.0).abs() < 0.1, "{mean} {variance}");
    let logs = floats(&[1, 3], &[0.5_f32.ln(), 0.3_f32.ln(), 0.2_f32.ln()]);
    let drawn = made("Multinomial", vec![int("sample_size", count)], &[Some(logs)]);
    for (class, share) in [0.5, 0.3, 0.2].into_iter().enumerate() {
        let found = drawn.iter().filter(|&&x| x == class as f64).count() as f64 / count as f64;
        assert!((found - share).abs() < 0.01, "class {class}: {found}");
    }
    let thirds = Host::new(Element::Float, &[count as usize], Data::F32(vec![0.3; count as usize])).unwrap();
    let (mean, _) = moments(&made("Bernoulli", vec![], &[Some(thirds)]));
    assert!((mean - 0.3).abs() < 0.01, "{mean}");
}

#[test]
fn dropout_drops_where_it_is_asked_to() {
    let x = Host::new(Element::Float, &[10_000], Data::F32(vec![1.0; 10_000])).unwrap();
    let made = |opset: i64, attributes: Vec<AttributeProto>, more: &[Option<Host>]| {
        let inputs: Vec<_> = [Some(x.clone())].into_iter().chain(more.iter().cloned()).collect();
        outputs(opset, node("Dropout", &[], &["y", "mask"], attributes), &inputs, "").unwrap()
    };
    let truth = |x: i64| Some(whole(Element::Bool, &[], &[x]));
    let rate = |x: f32| Some(floats(&[], &[x]));
    for (what, got) in [
        ("of version 7", made(7, vec![float("ratio", 0.3)], &[])),
        ("a test of version 6", made(6, vec![int("is_test", 1)], &[])),
        ("no training", made(13, vec![], &[rate(0.3), truth(0)])),
        ("no mode", made(13, vec![], &[rate(0.3)])),
        ("a rate of 0", made(13, vec![], &[rate(0.0), truth(1)])),
    ] {
        assert!(numbers(&got[0]).iter().chain(&numbers(&got[1])).all(|&y| y == 1.0), "{what}");
    }
    for got in [made(6, vec![float("ratio", 0.25)], &[]), made(13, vec![], &[rate(0.25), truth(1)])] {
        let (y, mask) = (numbers(&got[0]), numbers(&got[1]));
        let kept = mask.iter().sum::<f64>() / 10_000.0;
        assert!((kept - 0.75).abs() < 0.02, "{kept}");
        assert!(y.iter().zip(mask).all(|(y, kept)| (y - kept / 0.75).abs() < 1e-6));
    }
}

#[test]
fn optimizers_make_a_step() {
    let scalar = |x: f32| Some(floats(&[1], &[x]));
    let count = |x: i64| Some(longs(&[x]));
    let step = |op: &str, names: &[&str], attributes: Vec<AttributeProto>, inputs: &[Option<Host>]| {
        let made = outputs(1, node(op, &[], names, attributes), inputs, "ai.onnx.preview.training");
        made.map(|items| items.iter().flat_map(numbers).collect::<Vec<_>>())
    };
    let momentum = |mode: &str, updates: i64| {
        let attributes = vec![float("alpha", 0.5), float("beta", 0.25), text("mode", mode)];
        // x, g and v of the one, and of the other.
        let values = [1.0, 10.0, 4.0, 8.0, 2.0, 4.0].map(scalar);
        let inputs: Vec<_> = [Some(floats(&[], &[0.5])), count(updates)].into_iter().chain(values).collect();
        step("Momentum", &["x", "z", "v", "w"], attributes, &inputs)
    };
    assert_eq!(momentum("standard", 1).unwrap(), [0.0, 8.0, 2.0, 4.0]);
    assert_eq!(momentum("standard", 0).unwrap(), [-1.5, 5.0, 5.0, 10.0]);
    assert_eq!(momentum("nesterov", 1).unwrap(), [-1.5, 5.0, 2.0, 4.0]);
    assert!(momentum("other", 1).unwrap_err().to_string().contains("nesterov"));
    let error = step("Adam", &["x", "v", "h"], vec![], &[scalar(0.1), count(1), scalar(1.0)]).unwrap_err();
    assert!(error.to_string().contains("groups of 4"), "{error}");
}

#[test]
fn gradients_are_those_of_the_graph() {
    let mut gradient =
        node("Gradient", &["a", "b"], &["da", "db"], vec![texts("xs", &["a", "b"]), text("y", "d")]);
    gradient.domain = Some("ai.onnx.preview.training".into());
    let nodes =
        vec![node("Add", &["a", "b"], &["c"], vec![]), node("Mul", &["c", "a"], &["d"], vec![]), gradient];
    let mut model = model(12, graph(nodes, &["a", "b"], &["da", "db"]));
    let domain = Some("ai.onnx.preview.training".into());
    model.opset_import.push(OperatorSetIdProto { domain, version: Some(1) });
    let got = run(model, &[("a", floats(&[], &[3.0])), ("b", floats(&[], &[5.0]))]).unwrap();
    assert_eq!((numbers(&got[0]), numbers(&got[1])), (vec![11.0], vec![3.0]));
}
