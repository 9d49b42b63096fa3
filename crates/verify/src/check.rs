//! One case on one session: every plan of it, against the interpreter in double precision.

use std::collections::BTreeSet;

use anygrad_core::{Choices, Result};
use anygrad_gpu::Session;
use anygrad_graph::{Case, Graph, Interpreter, Precision, Tolerance, Values};
use anygrad_plan::{Options, decisions};
use serde::Serialize;

use crate::histogram::Histogram;

/// A way in which a case runs, and what it is called.
pub(crate) type Way = (&'static str, Options);

/// The ways in which each case runs.
pub(crate) const PLANS: [Way; 3] = [
    ("fused", Options::DEFAULT),
    ("portable kernels", Options { portable: true, ..Options::DEFAULT }),
    ("unfused", Options { fuse: false, ..Options::DEFAULT }),
];

/// How much of a case runs.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    plans: &'static [Way],
    /// Whether operators also run in all ways that a tuner may choose.
    alternatives: bool,
}

impl Extent {
    pub const WHOLE: Extent = Extent { plans: &PLANS, alternatives: true };

    /// As many plans as reach every kernel: the last has no kernel of its own.
    pub const QUICK: Extent = Extent { plans: PLANS.split_at(2).0, alternatives: false };
}

/// What did not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The case.
    pub case: String,
    /// Which plan of it, and which result or gradient.
    pub place: String,
    /// What was computed and what was wanted, or the error.
    pub finding: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.case, self.place, self.finding)
    }
}

/// How far results were from the reference.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Errors {
    /// The largest error of a result, as a share of what its tolerance allows: at most 1 passes.
    pub forward: f64,
    /// The largest error of a gradient, as a share of what its tolerance allows.
    pub backward: f64,
    /// The largest absolute error, where it passed.
    pub absolute: f64,
    /// The largest relative error of numbers above the tolerance's floor, where it passed.
    pub relative: f64,
    /// The same in units in the last place of `f32`.
    pub ulps: f64,
    /// How many elements came how close.
    pub histogram: Histogram,
}

impl Errors {
    /// Enters what was computed beside what was wanted. The largest share of the allowed error.
    pub(crate) fn enter(&mut self, tolerance: Tolerance, got: &[f64], want: &[f64]) -> f64 {
        let mut worst = 0.0f64;
        for (&got, &want) in got.iter().zip(want) {
            let share = tolerance.share(got, want);
            worst = worst.max(share);
            self.histogram.enter(share);
            if share <= 1.0 && got.is_finite() && want.is_finite() {
                let error = (got - want).abs();
                self.absolute = self.absolute.max(error);
                if want.abs() > tolerance.absolute && want != 0.0 {
                    self.relative = self.relative.max(error / want.abs());
                    self.ulps = self.ulps.max(error / ulp(want));
                }
            }
        }
        worst
    }

    pub(crate) fn join(&mut self, other: &Errors) {
        self.forward = self.forward.max(other.forward);
        self.backward = self.backward.max(other.backward);
        self.absolute = self.absolute.max(other.absolute);
        self.relative = self.relative.max(other.relative);
        self.ulps = self.ulps.max(other.ulps);
        self.histogram.join(&other.histogram);
    }
}

/// The distance from a number to the next one that `f32` holds.
fn ulp(number: f64) -> f64 {
    const MANTISSA_BITS: i32 = 23;
    const SMALLEST_EXPONENT: i32 = -126;
    let exponent = number.abs().log2().floor().max(f64::from(SMALLEST_EXPONENT)) as i32;
    2f64.powi(exponent - MANTISSA_BITS)
}

/// What one case came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checked {
    pub errors: Errors,
    pub failures: Vec<Failure>,
    /// The kernels that ran, in any plan.
    pub kernels: BTreeSet<String>,
    /// The functions that were called.
    pub functions: BTreeSet<String>,
    /// The device is gone; what the session could not run is not known.
    pub is_lost: bool,
}

/// A case with what is wanted of it, computed once.
pub(crate) struct Prepared<'c> {
    case: &'c Case,
    seed: u64,
    extent: Extent,
    want: Vec<Values>,
}

impl<'c> Prepared<'c> {
    /// # Errors
    /// The case is not valid: a mistake of ours.
    pub fn new(case: &'c Case, seed: u64, extent: Extent) -> Result<Self> {
        let graph = Graph::new();
        let outputs = case.graph(&graph)?.outputs();
        let mut reference = Interpreter::new(Precision::F64);
        for (name, array) in case.arrays_seeded(seed) {
            reference.write(&name, &array);
        }
        let ids: Vec<_> = outputs.iter().map(|output| output.id()).collect();
        Ok(Prepared { case, seed, extent, want: reference.run_values(&graph, &ids)? })
    }

    /// Runs every plan of the case.
    pub async fn check(&self, session: &Session) -> Checked {
        let mut checked = Checked::default();
        for &(how, options) in self.extent.plans {
            let result = self.run(session, how, options, &mut checked).await;
            if checked.is_over(self.case, how, result) {
                return checked;
            }
        }
        for choices in self.alternatives(session) {
            let session = session.excluding(&session.caps().excluded);
            let labels: Vec<&str> = choices.iter().map(|(_, label)| label).collect();
            let how = labels.join(", ");
            session.choose(choices);
            // Without fusion kernels have one text each, whatever the case: fewer are compiled.
            let options = Options { fuse: false, ..Options::default() };
            let result = self.run(&session, &how, options, &mut checked).await;
            if checked.is_over(self.case, &how, result) {
                break;
            }
        }
        checked
    }

    /// Choices that together run each operator of the case in each of its ways, but for its own rule's.
    fn alternatives(&self, session: &Session) -> Vec<Choices> {
        if !self.extent.alternatives || session.is_interpreter() {
            return Vec::new();
        }
        let graph = Graph::new();
        let built = self.case.graph(&graph).map(|built| built.outputs());
        // What does not compile failed before.
        let decisions =
            built.and_then(|outputs| decisions(&graph, &outputs, session.caps())).unwrap_or_default();
        let most = decisions.iter().map(|decision| decision.labels.len()).max().unwrap_or(0);
        let choices = |way: usize| {
            let chosen = decisions
                .iter()
                .filter_map(|decision| Some((&decision.signature, decision.labels.get(way)?)));
            chosen.collect()
        };
        (1..most).map(choices).collect()
    }

    async fn run(&self, session: &Session, how: &str, options: Options, checked: &mut Checked) -> Result<()> {
        let case = self.case;
        let graph = Graph::new();
        let built = case.graph(&graph)?;
        let mut program = session.compile_with(&graph, &built.outputs(), options)?;
        if let Some(plan) = program.plan() {
            checked.kernels.extend(plan.kernels().into_iter().map(String::from));
            checked.functions.extend(plan.functions().into_iter().map(String::from));
        }
        for (name, array) in case.arrays_seeded(self.seed) {
            program.write(&name, &array)?;
        }
        program.run()?;
        for (i, want) in self.want.iter().enumerate() {
            let got = program.read(i).await?.to_f64();
            let gradient = i.checked_sub(built.results.len());
            let (what, tolerance) = match gradient {
                None => (format!("result {i}"), case.tolerance),
                Some(gradient) => {
                    (format!("gradient of x{}", built.gradients[gradient].0), case.gradient_tolerance)
                }
            };
            let share = checked.errors.enter(tolerance, &got, &want.data);
            let worst = match gradient {
                None => &mut checked.errors.forward,
                Some(_) => &mut checked.errors.backward,
            };
            *worst = worst.max(share);
            if let Some(mismatch) = tolerance.compare(&got, &want.data) {
                checked.fail(case, &format!("{how}, {what}"), mismatch.to_string());
            }
        }
        Ok(())
    }
}

impl Checked {
    /// Takes note of how a run ended, and whether nothing can follow it.
    fn is_over(&mut self, case: &Case, how: &str, result: Result<()>) -> bool {
        if let Err(error) = result {
            self.is_lost = error.is_device_lost() || error.is_device_fault();
            self.fail(case, how, error.to_string());
        }
        self.is_lost
    }

    fn fail(&mut self, case: &Case, place: &str, finding: String) {
        self.failures.push(Failure { case: case.name.clone(), place: place.into(), finding });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_in_the_last_place() {
        assert_eq!(ulp(1.0), f64::from(f32::EPSILON));
        assert_eq!(ulp(-3.9), 2.0 * f64::from(f32::EPSILON));
        assert_eq!(ulp(1e-45), f64::from(f32::from_bits(1)));
    }

    #[test]
    fn errors_count_what_was_entered() {
        let mut errors = Errors::default();
        let tolerance = Tolerance { relative: 0.0, absolute: 0.5 };
        assert_eq!(errors.enter(tolerance, &[1.0, 2.25, f64::NAN], &[1.0, 2.0, f64::NAN]), 0.5);
        assert_eq!((errors.absolute, errors.relative), (0.25, 0.125));
        assert_eq!(errors.enter(tolerance, &[f64::NAN], &[1.0]), f64::INFINITY);
    }
}
