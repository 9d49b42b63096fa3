//! Learning rates by step.

use anygrad_core::{Error, Result};
use anygrad_nn::Schedule;
use serde_json::Value;

use super::case::Case;
use super::compare::Outcome;
use super::unknown;

/// Runs a case of the operator `lr_schedule`, which needs no session.
pub(crate) fn run(case: &Case) -> Result<Outcome> {
    let number = |name: &str| case.required(name);
    let list = |name: &str| -> Result<Vec<f64>> {
        let numbers = case.manifest.attrs.get(name).and_then(Value::as_array);
        let numbers = numbers.and_then(|list| list.iter().map(Value::as_f64).collect());
        numbers.ok_or_else(|| Error::input(format!("the case has no list of numbers {name:?}")))
    };
    let has = |name: &str| case.manifest.attrs.contains_key(name);
    // A manifest gives the options of a schedule, not its name.
    let schedule = match () {
        () if has("warmup_steps") => Schedule::CosineWarmup {
            initial: number("initial")?,
            warmup_steps: number("warmup_steps")?,
            warmup_target: number("warmup_target")?,
            decay_steps: number("decay_steps")?,
            alpha: number("alpha")?,
        },
        () if has("staircase") => Schedule::Exponential {
            initial: number("initial")?,
            decay_steps: number("decay_steps")?,
            rate: number("rate")?,
            staircase: case.flag("staircase"),
        },
        () if has("rate") => Schedule::InverseTime {
            initial: number("initial")?,
            decay_steps: number("decay_steps")?,
            rate: number("rate")?,
        },
        () if has("boundaries") => Schedule::Piecewise {
            boundaries: list("boundaries")?.iter().map(|&step| step as u64).collect(),
            values: list("values")?,
        },
        () if has("power") => Schedule::Polynomial {
            initial: number("initial")?,
            decay_steps: number("decay_steps")?,
            end: number("end")?,
            power: number("power")?,
        },
        () => return Err(unknown("schedule", &case.id)),
    };
    let mut outcome = Outcome::default();
    for expected in &case.manifest.outputs {
        let steps = case.tensor("in.step")?.to_f64();
        let rates: Vec<f64> = steps.iter().map(|&step| schedule.lr(step as u64)).collect();
        let wanted = case.tensor(&expected.tensor)?.to_f64();
        outcome.numbers(&expected.tensor, &rates, &wanted, expected.tolerance());
    }
    Ok(outcome)
}
