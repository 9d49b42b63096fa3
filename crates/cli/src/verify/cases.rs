//! `anygrad verify --cases`: cases that other libraries computed.

use std::path::Path;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::gpu::{Choice, Session};
use anygrad::verify::refcase;
use anygrad_examples::costs::Wanted;
use pollster::block_on;
use serde::Serialize;

use crate::output;

#[derive(Serialize)]
struct CasesReport {
    adapter: String,
    passed: usize,
    failed: usize,
    cases: Vec<CaseReport>,
}

#[derive(Serialize)]
struct CaseReport {
    name: String,
    op: String,
    status: &'static str,
    /// The largest error, as a share of what is allowed; none where nothing could be compared.
    worst_error: Option<f64>,
    /// What differs, or why it could not run.
    reason: Option<String>,
}

pub(crate) fn run(folder: &Path, choice: &Choice, json: Option<&Path>, costs: &Wanted) -> Result<ExitCode> {
    let entries = refcase::entries(folder)?;
    let recorder = costs.recorder();
    let open = || {
        let session = block_on(Session::open(choice))?;
        Ok(recorder.iter().fold(session, |session, recorder| session.recorded_by(recorder)))
    };
    let mut session = open()?;
    output::line(format_args!("{} cases on {}", entries.len(), session.caps()))?;
    let mut report = CasesReport {
        adapter: session.caps().to_string(),
        passed: 0,
        failed: 0,
        cases: Vec::with_capacity(entries.len()),
    };
    for entry in entries {
        let (passed, worst, reasons) = match block_on(refcase::run(folder, &entry, &session)) {
            Ok(outcome) => (outcome.passed(), Some(outcome.worst), outcome.findings),
            Err(error) => {
                if error.is_device_lost() || error.is_device_fault() {
                    session = open()?;
                }
                (false, None, vec![error.to_string()])
            }
        };
        let status = if passed { "pass" } else { "fail" };
        let worst_error = worst.filter(|worst| worst.is_finite());
        let worst = worst_error.map_or("-".to_owned(), |worst| format!("{worst:.3}"));
        output::line(format_args!("{status}  {:<44} {worst} of the tolerance", entry.id))?;
        for reason in &reasons {
            output::line(format_args!("      {reason}"))?;
        }
        *if passed { &mut report.passed } else { &mut report.failed } += 1;
        let reason = (!passed).then(|| reasons.join("; "));
        report.cases.push(CaseReport { name: entry.id, op: entry.op, status, worst_error, reason });
    }
    output::line(format_args!(
        "{} cases: {} passed, {} failed",
        report.cases.len(),
        report.passed,
        report.failed
    ))?;
    if let Some(recorder) = &recorder {
        costs.tell(&recorder.take(), &report.adapter, false)?;
    }
    if let Some(path) = json {
        output::file(path, &output::json(&report)?)?;
    }
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
