//! Which updates are joined into one step, and where their operands stand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::core::{Array, Caps, DType};
use anygrad_graph::ops::{Adam, Sgd, UpdateRule, WeightDecay};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::{Action, Options, Plan, Role, compile, compile_with};

/// Adds a step of a rule to the graph.
fn update<'g>(rule: &dyn UpdateRule, name: &str, gradient: Tensor<'g>, lr: Tensor<'g>) -> Vec<Tensor<'g>> {
    let graph = gradient.graph();
    let w = graph.state(name, &gradient.shape());
    let state: Vec<_> =
        rule.slots().iter().map(|slot| graph.state(&format!("{name}.{slot}"), &w.shape())).collect();
    let next = rule.update(w, gradient, &state, lr, graph.scalar(3.0));
    for (old, new) in [w].into_iter().chain(state).zip(&next) {
        graph.update(old, *new);
    }
    next
}

/// A gradient of its own for each parameter.
fn gradient<'g>(graph: &'g Graph, name: &str, sizes: &[usize]) -> Tensor<'g> {
    graph.input(&format!("{name} in"), sizes, DType::F32) * 2.0
}

fn momentum() -> Sgd {
    Sgd { momentum: 0.9, ..Sgd::default() }
}

/// The names of the states of each pack of parameters, in order.
fn packs(plan: &Plan) -> Vec<Vec<&str>> {
    let name = |slot: usize| match &plan.slots[slot].role {
        Role::State(name) => name.as_str(),
        role => panic!("{role:?} in a pack"),
    };
    let packs = (0..plan.slots.len()).filter(|&slot| matches!(plan.slots[slot].role, Role::Pack));
    let packs = packs.map(|pack| plan.parts_of(pack).into_iter().map(|(slot, _)| name(slot)).collect());
    let packs = packs.filter(|names: &Vec<&str>| names.iter().all(|name| !name.contains('.')));
    packs.collect()
}

/// How often a kernel runs.
fn runs(plan: &Plan, name: &str) -> usize {
    let actions = plan.steps.iter().flat_map(|step| &step.actions);
    actions.filter(|action| matches!(action, Action::Dispatch { kernel, .. } if *kernel == name)).count()
}

/// What must hold of every plan: parts stand apart in their slots at multiples of 256 bytes, memory counts
/// each byte once, and no dispatch reads a part of a slot of which it writes another.
fn check(plan: &Plan) {
    for whole in (0..plan.slots.len()).filter(|&slot| plan.slots[slot].part.is_none()) {
        let mut end = 0;
        for (part, place) in plan.parts_of(whole) {
            // Packs of gradients can follow each other in one slot.
            let follows = place.offset >= end || matches!(plan.slots[whole].role, Role::Working);
            assert!(place.offset.is_multiple_of(256) && follows, "{plan}");
            end = place.offset + plan.slots[part].bytes;
            assert!(end <= plan.slots[whole].bytes, "{plan}");
        }
    }
    for part in plan.slots.iter().filter_map(|slot| slot.part) {
        assert!(plan.slots[part.of].part.is_none());
    }
    let wholes = plan.slots.iter().filter(|slot| slot.part.is_none());
    let bytes: u64 = wholes.map(|slot| slot.bytes).sum();
    let memory = plan.memory();
    assert_eq!(bytes + memory.parameters, memory.total());
    for action in plan.steps.iter().flat_map(|step| &step.actions) {
        let Action::Dispatch { slots, writes, .. } = action else { continue };
        for (i, j) in (0..slots.len()).flat_map(|i| (0..slots.len()).map(move |j| (i, j))) {
            let same = plan.memory_of(slots[i]) == plan.memory_of(slots[j]);
            assert!(!(same && writes[i] && !writes[j]), "{plan}");
        }
    }
}

#[test]
fn updates_of_all_sizes_are_one_dispatch() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    let sizes: [&[usize]; 5] = [&[1], &[], &[3, 5], &[64], &[1000, 3]];
    for (i, sizes) in sizes.into_iter().enumerate() {
        update(&Adam::default(), &format!("w{i}"), gradient(&graph, &format!("w{i}"), sizes), lr);
    }
    let plan = compile(&graph, &[], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(runs(&plan, "adam"), 1, "{plan}");
    assert_eq!(packs(&plan), [["w0", "w1", "w2", "w3", "w4"]]);
    // Four parameters of up to 256 bytes and 12,000 of the last; m and v as well, and the gradients.
    let pack = 4 * 256 + 12_032;
    assert_eq!(plan.memory().states, 3 * pack, "{plan}");
    assert_eq!(plan.memory().working, pack + 16, "the gradients, and the state that is a dummy\n{plan}");

    let alone = Options { pack: false, ..Options::default() };
    let plan = compile_with(&graph, &[], &Caps::baseline(), alone).unwrap();
    check(&plan);
    assert_eq!(runs(&plan, "adam"), 5, "{plan}");
    assert!(packs(&plan).is_empty());
}

#[test]
fn other_settings_are_other_groups() {
    let graph = Graph::new();
    let decays = |decay| Sgd { weight_decay: WeightDecay::Decoupled(decay), ..momentum() };
    let nesterov = Sgd { nesterov: true, ..momentum() };
    let rules = [momentum(), decays(0.1), nesterov, momentum(), decays(0.1), nesterov, decays(0.2)];
    for (i, rule) in rules.iter().enumerate() {
        let name = format!("w{i}");
        // Equal constants are one value; the last rate is another.
        let lr = graph.constant(Array::scalar(0.1));
        update(rule, &name, gradient(&graph, &name, &[i + 1]), lr);
    }
    update(&momentum(), "w7", gradient(&graph, "w7", &[9]), graph.scalar(0.2));
    let plan = compile(&graph, &[], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(packs(&plan), [["w0", "w3"], ["w1", "w4"], ["w2", "w5"]], "{plan}");
    assert_eq!(runs(&plan, "sgd"), 5, "{plan}");
}

#[test]
fn packs_end_at_the_binding_limit() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    for i in 0..10 {
        let name = format!("w{i}");
        // 1,000 bytes, which take 1,024.
        update(&momentum(), &name, gradient(&graph, &name, &[250]), lr);
    }
    let caps = Caps { max_binding_bytes: 4096, ..Caps::baseline() };
    let plan = compile(&graph, &[], &caps).unwrap();
    check(&plan);
    assert_eq!(packs(&plan).iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2], "{plan}");
    assert_eq!(runs(&plan, "sgd"), 3, "{plan}");
}

#[test]
fn large_parameters_and_gradients_from_outside_stay_alone() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    for (name, rows) in [("a", 3), ("large", 1 << 10), ("b", 4)] {
        update(&momentum(), name, gradient(&graph, name, &[rows, 1 << 9]), lr);
    }
    update(&momentum(), "input", graph.input("slope", &[5], DType::F32), lr);
    update(&momentum(), "constant", graph.constant(Array::zeros(graph.scalar(0.0).shape(), DType::F32)), lr);
    let plan = compile(&graph, &[], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(packs(&plan), [["a", "b"]], "{plan}");
}

#[test]
fn one_gradient_of_two_parameters_is_packed_once() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    let shared = gradient(&graph, "shared", &[5]);
    update(&momentum(), "a", shared, lr);
    update(&momentum(), "b", shared, lr);
    update(&momentum(), "c", gradient(&graph, "c", &[7]), lr);
    let plan = compile(&graph, &[], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(packs(&plan), [["a", "c"]], "{plan}");
}

#[test]
fn what_one_step_reads_and_writes_is_not_in_one_pack() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    let a = gradient(&graph, "a", &[6, 6]);
    // A product with the gradient of a, which cannot fuse; c's does not read b's.
    let b = a.matmul(graph.input("x", &[6, 6], DType::F32));
    update(&momentum(), "a", a, lr);
    update(&momentum(), "b", b, lr);
    update(&momentum(), "c", gradient(&graph, "c", &[7]), lr);
    let plan = compile(&graph, &[], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(packs(&plan), [["a", "c"]], "{plan}");
}

#[test]
fn an_update_does_not_pass_what_uses_it() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    let next = update(&momentum(), "a", gradient(&graph, "a", &[4, 4]), lr);
    // The gradient of b needs the new a, so b can only come after it.
    let late = next[0].matmul(graph.input("x", &[4, 4], DType::F32));
    update(&momentum(), "b", late, lr);
    update(&momentum(), "c", gradient(&graph, "c", &[7]), lr);
    let plan = compile(&graph, &[], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(packs(&plan), [["b", "c"]], "{plan}");
}

#[test]
fn old_values_that_are_read_later_keep_their_place() {
    let graph = Graph::new();
    let lr = graph.scalar(0.1);
    let old = graph.state("a", &[5]);
    update(&momentum(), "a", gradient(&graph, "a", &[5]), lr);
    update(&momentum(), "b", gradient(&graph, "b", &[5]), lr);
    update(&momentum(), "c", gradient(&graph, "c", &[7]), lr);
    // Made last, of the old value: a's update is written elsewhere and copied.
    let plan = compile(&graph, &[old * 2.0], &Caps::baseline()).unwrap();
    check(&plan);
    assert_eq!(packs(&plan), [["b", "c"]], "{plan}");
}
