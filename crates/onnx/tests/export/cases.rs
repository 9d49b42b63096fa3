//! The cases of every operator, exported.

use std::collections::{BTreeMap, BTreeSet};

use anygrad_core::DType;
use anygrad_graph::ops::cases;
use anygrad_graph::{Case, Graph, Interpreter, Precision};
use anygrad_onnx::export::{ExportOptions, export_graph};

use crate::python;

/// Operators that no model for inference has, and those that ONNX has not.
const REFUSED: &str = "adadelta adagrad adam adamax atan2 attention attention_key_grad attention_query_grad \
    avg_pool2d_grad conv2d_weight_grad conv3d_weight_grad cross_entropy cross_entropy_grad ctc cumprod digamma \
    dropout erfinv gru gru_gradient gru_reset_before gru_reset_before_gradient invert_permutation last_place \
    last_writers layer_norm layer_norm_grad layer_norm_weights lgamma lion log_softmax_grad lstm lstm_gradient \
    max_pool2d max_pool2d_grad max_pool2d_indices nadam pad random_uniform reverse_sequence rms_norm rms_norm_grad \
    rmsprop rnn rnn_gradient scatter_add scatter_reduce sgd shift_left shift_right softmax_grad trigamma";

/// Starts of the names of cases of which onnxruntime gives something else, and why.
const OTHERWISE: &[(&str, &str)] = &[
    ("argmax NaN", "its order of NaN is another"),
    ("max NaN", "its order of NaN is another"),
    ("max_pool2d NaN", "its order of NaN is another"),
    ("gru extremes", "its sigmoid and tanh give numbers for NaN"),
    ("gru reset before extremes", "its sigmoid and tanh give numbers for NaN"),
    ("lstm extremes", "its sigmoid and tanh give numbers for NaN"),
    ("gather outside", "an index that the model is given and that lies outside is an error there"),
    ("gather at u32", "an index that the model is given and that lies outside is an error there"),
    ("gather_elements outside", "an index that the model is given and that lies outside is an error there"),
    ("cast f32 to", "NaN and what does not fit become other integers"),
    ("f16 to integers", "NaN and what does not fit become other integers"),
    ("fmod extremes", "remainders of infinities are others"),
    ("floor_div i32", "the lowest integer by -1 ends its process"),
    ("sum i32 axis 0", "sums that do not fit do not wrap around"),
    ("sum bool [2, 0]", "the largest of nothing is another"),
    ("bf16", "it has few operators for bf16 on the CPU"),
    ("sum u32", "it has no such operator for u32"),
    ("cumsum u32", "it has no such operator for u32"),
    ("sort u32", "it has no such operator for u32"),
    ("select u32", "it has no such operator for u32"),
    ("resize nearest of u32", "it has no such operator for u32"),
    ("sort bool", "ONNX sorts no truth values"),
    ("max_pool2d dilation 2 and 3", "it refuses padding of the size of a window"),
    ("avg_pool2d dilation 2 and 3", "it refuses padding of the size of a window"),
    ("rnn with lengths", "the state of a row without steps is 0"),
    ("rnn backwards with lengths", "the state of a row without steps is 0"),
    ("rnn clipped, with lengths", "the state of a row without steps is 0"),
    ("gru with lengths", "the state of a row without steps is 0"),
    ("gru backwards with lengths", "the state of a row without steps is 0"),
    ("gru clipped, with lengths", "the state of a row without steps is 0"),
    ("gru reset before with lengths", "the state of a row without steps is 0"),
    ("gru reset before backwards with lengths", "the state of a row without steps is 0"),
    ("gru reset before clipped, with lengths", "the state of a row without steps is 0"),
    ("lstm with lengths", "the state of a row without steps is 0"),
    ("lstm backwards with lengths", "the state of a row without steps is 0"),
    ("lstm clipped, with lengths", "the state of a row without steps is 0"),
    ("rnn of no rows", "recurrent layers of no rows end its process"),
    ("gru of no rows", "recurrent layers of no rows end its process"),
    ("gru reset before of no rows", "recurrent layers of no rows end its process"),
    ("lstm of no rows", "recurrent layers of no rows end its process"),
    ("lstm with peepholes, ", "the state of a row without steps is 0"),
];

/// onnxruntime adds up in `f32` in an order of its own, and has approximations of its own for exp, tanh and erf.
fn tolerance(case: &Case) -> (f64, f64) {
    let is_half = case.name.starts_with("f16");
    let floor: f64 = if is_half { 2e-3 } else { 1e-4 };
    (floor.max(4.0 * case.tolerance.absolute), floor.max(4.0 * case.tolerance.relative))
}

#[test]
fn onnxruntime_computes_the_cases_of_the_operators() {
    let python = python::interpreter();
    let folder = tempfile::tempdir().unwrap();
    let (mut names, mut otherwise) = (BTreeMap::new(), BTreeSet::new());
    let mut refused = BTreeSet::new();
    for (number, case) in cases().into_iter().enumerate() {
        let graph = Graph::new();
        let results = case.graph(&graph).unwrap().results;
        let outputs: Vec<_> = results.iter().enumerate().map(|(i, y)| (format!("y{i}"), *y)).collect();
        let model = match export_graph(&graph, &outputs, &BTreeMap::new(), &ExportOptions::default()) {
            Ok(model) => model,
            Err(error) => {
                assert!(error.is_unsupported(), "{}: {error}", case.name);
                let lines: Vec<String> = error.to_string().lines().skip(1).map(str::to_owned).collect();
                assert!(!lines.is_empty(), "{}: {error}", case.name);
                refused.extend(lines.iter().map(|line| line.trim().split(' ').next().unwrap().to_owned()));
                continue;
            }
        };
        if let Some(known) = OTHERWISE.iter().position(|(start, _)| case.name.starts_with(start)) {
            otherwise.insert(known);
            continue;
        }
        let mut cpu = Interpreter::new(Precision::F32);
        let inputs = case.arrays();
        inputs.iter().for_each(|(name, array)| cpu.write(name, array));
        let wanted = cpu.run(&graph, &results).unwrap();
        let wanted: Vec<_> = outputs.iter().map(|(name, _)| name.clone()).zip(wanted).collect();
        assert!(wanted.iter().all(|(_, array)| array.dtype() != DType::BF16), "{}", case.name);
        let name = format!("{number:04}");
        python::write(&folder.path().join(&name), &model, &inputs, &wanted, tolerance(&case));
        names.insert(name, case.name);
    }
    let refused: Vec<String> = refused.into_iter().collect();
    assert_eq!(refused.join(" "), REFUSED);
    assert_eq!(otherwise.len(), OTHERWISE.len(), "some stand for no case: {otherwise:?}");
    assert!(names.len() > 850, "{}", names.len());
    let Some(python) = python else { return };
    let (count, wrong) = python::check(&python, folder.path());
    assert_eq!(count, names.len());
    let named = |line: &String| {
        let (number, rest) = line.split_once(": ").unwrap();
        format!("{} ({number}): {rest}", names[number])
    };
    let wrong: Vec<String> = wrong.iter().map(named).collect();
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
