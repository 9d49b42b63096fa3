//! Every case of every operator on a device, forward and backward, against the interpreter in
//! double precision. The device is the software adapter unless `ANYGRAD_ADAPTER` names another;
//! without one the test fails. `CASES=conv` runs the cases whose name starts with `conv`.

use std::collections::HashMap;

use anygrad_core::{Array, Result};
use anygrad_gpu::{ADAPTER_VARIABLE, Choice, Session};
use anygrad_graph::{Case, Graph, Interpreter, Precision, Tolerance, ops};
use anygrad_plan::Options;
use pollster::block_on;

fn open() -> Session {
    let choice = match std::env::var(ADAPTER_VARIABLE) {
        Ok(_) => Choice::from_env(),
        Err(_) => Choice::Software,
    };
    block_on(Session::open(&choice)).expect("this test needs an adapter")
}

fn wanted() -> Vec<Case> {
    let prefix = std::env::var("CASES").unwrap_or_default();
    let cases: Vec<Case> = ops::cases().into_iter().filter(|case| case.name.starts_with(&prefix)).collect();
    assert!(!cases.is_empty(), "no case starts with {prefix:?}");
    cases
}

/// Results and gradients of a case on a device and in the reference, with the kernels that ran.
fn run(
    session: &Session,
    case: &Case,
    options: Options,
) -> Result<(Vec<(Array, Vec<f64>)>, Vec<&'static str>)> {
    let graph = Graph::new();
    let outputs = case.graph(&graph)?.outputs();
    let mut program = session.compile_with(&graph, &outputs, options)?;
    let mut reference = Interpreter::new(Precision::F64);
    for (name, array) in case.arrays() {
        program.write(&name, &array)?;
        reference.write(&name, &array);
    }
    program.run()?;
    let ids: Vec<_> = outputs.iter().map(|t| t.id()).collect();
    let want = reference.run_values(&graph, &ids)?;
    let mut pairs = Vec::new();
    for (i, want) in want.into_iter().enumerate() {
        pairs.push((block_on(program.read(i))?, want.data));
    }
    let kernels = program.plan().map_or(Vec::new(), |plan| plan.kernels());
    Ok((pairs, kernels))
}

fn check(
    session: &Session,
    case: &Case,
    options: Options,
    reached: &mut HashMap<&'static str, usize>,
) -> Result<(), String> {
    let (pairs, kernels) = run(session, case, options).map_err(|e| e.to_string())?;
    for kernel in kernels {
        *reached.entry(kernel).or_default() += 1;
    }
    let results = {
        let graph = Graph::new();
        case.graph(&graph).map_err(|e| e.to_string())?.results.len()
    };
    for (i, (got, want)) in pairs.iter().enumerate() {
        let (what, tolerance): (_, Tolerance) = if i < results {
            (format!("result {i}"), case.tolerance)
        } else {
            (format!("gradient {}", i - results), case.gradient_tolerance)
        };
        if let Some(failure) = tolerance.compare(&got.to_f64(), want) {
            return Err(format!("{what}: {failure}"));
        }
    }
    Ok(())
}

#[test]
fn kernels_agree_with_the_references() {
    let session = open();
    let mut reached = HashMap::new();
    let mut failed = Vec::new();
    for case in wanted() {
        for options in [Options { fuse: true }, Options { fuse: false }] {
            if let Err(error) = check(&session, &case, options, &mut reached) {
                failed.push(format!("{} ({options:?}): {error}", case.name));
            }
        }
    }
    let mut reached: Vec<_> = reached.into_iter().collect();
    reached.sort_unstable();
    println!("kernels and the cases that reach them: {reached:?}");
    assert!(failed.is_empty(), "{} failures:\n{}", failed.len(), failed.join("\n"));
}
