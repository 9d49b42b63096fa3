//! The pass rule: `|got - want| <= atol + rtol |want|` for every element; NaN meets NaN only,
//! infinity the same infinity only; integers and truth values are exact.

use anygrad::core::{Array, DType};
use libtest_mimic::Failed;

use crate::case::Expected;

/// The differences of all outputs and gradients of a case.
#[derive(Default)]
pub struct Findings(Vec<String>);

impl Findings {
    /// Compares a whole tensor.
    pub fn compare(&mut self, what: &str, got: &Array, want: &Array, expected: &Expected<'_>) {
        if (got.shape(), got.dtype()) != (want.shape(), want.dtype()) {
            let (got, want) = ((got.dtype(), got.shape()), (want.dtype(), want.shape()));
            self.0.push(format!("{what} is {} {}, wanted {} {}", got.0, got.1, want.0, want.1));
            return;
        }
        let exact = want.dtype() != DType::F32;
        self.numbers(what, &got.to_f64(), &want.to_f64(), exact, expected);
    }

    /// Compares numbers.
    pub fn numbers(&mut self, what: &str, got: &[f64], want: &[f64], exact: bool, expected: &Expected<'_>) {
        if got.len() != want.len() {
            self.0.push(format!("{what}: {} elements, wanted {}", got.len(), want.len()));
            return;
        }
        // In units of the tolerance.
        let excess = |got: f64, want: f64| {
            if got == want || got.is_nan() && want.is_nan() {
                return 0.0;
            }
            if exact || !got.is_finite() || !want.is_finite() {
                return f64::INFINITY;
            }
            (got - want).abs() / (expected.atol + expected.rtol * want.abs())
        };
        let all: Vec<f64> = got.iter().zip(want).map(|(&got, &want)| excess(got, want)).collect();
        let wrong = all.iter().filter(|&&excess| excess > 1.0).count();
        let Some((at, worst)) = all.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)) else { return };
        if wrong > 0 {
            self.0.push(format!(
                "{what}: {wrong} of {} elements differ; [{at}] is {}, wanted {}, {worst:.3} times the tolerance",
                got.len(),
                got[at],
                want[at]
            ));
        }
    }

    pub fn add(&mut self, finding: String) {
        self.0.push(finding);
    }

    pub fn result(self) -> Result<(), Failed> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0.join("\n").into()) }
    }
}
