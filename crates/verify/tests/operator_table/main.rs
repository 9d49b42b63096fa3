//! `docs/operators.md` is written from the cases: which operators there are, what they take, whether
//! gradients flow, how exact they are, and what others call them. `UPDATE_GOLDEN=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use anygrad_graph::{Case, Tolerance, ops};

const HEAD: &str = "\
# Operators

Written by a test from the cases that `anygrad verify` runs. Dtypes are those of the inputs in the
cases. The tolerance is the smallest and the largest that results are held to, against double
precision: absolute, plus a share of the wanted value; long sums are allowed more. Gradients are checked
against finite differences, and on the adapter against double precision.

A dash means that the library has no such operator, or builds it from others.

";

#[derive(Default)]
struct Row {
    dtypes: BTreeSet<String>,
    gradient: bool,
    tolerances: Vec<Tolerance>,
    cases: usize,
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for case in ops::cases() {
        let case: Case = case;
        let row = rows.entry(case.op().to_owned()).or_default();
        row.dtypes.extend(case.inputs.iter().map(|(_, dtype, _)| dtype.to_string()));
        row.gradient |= case.differentiable && case.inputs.iter().any(|(_, dtype, _)| dtype.is_float());
        row.tolerances.push(case.tolerance);
        row.cases += 1;
    }
    rows
}

fn text_of(tolerances: &[Tolerance]) -> String {
    let size = |t: &&Tolerance| t.absolute + t.relative;
    let least = tolerances.iter().min_by(|a, b| size(a).total_cmp(&size(b))).unwrap();
    let most = tolerances.iter().max_by(|a, b| size(a).total_cmp(&size(b))).unwrap();
    let text = |t: &Tolerance| t.to_string().replace('|', "\\|");
    if least == most { text(least) } else { format!("{} to {}", text(least), text(most)) }
}

fn table() -> String {
    let mut page = HEAD.to_owned();
    page += "| operator | dtypes | gradient | tolerance | cases | Keras | PyTorch | ONNX |\n";
    page += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (op, row) in rows() {
        let (_, keras, pytorch, onnx) = names::NAMES.iter().find(|names| names.0 == op).unwrap();
        let dtypes: Vec<String> = row.dtypes.into_iter().collect();
        let gradient = if row.gradient { "yes" } else { "no" };
        let (dtypes, tolerance) = (dtypes.join(", "), text_of(&row.tolerances));
        writeln!(
            page,
            "| `{op}` | {dtypes} | {gradient} | {tolerance} | {} | {keras} | {pytorch} | {onnx} |",
            row.cases
        )
        .unwrap();
    }
    page
}

#[test]
fn every_operator_has_names_and_every_name_an_operator() {
    let ops: BTreeSet<String> = rows().into_keys().collect();
    let named: BTreeSet<String> = names::NAMES.iter().map(|names| names.0.to_owned()).collect();
    assert_eq!(named.len(), names::NAMES.len(), "a name stands twice");
    let missing: Vec<_> = ops.difference(&named).collect();
    let superfluous: Vec<_> = named.difference(&ops).collect();
    assert!(missing.is_empty() && superfluous.is_empty(), "missing {missing:?}, superfluous {superfluous:?}");
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operators.md");
    let table = table();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == table, "docs/operators.md is not up to date; run this test with UPDATE_GOLDEN=1");
}
