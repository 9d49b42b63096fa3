//! y = x0 | x1 | ... one behind the other along an axis, and the way back
//!
//! Each input is copied into its part of the output by a dispatch of its own, so their number is
//! not limited by the bindings of a kernel.

use anygrad_core::{Caps, DType, Error, Result};
use anygrad_shaders::{self as shaders, CopyBlockParams};

use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Graph, Kernels, Layout, Lowering, Meta, Op, Operand, Rows,
    Tensor, Tolerance, Values, workgroups,
};

#[derive(Debug)]
struct Concat {
    axis: usize,
}

/// Cuts an axis into parts of these sizes.
#[derive(Debug)]
struct Split {
    axis: usize,
    sizes: Vec<usize>,
}

impl Graph {
    /// The tensors one behind the other along `axis`; their other sizes agree.
    #[track_caller]
    pub fn concat<'g>(&'g self, tensors: &[Tensor<'g>], axis: isize) -> Tensor<'g> {
        match tensors {
            [] => self.mistake(Error::shape("concat: there is no tensor")),
            [only] => *only,
            [first, ..] if first.is_poison() => *first,
            [first, ..] => match first.shape().axis(axis) {
                Ok(axis) => first.apply(Concat { axis }, tensors),
                Err(error) => first.fail(error.context("concat")),
            },
        }
    }

    /// The tensors, of one shape, side by side along a new axis before `axis`.
    #[track_caller]
    pub fn stack<'g>(&'g self, tensors: &[Tensor<'g>], axis: usize) -> Tensor<'g> {
        let raised: Vec<_> = tensors.iter().map(|x| x.unsqueeze(axis)).collect();
        self.concat(&raised, axis as isize)
    }

    #[track_caller]
    fn mistake(&self, error: Error) -> Tensor<'_> {
        self.fail(error.at(std::panic::Location::caller()))
    }
}

impl<'g> Tensor<'g> {
    /// Parts of these sizes along `axis`; together they are the whole axis.
    ///
    /// A single part is cheaper as [`Tensor::narrow`], which copies nothing.
    #[track_caller]
    pub fn split(self, axis: isize, sizes: &[usize]) -> Vec<Tensor<'g>> {
        let poison = |x: Tensor<'g>| vec![x; sizes.len()];
        if self.is_poison() {
            return poison(self);
        }
        match (self.shape().axis(axis), sizes) {
            (Err(error), _) => poison(self.fail(error.context("split"))),
            (Ok(axis), [all]) if *all == self.shape()[axis] => vec![self],
            (Ok(axis), _) => {
                let parts = self.apply_all(Split { axis, sizes: sizes.to_vec() }, &[self]);
                match parts.first() {
                    Some(mistake) if mistake.is_poison() => poison(*mistake),
                    _ => parts,
                }
            }
        }
    }

    /// `count` parts of equal size along `axis`.
    #[track_caller]
    pub fn chunk(self, axis: isize, count: usize) -> Vec<Tensor<'g>> {
        let size = self.shape().axis(axis).map_or(0, |axis| self.shape()[axis]);
        self.split(axis, &vec![size / count.max(1); count])
    }

    /// The elements along `axis` moved by `shift` places towards the end; those that leave come
    /// in at the front. A negative shift moves the other way.
    #[track_caller]
    pub fn roll(self, axis: isize, shift: isize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let size = match self.shape().axis(axis) {
            Ok(axis) => self.shape()[axis],
            Err(error) => return self.fail(error.context("roll")),
        };
        let cut =
            shift.checked_rem_euclid(size as isize).map_or(0, |moved| size - moved as usize) % size.max(1);
        if cut == 0 {
            return self;
        }
        self.graph().concat(&[self.narrow(axis, cut..size), self.narrow(axis, 0..cut)], axis)
    }

    /// The whole tensor repeated along each axis, `repeats[i]` times along axis `i`.
    #[track_caller]
    pub fn tile(self, repeats: &[usize]) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        if repeats.len() != shape.rank() {
            let message = format!("tile: {repeats:?} does not give a number for each axis of {shape}");
            return self.fail(Error::shape(message));
        }
        // One axis at a time: the view needs an axis more, and there are eight at most.
        repeats.iter().enumerate().fold(self, |x, (axis, &times)| {
            let sizes = x.shape();
            let outer: usize = sizes[..axis].iter().product();
            let inner: usize = sizes[axis..].iter().product();
            let repeated = x.reshape(&[outer, 1, inner]).broadcast_to(&[outer, times, inner]);
            repeated.reshape(&sizes.with(axis, sizes[axis] * times))
        })
    }
}

/// Refuses what is not stored in four bytes an element: kernels copy whole words.
pub(super) fn copyable(x: &Meta) -> Result<()> {
    match x.dtype.size() {
        4 => Ok(()),
        _ => Err(Error::unsupported(format!("{x} is a storage format; cast it to f32 first"))),
    }
}

/// Workgroups of a kernel that moves four units per invocation.
pub(super) fn copy_workgroups(units: usize) -> [u32; 3] {
    workgroups(units.div_ceil(4 * 64))
}

/// Where a part stands in the whole: `rows` runs of `columns` elements.
struct Part {
    rows: usize,
    columns: usize,
    start: usize,
    stride: usize,
}

/// The parts of these sizes along an axis of a whole.
fn parts(whole: &Meta, axis: usize, sizes: impl Iterator<Item = usize>) -> Vec<Part> {
    let rows = whole.shape[..axis].iter().product();
    let inner: usize = whole.shape[axis + 1..].iter().product();
    let stride = whole.shape[axis] * inner;
    let mut start = 0;
    sizes
        .map(|size| {
            let part = Part { rows, columns: size * inner, start, stride };
            start += part.columns;
            part
        })
        .collect()
}

impl Part {
    /// The whole's elements of this part, with their position in it.
    fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows).flat_map(|row| {
            let start = self.start + row * self.stride;
            start..start + self.columns
        })
    }

    /// The dispatch that copies the part, into the whole or out of it.
    fn copy(&self, from: Operand, to: Operand, into_whole: bool) -> Dispatch {
        let vector = [self.columns, self.start, self.stride].iter().all(|n| n.is_multiple_of(4));
        let unit = if vector { 4 } else { 1 };
        let whole = ((self.start / unit) as u32, (self.stride / unit) as u32);
        let alone = (0, (self.columns / unit) as u32);
        let ((x_start, x_stride), (y_start, y_stride)) =
            if into_whole { (alone, whole) } else { (whole, alone) };
        let count = self.rows * self.columns / unit;
        Dispatch {
            kernel: if vector { &shaders::COPY_BLOCK_VEC4 } else { &shaders::COPY_BLOCK },
            overrides: vec![],
            params: CopyBlockParams {
                count: count as u32,
                columns: alone.1,
                x_start,
                x_stride,
                y_start,
                y_stride,
            }
            .bytes(),
            bindings: vec![from, to],
            workgroups: copy_workgroups(count),
        }
    }
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        copyable(&x[0])?;
        let mut total = 0;
        for meta in x {
            let fits = meta.dtype == x[0].dtype
                && meta.shape.rank() == x[0].shape.rank()
                && meta.shape.with(self.axis, 1) == x[0].shape.with(self.axis, 1);
            if !fits {
                let message = format!("{meta} does not stand behind {} along axis {}", x[0], self.axis);
                return Err(Error::shape(message));
            }
            total += meta.shape[self.axis];
        }
        Ok(vec![x[0].with_shape(x[0].shape.with(self.axis, total))])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let sizes = x.iter().map(|x| x.shape()[self.axis]);
        for (part, x) in parts(&y[0].meta, self.axis, sizes).iter().zip(x) {
            part.positions().zip(&x.data).for_each(|(position, &value)| y[0].data[position] = value);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let sizes: Vec<usize> = at.x.iter().map(|x| x.shape()[self.axis]).collect();
        at.dy().split(self.axis as isize, &sizes).into_iter().map(Some).collect()
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let parts = parts(&y[0], self.axis, x.iter().map(|x| x.shape()[self.axis]));
        let copies = parts.iter().enumerate();
        let dispatches =
            copies.map(|(i, part)| part.copy(Operand::Input(i), Operand::Output(0), true)).collect();
        Ok(Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches }))
    }

    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &vec![true; x.len()]).filter(|_| self.axis > 0)
    }
}

impl Op for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis).with("sizes", &self.sizes[..])
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        copyable(&x[0])?;
        let size = x[0].shape[self.axis];
        if self.sizes.iter().try_fold(0usize, |sum, &size| sum.checked_add(size)) != Some(size) {
            let message =
                format!("{:?} are not the parts of axis {} of {}", self.sizes, self.axis, x[0].shape);
            return Err(Error::shape(message));
        }
        Ok(self.sizes.iter().map(|&part| x[0].with_shape(x[0].shape.with(self.axis, part))).collect())
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        for (part, y) in parts(&x[0].meta, self.axis, self.sizes.iter().copied()).iter().zip(y) {
            part.positions().zip(&mut y.data).for_each(|(position, value)| *value = x[0].data[position]);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let dys: Vec<_> =
            at.dys.iter().zip(at.y).map(|(dy, y)| dy.unwrap_or_else(|| y.zeros_like())).collect();
        vec![Some(at.x[0].graph().concat(&dys, self.axis as isize))]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let parts = parts(&x[0].meta, self.axis, y.iter().map(|y| y.shape[self.axis]));
        let copies = parts.iter().enumerate();
        let dispatches =
            copies.map(|(i, part)| part.copy(Operand::Input(0), Operand::Output(i), false)).collect();
        Ok(Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches }))
    }

    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        let rows = Rows::first_axis(&x[0].meta, &[true]).filter(|_| self.axis > 0)?;
        Some(Rows { outputs: vec![true; y.len()], ..rows })
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    let concat = |name: &str, axis: isize, inputs: &[&[usize]]| {
        let case = Case::new(format!("concat {name}"), move |x| x[0].graph().concat(x, axis));
        exact(inputs.iter().fold(case, |case, sizes| case.input(sizes)))
    };
    let split = |name: &str, axis: isize, input: &[usize], sizes: Vec<usize>| {
        exact(Case::many(format!("split {name}"), move |x| x[0].split(axis, &sizes)).input(input))
    };
    vec![
        concat("rows", 0, &[&[2, 5], &[3, 5], &[1, 5]]),
        concat("middle axis", 1, &[&[3, 2, 4], &[3, 1, 4], &[3, 5, 4]]),
        concat("columns", -1, &[&[2, 3, 7], &[2, 3, 4]]),
        concat("fours", 1, &[&[33, 8], &[33, 4]]),
        concat("with nothing", 0, &[&[2, 3], &[0, 3], &[4, 3]]),
        concat("past a group", 0, &[&[257], &[1023]]),
        // More inputs than any kernel has bindings.
        concat("of 13", 1, &[&[2, 3][..]; 13]),
        exact(
            Case::new("concat a view twice", |x| x[0].graph().concat(&[x[0].t(), x[0].t()], 1))
                .input(&[3, 5]),
        ),
        exact(Case::new("concat i32", |x| x[0].graph().concat(x, 0)).forward_only())
            .filled(&[3, 2], DType::I32, Fill::Below(99))
            .filled(&[2, 2], DType::I32, Fill::Below(99)),
        exact(Case::many("concat bool", |x| {
            let (a, b) = (x[0].gt(0.0), x[1].gt(0.0));
            let all = a.graph().concat(&[a, b], 0);
            vec![all, all.roll(0, 1), all.t().flip(&[0])]
        }))
        .forward_only()
        .input(&[3, 2])
        .input(&[2, 2]),
        exact(Case::new("stack middle", |x| x[0].graph().stack(x, 1)).input(&[3, 4]).input(&[3, 4])),
        split("uneven", 1, &[3, 7, 2], vec![2, 1, 4]),
        split("fours", -1, &[65, 12], vec![4, 8]),
        split("rows with nothing", 0, &[4, 3], vec![1, 0, 3]),
        exact(Case::many("split one used", |x| vec![x[0].chunk(1, 3)[1]]).input(&[5, 9])),
        exact(Case::many("roll forth and back", |x| vec![x[0].roll(1, 2), x[0].roll(0, -1)]).input(&[3, 7])),
        Case::new("tile 2x1x3", |x| x[0].tile(&[2, 1, 3])).input(&[3, 2, 5]),
    ]
}
