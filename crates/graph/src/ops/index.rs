//! Reading and writing at indices along an axis, at elements and at parts: expressions of gather,
//! scatter_add and the last place of an index.
//!
//! Indices are `i32` or `u32`, from 0; for one outside nothing is read (zeros) or written. Where
//! negative ones count from the back, they are wrapped before.

use anygrad_core::{Array, DType, Error};

use super::gather::check_indices;
use super::places::{LastPlace, countable, counts, flat_places, part_places};
use super::reduce::Kind;
use super::scatter_reduce::ScatterReduce;
use crate::{Case, Fill, IntoTensor, Tensor, Tolerance};

/// What becomes of an element and the updates that are written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScatterReduction {
    /// The last update replaces the element (ONNX: none).
    Replace,
    /// The sum of the element and all updates.
    Add,
    /// The product of the element and all updates.
    Mul,
    /// The largest; on a tie the gradient goes to the element, updates that tie share it.
    Max,
    /// The smallest; on a tie the gradient goes to the element, updates that tie share it.
    Min,
}

impl<'g> Tensor<'g> {
    /// These indices (`i32`) with negative ones counted from the back, as PyTorch, NumPy and ONNX do:
    /// along an axis of this size, or along axes of these sizes where the last axis of the indices
    /// names several.
    #[track_caller]
    pub fn wrap_indices(self, sizes: &[usize]) -> Tensor<'g> {
        let sizes: Vec<i32> = sizes.iter().map(|&size| i32::try_from(size).unwrap_or(i32::MAX)).collect();
        match Array::i32(&[sizes.len()], sizes) {
            Ok(sizes) => self.lt(0).select(self + self.graph().constant(sizes), self),
            Err(error) => self.fail(error.context("wrap_indices")),
        }
    }

    /// The parts at a list of `indices` along `axis`: [`Tensor::gather`] with one axis of indices.
    #[track_caller]
    pub fn index_select(self, axis: isize, indices: Tensor<'g>) -> Tensor<'g> {
        let [_] = indices.dims("the indices of index_select");
        self.gather(axis, indices)
    }

    /// This with part `k` of `updates` along `axis` in place of part `indices[k]`. Where an index
    /// occurs several times the last one counts.
    #[track_caller]
    pub fn index_copy(self, axis: isize, indices: Tensor<'g>, updates: Tensor<'g>) -> Tensor<'g> {
        let (hit, last) = match self.hits("index_copy", axis, indices) {
            Ok(hits) => hits,
            Err(mistake) => return mistake,
        };
        let whole = |axis: usize| {
            self.shape().rank() == updates.shape().rank()
                && self.shape().with(axis, indices.shape().elements()) == updates.shape()
        };
        if !self.shape().axis(axis).is_ok_and(whole) {
            let (x, u, i) = (self.shape(), updates.shape(), indices.shape());
            let message = format!("index_copy: updates {u} at indices {i} along axis {axis} of {x}");
            return self.fail(Error::shape(message));
        }
        hit.select(updates.gather(axis, last), self)
    }

    /// This with `value` in the parts at `indices` (a list) along `axis`.
    #[track_caller]
    pub fn index_fill(self, axis: isize, indices: Tensor<'g>, value: f64) -> Tensor<'g> {
        match self.hits("index_fill", axis, indices) {
            Ok((hit, _)) => hit.select(value, self),
            Err(mistake) => mistake,
        }
    }

    /// Which places of an axis are named, so that it broadcasts, and where last; or a mistake.
    #[track_caller]
    fn hits(
        self,
        name: &str,
        axis: isize,
        indices: Tensor<'g>,
    ) -> Result<(Tensor<'g>, Tensor<'g>), Tensor<'g>> {
        if self.is_poison() {
            return Err(self);
        }
        let axis = self.shape().axis(axis).map_err(|error| self.fail(error.context(name)))?;
        let last = indices.apply(LastPlace { size: self.shape()[axis] }, &[indices]);
        if last.is_poison() {
            return Err(last);
        }
        let mut sizes = vec![1; self.shape().rank()];
        sizes[axis] = self.shape()[axis];
        Ok((last.ge(0).reshape(&sizes), last))
    }

    /// `value` where the `mask` (`bool`, broadcasts) is true, otherwise this.
    #[track_caller]
    pub fn masked_fill(self, mask: Tensor<'g>, value: impl IntoTensor<'g>) -> Tensor<'g> {
        mask.select(value.into_tensor(self.graph()), self)
    }

    /// The parts at `indices` `[..batch, ..k, n]`, each of which names n axes behind the first
    /// `batch_dims`: `[..batch, ..k, ..rest]` (ONNX's GatherND). An index outside gives zeros.
    #[track_caller]
    pub fn gather_nd(self, indices: Tensor<'g>, batch_dims: usize) -> Tensor<'g> {
        if self.is_poison() || indices.is_poison() {
            return if self.is_poison() { self } else { indices };
        }
        let (x, i) = (self.shape(), indices.shape());
        if let Err(error) = check_indices(&indices.meta()) {
            return self.fail(error.context("gather_nd"));
        }
        let named = i.last().copied().unwrap_or(0);
        if named == 0
            || batch_dims + named > x.rank()
            || i.rank() <= batch_dims
            || x[..batch_dims] != i[..batch_dims]
        {
            let message =
                format!("gather_nd: indices {i} do not name axes of {x} behind {batch_dims} batch axes");
            return self.fail(Error::shape(message));
        }
        if let Err(error) = countable(&x) {
            return self.fail(error.context("gather_nd"));
        }
        let (front, rest) = x.split_at(batch_dims + named);
        let parts: usize = front[batch_dims..].iter().product();
        let batches: usize = front[..batch_dims].iter().product();
        let starts = (batch_dims > 0).then(|| {
            let mut sizes = i[..batch_dims].to_vec();
            sizes.resize(i.rank() - 1, 1);
            counts(self.graph(), batches, 0, parts).reshape(&sizes)
        });
        let places = part_places(indices, &front[batch_dims..], starts);
        let inner: usize = rest.iter().product();
        let sizes = [&i[..i.rank() - 1], rest].concat();
        self.reshape(&[batches * parts, inner]).gather(0, places).reshape(&sizes)
    }

    /// This with `updates` `[..k, ..rest]` written to the parts at `indices` `[..k, n]`, each of
    /// which names the first n axes (ONNX's ScatterND). `Mul`, `Max`, `Min` and `Add` take `f32`.
    #[track_caller]
    pub fn scatter_nd(
        self,
        indices: Tensor<'g>,
        updates: Tensor<'g>,
        reduction: ScatterReduction,
    ) -> Tensor<'g> {
        if let Some(poison) = [self, indices, updates].into_iter().find(|x| x.is_poison()) {
            return poison;
        }
        let (x, i) = (self.shape(), indices.shape());
        let named = i.last().copied().unwrap_or(0);
        let fits =
            (1..=x.rank()).contains(&named) && [&i[..i.rank() - 1], &x[named..]].concat() == *updates.shape();
        if !fits {
            let message = format!("scatter_nd: indices {i} and updates {} for {x}", updates.shape());
            return self.fail(Error::shape(message));
        }
        if let Err(error) = countable(&x) {
            return self.fail(error.context("scatter_nd"));
        }
        let places = part_places(indices, &x[..named], None);
        let count = places.shape().elements();
        let inner: usize = x[named..].iter().product();
        let rows = self.reshape(&[x[..named].iter().product(), inner]);
        rows.rows_written(places.reshape(&[count]), updates.reshape(&[count, inner]), reduction).reshape(&x)
    }

    /// This with `y[i, indices[i, j, ..], ..] = updates[i, j, ..]` for axis 1, and so on. The indices
    /// have the shape of the updates, which is at most that of this but along `axis`. Where a place
    /// is written several times the last one, in row-major order, counts (PyTorch's `scatter`,
    /// ONNX's ScatterElements).
    #[track_caller]
    pub fn scatter(self, axis: isize, indices: Tensor<'g>, updates: Tensor<'g>) -> Tensor<'g> {
        self.scatter_reduce(axis, indices, updates, ScatterReduction::Replace)
    }

    /// As [`Tensor::scatter`], adding all updates.
    #[track_caller]
    pub fn scatter_add(self, axis: isize, indices: Tensor<'g>, updates: Tensor<'g>) -> Tensor<'g> {
        self.scatter_reduce(axis, indices, updates, ScatterReduction::Add)
    }

    /// As [`Tensor::scatter`], with the element and all updates to it reduced. `Mul`, `Max`, `Min`
    /// and `Add` take `f32`.
    #[track_caller]
    pub fn scatter_reduce(
        self,
        axis: isize,
        indices: Tensor<'g>,
        updates: Tensor<'g>,
        reduction: ScatterReduction,
    ) -> Tensor<'g> {
        if let Some(poison) = [self, indices, updates].into_iter().find(|x| x.is_poison()) {
            return poison;
        }
        if let Err(error) = check_indices(&indices.meta()) {
            return self.fail(error.context("scatter"));
        }
        let (x, i, u) = (self.shape(), indices.shape(), updates.shape());
        let axis = match x.axis(axis) {
            Ok(axis) => axis,
            Err(error) => return self.fail(error.context("scatter")),
        };
        let fits = i == u && i.rank() == x.rank() && (0..x.rank()).all(|a| a == axis || i[a] <= x[a]);
        if !fits {
            let message = format!("scatter: indices {i} and updates {u} along axis {axis} of {x}");
            return self.fail(Error::shape(message));
        }
        let places = flat_places(indices, &x, axis);
        let rows = self.reshape(&[x.elements(), 1]);
        rows.rows_written(places, updates.reshape(&[u.elements(), 1]), reduction).reshape(&x)
    }

    /// Rows `[n, inner]` with updates `[k, inner]` written to those at places `[k]`.
    #[track_caller]
    fn rows_written(
        self,
        places: Tensor<'g>,
        updates: Tensor<'g>,
        reduction: ScatterReduction,
    ) -> Tensor<'g> {
        let reduced = |kind| updates.apply(ScatterReduce { size: self.shape()[0], kind }, &[updates, places]);
        match reduction {
            ScatterReduction::Replace => self.index_copy(0, places, updates),
            ScatterReduction::Add => self.index_add(0, places, updates),
            ScatterReduction::Mul => self * reduced(Kind::Product),
            ScatterReduction::Max => self.maximum(reduced(Kind::Max)),
            ScatterReduction::Min => self.minimum(reduced(Kind::Min)),
        }
    }

    /// The elements along `axis`, each `repeats` times one behind the other.
    #[track_caller]
    pub fn repeat_interleave(self, repeats: usize, axis: isize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        match shape.axis(axis) {
            Ok(axis) => {
                let outer: usize = shape[..=axis].iter().product();
                let inner: usize = shape[axis + 1..].iter().product();
                let repeated = self.reshape(&[outer, 1, inner]).broadcast_to(&[outer, repeats, inner]);
                repeated.reshape(&shape.with(axis, shape[axis] * repeats))
            }
            Err(error) => self.fail(error.context("repeat_interleave")),
        }
    }

    /// [`Tensor::broadcast_to`], where -1 stands for the size that an axis has (PyTorch's `expand`).
    #[track_caller]
    pub fn expand(self, sizes: &[isize]) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let kept = |(axis, &size): (usize, &isize)| match usize::try_from(size) {
            Ok(size) => Some(size),
            Err(_) if size == -1 => (axis + shape.rank()).checked_sub(sizes.len()).map(|axis| shape[axis]),
            Err(_) => None,
        };
        match sizes.iter().enumerate().map(kept).collect::<Option<Vec<usize>>>() {
            Some(sizes) if sizes.len() >= shape.rank() => self.broadcast_to(&sizes),
            _ => self.fail(Error::shape(format!("expand: {shape} does not stretch to {sizes:?}"))),
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    let numbers = |numbers: &[f64]| Fill::Given(numbers.to_vec());
    let elements = |name: &str, x: &[usize], u: &[usize], axis: isize, reduction: ScatterReduction| {
        let size = x[axis.rem_euclid(x.len() as isize) as usize];
        Case::new(format!("{name} {u:?} along {axis} of {x:?}"), move |t| {
            t[0].scatter_reduce(axis, t[1], t[2], reduction)
        })
        .filled(x, DType::F32, Fill::Distinct(-1.0, 1.0))
        .filled(u, DType::I32, Fill::Below(size + 1))
        .filled(u, DType::F32, Fill::Distinct(-1.005, 1.005))
    };
    use ScatterReduction::{Add, Max, Min, Mul, Replace};
    let mut cases = vec![
        exact(Case::new("index_copy rows", |x| x[0].index_copy(0, x[1], x[2])))
            .input(&[6, 3])
            .filled(&[7], DType::I32, Fill::Below(7))
            .input(&[7, 3]),
        exact(Case::new("index_copy i32 columns", |x| x[0].index_copy(-1, x[1], x[2])).forward_only())
            .filled(&[2, 5], DType::I32, Fill::Below(99))
            .filled(&[2], DType::I32, numbers(&[4.0, 1.0]))
            .filled(&[2, 2], DType::I32, Fill::Below(99)),
        exact(Case::new("index_fill", |x| x[0].index_fill(1, x[1], 2.5))).input(&[3, 6]).filled(
            &[3],
            DType::I32,
            Fill::Below(6),
        ),
        exact(Case::new("masked_fill", |x| x[0].masked_fill(x[1].gt(0.0), -9.0))).input(&[3, 7]).input(&[7]),
        exact(Case::new("index_select", |x| x[0].index_select(1, x[1])))
            .input(&[3, 6])
            .filled(&[4], DType::I32, Fill::Below(6))
            .gradient_tolerance(Tolerance::sum(4)),
        exact(Case::many("wrap_indices", |x| vec![x[0].wrap_indices(&[7, 5]), x[0].wrap_indices(&[6])]))
            .forward_only()
            .filled(&[2, 2], DType::I32, numbers(&[-7.0, -1.0, 3.0, -5.0])),
        exact(Case::new("repeat_interleave", |x| x[0].repeat_interleave(3, 1))).input(&[2, 5, 2]),
        exact(Case::new("expand", |x| x[0].expand(&[4, -1, 6]))).input(&[3, 1]),
        exact(Case::new("gather_nd parts", |x| x[0].gather_nd(x[1], 0)))
            .input(&[4, 5, 3])
            .filled(&[7, 2], DType::I32, numbers(&[0.0, 1.0, 3.0, 4.0, 3.0, 5.0, -1.0, 2.0, 2.0]))
            .gradient_tolerance(Tolerance::sum(7)),
        exact(Case::new("gather_nd elements", |x| x[0].gather_nd(x[1], 0)))
            .input(&[3, 4])
            .filled(&[2, 3, 2], DType::I32, Fill::Below(3))
            .gradient_tolerance(Tolerance::sum(6)),
        exact(Case::new("gather_nd batches", |x| x[0].gather_nd(x[1], 1)))
            .input(&[3, 4, 5])
            .filled(&[3, 6, 1], DType::I32, Fill::Below(5))
            .gradient_tolerance(Tolerance::sum(6)),
        exact(elements("scatter", &[5, 7], &[3, 4], 0, Replace)),
        exact(elements("scatter", &[4, 3, 6], &[4, 9, 6], 1, Replace)),
        exact(elements("scatter", &[3, 400], &[3, 300], -1, Replace)),
        elements("scatter_add", &[5, 7], &[9, 4], 0, Add),
        elements("scatter_mul", &[5, 7], &[2, 4], 0, Mul),
        exact(elements("scatter_max", &[4, 7], &[4, 9], 1, Max)),
        exact(elements("scatter_min", &[70, 5], &[70, 12], 1, Min)),
    ];
    for (reduction, parts) in [(Replace, 2), (Add, 3), (Max, 2), (Mul, 4)] {
        let case =
            Case::new(format!("scatter_nd {reduction:?}"), move |x| x[0].scatter_nd(x[1], x[2], reduction));
        cases.push(
            case.filled(&[4, 3, 2], DType::F32, Fill::Distinct(-1.0, 1.0))
                .filled(&[parts, 2], DType::I32, numbers(&[1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 4.0, 0.0]))
                .filled(&[parts, 2], DType::F32, Fill::Distinct(-1.005, 1.005)),
        );
    }
    // 16-bit floats are moved as they are.
    cases.push(
        exact(Case::many("scatter f16", |x| {
            let written = x[0].scatter(1, x[1], x[2]);
            vec![written, written.sort(1, false).0, x[0].tril(0)]
        }))
        .filled(&[2, 6], DType::F16, Fill::Distinct(-1.0, 1.0))
        .filled(&[1, 4], DType::I32, numbers(&[2.0, 0.0, 5.0, 2.0]))
        .filled(&[1, 4], DType::F16, Fill::Distinct(1.5, 2.0))
        .forward_only(),
    );
    cases.push(
        exact(Case::new("scatter_nd rows of bools", |x| x[0].scatter_nd(x[1], x[2], Replace)).forward_only())
            .filled(&[4, 3], DType::Bool, Fill::Below(2))
            .filled(&[2, 1], DType::I32, numbers(&[3.0, 0.0]))
            .filled(&[2, 3], DType::Bool, Fill::Below(2)),
    );
    cases
}
