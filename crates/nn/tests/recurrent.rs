//! Recurrent layers with their options against the same made of operators.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType, Random};
use anygrad_gpu::Session;
use anygrad_graph::ops::{Activation, Recurrent, RecurrentCell};
use anygrad_graph::{Graph, Interpreter, Precision, Tensor};
use anygrad_nn::{
    Dense, Gru, Loss, Lstm, Merge, Mode, RecurrentArguments, RecurrentState, Scope, Sequential, Sgd,
    SimpleRnn, Trainer,
};
use pollster::block_on;

const SEED: u64 = 3;
const BATCH: usize = 2;
const TIME: usize = 4;
const FEATURES: usize = 3;
const UNITS: usize = 5;

fn numbers(seed: u64, sizes: &[usize]) -> Array {
    let mut random = Random::stream(seed, 9);
    let count: usize = sizes.iter().product();
    Array::f32(sizes, (0..count).map(|_| random.between(-1.0, 1.0) as f32).collect::<Vec<_>>()).unwrap()
}

fn input(graph: &Graph) -> Tensor<'_> {
    graph.constant(numbers(1, &[BATCH, TIME, FEATURES]))
}

/// The results, with parameters as the scope starts them.
fn run(scope: &Scope<'_>, outputs: &[Tensor<'_>]) -> Vec<Vec<f64>> {
    let mut cpu = Interpreter::new(Precision::F64);
    for p in scope.parameters() {
        cpu.write(&p.name, &p.init.array(SEED, &p.name, p.shape));
    }
    cpu.run(scope.graph(), outputs).unwrap().iter().map(Array::to_f64).collect()
}

fn assert_close(got: &[f64], want: &[f64], what: &str) {
    let is_close = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(is_close, "{what}: {got:?}, wanted {want:?}");
}

/// The layer of these parameters, from operators.
fn by_hand<'g>(graph: &'g Graph, cell: RecurrentCell, path: &str, layer: &str) -> Recurrent<'g> {
    let parameter = |name: &str| graph.find(&format!("{path}.{name}{layer}"));
    Recurrent::new(cell, parameter("kernel").unwrap(), parameter("recurrent_kernel").unwrap())
        .bias(parameter("bias"))
        .peepholes(parameter("peepholes"))
}

fn merged<'g>(merge: Merge, a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
    match merge {
        Merge::Concat => a.graph().concat(&[a, b], -1),
        Merge::Sum => a + b,
        Merge::Mul => a * b,
        Merge::Average => (a + b) * 0.5,
    }
}

#[test]
fn both_directions_merge_as_they_are_told() {
    let cell = RecurrentCell::Gru { reset_after: true };
    for merge in [Merge::Concat, Merge::Sum, Merge::Mul, Merge::Average] {
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Evaluate, SEED);
        let x = input(&graph);
        let layer = Gru::new(UNITS).merge(merge);
        let mut outputs = Vec::new();
        for (name, return_sequences) in [("sequences", true), ("last", false)] {
            let layer = layer.clone().return_sequences(return_sequences).named(name);
            outputs.push(scope.layer(&layer, x));
            let forwards = x.recurrent(&by_hand(&graph, cell, name, ""));
            let backwards = x.flip(&[1]).recurrent(&by_hand(&graph, cell, &format!("{name}.backward"), ""));
            outputs.push(match return_sequences {
                true => merged(merge, forwards.sequence, backwards.sequence.flip(&[1])),
                false => merged(merge, forwards.hidden, backwards.hidden),
            });
        }
        let got = run(&scope, &outputs);
        assert_close(&got[0], &got[1], &format!("{merge:?} of the sequences"));
        assert_close(&got[2], &got[3], &format!("{merge:?} of the last states"));
    }
}

#[test]
fn layers_both_ways_stand_on_what_both_ways_gave() {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Evaluate, SEED);
    let x = input(&graph);
    let lengths = graph.constant(Array::i32(&[BATCH], vec![4, 2]).unwrap());
    let initial: Vec<_> = (0..4)
        .map(|i| RecurrentState {
            hidden: graph.constant(numbers(10 + i, &[BATCH, UNITS])),
            cell: Some(graph.constant(numbers(20 + i, &[BATCH, UNITS]))),
        })
        .collect();
    let layer = Lstm::new(UNITS).num_layers(2).bidirectional().peepholes(true).return_sequences(true);
    let given = RecurrentArguments { lengths: Some(lengths), initial: initial.clone() };
    let got = layer.run(&mut scope, x, &given);
    assert_eq!(got.states.len(), 4);
    let mut outputs = vec![got.output];
    outputs.extend(got.states.iter().flat_map(|state| [state.hidden, state.cell.unwrap()]));

    let (mut input, mut states) = (x, Vec::new());
    for (layer, suffix) in ["", "_1"].into_iter().enumerate() {
        let mut both = Vec::new();
        for (direction, path) in ["lstm", "lstm.backward"].into_iter().enumerate() {
            let state = initial[2 * layer + direction];
            let weights = by_hand(&graph, RecurrentCell::Lstm, path, suffix).lengths(lengths);
            let weights = weights.initial(state.hidden).initial_cell(state.cell);
            let y = input.recurrent(&weights.go_backwards(direction == 1));
            let turned = if direction == 1 { y.sequence.reverse_sequence(lengths) } else { y.sequence };
            both.push(turned);
            states.extend([y.hidden, y.cell.unwrap()]);
        }
        input = graph.concat(&both, -1);
    }
    outputs.push(input);
    outputs.extend(states);
    let values = run(&scope, &outputs);
    let (got, want) = values.split_at(9);
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert_close(got, want, &format!("output {i}"));
    }
    // Row 1 has two steps.
    assert!(got[0][(TIME + 2) * 2 * UNITS..].iter().all(|&y| y == 0.0), "{:?}", got[0]);
}

#[test]
fn going_backwards_turns_the_input_around_once() {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Evaluate, SEED);
    let x = input(&graph);
    let layer = SimpleRnn::new(UNITS).num_layers(2).return_sequences(true);
    let got = scope.layer(&layer.clone().go_backwards(true).named("one"), x);
    let cell = RecurrentCell::Rnn(Activation::Tanh);
    let first = x.flip(&[1]).recurrent(&by_hand(&graph, cell, "one", "")).sequence;
    let want = first.recurrent(&by_hand(&graph, cell, "one", "_1")).sequence;
    let values = run(&scope, &[got, want]);
    assert_close(&values[0], &values[1], "backwards");
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let refused = |layer: &Gru, states: usize| {
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Evaluate, SEED);
        let state = RecurrentState { hidden: graph.constant(numbers(1, &[BATCH, UNITS])), cell: None };
        let given = RecurrentArguments { lengths: None, initial: vec![state; states] };
        assert!(layer.run(&mut scope, input(&graph), &given).output.is_poison());
        graph.check().unwrap_err().to_string()
    };
    let error = refused(&Gru::new(UNITS).bidirectional(), 1);
    assert!(error.contains("1 initial states for 2"), "{error}");
    let error = refused(&Gru::new(UNITS).stateful(true), 1);
    assert!(error.contains("stateful"), "{error}");
}

/// A sequence in two batches is that of one, until the states are reset.
#[test]
fn a_stateful_layer_goes_on_where_it_stopped() {
    let model = |stateful: bool| {
        Sequential::new().add(Lstm::new(UNITS).num_layers(2).stateful(stateful).return_sequences(true))
    };
    let new = |stateful: bool| {
        Trainer::new(Session::interpreter(), model(stateful), Loss::mse(), Sgd::new(0.1)).seed(SEED)
    };
    let x = numbers(1, &[BATCH, TIME, FEATURES]);
    let half = |first: usize| {
        let numbers = x.as_f32().unwrap();
        let row = |row: usize| &numbers[(row * TIME + first) * FEATURES..][..TIME / 2 * FEATURES];
        Array::f32(&[BATCH, TIME / 2, FEATURES], (0..BATCH).flat_map(row).copied().collect::<Vec<_>>())
            .unwrap()
    };
    let mut whole = new(false);
    let want = block_on(whole.predict(&x, BATCH)).unwrap();
    let rows = |want: &Array, first: usize| -> Vec<f64> {
        let numbers = want.to_f64();
        let row = |row: usize| numbers[(row * TIME + first) * UNITS..][..TIME / 2 * UNITS].to_vec();
        (0..BATCH).flat_map(row).collect()
    };
    let mut parts = new(true);
    parts.build(&[TIME / 2, FEATURES], DType::F32).unwrap();
    for _ in 0..2 {
        for first in [0, TIME / 2] {
            let got = block_on(parts.predict(&half(first), BATCH)).unwrap();
            assert_close(&got.to_f64(), &rows(&want, first), &format!("from step {first}"));
        }
        let went_on = block_on(parts.predict(&half(0), BATCH)).unwrap();
        assert!((went_on.to_f64()[0] - rows(&want, 0)[0]).abs() > 1e-4, "the state was lost");
        parts.reset_states().unwrap();
    }
    assert_eq!(parts.parameters().count(), 6, "what is carried is no parameter");
}

#[test]
fn a_stateful_layer_learns() {
    let model = Sequential::new().add(Gru::new(UNITS).reset_after(false).stateful(true)).add(Dense::new(1));
    let mut trainer = Trainer::new(Session::interpreter(), model, Loss::mse(), Sgd::new(0.2)).seed(SEED);
    let (x, y) = (numbers(1, &[BATCH, TIME, FEATURES]), numbers(2, &[BATCH, 1]));
    let first = block_on(trainer.step_loss(&x, &y)).unwrap();
    let mut last = first;
    for _ in 0..40 {
        last = block_on(trainer.step_loss(&x, &y)).unwrap();
    }
    assert!(last < 0.1 * first, "{last} after {first}");
    let state = block_on(trainer.read_parameter("gru.hidden_of_2")).unwrap().to_f64();
    assert!(state.iter().any(|&h| h != 0.0), "{state:?}");
}
