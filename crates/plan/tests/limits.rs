//! Plans for adapters with small limits: what is larger is cut, or refused before anything runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::core::{Array, Caps, DType, Error};
use anygrad_graph::ops::{Adam, UpdateRule};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::{Action, Plan, compile};

const MIB: u64 = 1 << 20;

fn small_bindings() -> Caps {
    Caps { max_binding_bytes: MIB, ..Caps::baseline() }
}

fn few_bindings(max_storage_buffers: u32) -> Caps {
    Caps { max_storage_buffers, ..Caps::baseline() }
}

/// Slots of each dispatch.
fn bindings(plan: &Plan) -> Vec<usize> {
    let actions = plan.steps.iter().flat_map(|step| &step.actions);
    let slots = actions.filter_map(|action| match action {
        Action::Dispatch { slots, .. } => Some(slots.len()),
        Action::Copy { .. } | Action::Host { .. } => None,
    });
    slots.collect()
}

/// Bytes that each dispatch shows of what it writes, in the order of the plan.
fn written(plan: &Plan) -> Vec<(u64, u64)> {
    let actions = plan.steps.iter().flat_map(|step| &step.actions);
    let windows = actions.filter_map(|action| match action {
        Action::Dispatch { windows, writes, slots, .. } => {
            let at = writes.iter().position(|&writes| writes)?;
            Some(windows[at].map_or((0, plan.slots[slots[at]].bytes), |w| (w.offset, w.bytes)))
        }
        Action::Copy { .. } | Action::Host { .. } => None,
    });
    windows.collect()
}

/// Whether ranges follow each other to the end, none larger than a binding.
fn cover(ranges: &[(u64, u64)], bytes: u64) -> bool {
    let mut next = 0;
    let follow = ranges.iter().all(|&(offset, bytes)| {
        let follows = offset == next && bytes <= MIB && offset % 256 == 0;
        next = offset + bytes;
        follows
    });
    follow && next == bytes.next_multiple_of(16)
}

fn refused(error: &Error, words: &[&str]) {
    let text = error.to_string();
    assert!(error.is_unsupported(), "{text}");
    for word in words.iter().chain(&["limits.rs:"]) {
        assert!(text.contains(word), "{word:?} is missing in: {text}");
    }
}

#[test]
fn chains_are_cut_at_the_binding_limit() {
    // Not a whole number of groups, ranges or words.
    let count = 1_000_003;
    for (dtype, bytes) in [(DType::F32, 4 * count as u64), (DType::F16, 2 * count as u64)] {
        let graph = Graph::new();
        let x = graph.input("x", &[count], dtype);
        let y = (x * 2.0 + 1.0).tanh() + x;
        let plan = compile(&graph, &[y], &small_bindings()).unwrap();
        assert!(cover(&written(&plan), bytes), "{dtype}: {:?}", written(&plan));
        assert_eq!(plan.dispatches() as u64, bytes.div_ceil(MIB - MIB / 256), "{plan}");
    }
}

#[test]
fn rows_are_cut_at_the_binding_limit() {
    let expressions: [for<'g> fn(Tensor<'g>) -> Tensor<'g>; 3] = [
        |x| x.softmax(-1),
        |x| x.log_softmax(-1),
        |x| x.matmul(x.graph().input("w", &[250, 260], DType::F32)),
    ];
    for build in expressions {
        let graph = Graph::new();
        let y = build(graph.input("x", &[3000, 250], DType::F32));
        let plan = compile(&graph, &[y], &small_bindings()).unwrap();
        assert!(cover(&written(&plan), y.meta().bytes()), "{plan}");
    }
    let graph = Graph::new();
    let y = graph.input("x", &[3000, 250], DType::F32).sum(&[1], false);
    assert!(compile(&graph, &[y], &small_bindings()).unwrap().dispatches() >= 3);
}

#[test]
fn what_cannot_be_cut_is_refused_with_numbers() {
    let graph = Graph::new();
    let x = graph.input("x", &[30, 1000], DType::F32);
    let w = graph.input("w", &[1000, 500], DType::F32);
    let error = compile(&graph, &[x.matmul(w)], &small_bindings()).unwrap_err();
    refused(&error, &["matmul", "2000000 bytes", "1048576"]);

    let graph = Graph::new();
    let x = graph.input("x", &[600, 600], DType::F32);
    let error = compile(&graph, &[x.t() + 1.0], &small_bindings()).unwrap_err();
    refused(&error, &["add", "1440000 bytes", "1048576"]);

    let graph = Graph::new();
    let x = graph.input("x", &[1 << 20], DType::F32);
    let caps = Caps { max_buffer_bytes: 2 * MIB, ..small_bindings() };
    let error = compile(&graph, &[x + 1.0], &caps).unwrap_err();
    refused(&error, &["add", "f32[1048576]", "4194304 bytes", "2097152"]);
}

#[test]
fn chains_of_many_inputs_are_cut_at_the_number_of_bindings() {
    for most in [4, 8] {
        let graph = Graph::new();
        let x: Vec<_> = (0..12).map(|i| graph.input(&format!("x{i}"), &[100], DType::F32)).collect();
        let chain = x.iter().skip(1).fold(x[0], |sum, x| sum * 0.5 + *x);
        let plan = compile(&graph, &[chain], &few_bindings(most)).unwrap();
        assert!(bindings(&plan).iter().all(|&n| n <= most as usize), "{plan}");
        assert!(bindings(&plan).contains(&(most as usize)), "{plan}");
        // Each dispatch but the first reads one result and `most - 2` inputs.
        assert_eq!(plan.dispatches(), 11usize.div_ceil(most as usize - 2), "{plan}");
        // The function with the most operands has three.
        let chosen = x[0].gt(x[1]).select(x[2], x[3]);
        let plan = compile(&graph, &[chosen], &few_bindings(most)).unwrap();
        assert!(bindings(&plan).iter().all(|&n| n <= most as usize), "{plan}");
    }
}

#[test]
fn any_number_of_tensors_is_concatenated() {
    let graph = Graph::new();
    let x: Vec<_> = (0..20).map(|i| graph.input(&format!("x{i}"), &[3, 2], DType::F32)).collect();
    let plan = compile(&graph, &[graph.concat(&x, 1)], &few_bindings(4)).unwrap();
    assert!(bindings(&plan).iter().all(|&n| n == 2), "{plan}");
}

#[test]
fn a_kernel_with_too_many_operands_is_refused() {
    let graph = Graph::new();
    let [w, m, v] = ["w", "m", "v"].map(|name| graph.state(name, &[10]));
    let (slope, lr) = (graph.input("slope", &[10], DType::F32), graph.scalar(0.1));
    let next = Adam::default().update(w, slope, &[m, v], lr, graph.scalar(1.0));
    let error = compile(&graph, &next, &few_bindings(4)).unwrap_err();
    refused(&error, &["adam", "binds 7 storage buffers, the adapter binds 4"]);
    compile(&graph, &next, &few_bindings(8)).unwrap();
}

#[test]
fn more_axes_than_eight_are_refused() {
    let graph = Graph::new();
    graph.input("x", &[1; 9], DType::F32);
    let error = graph.check().unwrap_err();
    assert!(error.is_shape());
    assert!(error.to_string().contains("has 9 axes, at most 8"), "{error}");
    let graph = Graph::new();
    let x = graph.constant(Array::scalar(1.0)).broadcast_to(&[1; 8]);
    graph.check().unwrap();
    x.unsqueeze(0);
    assert!(graph.check().unwrap_err().to_string().contains("has 9 axes, at most 8"));
}
