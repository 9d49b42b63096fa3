//! y[o, m, i] = sum over k <= m of x[o, k, i], and the same with products
//!
//! dx = the sum of dy from m to the end. Blocks of the axis are added up first, then what comes
//! before each block, and so on upwards: the order of the additions depends on the length alone.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, ScanParams};

use super::gather::around;
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor,
    Tolerance, Values, workgroups,
};

/// Along `axis`, from its end with `reverse`; without the element itself when `exclusive`.
#[derive(Clone, Copy, Debug)]
struct Scan {
    axis: usize,
    product: bool,
    exclusive: bool,
    reverse: bool,
}

/// Elements that one invocation goes through.
const BLOCK: usize = 256;

impl<'g> Tensor<'g> {
    /// Running sums along `axis`: `f32`, or integers, which wrap around. With `exclusive` an element
    /// does not count itself, with `reverse` the sums run from the end of the axis.
    #[track_caller]
    pub fn cumsum(self, axis: isize, exclusive: bool, reverse: bool) -> Tensor<'g> {
        self.scan(axis, false, exclusive, reverse)
    }

    /// Running products along `axis`; the arguments are those of [`Tensor::cumsum`]. The gradient is
    /// right with zeros among the factors, its own gradient is right without them.
    #[track_caller]
    pub fn cumprod(self, axis: isize, exclusive: bool, reverse: bool) -> Tensor<'g> {
        self.scan(axis, true, exclusive, reverse)
    }

    #[track_caller]
    fn scan(self, axis: isize, product: bool, exclusive: bool, reverse: bool) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(axis) => self.apply(Scan { axis, product, exclusive, reverse }, &[self]),
            Err(error) => self.fail(error.context(if product { "cumprod" } else { "cumsum" })),
        }
    }
}

impl Op for Scan {
    fn name(&self) -> &'static str {
        if self.product { "cumprod" } else { "cumsum" }
    }

    fn attributes(&self) -> Attributes {
        Attributes::new()
            .with("axis", self.axis)
            .with("exclusive", self.exclusive)
            .with("reverse", self.reverse)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        match x[0].dtype {
            DType::F32 | DType::I32 | DType::U32 => Ok(vec![x[0]]),
            _ => Err(Error::shape(format!("takes f32, i32 or u32, {} was given", x[0]))),
        }
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, middle, inner) = around(&x[0].shape(), self.axis);
        for walk in 0..outer * inner {
            let (o, i) = (walk / inner, walk % inner);
            let mut value = f64::from(u8::from(self.product));
            for step in 0..middle {
                let m = if self.reverse { middle - 1 - step } else { step };
                let at = (o * middle + m) * inner + i;
                let term = x[0].data[at];
                let next = joined(value, term, self.product, x[0].meta.dtype);
                y[0].data[at] = if self.exclusive { value } else { next };
                value = next;
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let back = |dy: Tensor<'g>| dy.cumsum(self.axis as isize, self.exclusive, !self.reverse);
        if !self.product {
            return vec![Some(back(at.dy()))];
        }
        // Before the first zero of a walk every product can be divided by the element. At the zero
        // the others count, which are the products with 1 in its place. Behind it all are zero.
        let x = at.x[0];
        let is_zero = x.eq(0.0);
        let zeros = is_zero.cast(DType::F32).cumsum(self.axis as isize, false, self.reverse);
        let is_first = is_zero.logical_and(zeros.eq(1.0));
        let filled = is_first.select(1.0, x);
        let others = filled.apply(*self, &[filled]);
        let before = back(at.dy() * at.y[0]) / is_zero.select(1.0, x);
        vec![Some(zeros.eq(0.0).select(before, is_first.select(back(at.dy() * others), 0.0)))]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let (outer, middle, inner) = around(&x[0].shape(), self.axis);
        let mut walk = Walk { scan: *self, dtype: y[0].dtype, outer, inner, kernels: Kernels::default() };
        walk.add(Operand::Input(0), Operand::Output(0), middle, self.exclusive, self.reverse)?;
        Ok(Lowering::Kernels(walk.kernels))
    }
}

/// a + b or a b; integers wrap around.
fn joined(a: f64, b: f64, product: bool, dtype: DType) -> f64 {
    if dtype == DType::F32 {
        return if product { a * b } else { a + b };
    }
    let (a, b) = (a as i64, b as i64);
    let whole = if product { a.wrapping_mul(b) } else { a.wrapping_add(b) };
    if dtype == DType::I32 { f64::from(whole as i32) } else { f64::from(whole as u32) }
}

/// The dispatches of a scan.
struct Walk {
    scan: Scan,
    dtype: DType,
    outer: usize,
    inner: usize,
    kernels: Kernels,
}

impl Walk {
    /// Scans `middle` elements of `from` into `to`.
    fn add(
        &mut self,
        from: Operand,
        to: Operand,
        middle: usize,
        exclusive: bool,
        reverse: bool,
    ) -> Result<()> {
        let blocks = middle.div_ceil(BLOCK).max(1);
        let dispatch = |starts: Option<Operand>, to: Operand, totals: bool| Dispatch {
            kernel: if self.dtype == DType::F32 { &shaders::SCAN } else { &shaders::SCAN_INT },
            overrides: vec![
                ("PRODUCT", f64::from(u8::from(self.scan.product))),
                ("TOTALS", f64::from(u8::from(totals))),
                ("STARTED", f64::from(u8::from(starts.is_some()))),
            ],
            params: ScanParams {
                walks: (self.outer * blocks * self.inner) as u32,
                middle: middle as u32,
                inner: self.inner as u32,
                blocks: blocks as u32,
                block: BLOCK as u32,
                exclusive: u32::from(exclusive),
                reverse: u32::from(reverse),
            }
            .bytes(),
            // Without starts something else to read is bound.
            bindings: vec![from, starts.unwrap_or(from), to],
            workgroups: workgroups((self.outer * blocks * self.inner).div_ceil(64)),
        };
        if blocks == 1 {
            let only = dispatch(None, to, false);
            self.kernels.dispatches.push(only);
            return Ok(());
        }
        let meta = Meta { shape: Shape::new(&[self.outer * blocks * self.inner])?, dtype: self.dtype };
        let scratch = self.kernels.scratch.len();
        let (totals, starts) = (Operand::Scratch(scratch), Operand::Scratch(scratch + 1));
        let (first, last) = (dispatch(None, totals, true), dispatch(Some(starts), to, false));
        self.kernels.scratch.extend([meta, meta]);
        self.kernels.dispatches.push(first);
        // The blocks are numbered as they are walked.
        self.add(totals, starts, blocks, true, false)?;
        self.kernels.dispatches.push(last);
        Ok(())
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (axis, sizes) in [
        (0isize, &[1][..]),
        (1, &[3, 255]),
        (0, &[256, 3]),
        (1, &[2, 257, 2]),
        (-1, &[67, 5]),
        (0, &[70_001]),
        (1, &[2, 0]),
    ] {
        let length = sizes[axis.rem_euclid(sizes.len() as isize) as usize];
        cases.push(
            Case::many(format!("cumsum axis {axis} of {sizes:?}"), move |x| {
                vec![x[0].cumsum(axis, false, false), x[0].cumsum(axis, true, true)]
            })
            .input(sizes)
            .tolerance(Tolerance::sum(length))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(8 * length) }),
        );
        for dtype in [DType::I32, DType::U32] {
            let case = Case::new(format!("cumsum {dtype} axis {axis} of {sizes:?}"), move |x| {
                x[0].cumsum(axis, false, true)
            });
            // The sums of the longest wrap around.
            cases.push(case.forward_only().tolerance(Tolerance::EXACT).filled(
                sizes,
                dtype,
                Fill::Below(1 << 18),
            ));
        }
    }
    for (axis, sizes) in [(1, &[3, 17][..]), (0, &[300, 2]), (-1, &[2, 3, 65])] {
        // The error of a product grows with the number of factors.
        let tolerance = Tolerance { relative: 4e-5, absolute: 1e-6 };
        cases.push(
            Case::many(format!("cumprod axis {axis} of {sizes:?}"), move |x| {
                vec![x[0].cumprod(axis, false, false), x[0].cumprod(axis, true, true)]
            })
            .filled(sizes, DType::F32, Fill::Uniform(0.9, 1.1))
            .tolerance(tolerance)
            .gradient_tolerance(Tolerance { relative: 2e-4, absolute: 1e-4 }),
        );
    }
    let zeros = Fill::Given(vec![2.0, 0.5, 0.0, 3.0, 0.0, -1.5, 2.0, 1.0]);
    cases.push(
        Case::many("cumprod with zeros", |x| {
            vec![x[0].cumprod(0, false, false), x[0].cumprod(0, true, false), x[0].cumprod(0, false, true)]
        })
        .filled(&[8, 3], DType::F32, zeros),
    );
    cases.push(
        Case::new("cumprod i32", |x| x[0].cumprod(0, false, false))
            .forward_only()
            .tolerance(Tolerance::EXACT)
            .filled(&[23, 2], DType::I32, Fill::Given(vec![3.0, -5.0, 7.0])),
    );
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    cases.push(Case::new("cumsum extremes", |x| x[0].cumsum(1, false, false)).forward_only().filled(
        &[3, 4],
        DType::F32,
        Fill::Given(vec![1.0, nan, 2.0, 3.0, inf, 1.0, -inf, 0.0, -inf, 2.0, 3.0, 4.0]),
    ));
    cases.push(
        Case::new("cumsum twice", |x| {
            let loss = (x[0].cumsum(0, false, false).square() * x[1]).sum_all();
            x[0].graph().gradients(loss, &[x[0]])[0]
        })
        .input(&[7])
        .input(&[7]),
    );
    cases.push(
        Case::new("cumprod twice", |x| {
            let loss = (x[0].cumprod(0, false, false) * x[1]).sum_all();
            x[0].graph().gradients(loss, &[x[0]])[0]
        })
        .filled(&[5], DType::F32, Fill::Uniform(0.5, 1.5))
        .input(&[5]),
    );
    cases
}
