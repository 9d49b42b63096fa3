//! The part of a recurrent layer that goes through time, for any cell.
//!
//! a_s = gates_in_s + h_s . R, `(h_{s+1}, c_{s+1}) = advance(a_s, h_s, c_s)`; `retreat.rs` goes back.
//! `states` and `cells` hold the initial state at time 0 and that of step s at time s + 1, so that
//! what a step reads and what it writes are neighbours, and the gradient of R is one product of all
//! but the last time of `states` with da.
//!
//! Where rows have lengths, everything a row has after its last step is 0: its outputs are then those
//! of padded sequences, and gradients that arrive there go nowhere. The last state of a row stands at
//! the time of its length.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, RecurrentParams, RecurrentStartParams};

use super::super::reverse_sequence::whole;
use super::lstm::peephole_gradient;
use super::retreat::RecurrenceGradient;
use super::{Cell, Family, State, join, part, tolerance};
use crate::{
    At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance, Values, workgroups,
};

/// Inputs: gates_in `[n, t, columns * units]`, R `[units, columns * units]` (with peepholes one row
/// more, theirs), h0 `[n, units]`, c0 `[n, units]` where there are cells, and `lengths` (`i32`, `[n]`)
/// if there are. Outputs: states `[n, t + 1, units]`, then, where the cell has them, the kept gates
/// `[n, t, columns * units]` and cells `[n, t + 1, units]`.
#[derive(Debug)]
pub(super) struct Recurrence<C> {
    pub(super) cell: C,
    pub(super) lengths: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) time: usize,
    pub(super) units: usize,
    /// Columns of the gates of all units.
    pub(super) width: usize,
}

impl Sizes {
    pub(super) fn of(states: &Shape, columns: usize) -> Sizes {
        let [batch, times, units] = [states[0], states[1], states[2]];
        Sizes { batch, time: times - 1, units, width: columns * units }
    }

    pub(super) fn states(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.time + 1, self.units])?))
    }

    pub(super) fn gates(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.time, self.width])?))
    }

    pub(super) fn state(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.units])?))
    }

    pub(super) fn lengths(&self) -> Result<Meta> {
        Ok(Meta { dtype: DType::I32, shape: Shape::new(&[self.batch])? })
    }

    /// R, with the row of the peepholes where there are.
    pub(super) fn kernel(&self, peepholes: bool) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.units + usize::from(peepholes), self.width])?))
    }

    /// Puts an initial state at time 0 of the states.
    pub(super) fn start(&self, x: &[Layout], input: usize, output: usize) -> Dispatch {
        Dispatch {
            kernel: &shaders::RECURRENT_START,
            overrides: Vec::new(),
            params: RecurrentStartParams {
                elements: (self.batch * self.units) as u32,
                units: self.units as u32,
                times: self.time as u32 + 1,
                stride: u32::from(!x[input].is_uniform()),
            }
            .bytes(),
            bindings: vec![Operand::Input(input), Operand::Output(output)],
            workgroups: workgroups((self.batch * self.units).div_ceil(64)),
        }
    }

    /// One dispatch per step, of `kernel` tiles of `rows` by `across`.
    pub(super) fn tiles(&self, rows: u32, columns: usize, across: u32) -> [u32; 3] {
        workgroups(self.batch.div_ceil(rows as usize) * columns.div_ceil(across as usize))
    }
}

impl Family {
    /// Shuffle kernels keep 8 lanes of a software adapter busy; everything else takes tiles.
    /// `way` 0 is this rule, 1 the other kernel that is worth measuring, where there is one.
    pub(super) fn choose(&self, batch: usize, way: usize, caps: &Caps) -> &'static shaders::Kernel {
        let few = batch <= 8;
        let (rule, other) = match (caps.is_cpu(), caps.fixed_subgroup()) {
            (true, Some(8)) if few => (self.shuffle_few, self.shuffle),
            (true, Some(8)) => (self.shuffle, self.shuffle_few),
            (false, Some(8)) => (self.tiled, if few { self.shuffle_few } else { self.shuffle }),
            _ => (self.tiled, self.tiled),
        };
        if way == 0 { rule } else { other }
    }
}

/// Fails unless the shapes are these.
pub(super) fn expect(x: &[Meta], wanted: &[Meta]) -> Result<()> {
    if x.len() != wanted.len() {
        return Err(Error::internal(format!("{} operands in place of {}", x.len(), wanted.len())));
    }
    match x.iter().zip(wanted).position(|(x, wanted)| x != wanted) {
        Some(i) => Err(Error::shape(format!("operand {i} is {}, {} is wanted", x[i], wanted[i]))),
        None => Ok(()),
    }
}

/// The first `COLUMNS` are those of a unit; the others repeat the last.
pub(super) fn of_unit<N: Copy>(columns: usize, get: impl Fn(usize) -> N) -> [N; 4] {
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
        let mut wanted = vec![sizes.gates()?, sizes.kernel(self.cell.peepholes())?, sizes.state()?];
        wanted.extend(C::CELLS.then(|| sizes.state()).transpose()?);
        wanted.extend(self.lengths.then(|| sizes.lengths()).transpose()?);
        expect(x, &wanted)?;
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
            let steps = if self.lengths { steps_of(x[x.len() - 1].data[row], time) } else { time };
            for step in 0..steps {
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
                    let peepholes = self.cell.peepholes().then(|| {
                        of_unit(C::COLUMNS, |column| x[1].data[units * width + unit * C::COLUMNS + column])
                    });
                    let (next, kept) =
                        self.cell.advance(columns, State { h: h[unit], c: c[unit] }, peepholes);
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
        inputs.extend(self.lengths.then(|| at.x[at.x.len() - 1]));
        let (cell, lengths) = (self.cell, self.lengths);
        let gradient = RecurrenceGradient { cell, cell_gradient: dcells.is_some(), lengths };
        let back = kernel.apply_all(gradient, &inputs);
        let (da, carry) = (back[0], back[C::GATES as usize]);
        let at_start = |x: Tensor<'g>| part(x, 1, 0, 1).reshape(&[batch, x.shape()[2]]);

        let dkernel = at.wanted[1].then(|| {
            let before = part(states, 1, 0, time).reshape(&[batch * time, units]);
            let dkernel = before.t().matmul(da.reshape(&[batch * time, width]));
            if !self.cell.peepholes() {
                return dkernel;
            }
            let cells = |from: usize| part(at.y[at.y.len() - 1], 1, from, from + time);
            join(&[dkernel, peephole_gradient(da, cells(0), cells(1))], 0)
        });
        let dh0 = at.wanted[2].then(|| {
            let dh0 = at_start(dstates) + at_start(da).matmul(part(kernel, 0, 0, units).t());
            if C::GATES && !C::CELLS { dh0 + carry } else { dh0 }
        });
        let mut grads = vec![Some(da), dkernel, dh0];
        if C::CELLS {
            grads.push(Some(dcells.map_or(carry, |dcells| carry + at_start(dcells))));
        }
        grads.extend(self.lengths.then_some(None));
        grads
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        Ok(self.by(C::KERNELS.0.choose(y[0].shape[0], 0, caps), x, y))
    }

    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        let way = |way| Ok(self.by(C::KERNELS.0.choose(y[0].shape[0], way, caps), x, y));
        Lowering::distinct([0, 1].map(way))
    }

    /// The product of each step with R.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        let steps = x[0].shape[0] * x[0].shape[1];
        2.0 * steps as f64 * x[1].shape.elements() as f64
    }

    fn tolerance(&self, _x: &[Layout], y: &[Meta]) -> Tolerance {
        tolerance(y[0].shape[2], y[0].shape[1])
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        let initial_state = input == 2 || input == 3 && C::CELLS;
        layout.is_contiguous() || initial_state && layout.offset == 0 && layout.is_uniform()
    }
}

impl<C: Cell> Recurrence<C> {
    /// One dispatch per step of this kernel.
    fn by(&self, kernel: &'static shaders::Kernel, x: &[Layout], y: &[Meta]) -> Lowering {
        let sizes = Sizes::of(&y[0].shape, C::COLUMNS);
        let groups = sizes.width / 4;
        let mut dispatches = vec![sizes.start(x, 2, 0)];
        if C::CELLS {
            dispatches.push(sizes.start(x, 3, y.len() - 1));
        }
        // Without lengths, something else that is only read stands at their place.
        let lengths = Operand::Input(if self.lengths { x.len() - 1 } else { 1 });
        let mut bindings = vec![Operand::Input(0), Operand::Input(1), Operand::Output(0), lengths];
        bindings.extend((1..y.len()).map(Operand::Output));
        let mut overrides = self.cell.overrides();
        overrides.push(masked(self.lengths));
        dispatches.extend((0..sizes.time).map(|step| {
            Dispatch {
                kernel,
                overrides: overrides.clone(),
                params: RecurrentParams {
                    batch: sizes.batch as u32,
                    time: sizes.time as u32,
                    units: sizes.units as u32,
                    groups: groups as u32,
                    step: step as u32,
                    first: 0,
                    end: groups as u32,
                    times: sizes.time as u32 + 1,
                }
                .bytes(),
                bindings: bindings.clone(),
                workgroups: sizes.tiles(kernel.constant("TILE_ROWS"), groups, kernel.constant("TILE_GROUPS")),
            }
        }));
        Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches })
    }

    /// The same from simple operators, step after step.
    pub(super) fn unrolled<'g>(&self, x: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let [batch, time, width] = [x[0].shape()[0], x[0].shape()[1], x[0].shape()[2]];
        let units = width / C::COLUMNS;
        let mut state = State { h: x[2], c: x[if C::CELLS { 3 } else { 2 }] };
        let (mut states, mut gates, mut cells) = (vec![state.h], Vec::new(), vec![state.c]);
        let kernel = part(x[1], 0, 0, units);
        let peepholes = self.cell.peepholes().then(|| columns::<C>(part(x[1], 0, units, units + 1)));
        for step in 0..time {
            let a = part(x[0], 1, step, step + 1).reshape(&[batch, width]) + state.h.matmul(kernel);
            let (mut next, mut kept) = self.cell.advance(columns::<C>(a), state, peepholes);
            if self.lengths {
                let lengths = x[x.len() - 1];
                next = State { h: valid(lengths, step, next.h), c: valid(lengths, step, next.c) };
                kept = kept.map(|gate| valid(lengths, step, gate));
            }
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

/// How many steps a row of this length takes.
pub(super) fn steps_of(length: f64, time: usize) -> usize {
    length.clamp(0.0, time as f64) as usize
}

/// The override that tells the kernels of lengths.
pub(super) fn masked(lengths: bool) -> (&'static str, f64) {
    ("MASKED", f64::from(u8::from(lengths)))
}

/// x `[n, units]` where the step lies within the length of the row, otherwise 0.
pub(super) fn valid<'g>(lengths: Tensor<'g>, step: usize, x: Tensor<'g>) -> Tensor<'g> {
    lengths.unsqueeze(1).gt(whole(lengths, step)).select(x, 0.0)
}

/// The gradients of an operator by those of the same expression made of simpler ones.
pub(super) fn through<'g>(
    at: &At<'g, '_>,
    expression: impl Fn(&[Tensor<'g>]) -> Vec<Tensor<'g>>,
) -> Grads<'g> {
    // Copies of the inputs: where one depends on another, that way is not this operator's.
    let x: Vec<Tensor<'g>> = at.x.iter().map(|x| x.identity()).collect();
    let terms = expression(&x).into_iter().zip(at.dys).filter_map(|(y, dy)| Some((y * (*dy)?).sum_all()));
    match terms.reduce(|a, b| a + b) {
        Some(loss) => loss.graph().gradients(loss, &x).into_iter().map(Some).collect(),
        None => vec![None; x.len()],
    }
}

/// `[n, width]` as the columns of its units, each `[n, units]`.
pub(super) fn columns<C: Cell>(x: Tensor<'_>) -> [Tensor<'_>; 4] {
    let [batch, width] = [x.shape()[0], x.shape()[1]];
    let units = width / C::COLUMNS;
    let x = x.reshape(&[batch, units, C::COLUMNS]);
    of_unit(C::COLUMNS, |column| part(x, 2, column, column + 1).reshape(&[batch, units]))
}

/// The way back.
pub(super) fn uncolumns<C: Cell>(columns: [Tensor<'_>; 4]) -> Tensor<'_> {
    let [batch, units] = [columns[0].shape()[0], columns[0].shape()[1]];
    let columns: Vec<_> = columns[..C::COLUMNS].iter().map(|x| x.reshape(&[batch, units, 1])).collect();
    join(&columns, 2).reshape(&[batch, units * C::COLUMNS])
}

/// `[n, width]` of each time as `[n, times, width]`.
pub(super) fn over_time<'g>(times: &[Tensor<'g>], width: usize) -> Tensor<'g> {
    let batch = times[0].shape()[0];
    let times: Vec<_> = times.iter().map(|x| x.reshape(&[batch, 1, width])).collect();
    join(&times, 1)
}
