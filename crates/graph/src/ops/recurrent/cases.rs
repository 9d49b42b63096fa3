//! Cases of the options that all cells have, and of those of the LSTM alone.

use anygrad_core::DType;

use super::{Activation, Recurrent, RecurrentCell, tolerance};
use crate::{Case, Fill, Tensor};

const CELLS: [(&str, RecurrentCell); 4] = [
    ("rnn", RecurrentCell::Rnn(Activation::Tanh)),
    ("gru", RecurrentCell::Gru { reset_after: true }),
    ("gru reset before", RecurrentCell::Gru { reset_after: false }),
    ("lstm", RecurrentCell::Lstm),
];

/// A layer of the inputs x, W, R, b, h0, lengths, and of an LSTM c0 and peepholes.
fn layer<'g>(cell: RecurrentCell, x: &[Tensor<'g>]) -> Recurrent<'g> {
    let layer = Recurrent::new(cell, x[1], x[2]).bias(x[3]).initial(x[4]).lengths(x[5]);
    layer.initial_cell(x.get(6).copied()).peepholes(x.get(7).copied())
}

fn results<'g>(x: Tensor<'g>, layer: &Recurrent<'g>) -> Vec<Tensor<'g>> {
    let y = x.recurrent(layer);
    [y.sequence, y.hidden].into_iter().chain(y.cell).collect()
}

/// The inputs of [`layer`].
fn inputs(
    case: Case,
    cell: RecurrentCell,
    [batch, time, units]: [usize; 3],
    lengths: &[f64],
    peepholes: bool,
) -> Case {
    let width = cell.gates() * units;
    let scale = 1.0 / (units as f64).sqrt();
    let case = case
        .input(&[batch, time, 3])
        .input(&[3, width])
        .filled(&[units, width], DType::F32, Fill::Uniform(-scale, scale))
        .input(&[width])
        .input(&[batch, units])
        .filled(&[batch], DType::I32, Fill::Given(lengths.to_vec()))
        .tolerance(tolerance(units, time))
        .gradient_tolerance(tolerance(8 * units * batch, time));
    let case = if cell == RecurrentCell::Lstm { case.input(&[batch, units]) } else { case };
    if peepholes { case.input(&[3 * units]) } else { case }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, cell) in CELLS {
        // None of the steps, some, all, and lengths outside of what there is.
        let lengths = [0.0, 1.0, 2.0, 3.0, 7.0, -1.0];
        let case = Case::many(format!("{name} with lengths"), move |x| results(x[0], &layer(cell, x)));
        cases.push(inputs(case, cell, [6, 3, 5], &lengths, false));
        let case = Case::many(format!("{name} backwards with lengths"), move |x| {
            results(x[0], &layer(cell, x).go_backwards(true))
        });
        cases.push(inputs(case, cell, [4, 3, 4], &lengths[..4], false));
        let case = Case::many(format!("{name} clipped, with lengths"), move |x| {
            results(x[0], &layer(cell, x).clip(0.75))
        });
        cases.push(inputs(case, cell, [3, 2, 4], &lengths[..3], cell == RecurrentCell::Lstm));
        let case = Case::many(format!("{name} with lengths, gradient of the gradient"), move |x| {
            let y = results(x[0], &layer(cell, x));
            let loss = y.into_iter().map(|y| y.square().sum_all()).reduce(|a, b| a + b);
            let floats: Vec<_> = x.iter().copied().filter(|x| x.dtype().is_float()).collect();
            loss.map_or_else(Vec::new, |loss| x[0].graph().gradients(loss, &floats))
        });
        let case = inputs(case, cell, [3, 3, 4], &lengths[1..4], cell == RecurrentCell::Lstm);
        cases.push(case.tolerance(tolerance(16, 12)).gradient_tolerance(tolerance(64, 24)));
    }
    for (name, cell) in CELLS {
        let case = Case::many(format!("{name} of no rows"), move |x| results(x[0], &layer(cell, x)));
        cases.push(inputs(case, cell, [0, 2, 4], &[0.0], false));
    }
    for (name, cell) in CELLS {
        // NaN and the infinities go on from the step they stand at, and those behind a row nowhere.
        let case = Case::many(format!("{name} extremes"), move |x| results(x[0], &layer(cell, x)));
        let mut case = inputs(case, cell, [3, 2, 5], &[2.0, 2.0, 1.0], false).forward_only();
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let row = |first: f64, second: f64| [first, 0.5, -0.5, second, 0.25, 0.75];
        case.inputs[0].2 = Fill::Given([row(nan, 0.5), row(1e30, -1e30), row(-0.5, inf)].concat());
        cases.push(case);
    }
    for (batch, time, units) in [(3, 3, 5), (33, 2, 17)] {
        let cell = RecurrentCell::Lstm;
        let lengths: Vec<f64> = (0..batch).map(|row| (row % (time + 1)) as f64).collect();
        let case = Case::many(format!("lstm with peepholes, {batch}x{time} to {units}"), move |x| {
            results(x[0], &layer(cell, x))
        });
        cases.push(inputs(case, cell, [batch, time, units], &lengths, true));
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Interpreter, Precision};
    use anygrad_core::Array;

    /// Numbers around zero that follow from their places.
    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + 11) % 19) as f32 / 19.0 - 0.5).collect()
    }

    /// Whatever stands behind a row's length, the row is what it would be without it.
    #[test]
    fn a_row_is_that_of_its_own_steps() {
        const UNITS: usize = 3;
        for (name, cell) in CELLS {
            for go_backwards in [false, true] {
                for length in 0..=4 {
                    let graph = Graph::new();
                    let constant = |sizes: &[usize]| {
                        graph.constant(Array::f32(sizes, numbers(sizes.iter().product())).unwrap())
                    };
                    let width = cell.gates() * UNITS;
                    let (kernel, recurrent_kernel) = (constant(&[2, width]), constant(&[UNITS, width]));
                    let layer = Recurrent::new(cell, kernel, recurrent_kernel).initial(constant(&[1, UNITS]));
                    let layer = layer.go_backwards(go_backwards);
                    let mut padded = numbers(8);
                    padded[2 * length..].fill(f32::NAN);
                    let padded = graph.constant(Array::f32(&[1, 4, 2], padded).unwrap());
                    let lengths = graph.constant(Array::i32(&[1], vec![length as i32]).unwrap());
                    let with = padded.recurrent(&layer.lengths(lengths));
                    let loss = with.sequence.square().sum_all() + with.hidden.sum_all();
                    let mut outputs = vec![with.sequence, with.hidden];
                    outputs.extend(graph.gradients(loss, &[kernel, recurrent_kernel]));
                    if length > 0 {
                        let alone = constant(&[1, 4, 2]).narrow(1, 0..length).recurrent(&layer);
                        outputs.extend([alone.sequence, alone.hidden]);
                    }
                    let got = Interpreter::new(Precision::F32).run(&graph, &outputs).unwrap();
                    let got: Vec<&[f32]> = got.iter().map(|y| y.as_f32().unwrap()).collect();
                    assert!(got[2].iter().chain(got[3]).all(|dw| dw.is_finite()), "{name}: NaN spread");
                    let (steps, behind) = got[0].split_at(length * UNITS);
                    assert!(behind.iter().all(|&y| y == 0.0), "{name}: {behind:?} behind {length} steps");
                    let start = numbers(UNITS);
                    let (want_steps, want) =
                        if length > 0 { (got[4], got[5]) } else { (&[][..], &start[..]) };
                    assert_eq!(steps, want_steps, "{name}, {length} steps, backwards {go_backwards}");
                    assert_eq!(got[1], want, "{name}, {length} steps, backwards {go_backwards}");
                }
            }
        }
    }

    #[test]
    fn options_that_do_not_fit_are_refused() {
        let refused = |change: &dyn for<'g> Fn(Recurrent<'g>, Tensor<'g>) -> Recurrent<'g>, words: &str| {
            let graph = Graph::new();
            let input = |name: &str, sizes: &[usize]| graph.input(name, sizes, DType::F32);
            let layer = Recurrent::new(
                RecurrentCell::Rnn(Activation::Tanh),
                input("w", &[3, 5]),
                input("r", &[5, 5]),
            );
            let layer = change(layer, input("other", &[15]));
            assert!(input("x", &[2, 4, 3]).recurrent(&layer).sequence.is_poison());
            let error = graph.check().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused(&|layer, other| layer.peepholes(other), "an LSTM");
        refused(&|layer, other| layer.lengths(other), "[2]");
        refused(&|layer, _| layer.clip(-1.0), "-1");
        refused(&|layer, _| layer.clip(f64::NAN), "NaN");
        refused(&|layer, other| layer.bias(other), "[15]");
        refused(&|layer, other| layer.initial(other), "[2, 5]");
    }
}
