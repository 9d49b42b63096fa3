//! Update rules: five steps from given parameters with given gradients.

use anygrad::core::{Array, DType};
use anygrad::gpu::Session;
use anygrad::graph::Graph;
use anygrad::graph::ops::{Adagrad, Adam, Convention, RmsProp, Sgd, UpdateRule, WeightDecay};
use anygrad::nn::Clip;
use libtest_mimic::Failed;
use pollster::block_on;
use serde_json::Value;

use crate::case::{self, Case};
use crate::compare::Findings;
use crate::weights;

/// Runs a case of the kind "optimizer".
pub fn run(case: &Case, session: &Session) -> Result<(), Failed> {
    let attributes = &case.manifest()["attrs"];
    let rule = rule(case.op(), attributes).ok_or_else(|| format!("no rule for {}", case.op()))?;
    let steps = case.manifest()["steps"].as_u64().unwrap();
    let count = case.manifest()["n_params"].as_u64().unwrap();
    let slot = attributes["initial_accumulator_value"].as_f64().unwrap_or(0.0) as f32;

    let graph = Graph::new();
    let (lr, step) = (graph.input("lr", &[], DType::F32), graph.input("step", &[], DType::F32));
    let name = |p: u64| format!("{}/p{p}", case.id());
    let mut gradients = Vec::new();
    for p in 0..count {
        let shape = case.tensor(&format!("in.p{p}"))?.shape();
        gradients.push(graph.input(&format!("g{p}"), &shape, DType::F32));
    }
    if let Some(clip) = clip(attributes) {
        gradients = clip.apply(&gradients);
    }
    let mut starts = Vec::new();
    for (p, gradient) in (0..count).zip(gradients) {
        let value = case.tensor(&format!("in.p{p}"))?;
        let parameter = graph.state(&name(p), &value.shape());
        starts.push(weights::start(&name(p), value));
        starts.extend(weights::update(&*rule, &name(p), parameter, gradient, slot, [lr, step]));
    }
    let mut program = session.compile(&graph, &[])?;
    weights::write(session, &starts)?;

    let outputs = case.outputs();
    let mut findings = Findings::default();
    for s in 0..steps {
        let (rate, number) = rate_and_step(attributes, s);
        program.write("lr", &Array::scalar(rate as f32))?;
        program.write("step", &Array::scalar(number as f32))?;
        for p in 0..count {
            program.write(&format!("g{p}"), case.tensor(&format!("in.g{s}_p{p}"))?)?;
        }
        program.run()?;
        for p in 0..count {
            let wanted = format!("step{s}_p{p}");
            let expected = outputs.iter().find(|output| output.name == wanted);
            let expected = expected.ok_or_else(|| format!("no output {wanted}"))?;
            let got = block_on(session.read_state(&name(p)))?;
            findings.compare(&wanted, &got, case.tensor(expected.tensor)?, expected);
        }
    }
    findings.result()
}

/// Learning rate and number of the step with `done` steps before it. ONNX counts from 0.
fn rate_and_step(attributes: &Value, done: u64) -> (f64, f64) {
    let done = done as f64;
    match attributes["R"].as_f64() {
        Some(rate) => (rate / (1.0 + done * attributes["decay_factor"].as_f64().unwrap_or(0.0)), done),
        None => (attributes["learning_rate"].as_f64().unwrap(), done + 1.0),
    }
}

fn clip(attributes: &Value) -> Option<Clip> {
    let limit = |name: &str| attributes[name].as_f64();
    let norm = || limit("clipnorm").map(Clip::Norm);
    limit("clipvalue")
        .map(Clip::Value)
        .or_else(norm)
        .or_else(|| limit("global_clipnorm").map(Clip::GlobalNorm))
}

fn rule(op: &str, attributes: &Value) -> Option<Box<dyn UpdateRule>> {
    let number = |name: &str| attributes[name].as_f64();
    let flag = |name: &str| attributes[name].as_bool().unwrap_or(false);
    let origin = case::text(attributes, "convention");
    // ONNX adds epsilon to Adam's uncorrected root, as Keras, and is PyTorch's otherwise.
    let convention = match (origin, op) {
        ("keras", _) | ("onnx", "adam") => Convention::Keras,
        ("pytorch" | "onnx", _) => Convention::PyTorch,
        (other, _) => panic!("unknown convention {other}"),
    };
    assert_eq!(number("norm_coefficient_post").unwrap_or(0.0), 0.0);
    let weight_decay = match number("weight_decay").or(number("norm_coefficient")) {
        None => WeightDecay::None,
        Some(decay) if origin == "keras" || op == "adamw" => WeightDecay::Decoupled(decay),
        Some(decay) => WeightDecay::L2(decay),
    };
    let epsilon = number("epsilon");
    Some(match op {
        "sgd" => Box::new(Sgd {
            momentum: number("momentum").or(number("alpha")).unwrap_or(0.0),
            nesterov: flag("nesterov") || attributes["mode"] == "nesterov",
            weight_decay,
            convention,
        }),
        "adagrad" => Box::new(Adagrad { epsilon: epsilon?, weight_decay, convention }),
        "rmsprop" => Box::new(RmsProp {
            rho: number("rho")?,
            momentum: number("momentum")?,
            epsilon: epsilon?,
            centered: flag("centered"),
            weight_decay,
            convention,
        }),
        "adam" | "adamw" => Box::new(Adam {
            betas: (number("beta_1").or(number("alpha"))?, number("beta_2").or(number("beta"))?),
            epsilon: epsilon?,
            amsgrad: flag("amsgrad"),
            weight_decay,
            convention,
        }),
        _ => return None,
    })
}
