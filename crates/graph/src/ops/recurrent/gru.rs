//! z, r = sigmoid(a_z, a_r), h' = z h + (1 - z) n, with n = tanh(x . W_n + b_n + r (h . R_n + rb_n))
//! if the reset gate is applied after the product, as in cuDNN and Keras, and
//! n = tanh(x . W_n + b_n + (r h) . R_n) if before it (Cho et al. 2014).
//!
//! The first form has four columns a = (a_z, a_r, x . W_n + b_n, q = h . R_n + rb_n) per unit: x has
//! no weights for q, and h none for the third.

use anygrad_core::DType;
use anygrad_shaders as shaders;

use super::fitted::{Fitted, blocks, interleave, pad};
use super::reset_before::ResetBefore;
use super::{Cell, Family, Number, State, join, part, tolerance};
use crate::{Case, Fill, Tensor};

/// The form with the reset gate after the product.
#[derive(Clone, Copy, Debug)]
struct Gru {
    clip: Option<f64>,
}

/// The biases of the products of input and state, `[1, 3 units]` each.
fn biases<'g>(layer: &Fitted<'g>) -> (Option<Tensor<'g>>, Option<Tensor<'g>>) {
    match layer.bias {
        None => (None, None),
        Some(bias) if bias.shape().rank() == 1 => (Some(bias.unsqueeze(0)), None),
        Some(bias) => (Some(part(bias, 0, 0, 1)), Some(part(bias, 0, 1, 2))),
    }
}

/// The sum of those there are.
fn sum<'g>(a: Option<Tensor<'g>>, b: Option<Tensor<'g>>) -> Option<Tensor<'g>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, b) => a.or(b),
    }
}

/// The states of a layer with the reset after the product.
#[track_caller]
pub(super) fn after<'g>(layer: &Fitted<'g>) -> Tensor<'g> {
    let (units, padded) = (layer.units, layer.padded());
    let zeros = |rows: usize| layer.kernel.graph().scalar(0.0).broadcast_to(&[rows, units]);
    let of_input = |w: Tensor<'g>| interleave(pad(w, 1, 4 * units), 4, padded);
    let of_state = |w: Tensor<'g>| {
        let blocks = [part(w, 1, 0, 2 * units), zeros(w.shape()[0]), part(w, 1, 2 * units, 3 * units)];
        interleave(join(&blocks, 1), 4, padded)
    };
    let (bias, recurrent_bias) = biases(layer);
    let bias = sum(bias.map(of_input), recurrent_bias.map(of_state));
    let recurrent_kernel = pad(of_state(layer.recurrent_kernel), 0, padded);
    layer.through_time(Gru { clip: layer.clip }, of_input(layer.kernel), recurrent_kernel, bias)[0]
}

/// The states of a layer with the reset before the product.
#[track_caller]
pub(super) fn before<'g>(layer: &Fitted<'g>) -> Tensor<'g> {
    let padded = layer.padded();
    let with_added = |w: Tensor<'g>| blocks(w, 3, padded);
    let (bias, recurrent_bias) = biases(layer);
    let gates_in = layer.gates_in(with_added(layer.kernel), sum(bias, recurrent_bias).map(with_added));
    let recurrent_kernel = pad(with_added(layer.recurrent_kernel), 0, padded);
    let mut inputs = vec![gates_in, recurrent_kernel, layer.initial()];
    inputs.extend(layer.lengths);
    let op = ResetBefore { lengths: layer.lengths.is_some() };
    match layer.clip {
        Some(_) => op.unrolled(&inputs, layer.clip)[0],
        None => gates_in.apply_all(op, &inputs)[0],
    }
}

impl Cell for Gru {
    const NAMES: (&'static str, &'static str) = ("gru", "gru_gradient");
    const COLUMNS: usize = 4;
    const GATES: bool = true;
    const CELLS: bool = false;
    const KERNELS: (Family, Family) = (
        Family {
            shuffle: &shaders::GRU_SHUFFLE,
            shuffle_few: &shaders::GRU_SHUFFLE_FEW,
            tiled: &shaders::GRU_TILED,
        },
        Family {
            shuffle: &shaders::GRU_GRAD_SHUFFLE,
            shuffle_few: &shaders::GRU_GRAD_SHUFFLE_FEW,
            tiled: &shaders::GRU_GRAD_TILED,
        },
    );

    fn advance<N: Number>(
        self,
        a: [N; 4],
        before: State<N>,
        _peepholes: Option<[N; 4]>,
    ) -> (State<N>, [N; 4]) {
        let (z, r, q) = (a[0].limit(self.clip).sigmoid(), a[1].limit(self.clip).sigmoid(), a[3]);
        let n = (a[2] + r * q).limit(self.clip).tanh();
        let h = z * before.h + z.rest() * n;
        (State { h, c: before.c }, [z, r, n, q])
    }

    fn retreat<N: Number>(
        self,
        [z, r, n, q]: [N; 4],
        before: State<N>,
        _after: State<N>,
        dh: N,
        carry: N,
        _peepholes: Option<[N; 4]>,
    ) -> ([N; 4], N) {
        let dh = dh + carry;
        let dn = dh * z.rest() * (n * n).rest();
        let dz = dh * (before.h - n) * z * z.rest();
        ([dz, dn * q * r * r.rest(), dn, dn * r], dh * z)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let sizes = [
        (1, 1, 1, 1, true),
        (2, 3, 2, 4, true),
        (7, 4, 1, 5, true),
        (8, 2, 3, 17, true),
        (9, 2, 2, 12, true),
        (33, 2, 2, 33, true),
        (32, 3, 3, 32, true),
        (65, 2, 3, 20, true),
        (2, 2, 4, 65, true),
        (1, 1, 1, 1, false),
        (3, 4, 2, 5, false),
        (33, 2, 2, 17, false),
        // The blocks of z and r meet within a tile.
        (9, 3, 2, 68, false),
    ];
    for (batch, time, inputs, units, reset_after) in sizes {
        let scale = 1.0 / (units as f64).sqrt();
        let form = if reset_after { "after" } else { "before" };
        let bias: &[usize] = if reset_after { &[2, 3 * units] } else { &[3 * units] };
        cases.push(
            Case::many(format!("gru {batch}x{time}x{inputs} to {units}, reset {form}"), move |x| {
                let (sequence, hidden) = x[0].gru(x[1], x[2], Some(x[3]), Some(x[4]), reset_after);
                vec![sequence, hidden]
            })
            .input(&[batch, time, inputs])
            .input(&[inputs, 3 * units])
            .filled(&[units, 3 * units], DType::F32, Fill::Uniform(-scale, scale))
            .input(bias)
            .input(&[batch, units])
            .tolerance(tolerance(units, time))
            .gradient_tolerance(tolerance(8 * units * batch, time)),
        );
    }
    for reset_after in [true, false] {
        cases.push(
            Case::new(format!("gru without bias and initial state, reset after {reset_after}"), move |x| {
                x[0].gru(x[1], x[2], None, None, reset_after).1
            })
            .input(&[3, 5, 2])
            .input(&[2, 21])
            .input(&[7, 21])
            .tolerance(tolerance(7, 5))
            .gradient_tolerance(tolerance(7, 50)),
        );
    }
    cases.push(
        Case::new("gru one row of bias", |x| x[0].gru(x[1], x[2], Some(x[3]), None, true).0)
            .input(&[2, 3, 2])
            .input(&[2, 12])
            .input(&[4, 12])
            .input(&[12])
            .tolerance(tolerance(4, 3))
            .gradient_tolerance(tolerance(4, 30)),
    );
    for reset_after in [true, false] {
        let form = if reset_after { "after" } else { "before" };
        cases.push(
            Case::many(format!("gru gradient of the gradient, reset {form}"), move |x| {
                let (sequence, hidden) = x[0].gru(x[1], x[2], Some(x[3]), Some(x[4]), reset_after);
                let loss = (sequence * sequence).sum_all() + (hidden * hidden).sum_all();
                x[0].graph().gradients(loss, x)
            })
            .input(&[2, 3, 2])
            .input(&[2, 12])
            .input(&[4, 12])
            .input(&[2, 12])
            .input(&[2, 4])
            .tolerance(tolerance(16, 12))
            .gradient_tolerance(tolerance(64, 24)),
        );
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Graph, Interpreter, Precision};
    use anygrad_core::Array;

    /// One unit, one step, by hand: the two forms differ in where r stands.
    #[test]
    fn one_step_of_one_unit_follows_both_formulas() {
        let sigmoid = |a: f64| 1.0 / (1.0 + (-a).exp());
        let (z, r) = (sigmoid(0.5 + 0.25 * 4.0 + 0.3), sigmoid(1.0 + 0.25 * 5.0 + 0.5));
        let after = (1.5 + 0.2 + r * (0.25 * 6.0 + 0.5)).tanh();
        let before = (1.5 + 0.7 + r * 0.25 * 6.0).tanh();
        for (reset_after, n) in [(true, after), (false, before)] {
            let graph = Graph::new();
            let constant =
                |sizes: &[usize], numbers: Vec<f32>| graph.constant(Array::f32(sizes, numbers).unwrap());
            let x = constant(&[1, 1, 1], vec![0.5]);
            let (sequence, hidden) = x.gru(
                constant(&[1, 3], vec![1.0, 2.0, 3.0]),
                constant(&[1, 3], vec![4.0, 5.0, 6.0]),
                Some(constant(&[2, 3], vec![0.1, 0.2, 0.2, 0.2, 0.3, 0.5])),
                Some(constant(&[1, 1], vec![0.25])),
                reset_after,
            );
            let got = Interpreter::new(Precision::F32).run(&graph, &[sequence, hidden]).unwrap();
            let want = z * 0.25 + (1.0 - z) * n;
            for array in got {
                let got = f64::from(array.as_f32().unwrap()[0]);
                assert!((got - want).abs() < 1e-7, "{got}, wanted {want}");
            }
        }
    }

    #[test]
    fn a_bias_that_does_not_fit_is_refused_with_its_shape() {
        let graph = Graph::new();
        let input = |name: &str, sizes: &[usize]| graph.input(name, sizes, DType::F32);
        let (x, w, r) = (input("x", &[2, 3, 4]), input("w", &[4, 15]), input("r", &[5, 15]));
        assert!(x.gru(w, r, Some(input("b", &[3, 15])), None, true).0.is_poison());
        let error = graph.check().unwrap_err();
        assert!(error.is_shape() && error.to_string().contains("[3, 15]"), "{error}");
    }
}
