//! What programs hold and what they cost beside their kernels, on the software adapter (or
//! `ANYGRAD_ADAPTER`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Instant;

use anygrad_gpu::{Choice, Device, Program, Session};
use anygrad_graph::Graph;
use anygrad_perf::{Workload, workloads};
use pollster::block_on;

fn open() -> Device {
    block_on(Device::open(&Choice::from_env_or(Choice::Software))).expect("these tests need an adapter")
}

/// Uploads hold staging memory until a submit, and that until the device is done.
fn settle(device: &Device) {
    device.submit(&[]).unwrap();
    device.wait().unwrap();
}

fn compile(device: &Device, workload: &Workload) -> Program {
    let graph = Graph::new();
    let (outputs, _) = workload.graph(&graph).unwrap();
    Session::on(device.clone()).compile(&graph, &outputs).unwrap()
}

#[test]
fn sessions_allocate_what_plans_say() {
    /// What a driver may round a buffer up by.
    const ROUNDING: u64 = 4096;

    let device = open();
    for workload in workloads() {
        settle(&device);
        let before = device.usage().unwrap();
        let program = compile(&device, &workload);
        settle(&device);
        let after = device.usage().unwrap();
        let plan = program.plan().unwrap();
        let planned = plan.memory().total();
        println!("{}: {planned} bytes, {after:?}", workload.name);
        assert_eq!(after.buffers - before.buffers, planned, "{}", workload.name);
        if let (Some(before), Some(after)) = (before.driver, after.driver) {
            let most = planned + (plan.slots.len() as u64 + 1) * ROUNDING;
            let allocated = after - before;
            assert!((planned..=most).contains(&allocated), "{}: {planned} {allocated}", workload.name);
        }
        drop(program);
        device.wait().unwrap();
        assert_eq!(device.allocated(), before.buffers, "{}", workload.name);
    }
}

/// A driver that compiles a kernel again at each dispatch shows here: it takes milliseconds for each.
#[test]
fn dispatches_without_workgroups_cost_next_to_nothing() {
    const LIMIT_US: f64 = 200.0;
    /// What a submit may take beside its dispatches; compiling a kernel takes several times as long.
    const SUBMIT_US: f64 = 1500.0;
    /// Runs until one is not disturbed by what else the machine does.
    const RUNS: usize = 100;

    let device = open();
    for workload in &workloads() {
        let program = compile(&device, workload);
        let dispatches = program.plan().unwrap().dispatches() as f64;
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let start = Instant::now();
            program.warm_up().unwrap();
            fastest = fastest.min((start.elapsed().as_secs_f64() * 1e6 - SUBMIT_US).max(0.0) / dispatches);
            if fastest < LIMIT_US {
                break;
            }
        }
        assert!(fastest < LIMIT_US, "{}: {fastest} us a dispatch", workload.name);
    }
}
