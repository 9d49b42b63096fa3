//! i, f, o = sigmoid(a_i, a_f, a_o), g = tanh(a_g), c' = f c + i g, h' = o tanh(c')
//! with a = x . W + h . R + b (Hochreiter, Schmidhuber 1997; forget gate: Gers et al. 2000).
//!
//! Peepholes add p_i c to a_i, p_f c to a_f and p_o c' to a_o (Gers, Schmidhuber 2000).

use anygrad_core::DType;
use anygrad_shaders as shaders;

use super::fitted::{Fitted, interleave, pad};
use super::{Cell, Family, Number, State, join, part, tolerance};
use crate::{Case, Fill, Tensor};

#[derive(Clone, Copy, Debug)]
struct Lstm {
    peepholes: bool,
    clip: Option<f64>,
}

/// The states and memory cells of a layer.
#[track_caller]
pub(super) fn run<'g>(layer: &Fitted<'g>) -> (Tensor<'g>, Tensor<'g>) {
    let (units, padded) = (layer.units, layer.padded());
    let kernel = interleave(layer.kernel, 4, padded);
    let mut recurrent_kernel = pad(interleave(layer.recurrent_kernel, 4, padded), 0, padded);
    if let Some(peepholes) = layer.peepholes {
        let [i, o, f] = [0, 1, 2].map(|gate| part(peepholes, 0, gate * units, (gate + 1) * units));
        let columns = join(&[i, f, i.zeros_like(), o], 0).unsqueeze(0);
        recurrent_kernel = join(&[recurrent_kernel, interleave(columns, 4, padded)], 0);
    }
    let bias = layer.bias.map(|bias| interleave(bias.unsqueeze(0), 4, padded));
    let cell = Lstm { peepholes: layer.peepholes.is_some(), clip: layer.clip };
    let y = layer.through_time(cell, kernel, recurrent_kernel, bias);
    (y[0], y[2])
}

/// The gradient of the peepholes' row of R, `[1, 4 units]`, from da `[n, t, 4 units]` and the cells
/// before and after each step, `[n, t, units]`: gates i and f saw those before, o those after.
pub(super) fn peephole_gradient<'g>(da: Tensor<'g>, before: Tensor<'g>, after: Tensor<'g>) -> Tensor<'g> {
    let [batch, time, units] = [before.shape()[0], before.shape()[1], before.shape()[2]];
    let column = |x: Tensor<'g>| x.reshape(&[batch * time, units, 1]);
    let seen = [column(before), column(before), column(before).zeros_like(), column(after)];
    (da.reshape(&[batch * time, units, 4]) * join(&seen, 2)).sum(&[0], false).reshape(&[1, 4 * units])
}

impl Cell for Lstm {
    const NAMES: (&'static str, &'static str) = ("lstm", "lstm_gradient");
    const COLUMNS: usize = 4;
    const GATES: bool = true;
    const CELLS: bool = true;
    const KERNELS: (Family, Family) = (
        Family {
            shuffle: &shaders::LSTM_SHUFFLE,
            shuffle_few: &shaders::LSTM_SHUFFLE_FEW,
            tiled: &shaders::LSTM_TILED,
        },
        Family {
            shuffle: &shaders::LSTM_GRAD_SHUFFLE,
            shuffle_few: &shaders::LSTM_GRAD_SHUFFLE_FEW,
            tiled: &shaders::LSTM_GRAD_TILED,
        },
    );

    fn overrides(self) -> Vec<(&'static str, f64)> {
        vec![("PEEPHOLES", f64::from(u8::from(self.peepholes)))]
    }

    fn gradient_overrides(self, cell_gradient: bool) -> Vec<(&'static str, f64)> {
        let mut overrides = self.overrides();
        overrides.push(("CELL_GRADIENT", f64::from(u8::from(cell_gradient))));
        overrides
    }

    fn peepholes(self) -> bool {
        self.peepholes
    }

    fn advance<N: Number>(
        self,
        a: [N; 4],
        before: State<N>,
        peepholes: Option<[N; 4]>,
    ) -> (State<N>, [N; 4]) {
        // The sum of a gate, with what it sees of the cell.
        let sum = |gate: usize, c: N| {
            peepholes.map_or(a[gate], |peepholes| a[gate] + peepholes[gate] * c).limit(self.clip)
        };
        let (i, f, g) =
            (sum(0, before.c).sigmoid(), sum(1, before.c).sigmoid(), a[2].limit(self.clip).tanh());
        let c = f * before.c + i * g;
        let o = sum(3, c).sigmoid();
        (State { h: o * c.tanh(), c }, [i, f, g, o])
    }

    fn retreat<N: Number>(
        self,
        [i, f, g, o]: [N; 4],
        before: State<N>,
        after: State<N>,
        dh: N,
        carry: N,
        peepholes: Option<[N; 4]>,
    ) -> ([N; 4], N) {
        let t = after.c.tanh();
        let da_o = dh * t * o * o.rest();
        let mut dc = carry + dh * o * (t * t).rest();
        if let Some(peepholes) = peepholes {
            dc = dc + da_o * peepholes[3];
        }
        let (da_i, da_f) = (dc * g * i * i.rest(), dc * before.c * f * f.rest());
        let mut carry = dc * f;
        if let Some(peepholes) = peepholes {
            carry = carry + da_i * peepholes[0] + da_f * peepholes[1];
        }
        ([da_i, da_f, dc * i * (g * g).rest(), da_o], carry)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    // Units around the group of four and the tiles of 8, 16 and 32, rows around 8 and 32.
    let sizes = [
        (1, 1, 1, 1),
        (2, 3, 2, 4),
        (3, 2, 5, 17),
        (7, 4, 1, 5),
        (8, 2, 3, 8),
        (9, 2, 2, 12),
        (33, 2, 2, 33),
        (32, 3, 3, 32),
        (65, 2, 3, 20),
        (2, 2, 4, 65),
        (1, 23, 2, 3),
    ];
    for (batch, time, inputs, units) in sizes {
        let scale = 1.0 / (units as f64).sqrt();
        cases.push(
            Case::many(format!("lstm {batch}x{time}x{inputs} to {units}"), |x| {
                let y = x[0].lstm(x[1], x[2], Some(x[3]), Some((x[4], x[5])));
                vec![y.sequence, y.hidden, y.cell]
            })
            .input(&[batch, time, inputs])
            .input(&[inputs, 4 * units])
            .filled(&[units, 4 * units], DType::F32, Fill::Uniform(-scale, scale))
            .input(&[4 * units])
            .input(&[batch, units])
            .input(&[batch, units])
            .tolerance(tolerance(units, time))
            .gradient_tolerance(tolerance(8 * units * batch, time)),
        );
    }
    cases.push(
        Case::new("lstm without bias and initial state", |x| x[0].lstm(x[1], x[2], None, None).hidden)
            .input(&[3, 5, 2])
            .input(&[2, 28])
            .input(&[7, 28])
            .tolerance(tolerance(7, 5))
            .gradient_tolerance(tolerance(7, 50)),
    );
    cases.push(
        Case::new("lstm cell alone", |x| x[0].lstm(x[1], x[2], None, None).cell)
            .input(&[2, 4, 3])
            .input(&[3, 32])
            .input(&[8, 32])
            .tolerance(tolerance(8, 4))
            .gradient_tolerance(tolerance(8, 40)),
    );
    cases.push(
        Case::new("lstm two layers", |x| {
            let first = x[0].lstm(x[1], x[2], None, None).sequence;
            first.lstm(x[3], x[4], Some(x[5]), None).sequence
        })
        .input(&[3, 4, 2])
        .input(&[2, 24])
        .input(&[6, 24])
        .input(&[6, 20])
        .input(&[5, 20])
        .input(&[20])
        .tolerance(tolerance(12, 4))
        .gradient_tolerance(tolerance(12, 40)),
    );
    cases.push(
        Case::many("lstm backwards in time", |x| {
            let forwards = x[0].lstm(x[1], x[2], None, None).sequence;
            let backwards = x[0].flip(&[1]).lstm(x[1], x[2], None, None);
            vec![forwards + backwards.sequence.flip(&[1]), backwards.hidden]
        })
        .input(&[2, 4, 3])
        .input(&[3, 20])
        .input(&[5, 20])
        .tolerance(tolerance(5, 4))
        .gradient_tolerance(tolerance(10, 40)),
    );
    cases.push(
        Case::many("lstm gradient of the gradient", |x| {
            let y = x[0].lstm(x[1], x[2], Some(x[3]), Some((x[4], x[5])));
            let loss = (y.sequence * y.sequence).sum_all() + (y.cell * y.hidden).sum_all();
            x[0].graph().gradients(loss, x)
        })
        .input(&[2, 3, 2])
        .input(&[2, 16])
        .input(&[4, 16])
        .input(&[16])
        .input(&[2, 4])
        .input(&[2, 4])
        .tolerance(tolerance(16, 12))
        .gradient_tolerance(tolerance(64, 24)),
    );
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Interpreter, Precision};
    use anygrad_core::Array;

    /// One unit, one step, by hand: a = 0.5 * [1, 2, 3, 4] + 0.25 * [1, 1, 1, 1].
    #[test]
    fn one_step_of_one_unit_follows_the_formula() {
        let graph = Graph::new();
        let x = graph.input("x", &[1, 1, 1], DType::F32);
        let constant =
            |sizes: &[usize], numbers: Vec<f32>| graph.constant(Array::f32(sizes, numbers).unwrap());
        let y = x.lstm(
            constant(&[1, 4], vec![1.0, 2.0, 3.0, 4.0]),
            constant(&[1, 4], vec![1.0; 4]),
            None,
            Some((constant(&[1, 1], vec![0.25]), constant(&[1, 1], vec![-0.5]))),
        );
        let mut cpu = Interpreter::new(Precision::F32);
        cpu.write("x", &Array::f32(&[1, 1, 1], vec![0.5]).unwrap());
        let got = cpu.run(&graph, &[y.sequence, y.hidden, y.cell]).unwrap();
        let sigmoid = |a: f64| 1.0 / (1.0 + (-a).exp());
        let c = sigmoid(1.25) * -0.5 + sigmoid(0.75) * 1.75f64.tanh();
        let h = sigmoid(2.25) * c.tanh();
        for (array, want) in got.iter().zip([h, h, c]) {
            assert!((f64::from(array.as_f32().unwrap()[0]) - want).abs() < 1e-7, "{array:?}, wanted {want}");
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused_with_their_numbers() {
        let graph = Graph::new();
        let x = graph.input("x", &[2, 3, 4], DType::F32);
        let (w, r) = (graph.input("w", &[4, 20], DType::F32), graph.input("r", &[5, 16], DType::F32));
        assert!(x.lstm(w, r, None, None).sequence.is_poison());
        let error = graph.check().unwrap_err();
        assert!(error.is_shape());
        assert!(error.to_string().contains("[5, 16]"), "{error}");
    }
}
