//! Tuning on the software adapter (or `ANYGRAD_ADAPTER`): what is wrong is not chosen, what was found is
//! remembered, and no more is compiled than allowed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use anygrad_core::{Array, DType};
use anygrad_gpu::{Choice, Device, Session, TuneOptions, Tuned};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::{Action, Plan};
use pollster::block_on;

fn open() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    Session::on(block_on(Device::open(&choice)).expect("these tests need an adapter"))
}

fn model(graph: &Graph) -> Tensor<'_> {
    let x = graph.input("x", &[48, 256], DType::F32);
    let hidden = x.matmul(graph.state("w0", &[256, 64])).softmax(-1);
    hidden.matmul(graph.state("w1", &[64, 64])).sum(&[0], false)
}

fn quick() -> TuneOptions {
    TuneOptions { time: Duration::from_millis(5), rounds: 2, ..TuneOptions::default() }
}

fn plan(session: &Session) -> String {
    let graph = Graph::new();
    session.compile(&graph, &[model(&graph)]).unwrap().plan().unwrap().to_string()
}

fn kernel(label: &str) -> String {
    label.split(['[', ' ']).next().unwrap().to_owned()
}

#[test]
fn what_was_found_is_taken_from_then_on_and_remembered() {
    let session = open();
    let graph = Graph::new();
    let report = block_on(session.tune_with(&graph, &[model(&graph)], quick())).unwrap();
    assert!(report.operators.len() >= 3 && report.kernels > report.operators.len(), "{report:#?}");
    assert!(report.compiling > 0.0 && report.compiling < report.seconds);
    for operator in &report.operators {
        assert!(operator.chosen.is_some() && operator.ratio() >= 1.0, "{operator:?}");
        assert!(operator.ways.iter().all(|way| way.finding.is_none()), "{operator:?}");
    }
    assert_eq!(session.choices(), report.choices());
    assert!(session.states().is_empty(), "tuning leaves no state behind");

    // Another session takes the same, from the file, and has nothing left to measure.
    let folder = tempfile::tempdir().unwrap();
    Tuned::new(session.caps(), &session.choices()).save_to(folder.path(), session.caps()).unwrap();
    let second = open();
    second.choose(Tuned::load_from(folder.path(), second.caps()).unwrap().unwrap().choices());
    assert_eq!(plan(&second), plan(&session));
    let graph = Graph::new();
    let again = block_on(second.tune_with(&graph, &[model(&graph)], quick())).unwrap();
    assert_eq!((again.known, again.operators.len(), again.kernels), (report.operators.len(), 0, 0));
}

#[test]
fn a_choice_changes_the_plan_and_not_the_numbers_and_only_what_is_compiled_later() {
    let session = open();
    let graph = Graph::new();
    let report = block_on(session.tune_with(&graph, &[model(&graph)], quick())).unwrap();
    session.choose([("", ""); 0].into_iter().collect());
    let x = Array::f32(
        &[48, 256],
        (0..48 * 256).map(|i| ((i * 31 % 97) as f32 - 48.0) / 97.0).collect::<Vec<_>>(),
    );
    let w0 = Array::f32(
        &[256, 64],
        (0..256 * 64).map(|i| ((i * 17 % 89) as f32 - 44.0) / 89.0).collect::<Vec<_>>(),
    );
    let w1 =
        Array::f32(&[64, 64], (0..64 * 64).map(|i| ((i * 13 % 83) as f32 - 41.0) / 83.0).collect::<Vec<_>>());
    let graph = Graph::new();
    let y = model(&graph);
    let mut by_rule = session.compile(&graph, &[y]).unwrap();
    session.write_state("w0", &w0.unwrap()).unwrap();
    session.write_state("w1", &w1.unwrap()).unwrap();
    let text = by_rule.plan().unwrap().to_string();
    let x = x.unwrap();
    by_rule.write("x", &x).unwrap();
    by_rule.run().unwrap();
    let want = block_on(by_rule.read(0)).unwrap().to_f64();
    for operator in report.operators {
        for way in &operator.ways[1..] {
            session.choose([(&operator.signature, &way.label)].into_iter().collect());
            let mut other = session.compile(&graph, &[y]).unwrap();
            assert!(other.plan().unwrap().kernels().contains(&kernel(&way.label).as_str()), "{}", way.label);
            assert_ne!(other.plan().unwrap().to_string(), text, "{}", way.label);
            other.write("x", &x).unwrap();
            other.run().unwrap();
            for (got, want) in block_on(other.read(0)).unwrap().to_f64().iter().zip(&want) {
                assert!((got - want).abs() < 1e-5, "{}: {got} {want}", way.label);
            }
        }
    }
    assert_eq!(by_rule.plan().unwrap().to_string(), text);
}

#[test]
fn a_way_that_is_wrong_is_named_and_not_chosen_however_fast() {
    let graph = Graph::new();
    let report = block_on(open().tune_with(&graph, &[model(&graph)], quick())).unwrap();
    let label = |way: usize| report.operators[0].ways[way].label.clone();
    let broken = (0..report.operators[0].ways.len()).map(label).find(|l| kernel(l) != kernel(&label(0)));
    let broken = kernel(&broken.expect("another kernel"));
    // Nothing is faster than a kernel that does nothing.
    let name = broken.clone();
    let session = open().with_fault(move |plan: &mut Plan| {
        for action in plan.steps.iter_mut().flat_map(|step| &mut step.actions) {
            if let Action::Dispatch { kernel, workgroups, .. } = action
                && *kernel == name
            {
                *workgroups = [0; 3];
            }
        }
    });
    let report = block_on(session.tune_with(&graph, &[model(&graph)], quick())).unwrap();
    let mut found = 0;
    for operator in &report.operators {
        let default_is_broken = kernel(&operator.ways[0].label) == broken;
        for (place, way) in operator.ways.iter().enumerate() {
            if kernel(&way.label) == broken && !default_is_broken {
                found += 1;
                assert!(way.finding.as_ref().unwrap().contains("elements are off"), "{way:?}");
                assert_ne!(operator.chosen, Some(place), "{operator:?}");
            }
        }
    }
    assert!(found > 0, "{report:#?}");
}

#[test]
fn no_more_kernels_are_compiled_than_allowed() {
    for most_kernels in [0, 1, 4] {
        let session = open();
        let graph = Graph::new();
        let options = TuneOptions { most_kernels, ..quick() };
        let report = block_on(session.tune_with(&graph, &[model(&graph)], options)).unwrap();
        assert!(report.kernels <= most_kernels && report.left_out > 0, "{report:#?}");
        // The first has the most arithmetic.
        assert_eq!(report.operators[0].name, "matmul");
        assert!(report.operators[0].shapes.contains("f32[48, 256]"), "{report:#?}");
    }
}

#[test]
fn what_is_excluded_is_not_measured() {
    let graph = Graph::new();
    let report = block_on(open().tune_with(&graph, &[model(&graph)], quick())).unwrap();
    let ways = &report.operators[0].ways;
    let excluded =
        ways.iter().map(|way| kernel(&way.label)).find(|name| *name != kernel(&ways[0].label)).unwrap();
    let session = open().excluding(std::slice::from_ref(&excluded));
    let report = block_on(session.tune_with(&graph, &[model(&graph)], quick())).unwrap();
    let labels: Vec<_> =
        report.operators.iter().flat_map(|operator| &operator.ways).map(|way| &way.label).collect();
    assert!(labels.len() > 2 && labels.iter().all(|label| !label.contains(&excluded)), "{labels:?}");
}

#[test]
fn the_interpreter_has_nothing_to_tune() {
    let graph = Graph::new();
    let report = block_on(Session::interpreter().tune_with(&graph, &[model(&graph)], quick())).unwrap();
    assert!(report.operators.is_empty() && report.kernels == 0);
}
