//! Every operator's gradient against central differences of its reference, in double precision.
//! `CASES=conv` runs the cases whose name starts with `conv`.

use anygrad_graph::{Case, GradientOptions, Graph, Tensor, check_gradients, ops};

/// Elements of each input that are tried: the first, the last, the one with the largest gradient, and some
/// between.
const PROBES: usize = 5;

fn wanted() -> Vec<Case> {
    let prefix = std::env::var("CASES").unwrap_or_default();
    let cases: Vec<Case> = ops::cases().into_iter().filter(|case| case.name.starts_with(&prefix)).collect();
    assert!(!cases.is_empty(), "no case starts with {prefix:?}");
    cases
}

/// What is wrong with the gradients of a case. A kink counts: cases keep away from them.
fn check(case: &Case) -> Result<(), String> {
    let graph = Graph::new();
    let built = case.graph(&graph).map_err(|e| e.to_string())?;
    let Some(loss) = built.loss else { return Ok(()) };
    let inputs: Vec<Tensor<'_>> =
        built.gradients.iter().filter_map(|(input, _)| graph.find(&format!("x{input}"))).collect();
    let options = GradientOptions { probes: PROBES, ..GradientOptions::default() };
    let report =
        check_gradients(&graph, loss, &inputs, &case.arrays(), &options).map_err(|e| e.to_string())?;
    let kinks: usize = report.parameters.iter().map(|input| input.kinks).sum();
    if report.passed() && kinks == 0 { Ok(()) } else { Err(report.to_string()) }
}

#[test]
fn gradients_are_those_of_the_references() {
    let failed: Vec<String> =
        wanted().iter().filter_map(|case| check(case).err().map(|e| format!("{}: {e}", case.name))).collect();
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n"));
}
