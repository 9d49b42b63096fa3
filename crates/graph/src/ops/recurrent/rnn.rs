//! h' = tanh(x . W + h . R + b), or relu of it (Elman 1990).

use anygrad_core::DType;
use anygrad_shaders as shaders;

use super::fitted::{Fitted, pad};
use super::layer::Activation;
use super::{Cell, Family, Number, State, tolerance};
use crate::{Case, Fill, Tensor};

#[derive(Clone, Copy, Debug)]
struct Rnn {
    activation: Activation,
    clip: Option<f64>,
}

/// The states of a layer.
#[track_caller]
pub(super) fn run<'g>(layer: &Fitted<'g>, activation: Activation) -> Tensor<'g> {
    let units = layer.padded();
    let recurrent_kernel = pad(pad(layer.recurrent_kernel, 1, units), 0, units);
    let bias = layer.bias.map(|bias| pad(bias, 0, units));
    let cell = Rnn { activation, clip: layer.clip };
    layer.through_time(cell, pad(layer.kernel, 1, units), recurrent_kernel, bias)[0]
}

impl Cell for Rnn {
    const NAMES: (&'static str, &'static str) = ("rnn", "rnn_gradient");
    const COLUMNS: usize = 1;
    const GATES: bool = false;
    const CELLS: bool = false;
    const KERNELS: (Family, Family) = (
        Family {
            shuffle: &shaders::RNN_SHUFFLE,
            shuffle_few: &shaders::RNN_SHUFFLE_FEW,
            tiled: &shaders::RNN_TILED,
        },
        Family {
            shuffle: &shaders::RNN_GRAD_SHUFFLE,
            shuffle_few: &shaders::RNN_GRAD_SHUFFLE_FEW,
            tiled: &shaders::RNN_GRAD_TILED,
        },
    );

    fn overrides(self) -> Vec<(&'static str, f64)> {
        vec![("RELU", f64::from(u8::from(self.activation == Activation::Relu)))]
    }

    fn advance<N: Number>(
        self,
        a: [N; 4],
        before: State<N>,
        _peepholes: Option<[N; 4]>,
    ) -> (State<N>, [N; 4]) {
        let sum = a[0].limit(self.clip);
        let h = match self.activation {
            Activation::Tanh => sum.tanh(),
            Activation::Relu => sum.relu(),
        };
        (State { h, c: before.c }, a)
    }

    fn retreat<N: Number>(
        self,
        _gates: [N; 4],
        _before: State<N>,
        after: State<N>,
        dh: N,
        carry: N,
        _peepholes: Option<[N; 4]>,
    ) -> ([N; 4], N) {
        let da = match self.activation {
            Activation::Tanh => dh * (after.h * after.h).rest(),
            Activation::Relu => after.h.where_positive(dh),
        };
        ([da; 4], carry)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let sizes = [
        (1, 1, 1, 1, Activation::Tanh),
        (2, 3, 2, 4, Activation::Relu),
        (7, 4, 1, 5, Activation::Tanh),
        (8, 2, 3, 17, Activation::Relu),
        (9, 2, 2, 12, Activation::Tanh),
        (33, 3, 2, 33, Activation::Tanh),
        (32, 2, 3, 32, Activation::Relu),
        (65, 2, 3, 20, Activation::Tanh),
        (2, 2, 4, 129, Activation::Tanh),
    ];
    for (batch, time, inputs, units, activation) in sizes {
        let scale = 1.0 / (units as f64).sqrt();
        cases.push(
            Case::many(format!("rnn {batch}x{time}x{inputs} to {units}, {activation:?}"), move |x| {
                let (sequence, hidden) = x[0].rnn(x[1], x[2], Some(x[3]), Some(x[4]), activation);
                vec![sequence, hidden]
            })
            .input(&[batch, time, inputs])
            .input(&[inputs, units])
            .filled(&[units, units], DType::F32, Fill::Uniform(-scale, scale))
            .input(&[units])
            .input(&[batch, units])
            .tolerance(tolerance(units, time))
            .gradient_tolerance(tolerance(8 * units * batch, time)),
        );
    }
    cases.push(
        Case::new("rnn without bias and initial state", |x| {
            x[0].rnn(x[1], x[2], None, None, Activation::Tanh).1
        })
        .input(&[3, 5, 2])
        .input(&[2, 7])
        .input(&[7, 7])
        .tolerance(tolerance(7, 5))
        .gradient_tolerance(tolerance(7, 50)),
    );
    cases.push(
        Case::many("rnn gradient of the gradient", |x| {
            let (sequence, hidden) = x[0].rnn(x[1], x[2], Some(x[3]), Some(x[4]), Activation::Tanh);
            let loss = (sequence * sequence).sum_all() + (hidden * hidden).sum_all();
            x[0].graph().gradients(loss, x)
        })
        .input(&[2, 3, 2])
        .input(&[2, 4])
        .input(&[4, 4])
        .input(&[4])
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

    /// One unit, two steps, by hand.
    #[test]
    fn two_steps_of_one_unit_follow_the_formula() {
        for (activation, f) in [
            (Activation::Tanh, (|a: f64| a.tanh()) as fn(f64) -> f64),
            (Activation::Relu, |a: f64| a.max(0.0)),
        ] {
            let graph = Graph::new();
            let constant =
                |sizes: &[usize], numbers: Vec<f32>| graph.constant(Array::f32(sizes, numbers).unwrap());
            let x = constant(&[1, 2, 1], vec![0.5, -1.0]);
            let (w, r) = (constant(&[1, 1], vec![2.0]), constant(&[1, 1], vec![3.0]));
            let h0 = constant(&[1, 1], vec![-0.25]);
            let (sequence, hidden) = x.rnn(w, r, Some(constant(&[1], vec![0.125])), Some(h0), activation);
            let got = Interpreter::new(Precision::F32).run(&graph, &[sequence, hidden]).unwrap();
            let first = f(1.0 - 0.75 + 0.125);
            let second = f(-2.0 + 3.0 * first + 0.125);
            let close = |got: f32, want: f64| (f64::from(got) - want).abs() < 1e-6;
            let (sequence, hidden) = (got[0].as_f32().unwrap(), got[1].as_f32().unwrap());
            assert!(close(sequence[0], first) && close(sequence[1], second), "{sequence:?}");
            assert!(close(hidden[0], second), "{hidden:?}");
        }
    }
}
