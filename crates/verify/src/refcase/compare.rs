//! The pass rule: `|got - want| <= atol + rtol |want|` for every element; NaN meets NaN only,
//! infinity the same infinity only; integers and truth values are exact.

use anygrad_core::{Array, DType};
use anygrad_graph::Tolerance;

use super::manifest::Expected;

/// What a case came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The largest error, as a share of what its tolerance allows: at most 1 passes.
    pub worst: f64,
    /// What differs, one line for each output or gradient.
    pub findings: Vec<String>,
}

impl Outcome {
    /// Whether nothing differs.
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }

    /// Compares a whole tensor.
    pub(crate) fn compare(&mut self, what: &str, got: &Array, want: &Array, expected: &Expected) {
        if (got.shape(), got.dtype()) != (want.shape(), want.dtype()) {
            let (got, want) = ((got.dtype(), got.shape()), (want.dtype(), want.shape()));
            self.differs(format!("{what} is {} {}, wanted {} {}", got.0, got.1, want.0, want.1));
            return;
        }
        let tolerance = match want.dtype() {
            DType::F32 => expected.tolerance(),
            _ => Tolerance::EXACT,
        };
        self.numbers(what, &got.to_f64(), &want.to_f64(), tolerance);
    }

    /// Compares numbers.
    pub(crate) fn numbers(&mut self, what: &str, got: &[f64], want: &[f64], tolerance: Tolerance) {
        if got.len() != want.len() {
            self.differs(format!("{what}: {} elements, wanted {}", got.len(), want.len()));
            return;
        }
        let shares = got.iter().zip(want).map(|(&got, &want)| tolerance.share(got, want));
        self.worst = shares.fold(self.worst, f64::max);
        if let Some(mismatch) = tolerance.compare(got, want) {
            self.findings.push(format!("{what}: {mismatch}"));
        }
    }

    pub(crate) fn differs(&mut self, finding: String) {
        self.worst = f64::INFINITY;
        self.findings.push(finding);
    }
}

impl Expected {
    pub(crate) fn tolerance(&self) -> Tolerance {
        Tolerance { relative: self.rtol, absolute: self.atol }
    }
}
