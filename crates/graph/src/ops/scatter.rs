//! y[.., s, ..] = sum over k with indices[k] = s of x[.., k, ..]
//!
//! The way back of gather. Terms are added in the order of k, without atomics, so that a result has
//! the same bits in every run. Few indices: each result looks through all of them. Many: the
//! positions are sorted by their index first (stable, eight bits a pass), and each result adds up
//! its own.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{
    self as shaders, ScatterAddParams, SegmentStartsParams, SegmentSumParams, SortCountParams,
    SortOffsetsParams, SortPlaceParams,
};

use super::gather::{Gather, GatherElements, around, check_indices, inside};
use super::reduce::Kind;
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor,
    Tolerance, Values, workgroups,
};

/// Inputs: x, and indices of the shape `[x.shape[axis]]`, or of the shape of x with `elements`. The
/// axis of the result has this size.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScatterAdd {
    pub(super) axis: usize,
    pub(super) size: usize,
    pub(super) elements: bool,
}

/// Terms of one sum that one dispatch adds: half of the loop limit of the software adapter.
const TERMS: usize = 1 << 15;

/// Indices that are looked at altogether, up to which a sort costs more than it saves: its ten
/// dispatches take about as long as these loads.
const LOOKS: usize = 1 << 18;

/// Positions in a block of the sort, which one invocation goes through; more where there would be
/// too many blocks to add up in one loop.
const BLOCK: usize = 256;
const MOST_BLOCKS: usize = 1 << 14;

impl<'g> Tensor<'g> {
    /// This plus `updates`, whose part `k` along `axis` is added at `indices[k]` (`i32` or `u32`, one axis).
    /// Where an index occurs several times all are added, in order; one outside adds nothing.
    #[track_caller]
    pub fn index_add(self, axis: isize, indices: Tensor<'g>, updates: Tensor<'g>) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(axis) => {
                let op = ScatterAdd { axis, size: self.shape()[axis], elements: false };
                self + updates.apply(op, &[updates, indices])
            }
            Err(error) => self.fail(error.context("index_add")),
        }
    }

    /// The sums of the rows that belong to each of `count` segments: row `k` along the first axis
    /// belongs to segment `segments[k]` (`i32` or `u32`), to none where that lies outside.
    #[track_caller]
    pub fn segment_sum(self, segments: Tensor<'g>, count: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        if self.shape().rank() == 0 {
            return self.fail(Error::shape("segment_sum: a scalar has no rows"));
        }
        self.apply(ScatterAdd { axis: 0, size: count, elements: false }, &[self, segments])
    }
}

impl Op for ScatterAdd {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis).with("elements", self.elements)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_indices(&x[1])?;
        let shape = x[0].shape;
        if x[0].dtype != DType::F32 || shape.rank() <= self.axis {
            return Err(Error::shape(format!("adds f32 with an axis {}, {} was given", self.axis, x[0])));
        }
        let expected = if self.elements { shape } else { Shape::new(&[shape[self.axis]])? };
        if x[1].shape != expected {
            let message = format!("indices {} for {shape} along axis {}", x[1].shape, self.axis);
            return Err(Error::shape(message));
        }
        Ok(vec![x[0].with_shape(Shape::new(&shape.with(self.axis, self.size))?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (_, count, inner) = around(&x[0].shape(), self.axis);
        for (at, &value) in x[0].data.iter().enumerate() {
            let (o, k, i) = (at / (count * inner), at / inner % count, at % inner);
            let index = x[1].data[if self.elements { at } else { k }];
            if let Some(index) = inside(index, self.size) {
                y[0].data[(o * self.size + index) * inner + i] += value;
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let dy = at.dy();
        let dx = match self.elements {
            true => dy.apply(GatherElements { axis: self.axis }, &[dy, at.x[1]]),
            false => dy.apply(Gather { axis: self.axis }, &[dy, at.x[1]]),
        };
        vec![Some(dx), None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        debug_assert_eq!(y[0].dtype, DType::F32);
        lower(Kind::Sum, &x[0].shape(), self.axis, self.size, self.elements)
    }
}

/// The dispatches that add up x, or multiply it and so on, by index.
pub(super) fn lower(kind: Kind, x: &Shape, axis: usize, size: usize, elements: bool) -> Result<Lowering> {
    let (outer, count, inner) = around(x, axis);
    let vector = inner.is_multiple_of(4) && !elements;
    let inner = if vector { inner / 4 } else { inner };
    let work = Work { kind, units: outer * size * inner, size, count, inner, vector };
    if elements || !is_much(work.units, count) {
        return Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches: work.direct(elements) }));
    }
    work.sorted()
}

/// Whether a list of indices is better sorted than looked through once for each result.
pub(super) fn is_much(results: usize, count: usize) -> bool {
    results.saturating_mul(count) > LOOKS
}

/// First and last term of each dispatch.
pub(super) fn pieces(count: usize) -> impl Iterator<Item = (u32, u32)> {
    (0..count.div_ceil(TERMS).max(1))
        .map(move |piece| ((piece * TERMS) as u32, ((piece + 1) * TERMS).min(count) as u32))
}

/// Sizes, with `inner` and `units` counted in ones or fours.
struct Work {
    kind: Kind,
    units: usize,
    size: usize,
    count: usize,
    inner: usize,
    vector: bool,
}

impl Work {
    fn kind(&self) -> (&'static str, f64) {
        ("KIND", f64::from(self.kind as u8))
    }

    fn direct(&self, elements: bool) -> Vec<Dispatch> {
        let dispatch = |(first, last)| Dispatch {
            kernel: if self.vector { &shaders::SCATTER_ADD_VEC4 } else { &shaders::SCATTER_ADD },
            overrides: vec![("ELEMENTS", f64::from(u8::from(elements))), self.kind()],
            params: ScatterAddParams {
                units: self.units as u32,
                size: self.size as u32,
                terms: self.count as u32,
                inner: self.inner as u32,
                first,
                last,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            workgroups: workgroups(self.units.div_ceil(64)),
        };
        pieces(self.count).map(dispatch).collect()
    }

    fn sorted(&self) -> Result<Lowering> {
        let mut kernels = Kernels::default();
        let (sorted, starts) = sort_positions(&mut kernels, Operand::Input(1), self.count, self.size)?;
        kernels.dispatches.extend(pieces(self.count).map(|(first, last)| {
            Dispatch {
                kernel: if self.vector { &shaders::SEGMENT_SUM_VEC4 } else { &shaders::SEGMENT_SUM },
                overrides: vec![self.kind()],
                params: SegmentSumParams {
                    units: self.units as u32,
                    size: self.size as u32,
                    terms: self.count as u32,
                    inner: self.inner as u32,
                    first,
                    last,
                }
                .bytes(),
                bindings: vec![Operand::Input(0), sorted, starts, Operand::Output(0)],
                workgroups: workgroups(self.units.div_ceil(64)),
            }
        }));
        Ok(Lowering::Kernels(kernels))
    }
}

/// Adds the dispatches that sort the positions `0..count` of `indices` by index, stable; what holds
/// them, and what holds where each index below `size` starts among them, and where the last ends.
pub(super) fn sort_positions(
    kernels: &mut Kernels,
    indices: Operand,
    count: usize,
    size: usize,
) -> Result<(Operand, Operand)> {
    let block = BLOCK.max(count.div_ceil(MOST_BLOCKS));
    let blocks = count.div_ceil(block);
    let scratch = kernels.scratch.len();
    for length in [256 * blocks, count, count, size + 1] {
        kernels.scratch.push(Meta { shape: Shape::new(&[length])?, dtype: DType::U32 });
    }
    let (totals, starts) = (Operand::Scratch(scratch), Operand::Scratch(scratch + 3));
    let lists = [Operand::Scratch(scratch + 1), Operand::Scratch(scratch + 2)];
    // The key of an index outside is `size` itself.
    let bits = usize::BITS - size.leading_zeros();
    let passes = bits.div_ceil(8).max(1) as usize;
    let groups = workgroups(blocks.div_ceil(32));
    let (count, size, blocks, block) = (count as u32, size as u32, blocks as u32, block as u32);
    for pass in 0..passes {
        let (first, shift) = (pass == 0, 8 * pass as u32);
        let (from, to) = (lists[(pass + 1) % 2], lists[pass % 2]);
        // The first pass takes the positions as they come, and binds something to read.
        let from = if first { indices } else { from };
        let overrides = vec![("FIRST", f64::from(u8::from(first)))];
        kernels.dispatches.push(Dispatch {
            kernel: &shaders::SORT_COUNT,
            overrides: overrides.clone(),
            params: SortCountParams { count, size, blocks, block, shift }.bytes(),
            bindings: vec![indices, from, totals],
            workgroups: groups,
        });
        kernels.dispatches.push(Dispatch {
            kernel: &shaders::SORT_OFFSETS,
            overrides: vec![],
            params: SortOffsetsParams { blocks }.bytes(),
            bindings: vec![totals],
            workgroups: [1, 1, 1],
        });
        kernels.dispatches.push(Dispatch {
            kernel: &shaders::SORT_PLACE,
            overrides,
            params: SortPlaceParams { count, size, blocks, block, shift }.bytes(),
            bindings: vec![indices, from, totals, to],
            workgroups: groups,
        });
    }
    let sorted = lists[(passes - 1) % 2];
    kernels.dispatches.push(Dispatch {
        kernel: &shaders::SEGMENT_STARTS,
        overrides: vec![],
        params: SegmentStartsParams { count, size }.bytes(),
        bindings: vec![indices, sorted, starts],
        workgroups: workgroups((size as usize + 1).div_ceil(64)),
    });
    Ok((sorted, starts))
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("index_add rows", |x| x[0].index_add(0, x[1], x[2]))
            .input(&[6, 3])
            .filled(&[4], DType::I32, Fill::Below(6))
            .input(&[4, 3]),
        Case::new("index_add columns", |x| x[0].index_add(1, x[1], x[2]))
            .input(&[5, 4])
            .filled(&[7], DType::I32, Fill::Below(4))
            .input(&[5, 7]),
        Case::new("segment_sum 9 rows", |x| x[0].segment_sum(x[1], 5)).input(&[9, 4]).filled(
            &[9],
            DType::I32,
            Fill::Below(5),
        ),
        // Past the terms of one dispatch: one segment takes half of them, looked through and sorted.
        Case::new("segment_sum of many", |x| x[0].segment_sum(x[1], 2))
            .input(&[70_001])
            .filled(&[70_001], DType::I32, Fill::Below(2))
            .tolerance(Tolerance::sum(35_000)),
        Case::new("segment_sum of most", |x| x[0].segment_sum(x[1], 300))
            .input(&[70_001])
            .filled(&[70_001], DType::I32, Fill::Given(vec![299.0, 299.0, 299.0, 0.0, 17.0]))
            .tolerance(Tolerance::sum(42_000)),
        Case::new("segment_sum into nothing", |x| x[0].segment_sum(x[1], 0)).input(&[5, 2]).filled(
            &[5],
            DType::I32,
            Fill::Below(3),
        ),
    ]
}
