//! What a longer sequence adds to a plan: dispatches per step of a recurrent layer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::Graph;
use anygrad_graph::core::{Caps, DType};
use anygrad_graph::ops::{Activation, Recurrent, RecurrentCell};
use anygrad_plan::{Action, compile};

/// Dispatches of a layer over so many steps, with its gradients or without.
fn dispatches(cell: RecurrentCell, time: usize, with_lengths: bool, gradients: bool) -> usize {
    const UNITS: usize = 5;
    let graph = Graph::new();
    let input = |name: &str, sizes: &[usize]| graph.input(name, sizes, DType::F32);
    let x = input("x", &[9, time, 3]);
    let kernel = input("kernel", &[3, cell.gates() * UNITS]);
    let recurrent_kernel = input("recurrent_kernel", &[UNITS, cell.gates() * UNITS]);
    let lengths = with_lengths.then(|| graph.input("lengths", &[9], DType::I32));
    let layer = Recurrent::new(cell, kernel, recurrent_kernel).lengths(lengths).go_backwards(with_lengths);
    let y = x.recurrent(&layer);
    let loss = y.sequence.square().sum_all() + y.hidden.sum_all();
    let outputs = match gradients {
        true => graph.gradients(loss, &[x, kernel, recurrent_kernel]),
        false => vec![y.sequence, y.hidden],
    };
    let plan = compile(&graph, &outputs, &Caps::baseline()).unwrap();
    let actions = plan.steps.iter().flat_map(|step| &step.actions);
    actions.filter(|action| matches!(action, Action::Dispatch { .. })).count()
}

#[test]
fn a_step_takes_one_dispatch_each_way_and_two_where_products_depend_on_each_other() {
    let cells = [
        (RecurrentCell::Rnn(Activation::Tanh), 1),
        (RecurrentCell::Gru { reset_after: true }, 1),
        (RecurrentCell::Gru { reset_after: false }, 2),
        (RecurrentCell::Lstm, 1),
    ];
    for (cell, each_way) in cells {
        for with_lengths in [false, true] {
            let added = |gradients: bool| {
                let of = |time: usize| dispatches(cell, time, with_lengths, gradients);
                of(17) - of(7)
            };
            assert_eq!(added(false), 10 * each_way, "{cell:?} forwards, lengths {with_lengths}");
            assert_eq!(added(true), 20 * each_way, "{cell:?} both ways, lengths {with_lengths}");
        }
    }
}
