//! Every case of every operator on a device, forward and backward, against the interpreter in
//! double precision, and short trainings. The device is the software adapter unless
//! `ANYGRAD_ADAPTER` names another; without one the tests fail. `CASES=conv` verifies the operators
//! whose name starts with `conv`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::Result;
use anygrad_gpu::{Choice, Device, Session};
use anygrad_plan::graph::shaders;
use anygrad_verify::{Options, Report, certify};
use pollster::block_on;

/// With all of its kernels, whatever was found earlier.
fn open() -> Result<Session> {
    Ok(Session::on(block_on(Device::open(&Choice::from_env_or(Choice::Software)))?))
}

#[test]
fn kernels_agree_with_the_references() {
    let ops: Vec<String> = std::env::var("CASES").into_iter().collect();
    let options = Options { ops: ops.clone(), jobs: 2, ..Options::default() };
    let report: Report = certify(&open, &options, &|_| {}).unwrap();
    let failures: Vec<String> = report.failures().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} failures:\n{failures:#?}", failures.len());
    assert!(report.cases() > 0 && report.passed() && report.excluded.is_empty());
    if ops.is_empty() {
        // Those for subgroups are chosen on software adapters with eight lanes, as most have.
        let session = open().unwrap();
        let caps = session.caps();
        let has_eight_lanes = caps.is_cpu() && caps.fixed_subgroup() == Some(8);
        let unreached: Vec<_> = shaders::KERNELS
            .iter()
            .filter(|kernel| has_eight_lanes || !kernel.subgroups)
            .map(|kernel| kernel.name)
            .filter(|name| !report.kernels.contains_key(*name))
            .collect();
        assert!(unreached.is_empty(), "no case reaches {unreached:?} on this adapter");
        println!(
            "{} operators, {} kernels, {} cases, {} trainings",
            report.ops.len(),
            report.kernels.len(),
            report.cases(),
            report.trainings.len()
        );
    }
}
