//! The part of a recurrent layer that goes through time, for any cell.
//!
//! a_s = gates_in_s + h_s . R, `(h_{s+1}, c_{s+1}) = advance(a_s, h_s, c_s)` forwards, and backwards
//! `(da_s, carry) = retreat(dh_{s+1}, carry)` with `dh_{s+1} = dstates_{s+1} + da_{s+1} . R^T`.
//! `states` and `cells` hold the initial state at time 0 and that of step s at time s + 1, so that
//! what a step reads and what it writes are neighbours, and the gradient of R is one product of all
//! but the last time of `states` with da.

use anygrad_core::{Caps, Error, Result, Shape};
use anygrad_shaders::{self as shaders, RecurrentGradParams, RecurrentParams, RecurrentStartParams};

use super::{Cell, Family, State};
use super::{join, part};
use crate::{At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Values, workgroups};

/// Inputs: gates_in `[n, t, columns * units]`, R `[units, columns * units]`, h0 `[n, units]`, and c0
/// `[n, units]` where there are cells. Outputs: states `[n, t + 1, units]`, then, where the cell has
/// them, the kept gates `[n, t, columns * units]` and cells `[n, t + 1, units]`.
#[derive(Debug)]
pub(super) struct Recurrence<C>(pub(super) C);

/// Inputs: R, states, then, where the cell has them, gates and cells; dstates, and dcells if
/// `cell_gradient`. Outputs: the gradient of gates_in, and, where the cell carries something over
/// between steps, what the first step carried over: `[n, units]`.
#[derive(Debug)]
struct RecurrenceGradient<C> {
    cell: C,
    cell_gradient: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sizes {
    batch: usize,
    time: usize,
    units: usize,
    /// Columns of the gates of all units.
    width: usize,
}

impl Sizes {
    fn of(states: &Shape, columns: usize) -> Sizes {
        let [batch, times, units] = [states[0], states[1], states[2]];
        Sizes { batch, time: times - 1, units, width: columns * units }
    }

    fn states(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.time + 1, self.units])?))
    }

    fn gates(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.time, self.width])?))
    }

    fn state(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.units])?))
    }

    /// One dispatch per step, of `kernel` tiles of `rows` by `across`.
    fn tiles(&self, rows: u32, columns: usize, across: u32) -> [u32; 3] {
        workgroups(self.batch.div_ceil(rows as usize) * columns.div_ceil(across as usize))
    }
}

impl Family {
    /// Shuffle kernels keep 8 lanes of a software adapter busy; everything else takes tiles.
    fn choose(&self, batch: usize, caps: &Caps) -> &'static shaders::Kernel {
        match (caps.is_cpu(), caps.fixed_subgroup()) {
            (true, Some(8)) if batch <= 8 => self.shuffle_few,
            (true, Some(8)) => self.shuffle,
            _ => self.tiled,
        }
    }
}

/// Fails unless the shapes are these.
fn expect(x: &[Meta], wanted: &[Meta]) -> Result<()> {
    match x.iter().zip(wanted).position(|(x, wanted)| x != wanted) {
        Some(i) => Err(Error::shape(format!("operand {i} is {}, {} is wanted", x[i], wanted[i]))),
        None => Ok(()),
    }
}

/// The first `COLUMNS` are those of a unit; the others repeat the last.
fn of_unit<N: Copy>(columns: usize, get: impl Fn(usize) -> N) -> [N; 4] {
    std::array::from_fn(|column| get(column.min(columns - 1)))
}

impl<C: Cell> Op for Recurrence<C> {
    fn name(&self) -> &'static str {
        C::NAMES.0
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let [batch, time, width] = <[usize; 3]>::try_from(&*x[0].shape)
            .map_err(|_| Error::shape(format!("the gates are [batch, time, columns], not {}", x[0])))?;
        let units = width / C::COLUMNS;
        if time == 0 || units == 0 || !units.is_multiple_of(4) {
            return Err(Error::shape(format!(
                "{time} steps of {units} units; there is at least one step, and units come in fours"
            )));
        }
        let sizes = Sizes { batch, time, units, width: C::COLUMNS * units };
        let kernel = Meta::f32(Shape::new(&[units, sizes.width])?);
        expect(x, &[sizes.gates()?, kernel, sizes.state()?, sizes.state()?])?;
        let mut y = vec![sizes.states()?];
        y.extend(C::GATES.then(|| sizes.gates()).transpose()?);
        y.extend(C::CELLS.then(|| sizes.states()).transpose()?);
        Ok(y)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Sizes { batch, time, units, width } = Sizes::of(&y[0].shape(), C::COLUMNS);
        let (states, kept) = y.split_at_mut(1);
        let states = &mut states[0].data;
        let (mut gates, mut cells) = (None, None);
        for values in kept {
            *(if C::GATES && gates.is_none() { &mut gates } else { &mut cells }) = Some(&mut values.data);
        }
        for row in 0..batch {
            let initial = row * units..(row + 1) * units;
            let mut h = x[2].data[initial.clone()].to_vec();
            let mut c = if C::CELLS { x[3].data[initial].to_vec() } else { h.clone() };
            let first = row * (time + 1) * units;
            states[first..first + units].copy_from_slice(&h);
            if let Some(cells) = &mut cells {
                cells[first..first + units].copy_from_slice(&c);
            }
            for step in 0..time {
                let at = (row * time + step) * width;
                let mut a = x[0].data[at..at + width].to_vec();
                for (k, h) in h.iter().enumerate() {
                    for (a, weight) in a.iter_mut().zip(&x[1].data[k * width..]) {
                        *a += h * weight;
                    }
                }
                let after = first + (step + 1) * units;
                for unit in 0..units {
                    let columns = of_unit(C::COLUMNS, |column| a[unit * C::COLUMNS + column]);
                    let (next, kept) = self.0.advance(columns, State { h: h[unit], c: c[unit] });
                    (h[unit], c[unit]) = (next.h, next.c);
                    states[after + unit] = next.h;
                    if let Some(gates) = &mut gates {
                        gates[at + unit * C::COLUMNS..][..C::COLUMNS].copy_from_slice(&kept[..C::COLUMNS]);
                    }
                    if let Some(cells) = &mut cells {
                        cells[after + unit] = next.c;
                    }
                }
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        if C::GATES && at.dys[1].is_some() {
            // Only where a gradient is differentiated again.
            return through(at, |x| self.unrolled(x));
        }
        let (kernel, states) = (at.x[1], at.y[0]);
        let Sizes { batch, time, units, width } = Sizes::of(&states.shape(), C::COLUMNS);
        let dstates = at.dy();
        let dcells = if C::CELLS { at.dys[at.y.len() - 1] } else { None };
        let mut inputs = vec![kernel];
        inputs.extend(at.y);
        inputs.push(dstates);
        inputs.extend(dcells);
        let gradient = RecurrenceGradient { cell: self.0, cell_gradient: dcells.is_some() };
        let back = kernel.apply_all(gradient, &inputs);
        let (da, carry) = (back[0], back[C::GATES as usize]);
        let at_start = |x: Tensor<'g>| part(x, 1, 0, 1).reshape(&[batch, x.shape()[2]]);

        let dkernel = at.wanted[1].then(|| {
            let before = part(states, 1, 0, time).reshape(&[batch * time, units]);
            before.t().matmul(da.reshape(&[batch * time, width]))
        });
        let dh0 = at.wanted[2].then(|| {
            let dh0 = at_start(dstates) + at_start(da).matmul(kernel.t());
            if C::GATES && !C::CELLS { dh0 + carry } else { dh0 }
        });
        let mut grads = vec![Some(da), dkernel, dh0];
        if C::CELLS {
            grads.push(Some(dcells.map_or(carry, |dcells| carry + at_start(dcells))));
        }
        grads
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let sizes = Sizes::of(&y[0].shape, C::COLUMNS);
        let (units, groups) = (sizes.units as u32, sizes.width / 4);
        let start = |input: usize, output: usize| Dispatch {
            kernel: &shaders::RECURRENT_START,
            overrides: Vec::new(),
            params: RecurrentStartParams {
                elements: (sizes.batch * sizes.units) as u32,
                units,
                times: sizes.time as u32 + 1,
                stride: u32::from(!x[input].is_uniform()),
            }
            .bytes(),
            bindings: vec![Operand::Input(input), Operand::Output(output)],
            workgroups: workgroups((sizes.batch * sizes.units).div_ceil(64)),
        };
        let mut dispatches = vec![start(2, 0)];
        if C::CELLS {
            dispatches.push(start(3, y.len() - 1));
        }
        let kernel = C::KERNELS.0.choose(sizes.batch, caps);
        let mut bindings = vec![Operand::Input(0), Operand::Input(1)];
        bindings.extend((0..y.len()).map(Operand::Output));
        dispatches.extend((0..sizes.time).map(|step| {
            Dispatch {
                kernel,
                overrides: self.0.overrides(),
                params: RecurrentParams {
                    batch: sizes.batch as u32,
                    time: sizes.time as u32,
                    units,
                    groups: groups as u32,
                    step: step as u32,
                }
                .bytes(),
                bindings: bindings.clone(),
                workgroups: sizes.tiles(kernel.constant("TILE_ROWS"), groups, kernel.constant("TILE_GROUPS")),
            }
        }));
        Ok(Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches }))
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        let initial_state = input >= 2;
        layout.is_contiguous() || initial_state && layout.offset == 0 && layout.is_uniform()
    }
}

impl<C: Cell> Recurrence<C> {
    /// The same from simple operators, step after step.
    pub(super) fn unrolled<'g>(&self, x: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let [batch, time, width] = [x[0].shape()[0], x[0].shape()[1], x[0].shape()[2]];
        let units = width / C::COLUMNS;
        let mut state = State { h: x[2], c: x[if C::CELLS { 3 } else { 2 }] };
        let (mut states, mut gates, mut cells) = (vec![state.h], Vec::new(), vec![state.c]);
        for step in 0..time {
            let a = part(x[0], 1, step, step + 1).reshape(&[batch, width]) + state.h.matmul(x[1]);
            let (next, kept) = self.0.advance(columns::<C>(a), state);
            gates.push(uncolumns::<C>(kept));
            states.push(next.h);
            cells.push(next.c);
            state = next;
        }
        let mut y = vec![over_time(&states, units)];
        y.extend(C::GATES.then(|| over_time(&gates, width)));
        y.extend(C::CELLS.then(|| over_time(&cells, units)));
        y
    }
}

impl<C: Cell> RecurrenceGradient<C> {
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
        let mut carry = x[0].graph().scalar(0.0).broadcast_to(&[batch, units]);
        let mut das: Vec<Tensor<'g>> = Vec::new();
        for step in (0..time).rev() {
            let mut dh = at(x[dstates], step + 1);
            if let Some(&behind) = das.last() {
                dh = dh + behind.matmul(x[0].t());
            }
            if self.cell_gradient {
                carry = carry + at(x[dstates + 1], step + 1);
            }
            let kept = if C::GATES { columns::<C>(at(x[gates], step)) } else { [dh; 4] };
            let (da, next) = self.cell.retreat(kept, state(step), state(step + 1), dh, carry);
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
        let mut wanted = vec![Meta::f32(Shape::new(&[sizes.units, sizes.width])?), sizes.states()?];
        wanted.extend(C::GATES.then(|| sizes.gates()).transpose()?);
        wanted.extend(C::CELLS.then(|| sizes.states()).transpose()?);
        wanted.extend([sizes.states()?, sizes.states()?]);
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
            for step in (0..time).rev() {
                let at = (row * time + step) * width;
                let before = (row * (time + 1) + step) * units;
                let after = before + units;
                let behind = if step + 1 < time { &y[0].data[at + width..at + 2 * width] } else { &[] };
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
                    let (da, next) =
                        self.cell.retreat(kept, state(before), state(after), dh[unit], carry[unit]);
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
        let sizes = Sizes::of(&x[1].shape(), C::COLUMNS);
        let kernel = C::KERNELS.1.choose(sizes.batch, caps);
        let (_, cells, dstates) = self.places();
        // R and dstates are every cell's; then come its kept values and dcells.
        let mut bindings = vec![Operand::Input(0), Operand::Input(dstates)];
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
        let dispatches = (0..sizes.time)
            .rev()
            .map(|step| Dispatch {
                kernel,
                overrides: self.cell.gradient_overrides(self.cell_gradient),
                params: RecurrentGradParams {
                    batch: sizes.batch as u32,
                    time: sizes.time as u32,
                    units: sizes.units as u32,
                    groups: (sizes.width / 4) as u32,
                    step: step as u32,
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
        Ok(Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches }))
    }
}

/// The gradients of an operator by those of the same expression made of simpler ones.
fn through<'g>(at: &At<'g, '_>, expression: impl Fn(&[Tensor<'g>]) -> Vec<Tensor<'g>>) -> Grads<'g> {
    // Copies of the inputs: where one depends on another, that way is not this operator's.
    let x: Vec<Tensor<'g>> = at.x.iter().map(|x| x.identity()).collect();
    let terms = expression(&x).into_iter().zip(at.dys).filter_map(|(y, dy)| Some((y * (*dy)?).sum_all()));
    match terms.reduce(|a, b| a + b) {
        Some(loss) => loss.graph().gradients(loss, &x).into_iter().map(Some).collect(),
        None => vec![None; x.len()],
    }
}

/// `[n, width]` as the columns of its units, each `[n, units]`.
fn columns<C: Cell>(x: Tensor<'_>) -> [Tensor<'_>; 4] {
    let [batch, width] = [x.shape()[0], x.shape()[1]];
    let units = width / C::COLUMNS;
    let x = x.reshape(&[batch, units, C::COLUMNS]);
    of_unit(C::COLUMNS, |column| part(x, 2, column, column + 1).reshape(&[batch, units]))
}

/// The way back.
fn uncolumns<C: Cell>(columns: [Tensor<'_>; 4]) -> Tensor<'_> {
    let [batch, units] = [columns[0].shape()[0], columns[0].shape()[1]];
    let columns: Vec<_> = columns[..C::COLUMNS].iter().map(|x| x.reshape(&[batch, units, 1])).collect();
    join(&columns, 2).reshape(&[batch, units * C::COLUMNS])
}

/// `[n, width]` of each time as `[n, times, width]`.
fn over_time<'g>(times: &[Tensor<'g>], width: usize) -> Tensor<'g> {
    let batch = times[0].shape()[0];
    let times: Vec<_> = times.iter().map(|x| x.reshape(&[batch, 1, width])).collect();
    join(&times, 1)
}
