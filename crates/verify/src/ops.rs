//! Certifies the kernels on an adapter: every case of every operator, forward and backward, fused,
//! unfused and with the kernels that run everywhere, against the interpreter in double precision.

use std::collections::BTreeMap;

use anygrad_core::{Error, Result};
use anygrad_graph::{Case, Graph, Interpreter, Precision, Tolerance, Values, ops};
use anygrad_plan::{Options as PlanOptions, Plan};
use serde::Serialize;

use anygrad_gpu::Session;

/// What is verified, and how.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Only operators whose name starts with one of these; all of them when empty.
    pub ops: &'a [String],
    /// Chooses the numbers that inputs are filled with.
    pub seed: u64,
    /// Changes each plan before it runs. With it a test breaks a kernel on purpose and sees that
    /// the report says so.
    pub change: &'a dyn Fn(&mut Plan),
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options { ops: &[], seed: 0, change: &|_| {} }
    }
}

/// The ways in which each case runs.
const PLANS: [(&str, PlanOptions); 3] = [
    ("fused", PlanOptions { fuse: true, portable: false }),
    ("unfused", PlanOptions { fuse: false, portable: false }),
    ("portable kernels", PlanOptions { fuse: true, portable: true }),
];

/// What was found on one adapter.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The adapter and its driver.
    pub adapter: String,
    /// The release of anygrad.
    pub version: &'static str,
    /// The seed of the inputs.
    pub seed: u64,
    /// One entry per operator, by name.
    pub ops: Vec<OpReport>,
    /// For each kernel, how many cases reached it.
    pub kernels: BTreeMap<String, usize>,
}

/// What was found for one operator.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OpReport {
    /// The operator.
    pub op: String,
    /// Cases that ran.
    pub cases: usize,
    /// The largest error of a result, as a share of what its tolerance allows: at most 1 passes.
    pub forward: f64,
    /// The largest error of a gradient, as a share of what its tolerance allows.
    pub backward: f64,
    /// The largest absolute error, where it passed.
    pub absolute_error: f64,
    /// The largest relative error of numbers above the tolerance's floor, where it passed.
    pub relative_error: f64,
    /// The tolerance of the results of the case with the largest share.
    pub tolerance: String,
    /// What failed, one line each.
    pub failures: Vec<String>,
}

impl Report {
    /// Whether every case of every operator held.
    pub fn passed(&self) -> bool {
        self.ops.iter().all(|op| op.failures.is_empty())
    }

    /// The number of cases.
    pub fn cases(&self) -> usize {
        self.ops.iter().map(|op| op.cases).sum()
    }
}

/// The cases that `ops` selects.
///
/// # Errors
/// A name selects no operator.
fn select(ops: &[String]) -> Result<Vec<Case>> {
    let all = ops::cases();
    for name in ops {
        if !all.iter().any(|case| case.op().starts_with(name.as_str())) {
            let mut known: Vec<&str> = all.iter().map(Case::op).collect();
            known.sort_unstable();
            known.dedup();
            return Err(Error::input(format!(
                "no operator starts with {name:?}; there is {}",
                known.join(", ")
            )));
        }
    }
    Ok(all
        .into_iter()
        .filter(|case| ops.is_empty() || ops.iter().any(|name| case.op().starts_with(name.as_str())))
        .collect())
}

/// Runs the cases on a session. `progress` hears of each case when it is done: how many are, of how
/// many, and its name. A case that fails does not end the run; a lost device does.
///
/// # Errors
/// `ops` selects nothing, or the device was lost.
pub async fn verify(
    session: &Session,
    options: &Options<'_>,
    progress: &mut dyn FnMut(usize, usize, &str),
) -> Result<Report> {
    let mut ops: BTreeMap<String, OpReport> = BTreeMap::new();
    let mut kernels = BTreeMap::new();
    let cases = select(options.ops)?;
    for (done, case) in cases.iter().enumerate() {
        let report = ops.entry(case.op().to_owned()).or_default();
        report.op = case.op().to_owned();
        report.cases += 1;
        for (how, plan) in PLANS {
            match check(session, case, (how, plan), options, report).await {
                Ok(reached) => {
                    reached.into_iter().for_each(|kernel| *kernels.entry(kernel).or_default() += 1)
                }
                Err(error) if error.is_device_lost() => return Err(error.context(&case.name)),
                Err(error) => report.failures.push(format!("{}: {error}", case.name)),
            }
        }
        progress(done + 1, cases.len(), &case.name);
    }
    Ok(Report {
        adapter: session.caps().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        seed: options.seed,
        ops: ops.into_values().collect(),
        kernels,
    })
}

/// Runs one case and enters what it finds into the report; the kernels that ran.
async fn check(
    session: &Session,
    case: &Case,
    (how, plan): (&str, PlanOptions),
    options: &Options<'_>,
    report: &mut OpReport,
) -> Result<Vec<String>> {
    let graph = Graph::new();
    let built = case.graph(&graph)?;
    let outputs = built.outputs();
    let mut program = session.compile_changed(&graph, &outputs, plan, options.change)?;
    let mut reference = Interpreter::new(Precision::F64);
    for (name, array) in case.arrays_seeded(options.seed) {
        program.write(&name, &array)?;
        reference.write(&name, &array);
    }
    program.run()?;
    let ids: Vec<_> = outputs.iter().map(|t| t.id()).collect();
    for (i, want) in reference.run_values(&graph, &ids)?.iter().enumerate() {
        let got = program.read(i).await?.to_f64();
        if i < built.results.len() {
            let share = report.enter(case, how, &format!("result {i}"), case.tolerance, &got, want);
            if share >= report.forward {
                report.forward = share;
                report.tolerance = case.tolerance.to_string();
            }
        } else {
            let input = built.gradients[i - built.results.len()].0;
            let what = format!("gradient of x{input}");
            let share = report.enter(case, how, &what, case.gradient_tolerance, &got, want);
            report.backward = report.backward.max(share);
        }
    }
    Ok(program.plan().map_or(Vec::new(), |plan| plan.kernels()).into_iter().map(String::from).collect())
}

impl OpReport {
    /// Enters what was computed beside what was wanted. The largest share of the allowed error.
    fn enter(
        &mut self,
        case: &Case,
        how: &str,
        what: &str,
        tolerance: Tolerance,
        got: &[f64],
        want: &Values,
    ) -> f64 {
        if let Some(mismatch) = tolerance.compare(got, &want.data) {
            self.failures.push(format!("{} ({how}), {what}: {mismatch}", case.name));
        }
        let mut worst = 0.0f64;
        for (&got, &want) in got.iter().zip(&want.data) {
            let share = tolerance.share(got, want);
            worst = worst.max(share);
            if share <= 1.0 && got.is_finite() && want.is_finite() {
                self.absolute_error = self.absolute_error.max((got - want).abs());
                if want.abs() > tolerance.absolute && want != 0.0 {
                    self.relative_error = self.relative_error.max(((got - want) / want).abs());
                }
            }
        }
        worst
    }
}
