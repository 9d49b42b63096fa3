//! Sessions: state, updates, inputs and outputs, on the software adapter (or `ANYGRAD_ADAPTER`) and
//! on the interpreter alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType};
use anygrad_gpu::{Choice, Program, Session};
use anygrad_graph::Graph;
use pollster::block_on;

fn sessions() -> [Session; 2] {
    let choice = Choice::from_env_or(Choice::Software);
    [block_on(Session::open(&choice)).expect("these tests need an adapter"), Session::interpreter()]
}

fn numbers(program: &Program, output: usize) -> Vec<f32> {
    block_on(program.read(output)).unwrap().as_f32().unwrap().to_vec()
}

fn state(session: &Session, name: &str) -> Vec<f32> {
    block_on(session.read_state(name)).unwrap().as_f32().unwrap().to_vec()
}

#[test]
fn state_is_kept_and_updated_once_a_run() {
    for session in sessions() {
        let graph = Graph::new();
        let w = graph.state("w", &[3]);
        let x = graph.input("x", &[3], DType::F32);
        let y = w * x;
        graph.update(w, w + x);
        let mut program = session.compile(&graph, &[y]).unwrap();
        program.write("x", &Array::f32(&[3], vec![1.0, 2.0, 3.0]).unwrap()).unwrap();
        for _ in 0..3 {
            program.run().unwrap();
        }
        assert_eq!(numbers(&program, 0), [2.0, 8.0, 18.0]);
        assert_eq!(state(&session, "w"), [3.0, 6.0, 9.0]);
        session.write_state("w", &Array::f32(&[3], vec![0.5; 3]).unwrap()).unwrap();
        program.run().unwrap();
        assert_eq!(numbers(&program, 0), [0.5, 1.0, 1.5]);
    }
}

#[test]
fn outputs_have_the_shapes_of_the_graph() {
    for session in sessions() {
        let graph = Graph::new();
        let x = graph.input("x", &[2, 3], DType::F32);
        let y = x * 2.0;
        // All but the first are views of what an operator wrote.
        let outputs = [y, y.reshape(&[6]), y.unsqueeze(0), y.sum(&[1], false), x.reshape(&[3, 2])];
        let mut program = session.compile(&graph, &outputs).unwrap();
        program.write("x", &Array::f32(&[2, 3], vec![1.0; 6]).unwrap()).unwrap();
        program.run().unwrap();
        for (place, output) in outputs.iter().enumerate() {
            assert_eq!(block_on(program.read(place)).unwrap().shape(), output.shape(), "output {place}");
        }
    }
}

#[test]
fn updates_read_the_values_from_before_the_run() {
    for session in sessions() {
        let graph = Graph::new();
        let (a, b, c) = (graph.state("a", &[2]), graph.state("b", &[2]), graph.state("c", &[2]));
        // a and b change places; c takes a transposed sum that reads all of them.
        graph.update(a, b);
        graph.update(b, a);
        graph.update(c, (a.reshape(&[2, 1]) + b.reshape(&[1, 2])).t().sum(&[0], false) + c);
        let mut program = session.compile(&graph, &[a, c]).unwrap();
        session.write_state("a", &Array::f32(&[2], vec![1.0, 2.0]).unwrap()).unwrap();
        session.write_state("b", &Array::f32(&[2], vec![10.0, 20.0]).unwrap()).unwrap();
        program.run().unwrap();
        assert_eq!(numbers(&program, 0), [1.0, 2.0], "an output shows the state before the update");
        assert_eq!(numbers(&program, 1), [0.0, 0.0]);
        assert_eq!(state(&session, "a"), [10.0, 20.0]);
        assert_eq!(state(&session, "b"), [1.0, 2.0]);
        assert_eq!(state(&session, "c"), [32.0, 34.0]);
    }
}

#[test]
fn an_update_in_place_waits_for_the_last_reader() {
    for session in sessions() {
        let graph = Graph::new();
        let w = graph.state("w", &[2, 2]);
        let next = w + 1.0;
        graph.update(w, next);
        // Made after the next value, but reads the old one.
        let late = w.t() * next;
        let mut program = session.compile(&graph, &[late]).unwrap();
        session.write_state("w", &Array::f32(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap()).unwrap();
        program.run().unwrap();
        assert_eq!(numbers(&program, 0), [2.0, 9.0, 8.0, 20.0]);
        assert_eq!(state(&session, "w"), [2.0, 3.0, 4.0, 5.0]);
    }
}

#[test]
fn programs_of_a_session_share_state() {
    for session in sessions() {
        let train = Graph::new();
        let step = train.state_of("step", &[], DType::U32);
        train.update(step, step + train.constant(Array::u32(&[], vec![1]).unwrap()));
        let mut train = session.compile(&train, &[]).unwrap();
        let show = Graph::new();
        let shown = show.state_of("step", &[], DType::U32).cast(DType::F32) * 2.0;
        let mut show = session.compile(&show, &[shown]).unwrap();
        train.run().unwrap();
        train.run().unwrap();
        show.run().unwrap();
        assert_eq!(numbers(&show, 0), [4.0]);
        let other = Graph::new();
        let wrong = other.state("step", &[7]);
        assert!(session.compile(&other, &[wrong]).err().unwrap().is_shape());
    }
}

#[test]
fn outputs_can_be_views_inputs_and_constants() {
    for session in sessions() {
        let graph = Graph::new();
        let x = graph.input("x", &[2, 3], DType::F32);
        let constant = graph.constant(Array::f32(&[2], vec![5.0, 6.0]).unwrap());
        let mut program = session.compile(&graph, &[x, x.t(), constant, x.zeros_like(), x]).unwrap();
        program.write("x", &Array::f32(&[2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()).unwrap();
        program.run().unwrap();
        assert_eq!(numbers(&program, 0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(numbers(&program, 1), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(numbers(&program, 2), [5.0, 6.0]);
        assert_eq!(numbers(&program, 3), [0.0; 6]);
        assert_eq!(numbers(&program, 4), numbers(&program, 0));
    }
}

#[test]
fn what_is_missing_or_wrong_is_said() {
    for session in sessions() {
        let graph = Graph::new();
        let x = graph.input("x", &[2], DType::F32);
        let mut program = session.compile(&graph, &[x + 1.0]).unwrap();
        assert!(block_on(program.read(0)).unwrap_err().is_input());
        assert_eq!(program.run().unwrap_err().to_string(), "the input \"x\" was not written");
        let error = program.write("x", &Array::f32(&[3], vec![0.0; 3]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "input \"x\" takes f32[2], f32[3] was written");
        assert!(program.write("y", &Array::scalar(1.0)).unwrap_err().is_input());
        assert!(session.write_state("w", &Array::scalar(1.0)).unwrap_err().is_input());
        assert!(block_on(session.read_state("w")).unwrap_err().is_input());

        let graph = Graph::new();
        let x = graph.input("x", &[2, 3], DType::F32);
        let y = x + graph.input("z", &[4], DType::F32);
        let error = session.compile(&graph, &[y]).err().unwrap();
        assert!(error.is_shape() && error.to_string().contains("session.rs:"), "{error}");
    }
}

#[test]
fn a_graph_that_does_not_compile_leaves_no_state_behind() {
    let [session, _] = sessions();
    let graph = Graph::new();
    let rows = (session.caps().max_binding_bytes >> 20) as usize + 1;
    let large = graph.state("w", &[rows, 1 << 18]);
    // Element by element it would be cut into ranges; transposed it cannot.
    assert!(session.compile(&graph, &[large.t() + 1.0]).err().unwrap().is_unsupported());
    let graph = Graph::new();
    let small = graph.state("w", &[2]);
    session.compile(&graph, &[small + 1.0]).unwrap();
}

#[test]
fn a_value_too_large_for_the_adapter_is_refused_before_anything_runs() {
    let [session, _] = sessions();
    let limit = session.caps().max_binding_bytes;
    let graph = Graph::new();
    let rows = (limit / (1 << 20)) as usize + 1;
    let x = graph.input("x", &[rows, 1], DType::F32).broadcast_to(&[rows, 1 << 18]);
    let y = (x + 1.0).sum(&[0], false);
    let Err(error) = session.compile(&graph, &[y]) else { panic!("{limit} bytes are too many") };
    let text = error.to_string();
    assert!(
        error.is_unsupported() && text.contains(&limit.to_string()) && text.contains("session.rs:"),
        "{text}"
    );
}
