//! Every case of every operator on a device, forward and backward, against the interpreter in
//! double precision, and short trainings. The device is the software adapter unless
//! `ANYGRAD_ADAPTER` names another; without one the tests fail. `CASES=conv` verifies the operators
//! whose name starts with `conv`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use anygrad_core::{Caps, DeviceKind, Result};
use anygrad_gpu::{Choice, Device, Session};
use anygrad_graph::{Graph, ops};
use anygrad_plan::decisions;
use anygrad_plan::graph::shaders;
use anygrad_verify::{Options, Report, certify};
use pollster::block_on;

/// With all of its kernels, whatever was found earlier.
fn open() -> Result<Session> {
    Ok(Session::on(block_on(Device::open(&Choice::from_env_or(Choice::Software)))?))
}

/// The kernels of all ways of all operators that the cases have.
fn offered(caps: &Caps) -> BTreeSet<String> {
    let mut kernels = BTreeSet::new();
    for case in ops::cases() {
        let graph = Graph::new();
        let outputs = case.graph(&graph).unwrap().outputs();
        for decision in decisions(&graph, &outputs, caps).unwrap() {
            let parts = decision.labels.iter().flat_map(|label| label.split(" + "));
            // "50 x lstm_shuffle[..] in 2"
            let names = parts.map(|part| part.split_once(" x ").map_or(part, |(_, one)| one));
            kernels.extend(names.map(|one| one.split(['[', ' ']).next().unwrap().to_owned()));
        }
    }
    kernels
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
        // What a tuner may choose here, or on a GPU, must be among them.
        let gpu = Caps { kind: DeviceKind::DiscreteGpu, subgroup: None, ..Caps::baseline() };
        let offered: BTreeSet<String> = [caps, &gpu].into_iter().flat_map(offered).collect();
        assert!(offered.len() > 20, "{offered:?}");
        let unreached: Vec<_> = offered.iter().filter(|name| !report.kernels.contains_key(*name)).collect();
        assert!(unreached.is_empty(), "a tuner may choose {unreached:?}, which no case reaches");
        println!(
            "{} operators, {} kernels, {} cases, {} trainings",
            report.ops.len(),
            report.kernels.len(),
            report.cases(),
            report.trainings.len()
        );
    }
}
