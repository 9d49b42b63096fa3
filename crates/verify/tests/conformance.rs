//! Every case of every operator on a device, forward and backward, against the interpreter in
//! double precision. The device is the software adapter unless `ANYGRAD_ADAPTER` names another;
//! without one the tests fail. `CASES=conv` verifies the operators whose name starts with `conv`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_gpu::{Choice, Session};
use anygrad_plan::{Action, Plan, graph::shaders};
use anygrad_verify::ops::{Options, Report, verify};
use pollster::block_on;

fn open() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("these tests need an adapter")
}

fn failures(report: &Report) -> Vec<&String> {
    report.ops.iter().flat_map(|op| &op.failures).collect()
}

#[test]
fn kernels_agree_with_the_references() {
    let ops: Vec<String> = std::env::var("CASES").into_iter().collect();
    let session = open();
    let report =
        block_on(verify(&session, &Options { ops: &ops, ..Options::default() }, &mut |_, _, _| {})).unwrap();
    let failures = failures(&report);
    assert!(failures.is_empty(), "{} failures:\n{failures:#?}", failures.len());
    assert!(report.cases() > 0 && report.passed());
    if ops.is_empty() {
        // Those for subgroups are chosen on software adapters with eight lanes, as most have.
        let caps = session.caps();
        let has_eight_lanes = caps.is_cpu() && caps.fixed_subgroup() == Some(8);
        let unreached: Vec<_> = shaders::KERNELS
            .iter()
            .filter(|kernel| has_eight_lanes || !kernel.subgroups)
            .map(|kernel| kernel.name)
            .filter(|name| !report.kernels.contains_key(*name))
            .collect();
        assert!(unreached.is_empty(), "no case reaches {unreached:?} on this adapter");
    }
}

#[test]
fn a_broken_kernel_is_found() {
    let broken = |plan: &mut Plan| {
        for action in plan.steps.iter_mut().flat_map(|step| &mut step.actions) {
            if let Action::Dispatch { kernel, wgsl, .. } = action
                && kernel.starts_with("reduce")
            {
                *wgsl = wgsl.replace("return result + term", "return result + term * 1.001").into();
            }
        }
    };
    let ops = ["sum".to_owned(), "max".to_owned()];
    let options = Options { ops: &ops, change: &broken, ..Options::default() };
    let report = block_on(verify(&open(), &options, &mut |_, _, _| {})).unwrap();
    assert!(!report.passed());
    let sum = report.ops.iter().find(|op| op.op == "sum").unwrap();
    assert!(sum.forward > 1.0 && sum.failures.len() > 10, "{sum:?}");
}
