//! The gradient of `steps.rs`: `(da_s, carry) = retreat(dh_{s+1}, carry)` with
//! `dh_{s+1} = dstates_{s+1} + da_{s+1} . R^T`, from the last step to the first.

use anygrad_core::{Caps, Result};
use anygrad_shaders::{Kernel, RecurrentGradParams};

use super::steps::{Sizes, columns, expect, masked, of_unit, over_time, steps_of, through, uncolumns, valid};
use super::{Cell, State, part, tolerance};
use crate::{At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance, Values};

/// Inputs: R, states, then, where the cell has them, gates and cells; dstates, dcells if
/// `cell_gradient`, and the lengths if there are. Outputs: the gradient of gates_in, and, where the
/// cell carries something over between steps, what the first step carried over: `[n, units]`.
#[derive(Debug)]
pub(super) struct RecurrenceGradient<C> {
    pub(super) cell: C,
    pub(super) cell_gradient: bool,
    pub(super) lengths: bool,
}

impl<C: Cell> RecurrenceGradient<C> {
    /// One dispatch per step of this kernel.
    fn by(&self, kernel: &'static Kernel, x: &[Layout], y: &[Meta]) -> Lowering {
        let sizes = Sizes::of(&x[1].shape(), C::COLUMNS);
        let (_, cells, dstates) = self.places();
        // R, dstates and lengths are every cell's; then come its kept values and dcells. Without
        // lengths, something else that is only read stands at their place.
        let lengths = if self.lengths { x.len() - 1 } else { 0 };
        let mut bindings = [0, dstates, lengths].map(Operand::Input).to_vec();
        if C::GATES {
            bindings.push(Operand::Input(2));
        }
        if C::CELLS {
            let dcells = if self.cell_gradient { dstates + 1 } else { dstates };
            bindings.extend([Operand::Input(cells), Operand::Input(dcells)]);
        } else {
            bindings.push(Operand::Input(1));
        }
        bindings.extend((0..y.len()).map(Operand::Output));
        let mut overrides = self.cell.gradient_overrides(self.cell_gradient);
        overrides.push(masked(self.lengths));
        let groups = (sizes.width / 4) as u32;
        let dispatches = (0..sizes.time)
            .rev()
            .map(|step| Dispatch {
                kernel,
                overrides: overrides.clone(),
                params: RecurrentGradParams {
                    batch: sizes.batch as u32,
                    time: sizes.time as u32,
                    units: sizes.units as u32,
                    groups,
                    step: step as u32,
                    first: 0,
                    count: if step + 1 == sizes.time { 0 } else { groups },
                    behind: step as u32 + 1,
                }
                .bytes(),
                bindings: bindings.clone(),
                workgroups: sizes.tiles(
                    kernel.constant("TILE_ROWS"),
                    sizes.units,
                    kernel.constant("TILE_UNITS"),
                ),
            })
            .collect();
        Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches })
    }

    /// Where its inputs stand: gates, cells, dstates.
    fn places(&self) -> (usize, usize, usize) {
        let cells = 2 + usize::from(C::GATES);
        (2, cells, cells + usize::from(C::CELLS))
    }

    fn unrolled<'g>(&self, x: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let Sizes { batch, time, units, width } = Sizes::of(&x[1].shape(), C::COLUMNS);
        let (gates, cells, dstates) = self.places();
        let at = |x: Tensor<'g>, time: usize| part(x, 1, time, time + 1).reshape(&[batch, x.shape()[2]]);
        let state = |time: usize| {
            let h = at(x[1], time);
            State { h, c: if C::CELLS { at(x[cells], time) } else { h } }
        };
        let kernel = part(x[0], 0, 0, units).t();
        let peepholes = self.cell.peepholes().then(|| columns::<C>(part(x[0], 0, units, units + 1)));
        let mut carry = x[0].graph().scalar(0.0).broadcast_to(&[batch, units]);
        let mut das: Vec<Tensor<'g>> = Vec::new();
        for step in (0..time).rev() {
            let mut dh = at(x[dstates], step + 1);
            if let Some(&behind) = das.last() {
                dh = dh + behind.matmul(kernel);
            }
            if self.cell_gradient {
                carry = carry + at(x[dstates + 1], step + 1);
            }
            let kept = if C::GATES { columns::<C>(at(x[gates], step)) } else { [dh; 4] };
            let (mut da, mut next) =
                self.cell.retreat(kept, state(step), state(step + 1), dh, carry, peepholes);
            if self.lengths {
                let lengths = x[x.len() - 1];
                da = da.map(|da| valid(lengths, step, da));
                next = valid(lengths, step, next);
            }
            das.push(uncolumns::<C>(da));
            carry = next;
        }
        das.reverse();
        let mut y = vec![over_time(&das, width)];
        y.extend(C::GATES.then_some(carry));
        y
    }
}

impl<C: Cell> Op for RecurrenceGradient<C> {
    fn name(&self) -> &'static str {
        C::NAMES.1
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let sizes = Sizes::of(&x[1].shape, C::COLUMNS);
        let mut wanted = vec![sizes.kernel(self.cell.peepholes())?, sizes.states()?];
        wanted.extend(C::GATES.then(|| sizes.gates()).transpose()?);
        wanted.extend(C::CELLS.then(|| sizes.states()).transpose()?);
        wanted.push(sizes.states()?);
        wanted.extend(self.cell_gradient.then(|| sizes.states()).transpose()?);
        wanted.extend(self.lengths.then(|| sizes.lengths()).transpose()?);
        expect(x, &wanted)?;
        let mut y = vec![sizes.gates()?];
        y.extend(C::GATES.then(|| sizes.state()).transpose()?);
        Ok(y)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Sizes { batch, time, units, width } = Sizes::of(&x[1].shape(), C::COLUMNS);
        let (gates, cells, dstates) = self.places();
        for row in 0..batch {
            let mut carry = vec![0.0; units];
            let steps = if self.lengths { steps_of(x[x.len() - 1].data[row], time) } else { time };
            for step in (0..steps).rev() {
                let at = (row * time + step) * width;
                let before = (row * (time + 1) + step) * units;
                let after = before + units;
                let behind = if step + 1 < steps { &y[0].data[at + width..at + 2 * width] } else { &[] };
                let through = |unit: usize| -> f64 {
                    behind.iter().zip(&x[0].data[unit * width..]).map(|(da, weight)| da * weight).sum()
                };
                let dh: Vec<f64> =
                    (0..units).map(|unit| x[dstates].data[after + unit] + through(unit)).collect();
                for unit in 0..units {
                    let state = |place: usize| State {
                        h: x[1].data[place + unit],
                        c: if C::CELLS { x[cells].data[place + unit] } else { 0.0 },
                    };
                    let kept = of_unit(C::COLUMNS, |column| {
                        if C::GATES { x[gates].data[at + unit * C::COLUMNS + column] } else { 0.0 }
                    });
                    if self.cell_gradient {
                        carry[unit] += x[dstates + 1].data[after + unit];
                    }
                    let peepholes = self.cell.peepholes().then(|| {
                        of_unit(C::COLUMNS, |column| x[0].data[units * width + unit * C::COLUMNS + column])
                    });
                    let (before, after) = (state(before), state(after));
                    let (da, next) = self.cell.retreat(kept, before, after, dh[unit], carry[unit], peepholes);
                    carry[unit] = next;
                    y[0].data[at + unit * C::COLUMNS..][..C::COLUMNS].copy_from_slice(&da[..C::COLUMNS]);
                }
            }
            if C::GATES {
                y[1].data[row * units..(row + 1) * units].copy_from_slice(&carry);
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        through(at, |x| self.unrolled(x))
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        Ok(self.by(C::KERNELS.1.choose(x[1].shape()[0], 0, caps), x, y))
    }

    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        let way = |way| Ok(self.by(C::KERNELS.1.choose(x[1].shape()[0], way, caps), x, y));
        Lowering::distinct([0, 1].map(way))
    }

    /// The product of each step with R.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        let Sizes { batch, time, .. } = Sizes::of(&x[1].shape, C::COLUMNS);
        2.0 * (batch * time) as f64 * x[0].shape.elements() as f64
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        tolerance(C::COLUMNS * x[1].shape()[2], x[1].shape()[1])
    }
}
