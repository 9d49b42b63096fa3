//! p[r] orders row r: x[r, p[r, 0]] <= x[r, p[r, 1]] <= ...
//!
//! Blocks of a row are sorted by counting, then runs of twice the length are merged until there is
//! one: any length, no atomics, and equal elements keep their order. The sorted values are picked
//! by their places, and gradients go back by the inverse places. The largest k need only the first k
//! of every run.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, InvertPermutationParams, SortBlocksParams, SortMergeParams};

use super::gather::{GatherElements, inside};
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor,
    Tolerance, Values, workgroups,
};

/// The first `kept` of the places that sort the last axis.
#[derive(Debug)]
struct Argsort {
    kept: usize,
    descending: bool,
}

/// Inputs: x, and for each row some of its places, each once at most; places outside give 0.
/// y[r, c] = x[r, places[r, c]].
#[derive(Debug)]
struct Permuted;

/// y[r, places[r, c]] = c, and -1 elsewhere; rows of the result have this size.
#[derive(Debug)]
struct InvertPermutation {
    size: usize,
}

impl<'g> Tensor<'g> {
    /// The places (`i32`) of the elements along `axis` in ascending or descending order. Equal
    /// elements keep their order. NaN counts as larger than every number, as in PyTorch: it comes
    /// last in ascending order, as in NumPy, and first in descending order.
    #[track_caller]
    pub fn argsort(self, axis: isize, descending: bool) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(counted) => self.first_places(axis, descending, self.shape()[counted]),
            Err(error) => self.fail(error.context("argsort")),
        }
    }

    /// The elements along `axis` in ascending or descending order, with NaN where
    /// [`Tensor::argsort`] puts it, and the places (`i32`) that they come from.
    #[track_caller]
    pub fn sort(self, axis: isize, descending: bool) -> (Tensor<'g>, Tensor<'g>) {
        let places = self.argsort(axis, descending);
        (self.permuted_along("sort", axis, places), places)
    }

    /// The `k` largest or smallest elements along `axis`, in this order, and their places (`i32`).
    /// The first of equals comes first. NaN counts as larger than every number.
    #[track_caller]
    pub fn topk(self, k: usize, axis: isize, largest: bool) -> (Tensor<'g>, Tensor<'g>) {
        let places = match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(counted) if k <= self.shape()[counted] => self.first_places(axis, largest, k),
            Ok(_) => {
                let message = format!("topk: axis {axis} of {} has no {k} elements", self.shape());
                self.fail(Error::shape(message))
            }
            Err(error) => self.fail(error.context("topk")),
        };
        (self.permuted_along("topk", axis, places), places)
    }

    #[track_caller]
    fn first_places(self, axis: isize, descending: bool, kept: usize) -> Tensor<'g> {
        self.along_last("argsort", axis, |x| x.apply(Argsort { kept, descending }, &[x]))
    }

    /// The elements along `axis` picked by some of their places, each once at most.
    #[track_caller]
    fn permuted_along(self, name: &str, axis: isize, places: Tensor<'g>) -> Tensor<'g> {
        if self.is_poison() || places.is_poison() {
            return if self.is_poison() { self } else { places };
        }
        match self.shape().axis(axis) {
            Ok(axis) => {
                let order = exchanged(self.shape().rank(), axis);
                let rows = self.permute(&order);
                rows.apply(Permuted, &[rows, places.permute(&order)]).permute(&order)
            }
            Err(error) => self.fail(error.context(name)),
        }
    }

    /// What `work` makes of this with `axis` at the end.
    #[track_caller]
    fn along_last(self, name: &str, axis: isize, work: impl FnOnce(Tensor<'g>) -> Tensor<'g>) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(axis) if axis + 1 == self.shape().rank() => work(self),
            Ok(axis) => {
                let order = exchanged(self.shape().rank(), axis);
                work(self.permute(&order)).permute(&order)
            }
            Err(error) => self.fail(error.context(name)),
        }
    }
}

/// The axes with this one and the last exchanged.
fn exchanged(rank: usize, axis: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(axis, rank - 1);
    order
}

/// The length of the rows.
fn length(x: &Meta) -> usize {
    x.shape.last().copied().unwrap_or(1)
}

impl Op for Argsort {
    fn name(&self) -> &'static str {
        "argsort"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("kept", self.kept).with("descending", self.descending)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        match x[0].dtype {
            DType::F32 | DType::I32 | DType::U32 | DType::Bool if x[0].shape.rank() > 0 => {
                let shape = x[0].shape.with(x[0].shape.rank() - 1, self.kept);
                Ok(vec![Meta { dtype: DType::I32, shape }])
            }
            _ => Err(Error::shape(format!("takes f32, i32, u32 or bool with an axis, {} was given", x[0]))),
        }
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let length = length(&x[0].meta).max(1);
        for (x, y) in x[0].data.chunks(length).zip(y[0].data.chunks_mut(self.kept.max(1))) {
            let mut places: Vec<usize> = (0..length).collect();
            places.sort_by(|&a, &b| {
                let (a, b) = (x[a], x[b]);
                // Without an order one is NaN, and that one is larger.
                let order = a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
                if self.descending { order.reverse() } else { order }
            });
            for (y, place) in y.iter_mut().zip(places) {
                *y = place as f64;
            }
        }
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        /// Results of a merge that one invocation makes, as in `sort_merge.wgsl`.
        const TILE: usize = 16;
        // Counting reads the whole block for each element. A GPU has that in its cache, and a
        // dispatch costs it more.
        let block = if caps.is_cpu() { TILE } else { 4 * TILE };
        let (elements, length) = (x[0].shape().elements(), length(&x[0].meta));
        let rows = elements / length.max(1);
        let merges = length.div_ceil(block).max(1).next_power_of_two().ilog2() as usize;
        // A single block writes no pairs, but binds something.
        let words = if merges == 0 { 2 } else { 2 * elements };
        let pairs = Meta { shape: Shape::new(&[words])?, dtype: DType::U32 };
        // Pairs are merged from one list into the other; the last pass writes places.
        let list = |pass: usize| Operand::Scratch(pass % 2);
        let last = |pass: usize| ("LAST", f64::from(u8::from(pass == merges)));
        let kept = self.kept as u32;
        let dtype = match x[0].meta.dtype {
            DType::F32 => 0.0,
            DType::I32 => 1.0,
            _ => 2.0,
        };
        let mut dispatches = vec![Dispatch {
            kernel: &shaders::SORT_BLOCKS,
            overrides: vec![("DTYPE", dtype), last(0)],
            params: SortBlocksParams {
                elements: elements as u32,
                length: length as u32,
                block: block as u32,
                kept,
                descending: u32::from(self.descending),
            }
            .bytes(),
            bindings: vec![Operand::Input(0), list(0), Operand::Output(0)],
            workgroups: workgroups(elements.div_ceil(64)),
        }];
        let row_tiles = length.div_ceil(TILE);
        dispatches.extend((0..merges).map(|pass| {
            Dispatch {
                kernel: &shaders::SORT_MERGE,
                overrides: vec![last(pass + 1)],
                params: SortMergeParams {
                    tiles: (rows * row_tiles) as u32,
                    row_tiles: row_tiles as u32,
                    length: length as u32,
                    run: (block << pass) as u32,
                    kept,
                }
                .bytes(),
                bindings: vec![list(pass), list(pass + 1), Operand::Output(0)],
                workgroups: workgroups((rows * row_tiles).div_ceil(64)),
            }
        }));
        let lists = if merges == 0 { 1 } else { 2 };
        Ok(Lowering::Kernels(Kernels { scratch: vec![pairs; lists], dispatches }))
    }
}

impl Permuted {
    /// The same without a gradient.
    fn gather(x: &Meta) -> GatherElements {
        GatherElements { axis: x.shape.rank().saturating_sub(1) }
    }
}

impl Op for Permuted {
    fn name(&self) -> &'static str {
        "sort"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Permuted::gather(&x[0]).infer(x)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        Permuted::gather(&x[0].meta).reference(x, y);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (dy, places, size) = (at.dy(), at.x[1], length(&at.x[0].meta()));
        let inverse = places.apply(InvertPermutation { size }, &[places]);
        vec![Some(dy.apply(Permuted, &[dy, inverse])), None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        Permuted::gather(&x[0].meta).lower(x, y, caps)
    }
}

impl Op for InvertPermutation {
    fn name(&self) -> &'static str {
        "invert_permutation"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let last = x[0].shape.rank().saturating_sub(1);
        Ok(vec![x[0].with_shape(x[0].shape.with(last, self.size))])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.fill(-1.0);
        let length = length(&x[0].meta).max(1);
        for (x, y) in x[0].data.chunks(length).zip(y[0].data.chunks_mut(self.size.max(1))) {
            for (column, &place) in x.iter().enumerate() {
                if let Some(place) = inside(place, self.size) {
                    y[place] = column as f64;
                }
            }
        }
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let length = length(&x[0].meta);
        let pass = |elements: usize, fill: bool| Dispatch {
            kernel: &shaders::INVERT_PERMUTATION,
            overrides: vec![("FILL", f64::from(u8::from(fill)))],
            params: InvertPermutationParams {
                elements: elements as u32,
                length: length as u32,
                size: self.size as u32,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Output(0)],
            workgroups: workgroups(elements.div_ceil(64)),
        };
        let mut dispatches = Vec::new();
        // A permutation leaves no place out.
        if length < self.size {
            dispatches.push(pass(y[0].shape.elements(), true));
        }
        dispatches.extend((length > 0).then(|| pass(x[0].shape().elements(), false)));
        Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches }))
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    let mut cases = Vec::new();
    // Around the blocks of both kinds of adapter, runs cut short, and past the loop limit.
    for (axis, sizes) in [
        (0, &[1][..]),
        (1, &[5, 19]),
        (1, &[3, 64]),
        (0, &[65, 3]),
        (-1, &[2, 131]),
        (1, &[2, 257, 2]),
        (1, &[3, 641]),
        (0, &[70_001]),
        (1, &[3, 0]),
    ] {
        cases.push(exact(
            Case::many(format!("sort axis {axis} of {sizes:?}"), move |x| {
                let ((up, from), (down, _)) = (x[0].sort(axis, false), x[0].sort(axis, true));
                vec![up, down, from]
            })
            .filled(sizes, DType::F32, Fill::Distinct(-1.0, 1.0)),
        ));
        let equals = Case::many(format!("argsort equals axis {axis} of {sizes:?}"), move |x| {
            vec![x[0].argsort(axis, false), x[0].argsort(axis, true)]
        });
        cases.push(exact(equals.forward_only()).filled(sizes, DType::F32, Fill::Below(7)));
    }
    for dtype in [DType::I32, DType::U32, DType::Bool] {
        let case = Case::many(format!("sort {dtype}"), |x| {
            let ((up, from), (down, _)) = (x[0].sort(-1, false), x[0].sort(-1, true));
            vec![up, down, from]
        });
        let numbers = match dtype {
            DType::I32 => vec![3.0, -7.0, 0.0, -2_147_483_648.0, 2_147_483_647.0, -1.0, 3.0],
            DType::U32 => vec![3.0, 4_294_967_295.0, 0.0, 2_147_483_648.0, 7.0],
            _ => vec![0.0, 1.0, 1.0, 0.0, 0.0],
        };
        cases.push(exact(case.forward_only()).filled(&[2, 81], dtype, Fill::Given(numbers)));
    }
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let numbers = vec![1.0, nan, -inf, 0.0, inf, -0.0, -nan, -1e-30, 3e38, -3e38, 1e-30];
    let case = Case::many("sort extremes", |x| {
        let ((up, from), (down, back)) = (x[0].sort(0, false), x[0].sort(0, true));
        vec![up, from, down, back]
    });
    cases.push(exact(case.forward_only()).filled(&[11, 9], DType::F32, Fill::Given(numbers)));
    for (k, axis, largest, sizes) in [
        (3, -1, true, &[5, 19][..]),
        (1, 0, false, &[67, 2]),
        (0, 0, true, &[4]),
        (200, 1, true, &[2, 300]),
        (17, 1, false, &[3, 1031]),
    ] {
        let case = Case::many(format!("topk {k} of {sizes:?}"), move |x| {
            let (values, places) = x[0].topk(k, axis, largest);
            vec![values, places]
        });
        cases.push(exact(case.filled(sizes, DType::F32, Fill::Distinct(-1.0, 1.0))));
    }
    cases.push(
        Case::new("topk twice", |x| {
            let loss = (x[0].topk(2, 0, true).0.square() * x[1]).sum_all();
            let slope = x[0].graph().gradients(loss, &[x[0]])[0];
            x[0].graph().gradients((slope * x[0]).sum_all(), &[x[0]])[0]
        })
        .filled(&[5, 3], DType::F32, Fill::Distinct(-1.0, 1.0))
        .input(&[2, 3]),
    );
    cases.push(
        Case::new("sort twice", |x| {
            // The gradient of the gradient.
            let loss = (x[0].sort(1, false).0.square() * x[1]).sum_all();
            let slope = x[0].graph().gradients(loss, &[x[0]])[0];
            x[0].graph().gradients((slope * x[0]).sum_all(), &[x[0]])[0]
        })
        .filled(&[3, 5], DType::F32, Fill::Distinct(-1.0, 1.0))
        .input(&[3, 5]),
    );
    cases
}
