//! Every operator's gradient against central differences of its reference, in double precision.
//! `CASES=conv` runs the cases whose name starts with `conv`.

use anygrad_graph::{Case, Graph, Interpreter, Precision, Values, ops};

/// Elements of each input that are tried: the first, the last, and some between.
const PROBES: usize = 5;

/// Central differences err by a multiple of STEP^2 and by rounding / STEP.
const STEP: f64 = 1e-5;

/// What is left of that error, relative to the scale of the gradient.
const TOLERANCE: f64 = 2e-6;

fn wanted() -> Vec<Case> {
    let prefix = std::env::var("CASES").unwrap_or_default();
    let cases: Vec<Case> = ops::cases().into_iter().filter(|case| case.name.starts_with(&prefix)).collect();
    assert!(!cases.is_empty(), "no case starts with {prefix:?}");
    cases
}

/// The largest error of a case, with the place where it occurs.
fn check(case: &Case) -> Result<(), String> {
    let graph = Graph::new();
    let built = case.graph(&graph).map_err(|e| e.to_string())?;
    let Some(loss) = built.loss else { return Ok(()) };
    let mut cpu = Interpreter::new(Precision::F64);
    let inputs: Vec<Values> = case.arrays().iter().map(|(_, array)| Values::from_array(array)).collect();
    for (i, values) in inputs.iter().enumerate() {
        cpu.write_values(&format!("x{i}"), values.clone());
    }
    let wrt: Vec<_> = built.gradients.iter().map(|(_, dx)| dx.id()).collect();
    let gradients = cpu.run_values(&graph, &wrt).map_err(|e| e.to_string())?;
    for ((input, _), gradient) in built.gradients.iter().zip(gradients) {
        let count = gradient.data.len();
        let scale = gradient.data.iter().fold(1.0f64, |a, b| a.max(b.abs()));
        for probe in 0..PROBES.min(count) {
            let at = probe * (count - 1) / (PROBES.min(count) - 1).max(1);
            let mut loss_at = |shift: f64| {
                let mut moved = inputs[*input].clone();
                moved.data[at] += shift;
                cpu.write_values(&format!("x{input}"), moved);
                cpu.run_values(&graph, &[loss.id()]).map(|v| v[0].data[0]).map_err(|e| e.to_string())
            };
            let want = (loss_at(STEP)? - loss_at(-STEP)?) / (2.0 * STEP);
            cpu.write_values(&format!("x{input}"), inputs[*input].clone());
            let got = gradient.data[at];
            if (got - want).is_nan() || (got - want).abs() > TOLERANCE * scale.max(want.abs()) {
                return Err(format!("gradient of x{input}[{at}] is {got}, differences give {want}"));
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_are_those_of_the_references() {
    let failed: Vec<String> =
        wanted().iter().filter_map(|case| check(case).err().map(|e| format!("{}: {e}", case.name))).collect();
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n"));
}
