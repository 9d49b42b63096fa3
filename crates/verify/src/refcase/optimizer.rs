//! Update rules: steps from given parameters with given gradients.

use anygrad_core::{Array, DType, Error, Result};
use anygrad_gpu::Session;
use anygrad_graph::Graph;
use anygrad_graph::ops::{
    Adadelta, Adagrad, Adam, Adamax, Convention, Lion, Nadam, RmsProp, Sgd, UpdateRule, WeightDecay,
};
use anygrad_nn::Clip;

use super::case::Case;
use super::compare::Outcome;
use super::unknown;
use super::weights::{self, Start};

/// Runs a case of the kind "optimizer".
pub(crate) async fn run(case: &Case, session: &Session) -> Result<Outcome> {
    let rule = rule(case)?;
    let (steps, count) = (case.manifest.steps, case.manifest.n_params);
    let slot = case.number("initial_accumulator_value").unwrap_or(0.0);

    let graph = Graph::new();
    let (lr, step) = (graph.input("lr", &[], DType::F32), graph.input("step", &[], DType::F32));
    let name = |p: u64| format!("{}/p{p}", case.id);
    let mut gradients = Vec::new();
    for p in 0..count {
        let shape = case.tensor(&format!("in.p{p}"))?.shape();
        gradients.push(graph.input(&format!("g{p}"), &shape, DType::F32));
    }
    if let Some(clip) = clip(case) {
        gradients = clip.apply(&gradients);
    }
    let mut starts = Vec::new();
    for (p, gradient) in (0..count).zip(gradients) {
        let value = case.tensor(&format!("in.p{p}"))?;
        let parameter = graph.state(&name(p), &value.shape());
        starts.push(Start { name: name(p), value: value.clone() });
        starts.extend(weights::update(&*rule, &name(p), parameter, gradient, slot, [lr, step]));
    }
    let mut program = session.compile(&graph, &[])?;
    weights::write(session, &starts)?;

    let mut outcome = Outcome::default();
    for s in 0..steps {
        let (rate, number) = rate_and_step(case, s)?;
        program.write("lr", &Array::scalar(rate as f32))?;
        program.write("step", &Array::scalar(number as f32))?;
        for p in 0..count {
            program.write(&format!("g{p}"), case.tensor(&format!("in.g{s}_p{p}"))?)?;
        }
        program.run()?;
        for p in 0..count {
            let wanted = format!("step{s}_p{p}");
            let expected = case.manifest.outputs.iter().find(|output| output.name == wanted);
            let expected =
                expected.ok_or_else(|| Error::input(format!("the case has no output {wanted}")))?;
            let got = session.read_state(&name(p)).await?;
            outcome.compare(&wanted, &got, case.tensor(&expected.tensor)?, expected);
        }
    }
    Ok(outcome)
}

/// Learning rate and number of the step with `done` steps before it. ONNX counts from 0.
fn rate_and_step(case: &Case, done: u64) -> Result<(f64, f64)> {
    let done = done as f64;
    Ok(match case.number("R") {
        Some(rate) => (rate / (1.0 + done * case.number("decay_factor").unwrap_or(0.0)), done),
        None => (case.required("learning_rate")?, done + 1.0),
    })
}

fn clip(case: &Case) -> Option<Clip> {
    let norm = || case.number("clipnorm").map(Clip::Norm);
    let global = || case.number("global_clipnorm").map(Clip::GlobalNorm);
    case.number("clipvalue").map(Clip::Value).or_else(norm).or_else(global)
}

fn rule(case: &Case) -> Result<Box<dyn UpdateRule>> {
    let number = |name: &str| case.number(name);
    let origin = case.text("convention").unwrap_or_default();
    // ONNX adds epsilon to Adam's uncorrected root, as Keras, and is PyTorch's otherwise.
    let convention = match (origin, case.op()) {
        ("keras", _) | ("onnx", "adam") => Convention::Keras,
        ("pytorch" | "onnx", _) => Convention::PyTorch,
        _ => return Err(unknown("convention", origin)),
    };
    if number("norm_coefficient_post").unwrap_or(0.0) != 0.0 {
        return Err(Error::unsupported("norm_coefficient_post is not 0"));
    }
    let weight_decay = match number("weight_decay").or(number("norm_coefficient")) {
        None => WeightDecay::None,
        Some(decay) if origin == "keras" || case.op() == "adamw" => WeightDecay::Decoupled(decay),
        Some(decay) => WeightDecay::L2(decay),
    };
    let epsilon = || case.required("epsilon");
    let betas = || Ok::<_, Error>((case.required("beta_1")?, case.required("beta_2")?));
    let either = |name: &str, other: &str| number(name).map_or_else(|| case.required(other), Ok);
    Ok(match case.op() {
        "sgd" => Box::new(Sgd {
            momentum: number("momentum").or(number("alpha")).unwrap_or(0.0),
            nesterov: case.flag("nesterov") || case.text("mode") == Some("nesterov"),
            weight_decay,
            convention,
        }),
        "adagrad" => Box::new(Adagrad { epsilon: epsilon()?, weight_decay, convention }),
        "rmsprop" => Box::new(RmsProp {
            rho: case.required("rho")?,
            momentum: case.required("momentum")?,
            epsilon: epsilon()?,
            centered: case.flag("centered"),
            weight_decay,
            convention,
        }),
        "adam" | "adamw" => Box::new(Adam {
            betas: (either("beta_1", "alpha")?, either("beta_2", "beta")?),
            epsilon: epsilon()?,
            amsgrad: case.flag("amsgrad"),
            weight_decay,
            convention,
        }),
        "adadelta" => Box::new(Adadelta { rho: case.required("rho")?, epsilon: epsilon()?, weight_decay }),
        "adamax" => Box::new(Adamax { betas: betas()?, epsilon: epsilon()?, weight_decay, convention }),
        "lion" => Box::new(Lion { betas: betas()?, weight_decay }),
        "nadam" => Box::new(Nadam {
            betas: betas()?,
            epsilon: epsilon()?,
            momentum_decay: if convention == Convention::Keras { 1.0 } else { 0.004 },
            weight_decay,
        }),
        other => return Err(unknown("optimizer", other)),
    })
}
