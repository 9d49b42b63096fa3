//! y[s] = the last k with indices[k] = s, or -1
//!
//! And indices along one axis or several as places in a row-major list.

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, LastPlaceParams, SegmentLastParams};

use super::gather::{check_indices, inside};
use super::scatter::{is_much, pieces, sort_positions};
use crate::{
    At, Case, Dispatch, Fill, Grads, Graph, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance,
    Values, workgroups,
};

/// Input: a list of indices; the result has this size.
#[derive(Debug)]
pub(super) struct LastPlace {
    pub(super) size: usize,
}

/// 0, `step`, 2 `step`, ... as `i32`.
pub(super) fn counts(graph: &Graph, count: usize, first: isize, step: usize) -> Tensor<'_> {
    let numbers: Vec<i32> =
        (0..count).map(|i| (first as i64).wrapping_add((i * step) as i64) as i32).collect();
    match Array::i32(&[count], numbers) {
        Ok(array) => graph.constant(array),
        Err(error) => graph.fail(error),
    }
}

/// Refuses shapes whose elements an `i32` cannot count.
pub(super) fn countable(shape: &Shape) -> Result<()> {
    match i32::try_from(shape.elements()) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::unsupported(format!(
            "{shape} has more elements than an index of 32 bits can tell apart"
        ))),
    }
}

/// Where element `[i, .., indices[i, j, ..], ..]` stands in a row-major tensor of `shape`, for each
/// index along `axis`, in a list; -1 for an index outside.
#[track_caller]
pub(super) fn flat_places<'g>(indices: Tensor<'g>, shape: &Shape, axis: usize) -> Tensor<'g> {
    if let Err(error) = countable(shape) {
        return indices.fail(error);
    }
    // A u32 beyond those of an i32 is negative then, and outside as well.
    let indices = indices.cast(DType::I32);
    let strides = shape.strides();
    let sizes = indices.shape();
    let start = indices * strides[axis] as i32;
    let place = (0..sizes.rank()).filter(|&a| a != axis && sizes[a] > 1).fold(start, |place, a| {
        let mut along = vec![1; sizes.rank()];
        along[a] = sizes[a];
        place + counts(indices.graph(), sizes[a], 0, strides[a]).reshape(&along)
    });
    let is_inside = indices.ge(0).logical_and(indices.lt(shape[axis] as i32));
    is_inside.select(place, -1).reshape(&[sizes.elements()])
}

/// Where the part at each index of several numbers `[.., n]` starts, in parts, when the first axes
/// have these n `sizes`: `[..]`. Plus `start`, if there is one; -1 for an index outside.
#[track_caller]
pub(super) fn part_places<'g>(indices: Tensor<'g>, sizes: &[usize], start: Option<Tensor<'g>>) -> Tensor<'g> {
    let indices = indices.cast(DType::I32);
    let numbers = sizes.iter().enumerate().map(|(axis, &size)| {
        let index = indices.at(-1, axis);
        let stride = sizes[axis + 1..].iter().product::<usize>() as i32;
        (index * stride, index.ge(0).logical_and(index.lt(size as i32)))
    });
    let sum = numbers.reduce(|(place, valid), (next, too)| (place + next, valid.logical_and(too)));
    match (sum, start) {
        (Some((place, valid)), None) => valid.select(place, -1),
        (Some((place, valid)), Some(start)) => valid.select(place + start, -1),
        (None, _) => indices.fail(Error::shape("an index has no number")),
    }
}

impl Op for LastPlace {
    fn name(&self) -> &'static str {
        "last_place"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_indices(&x[0])?;
        if x[0].shape.rank() != 1 {
            return Err(Error::shape(format!("indices are a list, {} was given", x[0])));
        }
        Ok(vec![Meta { shape: Shape::new(&[self.size])?, dtype: DType::I32 }])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.fill(-1.0);
        for (k, &index) in x[0].data.iter().enumerate() {
            if let Some(index) = inside(index, self.size) {
                y[0].data[index] = k as f64;
            }
        }
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let (count, size) = (x[0].shape().elements(), self.size);
        let groups = workgroups(size.div_ceil(64));
        let mut kernels = Kernels::default();
        if is_much(size, count) {
            let (sorted, starts) = sort_positions(&mut kernels, Operand::Input(0), count, size)?;
            kernels.dispatches.push(Dispatch {
                kernel: &shaders::SEGMENT_LAST,
                overrides: vec![],
                params: SegmentLastParams { size: size as u32 }.bytes(),
                bindings: vec![sorted, starts, Operand::Output(0)],
                workgroups: groups,
            });
        } else {
            kernels.dispatches.extend(pieces(count).map(|(first, last)| Dispatch {
                kernel: &shaders::LAST_PLACE,
                overrides: vec![],
                params: LastPlaceParams { size: size as u32, first, last }.bytes(),
                bindings: vec![Operand::Input(0), Operand::Output(0)],
                workgroups: groups,
            }));
        }
        Ok(Lowering::Kernels(kernels))
    }
}

pub(super) fn cases() -> Vec<Case> {
    // Looked through, in several dispatches, and sorted.
    [(1, 1), (65, 130), (3, 70_001), (300, 70_001), (7, 0)]
        .into_iter()
        .map(|(size, count)| {
            Case::new(format!("last_place of {size} among {count}"), move |x| {
                x[0].apply(LastPlace { size }, &[x[0]])
            })
            .forward_only()
            .tolerance(Tolerance::EXACT)
            // One more than there are: those lie outside.
            .filled(&[count], DType::I32, Fill::Below(size + 1))
        })
        .collect()
}
