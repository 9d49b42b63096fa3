//! What some programs compile to, as text. A change of a plan shows here as a difference of a file;
//! `UPDATE_GOLDEN=1` writes the files anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::{env, fs};

use anygrad_graph::core::{Caps, DType};
use anygrad_graph::ops::{Adam, Conv, CrossEntropy, LstmOutput, Pool, Sgd, UpdateRule};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::{Options, Recompute, compile_with};

/// Compares the plan of a graph with its file.
fn golden(name: &str, build: impl for<'g> Fn(&'g Graph) -> Vec<Tensor<'g>>) {
    golden_with(name, Options::DEFAULT, build);
}

/// As [`golden`], with options.
fn golden_with(name: &str, options: Options, build: impl for<'g> Fn(&'g Graph) -> Vec<Tensor<'g>>) {
    let graph = Graph::new();
    let outputs = build(&graph);
    let text = compile_with(&graph, &outputs, &Caps::baseline(), options).unwrap().to_string();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("txt");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
        return;
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    let differ = known.lines().zip(text.lines()).position(|(known, now)| known != now);
    let at = differ.unwrap_or(known.lines().count().min(text.lines().count()));
    let show = |text: &str| text.lines().nth(at).unwrap_or("the end").to_owned();
    assert!(
        known == text,
        "{name}.txt differs from line {}:\n  {}\nwhich is now\n  {}\nUPDATE_GOLDEN=1 writes it anew",
        at + 1,
        show(&known),
        show(&text)
    );
}

/// A step of an update rule for each state.
fn train<'g>(loss: Tensor<'g>, parameters: &[(&str, Tensor<'g>)], rule: &dyn UpdateRule) {
    let graph = loss.graph();
    let slopes = graph.gradients(loss, &parameters.iter().map(|(_, w)| *w).collect::<Vec<_>>());
    for ((name, w), slope) in parameters.iter().zip(slopes) {
        let state: Vec<_> =
            rule.slots().iter().map(|slot| graph.state(&format!("{name}.{slot}"), &w.shape())).collect();
        let step = graph.input("step", &[], DType::F32);
        let next = rule.update(*w, slope, &state, graph.scalar(0.01), step);
        for (state, next) in [*w].into_iter().chain(state).zip(next) {
            graph.update(state, next);
        }
    }
}

#[test]
fn a_step_of_linear_regression() {
    golden("linear_regression", |graph| {
        let (x, y) = (graph.input("x", &[32, 3], DType::F32), graph.input("y", &[32, 1], DType::F32));
        let (w, b) = (graph.state("w", &[3, 1]), graph.state("b", &[1]));
        let loss = (x.matmul(w) + b - y).square().mean_all();
        train(loss, &[("w", w), ("b", b)], &Sgd::default());
        vec![loss]
    });
}

#[test]
fn a_step_of_a_convolutional_network() {
    golden("cnn", |graph| {
        let x = graph.input("x", &[16, 1, 12, 12], DType::F32);
        let labels = graph.input("labels", &[16], DType::I32);
        let (kernel, bias) = (graph.state("kernel", &[8, 1, 3, 3]), graph.state("bias", &[8, 1, 1]));
        let (w, b) = (graph.state("w", &[200, 10]), graph.state("b", &[10]));
        let maps = (x.conv2d(kernel, Conv::default()) + bias).relu().max_pool2d(Pool::new([2, 2]));
        let logits = maps.reshape(&[16, 200]).matmul(w) + b;
        let loss = logits.cross_entropy(labels, &CrossEntropy::default()).losses.mean_all();
        train(loss, &[("kernel", kernel), ("bias", bias), ("w", w), ("b", b)], &Adam::default());
        vec![loss]
    });
}

#[test]
fn a_step_of_an_lstm() {
    golden("lstm", |graph| {
        let (x, y) = (graph.input("x", &[8, 20, 4], DType::F32), graph.input("y", &[8, 1], DType::F32));
        let (kernel, recurrent) = (graph.state("kernel", &[4, 64]), graph.state("recurrent", &[16, 64]));
        let (bias, w) = (graph.state("bias", &[64]), graph.state("w", &[16, 1]));
        let LstmOutput { hidden, .. } = x.lstm(kernel, recurrent, Some(bias), None);
        let loss = (hidden.matmul(w) - y).square().mean_all();
        let parameters = [("kernel", kernel), ("recurrent", recurrent), ("bias", bias), ("w", w)];
        train(loss, &parameters, &Adam::default());
        vec![loss]
    });
}

#[test]
fn a_fused_chain() {
    golden("chain", |graph| {
        let (x, scale) = (graph.input("x", &[64, 100], DType::F32), graph.input("scale", &[100], DType::F32));
        let y = ((x * scale + 1.0).tanh() - x.t().reshape(&[64, 100])).relu();
        vec![y, y.softmax(-1) * 2.0]
    });
}

#[test]
fn a_chain_of_halves() {
    golden("half", |graph| {
        let (x, w) = (graph.input("x", &[64, 100], DType::F16), graph.input("w", &[100, 32], DType::F16));
        let y = (x * 2.0 + 1.0).tanh() + x;
        vec![y, (y.matmul(w) + 0.5).relu()]
    });
}

/// Four layers of which each gradient reads what the layer made.
fn deep(graph: &Graph) -> Vec<Tensor<'_>> {
    let (x, y) = (graph.input("x", &[256, 64], DType::F32), graph.input("y", &[256, 64], DType::F32));
    let weights: Vec<_> =
        (0..4).map(|i| (format!("w{i}"), graph.state(&format!("w{i}"), &[64, 64]))).collect();
    let output = weights.iter().fold(x, |x, (_, w)| x.matmul(*w).layer_norm(-1, None, None, 1e-5).tanh());
    let loss = (output - y).square().mean_all();
    let named: Vec<_> = weights.iter().map(|(name, w)| (name.as_str(), *w)).collect();
    train(loss, &named, &Sgd::default());
    vec![loss]
}

#[test]
fn a_step_that_computes_again() {
    golden_with("recompute", Options { recompute: Recompute::Segments(2), ..Options::DEFAULT }, deep);
}

#[test]
fn a_step_that_holds_halves() {
    golden_with("activations", Options { activations: DType::F16, ..Options::DEFAULT }, deep);
}
