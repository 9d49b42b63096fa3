//! Learning rates by step.

use anygrad::nn::Schedule;
use libtest_mimic::Failed;

use crate::case::Case;
use crate::compare::Findings;

/// Runs a case of the operator `lr_schedule`, which needs no session.
pub fn run(case: &Case) -> Result<(), Failed> {
    let attributes = &case.manifest()["attrs"];
    let number = |name: &str| attributes[name].as_f64().unwrap_or_else(|| panic!("no number {name}"));
    let list = |name: &str| {
        let numbers = attributes[name].as_array().unwrap().iter();
        numbers.map(|x| x.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let schedule = match case.id() {
        "schedule/cosine_warmup" => Schedule::CosineWarmup {
            initial: number("initial"),
            warmup_steps: number("warmup_steps"),
            warmup_target: number("warmup_target"),
            decay_steps: number("decay_steps"),
            alpha: number("alpha"),
        },
        "schedule/exponential" | "schedule/exponential_staircase" => Schedule::Exponential {
            initial: number("initial"),
            decay_steps: number("decay_steps"),
            rate: number("rate"),
            staircase: attributes["staircase"].as_bool().unwrap(),
        },
        "schedule/inverse_time" => Schedule::InverseTime {
            initial: number("initial"),
            decay_steps: number("decay_steps"),
            rate: number("rate"),
        },
        "schedule/piecewise" => Schedule::Piecewise {
            boundaries: list("boundaries").iter().map(|&step| step as u64).collect(),
            values: list("values"),
        },
        "schedule/polynomial" => Schedule::Polynomial {
            initial: number("initial"),
            decay_steps: number("decay_steps"),
            end: number("end"),
            power: number("power"),
        },
        other => return Err(format!("unknown schedule {other}").into()),
    };
    let steps = case.tensor("in.step")?.to_f64();
    let rates: Vec<f64> = steps.iter().map(|&step| schedule.lr(step as u64)).collect();
    let mut findings = Findings::default();
    let outputs = case.outputs();
    findings.numbers("out.y", &rates, &case.tensor("out.y")?.to_f64(), false, &outputs[0]);
    findings.result()
}
