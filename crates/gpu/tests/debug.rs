//! Looking for the first NaN or infinity, on the software adapter (or `ANYGRAD_ADAPTER`) and on the
//! interpreter alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType};
use anygrad_gpu::{Choice, NonFinite, Session};
use anygrad_graph::{Graph, Tensor};
use pollster::block_on;

fn sessions() -> [Session; 2] {
    let choice = Choice::from_env_or(Choice::Software);
    [block_on(Session::open(&choice)).expect("these tests need an adapter"), Session::interpreter()]
}

fn vector(name: &str, numbers: &[f32]) -> (String, Array) {
    (name.to_string(), Array::f32(&[numbers.len()], numbers).unwrap())
}

fn find(
    session: &Session,
    graph: &Graph,
    outputs: &[Tensor<'_>],
    inputs: &[(String, Array)],
) -> Option<NonFinite> {
    block_on(session.find_nonfinite(graph, outputs, inputs)).unwrap()
}

#[test]
fn a_log_of_a_negative_number_deep_in_a_graph() {
    for session in sessions() {
        let graph = Graph::new();
        let x = graph.input("x", &[2, 3], DType::F32);
        let w = graph.state("w", &[3, 2]);
        let hidden = (x.matmul(w) + 1.0).tanh();
        // Two rows of a wide layer, of which one element is below 0.
        let logs = (hidden * 2.0 - 1.0).t().log();
        let line = line!() - 1;
        let y = (logs.exp() + 1.0).sqrt().sum_all();
        let mut program = session.compile(&graph, &[w]).unwrap();
        let weights = Array::f32(&[3, 2], vec![1.0, 0.5, 1.0, 0.5, 1.0, -1.0]).unwrap();
        session.write_state("w", &weights).unwrap();
        let x = Array::f32(&[2, 3], vec![1.0, 1.0, 0.5, 0.25, 0.5, 1.0]).unwrap();
        let found = find(&session, &graph, &[y], &[("x".into(), x.clone())]).unwrap();
        assert_eq!((found.op.as_str(), found.backward, found.result), ("log", false, 0));
        // The second row, second column, transposed.
        assert_eq!((&found.index[..], found.count), (&[1, 1][..], 1));
        assert!(found.value.is_nan());
        assert_eq!(found.line.unwrap().line(), line);
        assert_eq!(found.kernels, if session.is_interpreter() { vec![] } else { vec!["pointwise"] });
        let text = found.to_string();
        let wanted = "log makes NaN at [1, 1] of f32[2, 2], in the forward pass of ";
        assert!(text.starts_with(wanted) && text.contains("debug.rs"), "{text}");
        assert!(text.ends_with("; 1 of 4 elements"), "{text}");
        program.write("x", &x).unwrap();
        program.run().unwrap();
        assert_eq!(block_on(session.read_state("w")).unwrap(), weights);
    }
}

#[test]
fn an_overflow_in_the_backward_pass() {
    for session in sessions() {
        let graph = Graph::new();
        let w = graph.state("w", &[3]);
        // The root of 1e-30 times 1e30 is finite, and the slope of the root times 1e30 is not.
        let root = graph.labelled("root", || w.sqrt());
        let line = line!() - 1;
        let loss = (root * 1e30).sum_all();
        let slope = graph.gradients(loss, &[w])[0];
        graph.update(w, w - slope * 0.1);
        session.compile(&graph, &[loss]).unwrap();
        let start = Array::f32(&[3], vec![1.0, 1e-30, 4.0]).unwrap();
        session.write_state("w", &start).unwrap();
        let found = find(&session, &graph, &[loss], &[]).unwrap();
        assert!(found.backward, "{found}");
        assert_eq!((found.line.unwrap().line(), &found.index[..]), (line, &[1][..]), "{found}");
        assert_eq!((found.value, found.label.as_deref()), (f64::INFINITY, Some("root")));
        assert!(found.to_string().contains("in the backward pass of"), "{found}");
        assert_eq!(block_on(session.read_state("w")).unwrap(), start, "the state was changed");
    }
}

#[test]
fn a_clean_graph_and_its_updates_leave_the_state_alone() {
    for session in sessions() {
        let graph = Graph::new();
        let w = graph.state("w", &[4]);
        let x = graph.input("x", &[4], DType::F32);
        let loss = (w * x - 1.0).square().mean_all();
        let slope = graph.gradients(loss, &[w])[0];
        graph.update(w, w - slope);
        // A state of no program holds zeros.
        assert_eq!(find(&session, &graph, &[loss], &[vector("x", &[1.0, 2.0, 3.0, 4.0])]), None);
        assert!(session.states().is_empty());
        let mut program = session.compile(&graph, &[loss]).unwrap();
        let start = Array::f32(&[4], vec![0.5, -1.0, 2.0, 0.0]).unwrap();
        session.write_state("w", &start).unwrap();
        assert_eq!(find(&session, &graph, &[loss], &[vector("x", &[1.0, 2.0, 3.0, 4.0])]), None);
        assert_eq!(block_on(session.read_state("w")).unwrap(), start);
        // And the program runs as before.
        program.write("x", &Array::f32(&[4], vec![1.0; 4]).unwrap()).unwrap();
        program.run().unwrap();
        assert_ne!(block_on(session.read_state("w")).unwrap(), start);
    }
}

#[test]
fn an_update_that_diverges_is_found() {
    for session in sessions() {
        let graph = Graph::new();
        let w = graph.state("w", &[2]);
        let x = graph.input("x", &[2], DType::F32);
        graph.update(w, w + x * 3e38);
        assert_eq!(find(&session, &graph, &[], &[vector("x", &[0.0, 1.0])]), None);
        let found = find(&session, &graph, &[], &[vector("x", &[0.0, 2.0])]).unwrap();
        assert_eq!((found.op.as_str(), &found.index[..]), ("mul", &[1][..]), "{found}");
    }
}

#[test]
fn what_was_there_before_is_named() {
    for session in sessions() {
        let graph = Graph::new();
        let (w, x) = (graph.state("w", &[2]), graph.input("x", &[2], DType::F32));
        let y = w + x;
        let found = find(&session, &graph, &[y], &[vector("x", &[1.0, f32::NAN])]).unwrap();
        assert_eq!(found.to_string(), "input \"x\" holds NaN at [1] of f32[2]; 1 of 2 elements");
        session.compile(&graph, &[y]).unwrap();
        session.write_state("w", &Array::f32(&[2], vec![f32::INFINITY, 0.0]).unwrap()).unwrap();
        let found = find(&session, &graph, &[y], &[vector("x", &[1.0, 2.0])]).unwrap();
        assert_eq!(found.to_string(), "state \"w\" holds inf at [0] of f32[2]; 1 of 2 elements");
    }
}

#[test]
fn infinities_that_are_meant_are_passed_over() {
    for session in sessions() {
        let graph = Graph::new();
        let x = graph.input("x", &[3], DType::F32);
        let mask = graph.constant(Array::f32(&[3], vec![0.0, f32::NEG_INFINITY, 0.0]).unwrap());
        let y = (x + mask).softmax(-1);
        let inputs = [vector("x", &[1.0, 2.0, 3.0])];
        assert_eq!(find(&session, &graph, &[y], &inputs).unwrap().op, "add");
        assert_eq!(block_on(session.find_nan(&graph, &[y], &inputs)).unwrap(), None);
    }
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    for session in sessions() {
        let graph = Graph::new();
        let x = graph.input("x", &[2], DType::F32);
        let run = |inputs: &[(String, Array)]| {
            block_on(session.find_nonfinite(&graph, &[x + 1.0], inputs)).unwrap_err().to_string()
        };
        assert_eq!(run(&[]), "the input \"x\" was not given");
        assert_eq!(run(&[vector("z", &[1.0])]), "no input is called \"z\"");
        assert_eq!(run(&[vector("x", &[1.0])]), "input \"x\" takes f32[2], f32[1] was written");
    }
}

#[test]
fn what_the_host_stands_in_for_is_looked_at_too() {
    let [session, _] = sessions();
    let session = session.excluding(&["logarithm".to_string()]);
    let graph = Graph::new();
    let x = graph.input("x", &[3], DType::F32);
    let y = (x * 2.0).log().sum_all();
    assert_eq!(find(&session, &graph, &[y], &[vector("x", &[1.0, 2.0, 3.0])]), None);
    let found = find(&session, &graph, &[y], &[vector("x", &[1.0, 2.0, -3.0])]).unwrap();
    assert_eq!((found.op.as_str(), &found.index[..], found.kernels.len()), ("log", &[2][..], 0), "{found}");
}
