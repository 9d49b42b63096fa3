//! A GRU whose reset gate is applied before the product of the state (Cho et al. 2014), through time.
//!
//! z, r = sigmoid(a_z, a_r) with a = gates_in + h . R, n = tanh(gates_in_n + (r h) . R_n),
//! h' = z h + (1 - z) n
//!
//! The product of n needs that of r first, so a step takes two dispatches; so does a step back:
//!
//! dh = dstates + carry + (da_z, da_r) of the step behind . R^T, da_z = dh (h - n) z (1 - z),
//! da_n = dh (1 - z) (1 - n^2); d(r h) = da_n . R_n^T, da_r = d(r h) h r (1 - r),
//! carry = dh z + d(r h) r
//!
//! Columns stand in blocks for z, r and n, each of all units. `r h` is kept: the gradient of R is
//! that of its blocks z and r from the states, and of its block n from r h.

use anygrad_core::{Caps, Error, Result, Shape};
use anygrad_shaders::{self as shaders, RecurrentGradParams, RecurrentParams};

use super::steps::{Sizes, expect, masked, over_time, steps_of, through, valid};
use super::{Family, Number, join, part, tolerance};
use crate::{At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance, Values};

/// Columns of the gates for each unit: z, r, n.
const COLUMNS: usize = 3;

/// Makes z, r and r h; then n and the state.
const FORWARDS: [Family; 2] = [
    Family {
        shuffle: &shaders::GRU_RESET_SHUFFLE,
        shuffle_few: &shaders::GRU_RESET_SHUFFLE_FEW,
        tiled: &shaders::GRU_RESET_TILED,
    },
    Family {
        shuffle: &shaders::GRU_CANDIDATE_SHUFFLE,
        shuffle_few: &shaders::GRU_CANDIDATE_SHUFFLE_FEW,
        tiled: &shaders::GRU_CANDIDATE_TILED,
    },
];

/// Makes the gradients of z and n; then that of r.
const BACKWARDS: [Family; 2] = [
    Family {
        shuffle: &shaders::GRU_CANDIDATE_GRAD_SHUFFLE,
        shuffle_few: &shaders::GRU_CANDIDATE_GRAD_SHUFFLE_FEW,
        tiled: &shaders::GRU_CANDIDATE_GRAD_TILED,
    },
    Family {
        shuffle: &shaders::GRU_RESET_GRAD_SHUFFLE,
        shuffle_few: &shaders::GRU_RESET_GRAD_SHUFFLE_FEW,
        tiled: &shaders::GRU_RESET_GRAD_TILED,
    },
];

/// Inputs: gates_in `[n, t, 3 units]`, R `[units, 3 units]`, h0 `[n, units]`, and `lengths` (`i32`,
/// `[n]`) if there are. Outputs: states `[n, t + 1, units]`, the gates `[n, t, 3 units]` and r h
/// `[n, t, units]`.
#[derive(Debug)]
pub(super) struct ResetBefore {
    pub(super) lengths: bool,
}

/// Inputs: R, states, gates, dstates, and `lengths` if there are. Outputs: the gradient of gates_in
/// and what the first step carried over: `[n, units]`.
#[derive(Debug)]
struct ResetBeforeGradient {
    lengths: bool,
}

impl ResetBefore {
    /// One dispatch per step and half, by kernels of this way.
    fn by(&self, way: usize, x: &[Layout], y: &[Meta], caps: &Caps) -> Lowering {
        let sizes = Sizes::of(&y[0].shape, COLUMNS);
        let groups = sizes.units / 4;
        // Without lengths, something else that is only read stands at their place.
        let lengths = Operand::Input(if self.lengths { 3 } else { 1 });
        let mut dispatches = vec![sizes.start(x, 2, 0)];
        // What is multiplied and at how many times it stands, the groups, and the other outputs.
        let halves = [
            (Operand::Output(0), sizes.time + 1, 0..2 * groups, Operand::Output(2)),
            (Operand::Output(2), sizes.time, 2 * groups..3 * groups, Operand::Output(0)),
        ];
        for step in 0..sizes.time {
            for (family, (factor, times, range, other)) in FORWARDS.iter().zip(halves.clone()) {
                let kernel = family.choose(sizes.batch, way, caps);
                let gates = Operand::Output(1);
                dispatches.push(Dispatch {
                    kernel,
                    overrides: vec![masked(self.lengths)],
                    params: RecurrentParams {
                        batch: sizes.batch as u32,
                        time: sizes.time as u32,
                        units: sizes.units as u32,
                        groups: 3 * groups as u32,
                        step: step as u32,
                        first: range.start as u32,
                        end: range.end as u32,
                        times: times as u32,
                    }
                    .bytes(),
                    bindings: vec![Operand::Input(0), Operand::Input(1), factor, lengths, gates, other],
                    workgroups: sizes.tiles(
                        kernel.constant("TILE_ROWS"),
                        range.len(),
                        kernel.constant("TILE_GROUPS"),
                    ),
                });
            }
        }
        Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches })
    }

    /// The same from simple operators, step after step, with the sums of the gates held within
    /// `clip`.
    pub(super) fn unrolled<'g>(&self, x: &[Tensor<'g>], clip: Option<f64>) -> Vec<Tensor<'g>> {
        let [batch, time, width] = [x[0].shape()[0], x[0].shape()[1], x[0].shape()[2]];
        let units = width / COLUMNS;
        let lengths = self.lengths.then(|| x[x.len() - 1]);
        let of_gates = part(x[1], 1, 0, 2 * units);
        let of_candidate = part(x[1], 1, 2 * units, width);
        let mut h = x[2];
        let (mut states, mut gates, mut resets) = (vec![h], Vec::new(), Vec::new());
        for step in 0..time {
            let within = |x: Tensor<'g>| lengths.map_or(x, |lengths| valid(lengths, step, x));
            let a = part(x[0], 1, step, step + 1).reshape(&[batch, width]);
            let gate = (part(a, 1, 0, 2 * units) + h.matmul(of_gates)).limit(clip).sigmoid();
            let (z, r) = (part(gate, 1, 0, units), part(gate, 1, units, 2 * units));
            let reset = within(r * h);
            let n = (part(a, 1, 2 * units, width) + reset.matmul(of_candidate)).limit(clip).tanh();
            h = within(n + z * (h - n));
            states.push(h);
            gates.push(within(join(&[gate, n], 1)));
            resets.push(reset);
        }
        vec![over_time(&states, units), over_time(&gates, width), over_time(&resets, units)]
    }
}

impl Op for ResetBefore {
    fn name(&self) -> &'static str {
        "gru_reset_before"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let [batch, time, width] = <[usize; 3]>::try_from(&*x[0].shape)
            .map_err(|_| Error::shape(format!("the gates are [batch, time, columns], not {}", x[0])))?;
        let units = width / COLUMNS;
        if time == 0 || units == 0 || !units.is_multiple_of(4) {
            return Err(Error::shape(format!(
                "{time} steps of {units} units; there is at least one step, and units come in fours"
            )));
        }
        let sizes = Sizes { batch, time, units, width: COLUMNS * units };
        let mut wanted = vec![sizes.gates()?, sizes.kernel(false)?, sizes.state()?];
        wanted.extend(self.lengths.then(|| sizes.lengths()).transpose()?);
        expect(x, &wanted)?;
        Ok(vec![sizes.states()?, sizes.gates()?, Meta::f32(Shape::new(&[batch, time, units])?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Sizes { batch, time, units, width } = Sizes::of(&y[0].shape(), COLUMNS);
        let kernel = &x[1].data;
        for row in 0..batch {
            let mut h = x[2].data[row * units..(row + 1) * units].to_vec();
            let first = row * (time + 1) * units;
            y[0].data[first..first + units].copy_from_slice(&h);
            let steps = if self.lengths { steps_of(x[3].data[row], time) } else { time };
            for step in 0..steps {
                let at = row * time + step;
                let mut a = x[0].data[at * width..(at + 1) * width].to_vec();
                let add = |a: &mut [f64], x: &[f64], from: usize, to: usize| {
                    for (k, x) in x.iter().enumerate() {
                        for column in from..to {
                            a[column] += x * kernel[k * width + column];
                        }
                    }
                };
                add(&mut a, &h, 0, 2 * units);
                a[..2 * units].iter_mut().for_each(|gate| *gate = gate.sigmoid());
                let reset: Vec<f64> = a[units..2 * units].iter().zip(&h).map(|(r, h)| r * h).collect();
                add(&mut a, &reset, 2 * units, width);
                a[2 * units..].iter_mut().for_each(|n| *n = n.tanh());
                for (unit, h) in h.iter_mut().enumerate() {
                    *h = a[unit] * *h + (1.0 - a[unit]) * a[2 * units + unit];
                }
                let after = first + (step + 1) * units;
                y[0].data[after..after + units].copy_from_slice(&h);
                y[1].data[at * width..(at + 1) * width].copy_from_slice(&a);
                y[2].data[at * units..(at + 1) * units].copy_from_slice(&reset);
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        if at.dys[1].is_some() || at.dys[2].is_some() {
            // Only where a gradient is differentiated again.
            return through(at, |x| self.unrolled(x, None));
        }
        let (kernel, states, gates, reset) = (at.x[1], at.y[0], at.y[1], at.y[2]);
        let Sizes { batch, time, units, width } = Sizes::of(&states.shape(), COLUMNS);
        let dstates = at.dy();
        let mut inputs = vec![kernel, states, gates, dstates];
        inputs.extend(self.lengths.then(|| at.x[3]));
        let back = kernel.apply_all(ResetBeforeGradient { lengths: self.lengths }, &inputs);
        let (da, carry) = (back[0], back[1]);
        let at_start = |x: Tensor<'g>| part(x, 1, 0, 1).reshape(&[batch, x.shape()[2]]);

        let dkernel = at.wanted[1].then(|| {
            let rows = |x: Tensor<'g>| x.reshape(&[batch * time, x.shape()[2]]);
            let da = rows(da);
            let of_gates = rows(part(states, 1, 0, time)).t().matmul(part(da, 1, 0, 2 * units));
            let of_candidate = rows(reset).t().matmul(part(da, 1, 2 * units, width));
            join(&[of_gates, of_candidate], 1)
        });
        let dh0 = at.wanted[2].then(|| {
            let of_gates = part(at_start(da), 1, 0, 2 * units);
            at_start(dstates) + carry + of_gates.matmul(part(kernel, 1, 0, 2 * units).t())
        });
        let mut grads = vec![Some(da), dkernel, dh0];
        grads.extend(self.lengths.then_some(None));
        grads
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        Ok(self.by(0, x, y, caps))
    }

    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Lowering::distinct([0, 1].map(|way| Ok(self.by(way, x, y, caps))))
    }

    /// The product of each step with R.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        let steps = x[0].shape[0] * x[0].shape[1];
        2.0 * steps as f64 * x[1].shape.elements() as f64
    }

    fn tolerance(&self, _x: &[Layout], y: &[Meta]) -> Tolerance {
        tolerance(COLUMNS * y[0].shape[2], y[0].shape[1])
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        layout.is_contiguous() || input == 2 && layout.offset == 0 && layout.is_uniform()
    }
}

impl ResetBeforeGradient {
    /// One dispatch per step and half, by kernels of this way.
    fn by(&self, way: usize, x: &[Layout], caps: &Caps) -> Lowering {
        let sizes = Sizes::of(&x[1].shape(), COLUMNS);
        let groups = sizes.units as u32 / 4;
        let lengths = if self.lengths { 4 } else { 0 };
        let mut bindings = [0, 3, lengths, 2, 1].map(Operand::Input).to_vec();
        bindings.extend([0, 1].map(Operand::Output));
        let mut dispatches = Vec::with_capacity(2 * sizes.time);
        for step in (0..sizes.time as u32).rev() {
            let last = step as usize + 1 == sizes.time;
            // The groups whose gradients are multiplied, and the step at which they stand.
            let halves = [(0, if last { 0 } else { 2 * groups }, step + 1), (2 * groups, groups, step)];
            for (family, (first, count, behind)) in BACKWARDS.iter().zip(halves) {
                let kernel = family.choose(sizes.batch, way, caps);
                dispatches.push(Dispatch {
                    kernel,
                    overrides: vec![masked(self.lengths)],
                    params: RecurrentGradParams {
                        batch: sizes.batch as u32,
                        time: sizes.time as u32,
                        units: sizes.units as u32,
                        groups: 3 * groups,
                        step,
                        first,
                        count,
                        behind,
                    }
                    .bytes(),
                    bindings: bindings.clone(),
                    workgroups: sizes.tiles(
                        kernel.constant("TILE_ROWS"),
                        sizes.units,
                        kernel.constant("TILE_UNITS"),
                    ),
                });
            }
        }
        Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches })
    }

    fn unrolled<'g>(&self, x: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let Sizes { batch, time, units, width } = Sizes::of(&x[1].shape(), COLUMNS);
        let lengths = self.lengths.then(|| x[4]);
        let at = |x: Tensor<'g>, time: usize| part(x, 1, time, time + 1).reshape(&[batch, x.shape()[2]]);
        let of_gates = part(x[0], 1, 0, 2 * units).t();
        let of_candidate = part(x[0], 1, 2 * units, width).t();
        let mut carry = x[0].graph().scalar(0.0).broadcast_to(&[batch, units]);
        let mut das: Vec<Tensor<'g>> = Vec::new();
        for step in (0..time).rev() {
            let within = |x: Tensor<'g>| lengths.map_or(x, |lengths| valid(lengths, step, x));
            let mut dh = at(x[3], step + 1) + carry;
            if let Some(&behind) = das.last() {
                dh = dh + part(behind, 1, 0, 2 * units).matmul(of_gates);
            }
            let (h, gates) = (at(x[1], step), at(x[2], step));
            let [z, r, n] = [0, 1, 2].map(|gate| part(gates, 1, gate * units, (gate + 1) * units));
            let dz = dh * (h - n) * z * z.rest();
            let dn = within(dh * z.rest() * (n * n).rest());
            let dreset = dn.matmul(of_candidate);
            let dr = dreset * h * r * r.rest();
            das.push(within(join(&[dz, dr, dn], 1)));
            carry = within(dh * z + dreset * r);
        }
        das.reverse();
        vec![over_time(&das, width), carry]
    }
}

impl Op for ResetBeforeGradient {
    fn name(&self) -> &'static str {
        "gru_reset_before_gradient"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let sizes = Sizes::of(&x[1].shape, COLUMNS);
        let mut wanted = vec![sizes.kernel(false)?, sizes.states()?, sizes.gates()?, sizes.states()?];
        wanted.extend(self.lengths.then(|| sizes.lengths()).transpose()?);
        expect(x, &wanted)?;
        Ok(vec![sizes.gates()?, sizes.state()?])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Sizes { batch, time, units, width } = Sizes::of(&x[1].shape(), COLUMNS);
        let (kernel, states, gates, dstates) = (&x[0].data, &x[1].data, &x[2].data, &x[3].data);
        for row in 0..batch {
            let mut carry = vec![0.0; units];
            let mut behind = vec![0.0; width];
            let steps = if self.lengths { steps_of(x[4].data[row], time) } else { time };
            for step in (0..steps).rev() {
                let gate = &gates[(row * time + step) * width..][..width];
                let h = &states[(row * (time + 1) + step) * units..][..2 * units];
                let darriving = &dstates[(row * (time + 1) + step + 1) * units..][..units];
                let product = |da: &[f64], unit: usize, from: usize, to: usize| -> f64 {
                    (from..to).map(|column| da[column] * kernel[unit * width + column]).sum()
                };
                let mut da = vec![0.0; width];
                let mut dh = vec![0.0; units];
                for unit in 0..units {
                    let (z, n) = (gate[unit], gate[2 * units + unit]);
                    dh[unit] = darriving[unit] + carry[unit] + product(&behind, unit, 0, 2 * units);
                    da[unit] = dh[unit] * (h[unit] - n) * z * (1.0 - z);
                    da[2 * units + unit] = dh[unit] * (1.0 - z) * (1.0 - n * n);
                }
                for unit in 0..units {
                    let (z, r) = (gate[unit], gate[units + unit]);
                    let dreset = product(&da, unit, 2 * units, width);
                    da[units + unit] = dreset * h[unit] * r * (1.0 - r);
                    carry[unit] = dh[unit] * z + dreset * r;
                }
                y[0].data[(row * time + step) * width..][..width].copy_from_slice(&da);
                behind = da;
            }
            y[1].data[row * units..(row + 1) * units].copy_from_slice(&carry);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        through(at, |x| self.unrolled(x))
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        Ok(self.by(0, x, caps))
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Lowering::distinct([0, 1].map(|way| Ok(self.by(way, x, caps))))
    }

    /// The product of each step with R.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        let Sizes { batch, time, .. } = Sizes::of(&x[1].shape, COLUMNS);
        2.0 * (batch * time) as f64 * x[0].shape.elements() as f64
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        tolerance(COLUMNS * x[1].shape()[2], x[1].shape()[1])
    }
}
