//! What verification found, as data.

use std::collections::BTreeMap;

use anygrad_core::{Caps, Error, Result};
use anygrad_gpu::Verdict;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::blame::Exclusion;
use crate::check::{Errors, Failure};
use crate::fuzz::FuzzReport;
use crate::training::TrainingReport;

/// The certificate of one adapter, or what is in its way.
///
/// The same adapter, driver, release and options give the same report, bit for bit.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The adapter's name.
    pub adapter: String,
    /// Its driver and the version of that.
    pub driver: String,
    /// The graphics API underneath.
    pub backend: String,
    /// The release of anygrad.
    pub version: &'static str,
    /// The operating system and the processor's architecture.
    pub system: String,
    /// The seed of the inputs.
    pub seed: u64,
    /// Whether only one case for each operator and each kernel ran.
    pub quick: bool,
    /// Whether all operators were selected.
    pub complete: bool,
    /// One entry per operator, by name.
    pub ops: Vec<OpReport>,
    /// For each kernel, how many cases reached it.
    pub kernels: BTreeMap<String, usize>,
    /// Short trainings.
    pub trainings: Vec<TrainingReport>,
    /// Random graphs, if any were asked for.
    pub fuzz: Option<FuzzReport>,
    /// What was found to be at fault.
    pub excluded: Vec<Exclusion>,
}

/// What was found for one operator.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OpReport {
    /// The operator.
    pub op: String,
    /// Cases that ran.
    pub cases: usize,
    /// The tolerance of the results of the case with the largest share of it.
    pub tolerance: String,
    /// How far results were from the reference.
    #[serde(flatten)]
    pub errors: Errors,
    /// What did not hold.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Whether everything held.
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// All that did not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let trainings = self.trainings.iter().filter_map(|training| training.failure.as_ref());
        let fuzz = self.fuzz.iter().flat_map(|fuzz| &fuzz.failures);
        self.ops.iter().flat_map(|op| &op.failures).chain(trainings).chain(fuzz)
    }

    /// The number of cases.
    pub fn cases(&self) -> usize {
        self.ops.iter().map(|op| op.cases).sum()
    }

    /// The command that runs a failed case again.
    pub fn reproduce(&self, failure: &Failure) -> String {
        let ops: Vec<&str> = failure.case.split(' ').take(1).collect();
        match failure.fuzz_seed() {
            Some(seed) => format!("anygrad verify --ops none --fuzz 1 --seed {seed}"),
            None => format!("anygrad verify --ops {} --seed {}", ops.concat(), self.seed),
        }
    }

    /// The SHA-256 of the report as JSON, in hexadecimal digits.
    ///
    /// # Errors
    /// The report cannot be written as JSON: a mistake of ours.
    pub fn certificate(&self) -> Result<String> {
        let json = serde_json::to_vec(self).map_err(Error::internal)?;
        Ok(Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What sessions on this adapter have to know.
    ///
    /// # Errors
    /// As [`Report::certificate`].
    pub fn verdict(&self, caps: &Caps) -> Result<Verdict> {
        let excluded = self.excluded.iter().map(|exclusion| exclusion.name.clone()).collect();
        Ok(Verdict::new(caps, self.version, &self.certificate()?, excluded))
    }
}
