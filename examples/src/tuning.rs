//! What tuning found, as text.

use anygrad::gpu::{TuneReport, TunedOperator};

use crate::tables::columns;

/// One row per operator, what was wrong, and what it cost.
pub fn text(report: &TuneReport) -> String {
    let mut rows =
        vec![["operator", "times", "ms by rule", "ratio", "rule -> chosen"].map(String::from).to_vec()];
    rows.extend(report.operators.iter().filter(|operator| operator.chosen.is_some()).map(row));
    let mut text = String::new();
    if rows.len() > 1 {
        text += &columns(&rows);
    }
    for operator in &report.operators {
        for way in operator.ways.iter().filter(|way| way.finding.is_some()) {
            let finding = way.finding.as_deref().unwrap_or_default();
            text +=
                &format!("NOT TAKEN for {} {}: {}: {finding}\n", operator.name, operator.shapes, way.label);
        }
    }
    let known = match report.known {
        0 => String::new(),
        known => format!(", {known} were known"),
    };
    let left_out = match report.left_out {
        0 => String::new(),
        ways => format!("; {ways} ways left out, enough kernels were compiled"),
    };
    text += &format!(
        "Tuned {} operators{known}: {} kernels compiled in {:.1} s, {:.1} s in all{left_out}",
        rows.len() - 1,
        report.kernels,
        report.compiling,
        report.seconds
    );
    text
}

fn row(operator: &TunedOperator) -> Vec<String> {
    let label = |way: usize| operator.ways.get(way).map_or("", |way| way.label.as_str());
    let chosen = operator.chosen.unwrap_or(0);
    let labels = if chosen == 0 { label(0).to_owned() } else { format!("{} -> {}", label(0), label(chosen)) };
    vec![
        format!("{} {}", operator.name, operator.shapes),
        operator.count.to_string(),
        operator.ways.first().and_then(|way| way.ms).map_or("-".into(), |ms| format!("{ms:.3}")),
        format!("{:.2}x", operator.ratio()),
        labels,
    ]
}
