//! Plans go by what was chosen for an operator, where that exists and is permitted.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use anygrad_plan::graph::core::{Caps, Choices, DType, DeviceKind};
use anygrad_plan::graph::{Case, Graph, Tensor, ops};
use anygrad_plan::{Decision, Plan, compile, decisions};

fn software() -> Caps {
    Caps { kind: DeviceKind::Cpu, subgroup: Some((8, 8)), ..Caps::baseline() }
}

/// A GPU without and with subgroups of one size.
fn gpus() -> [Caps; 3] {
    [None, Some((8, 8)), Some((32, 32))].map(|subgroup| Caps {
        kind: DeviceKind::DiscreteGpu,
        subgroup,
        ..Caps::baseline()
    })
}

fn product(graph: &Graph) -> Tensor<'_> {
    graph.input("a", &[96, 512], DType::F32).matmul(graph.input("b", &[512, 160], DType::F32)).relu()
}

fn plan(caps: &Caps) -> Plan {
    let graph = Graph::new();
    compile(&graph, &[product(&graph)], caps).unwrap()
}

fn decision(caps: &Caps) -> Decision {
    let graph = Graph::new();
    let mut decisions = decisions(&graph, &[product(&graph)], caps).unwrap();
    assert_eq!(decisions.len(), 1);
    decisions.remove(0)
}

#[test]
fn a_plan_takes_what_was_chosen() {
    for caps in gpus().into_iter().chain([software()]) {
        let Decision { signature, labels, .. } = decision(&caps);
        assert!((2..=6).contains(&labels.len()), "{labels:?}");
        assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), labels.len(), "{labels:?}");
        for (way, label) in labels.iter().enumerate() {
            let choices: Choices = [(&signature, label)].into_iter().collect();
            let chosen = plan(&Caps { choices, ..caps.clone() }).to_string();
            let kernel = label.split(['[', ' ']).next().unwrap();
            assert!(chosen.contains(kernel), "{label}: {chosen}");
            // The first is what is taken without a choice, and the others are others.
            assert_eq!(chosen == plan(&caps).to_string(), way == 0, "{label}");
        }
    }
}

#[test]
fn what_is_not_known_or_excluded_is_passed_over() {
    let caps = software();
    let Decision { signature, labels, .. } = decision(&caps);
    let chosen = |signature: &str, label: &str, excluded: &[&str]| {
        let choices = [(signature, label)].into_iter().collect();
        let excluded = excluded.iter().map(ToString::to_string).collect();
        plan(&Caps { choices, excluded, ..caps.clone() }).to_string()
    };
    let by_rule = plan(&caps).to_string();
    assert_eq!(chosen(&signature, "matmul_of_yesterday in 3", &[]), by_rule);
    assert_eq!(chosen(&format!("{signature} "), &labels[1], &[]), by_rule);
    let kernel = labels[1].split(['[', ' ']).next().unwrap();
    assert_eq!(chosen(&signature, &labels[1], &[kernel]), by_rule);
    let without = decision(&Caps { excluded: vec![kernel.into()], ..caps.clone() });
    assert!(without.labels.iter().all(|label| !label.contains(kernel)), "{:?}", without.labels);
    // Portable plans are made by rule.
    let choices = [(signature, labels[1].clone())].into_iter().collect();
    assert!(Caps { choices, ..caps }.portable().choices.is_empty());
}

fn cases() -> Vec<Case> {
    // Those of other operators have no ways to choose from, and would take long.
    let names = [
        "matmul",
        "softmax",
        "log_softmax",
        "layer_norm",
        "rms_norm",
        "sum",
        "max",
        "conv",
        "lstm",
        "gru",
        "rnn",
    ];
    let mut cases = ops::cases();
    cases.retain(|case| {
        names.iter().any(|name| case.op().starts_with(name)) || case.op().contains("attention")
    });
    cases
}

#[test]
fn an_operator_alone_decides_as_it_does_in_its_graph() {
    let mut operators = BTreeSet::new();
    for caps in gpus().into_iter().chain([software()]) {
        for case in cases() {
            let graph = Graph::new();
            let outputs = case.graph(&graph).unwrap().outputs();
            for decision in decisions(&graph, &outputs, &caps).unwrap() {
                let alone = Graph::new();
                let outputs = decision.graph(&alone);
                alone.check().unwrap();
                let again = decisions(&alone, &outputs, &caps).unwrap();
                let found = again.iter().find(|again| again.signature == decision.signature);
                let found = found.unwrap_or_else(|| panic!("{}: {again:?}", decision.signature));
                assert_eq!(found.labels, decision.labels, "{}", decision.signature);
                assert!(decision.labels.len() <= 6, "{:?}", decision.labels);
                operators.insert(decision.op.name());
            }
        }
    }
    for name in [
        "matmul",
        "softmax",
        "layer_norm_grad",
        "sum",
        "conv2d",
        "conv2d_weight_grad",
        "lstm",
        "lstm_gradient",
    ] {
        assert!(operators.contains(name), "{operators:?}");
    }
    assert!(operators.iter().any(|name| name.starts_with("attention")), "{operators:?}");
}
