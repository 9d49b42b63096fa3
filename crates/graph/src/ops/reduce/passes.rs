//! Reductions as dispatches: rows, columns and integers, long ones in passes of a fixed tree.

use anygrad_core::{Caps, DType, Result, Shape};
use anygrad_shaders::{
    self as shaders, ReduceColumnsParams, ReduceIntegerParams, ReduceParams, ReduceRowsParams,
};

use super::Kind;
use crate::ops::rows::RowKernels;
use crate::{Dispatch, Kernels, Lowering, Meta, Operand, workgroups};

/// A reduction of elements of a dtype, rows by the choice of this number among those for each pass.
pub(in crate::ops) struct Reduction {
    pub(in crate::ops) kind: Kind,
    pub(in crate::ops) dtype: DType,
    pub(in crate::ops) way: usize,
}

impl Reduction {
    /// The sum of floating-point numbers.
    pub(in crate::ops) const SUM: Reduction = Reduction { kind: Kind::Sum, dtype: DType::F32, way: 0 };

    /// Adds the dispatches that reduce the middle axis of `[outer, middle, inner]`, from one operand to
    /// another.
    pub(in crate::ops) fn passes(
        &self,
        kernels: &mut Kernels,
        [outer, middle, inner]: [usize; 3],
        [mut from, end]: [Operand; 2],
        caps: &Caps,
    ) -> Result<()> {
        let dtype = self.dtype;
        let mut left = middle;
        loop {
            let terms = if inner == 1 && dtype.is_float() {
                row_terms(outer, left)
            } else {
                column_terms(outer, left, inner, caps, dtype.is_float())
            };
            let parts = left.div_ceil(terms).max(1);
            let to = if parts == 1 {
                end
            } else {
                kernels.scratch.push(Meta { shape: Shape::new(&[outer * parts * inner])?, dtype });
                Operand::Scratch(kernels.scratch.len() - 1)
            };
            let (parts, terms) = (parts as u32, terms as u32);
            let pass = Pass { kind: self.kind, outer, middle: left, inner, parts, terms };
            let bindings = vec![from, to];
            kernels.dispatches.push(if !dtype.is_float() {
                pass.integers(dtype, bindings)
            } else if inner == 1 {
                pass.rows(bindings, self.way, caps)
            } else {
                pass.columns(bindings, caps)
            });
            if parts == 1 {
                return Ok(());
            }
            (from, left) = (to, parts as usize);
        }
    }
}

/// Elements of a row that one subgroup or workgroup takes; a multiple of four. Where the rows do not
/// fill the adapter they are cut finer.
fn row_terms(rows: usize, columns: usize) -> usize {
    const PART: usize = 1 << 12;
    const LONG_PART: usize = 1 << 15;
    match rows {
        // A second pass pays only for much more than one part.
        ..256 if columns > 2 * PART => PART,
        ..256 => columns.max(1),
        _ => LONG_PART,
    }
}

/// Terms that one invocation adds up: at most as many as keep the error small, which then grows with
/// the tree, and fewer where that gives the adapter enough invocations. `by_lines` is whether workgroups may
/// share a part: see [`Lines`].
fn column_terms(outer: usize, middle: usize, inner: usize, caps: &Caps, by_lines: bool) -> usize {
    const MOST: usize = 1024;
    const LEAST: usize = 64;
    /// A second pass costs more than this many terms in a row.
    const FEW: usize = 256;
    if middle <= FEW {
        return FEW;
    }
    let units = if inner.is_multiple_of(4) { inner / 4 } else { inner };
    if let Some(group) = Lines::new(outer, middle, units, caps).filter(|_| by_lines) {
        let parts = BUSY_GROUPS / (outer * group.blocks).max(1);
        return middle.div_ceil(parts.max(1)).clamp(LEAST_TURNS * group.lines, MOST * group.lines);
    }
    let busy = if caps.is_cpu() { 512 } else { 1 << 14 };
    let parts = busy / (outer * units).max(1);
    middle.div_ceil(parts.max(1)).clamp(LEAST, MOST)
}

/// Workgroups that keep a GPU busy while their results can still be added up by one.
const BUSY_GROUPS: usize = 256;
/// Elements that one invocation of them adds up at least.
const LEAST_TURNS: usize = 8;

/// Workgroups that go through many lines of the middle axis at once: see `reduce_columns`.
struct Lines {
    /// Neighbours of inner in one workgroup.
    units: usize,
    /// Lines that it takes at once.
    lines: usize,
    /// Workgroups for all of inner.
    blocks: usize,
}

impl Lines {
    /// On GPUs, where one invocation for each result would leave most of it idle.
    fn new(outer: usize, middle: usize, units: usize, caps: &Caps) -> Option<Self> {
        const SIZE: usize = 256;
        const MANY_RESULTS: usize = 1 << 15;
        let group = units.next_power_of_two().min(16);
        let lines = Lines { units: group, lines: SIZE / group, blocks: units.div_ceil(group) };
        let idle = outer * units < MANY_RESULTS && middle >= 2 * lines.lines;
        (!caps.is_cpu() && idle && units > 0).then_some(lines)
    }
}

/// Kernels that sum over the rows of `[rows, columns]` to `outputs` sums per column, in parts: `first`
/// makes a dispatch from the rows in a part, the number of parts, and where it writes
/// `[parts, outputs, columns]`; further ones sum up the parts.
pub(in crate::ops) fn sum_of_parts(
    [rows, columns, outputs]: [usize; 3],
    caps: &Caps,
    first: impl FnOnce(usize, usize, Operand) -> Dispatch,
) -> Result<Lowering> {
    let terms = column_terms(1, rows, columns, caps, false);
    let mut left = rows.div_ceil(terms).max(1);
    if left == 1 {
        return Ok(Kernels::one(first(terms, 1, Operand::Output(0))));
    }
    let inner = outputs * columns;
    let mut kernels = Kernels { scratch: vec![Meta::f32(Shape::new(&[left * inner])?)], dispatches: vec![] };
    kernels.dispatches.push(first(terms, left, Operand::Scratch(0)));
    let mut from = Operand::Scratch(0);
    while left > 1 {
        let terms = column_terms(1, left, inner, caps, true);
        let parts = left.div_ceil(terms);
        let to = if parts == 1 {
            Operand::Output(0)
        } else {
            kernels.scratch.push(Meta::f32(Shape::new(&[parts * inner])?));
            Operand::Scratch(kernels.scratch.len() - 1)
        };
        let pass =
            Pass { kind: Kind::Sum, outer: 1, middle: left, inner, parts: parts as u32, terms: terms as u32 };
        kernels.dispatches.push(pass.columns(vec![from, to], caps));
        (from, left) = (to, parts);
    }
    Ok(Lowering::Kernels(kernels))
}

/// One dispatch of a reduction.
struct Pass {
    kind: Kind,
    outer: usize,
    middle: usize,
    inner: usize,
    parts: u32,
    terms: u32,
}

impl Pass {
    fn rows(&self, bindings: Vec<Operand>, way: usize, caps: &Caps) -> Dispatch {
        const KERNELS: RowKernels = RowKernels {
            alone: &shaders::REDUCE_ROWS_ALONE,
            subgroup: [&shaders::REDUCE_ROWS_SUBGROUP, &shaders::REDUCE_ROWS_SUBGROUP_VEC4],
            workgroup: [&shaders::REDUCE_ROWS_WORKGROUP, &shaders::REDUCE_ROWS_WORKGROUP_VEC4],
        };
        let rows = self.outer * self.parts as usize;
        // A single row may end within a group of four.
        let vector = self.outer == 1 || self.middle.is_multiple_of(4);
        let choice = KERNELS.choose_units(way, rows, self.middle.min(self.terms as usize), vector, caps);
        let mut overrides = vec![("KIND", f64::from(self.kind as u8))];
        overrides.extend(choice.overrides);
        Dispatch {
            kernel: choice.kernel,
            overrides,
            params: ReduceRowsParams {
                rows: rows as u32,
                columns: self.middle as u32,
                parts: self.parts,
                terms: self.terms,
            }
            .bytes(),
            bindings,
            workgroups: choice.workgroups,
        }
    }

    fn integers(&self, dtype: DType, bindings: Vec<Operand>) -> Dispatch {
        let outputs = self.outer * self.parts as usize * self.inner;
        // Of 0 and 1 the product is the smallest, and of none it is 1.
        let kind = match (self.kind, dtype) {
            (Kind::Min, DType::Bool) => Kind::Product,
            (kind, _) => kind,
        };
        let signed = f64::from(u8::from(dtype == DType::I32));
        Dispatch {
            kernel: &shaders::REDUCE_INTEGER,
            overrides: vec![("KIND", f64::from(kind as u8)), ("SIGNED", signed)],
            params: ReduceIntegerParams {
                outputs: outputs as u32,
                middle: self.middle as u32,
                inner: self.inner as u32,
                parts: self.parts,
                terms: self.terms,
            }
            .bytes(),
            bindings,
            workgroups: workgroups(outputs.div_ceil(64)),
        }
    }

    fn columns(&self, bindings: Vec<Operand>, caps: &Caps) -> Dispatch {
        let vector = self.inner.is_multiple_of(4);
        let inner = if vector { self.inner / 4 } else { self.inner };
        let terms = self.middle.min(self.terms as usize);
        if let Some(group) = Lines::new(self.outer * self.parts as usize, terms, inner, caps) {
            return Dispatch {
                kernel: if vector { &shaders::REDUCE_COLUMNS_VEC4 } else { &shaders::REDUCE_COLUMNS },
                overrides: vec![("KIND", f64::from(self.kind as u8)), ("UNITS", group.units as f64)],
                params: ReduceColumnsParams {
                    outer: self.outer as u32,
                    middle: self.middle as u32,
                    inner: inner as u32,
                    parts: self.parts,
                    terms: self.terms,
                    blocks: group.blocks as u32,
                }
                .bytes(),
                bindings,
                workgroups: workgroups(self.outer * self.parts as usize * group.blocks),
            };
        }
        let outputs = self.outer * self.parts as usize * inner;
        Dispatch {
            kernel: if vector { &shaders::REDUCE_VEC4 } else { &shaders::REDUCE },
            overrides: vec![("KIND", f64::from(self.kind as u8))],
            params: ReduceParams {
                outputs: outputs as u32,
                middle: self.middle as u32,
                inner: inner as u32,
                parts: self.parts,
                terms: self.terms,
            }
            .bytes(),
            bindings,
            workgroups: workgroups(outputs.div_ceil(64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_invocation_adds_up_few_terms() {
        let caps = Caps::baseline();
        for (outer, middle, inner) in [(1, 1 << 24, 1), (1, 100_352, 64), (3, 70_000, 5), (1, 1 << 27, 4)] {
            assert!(column_terms(outer, middle, inner, &caps, false) <= 1024);
            // Lines share a part.
            let terms = column_terms(outer, middle, inner, &caps, true);
            let units = if inner % 4 == 0 { inner / 4 } else { inner };
            let lines = Lines::new(outer, middle, units, &caps).map_or(1, |group| group.lines);
            assert!(terms.div_ceil(lines) <= 1024, "{terms} terms in {lines} lines");
        }
    }
}
