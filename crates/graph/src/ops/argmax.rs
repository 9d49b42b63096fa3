//! y[o, i] = the m with the largest x[o, m, i], and with the smallest

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, ArgmaxParams};

use super::gather::around;
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor,
    Tolerance, Values, workgroups,
};

/// The axis keeps size 1.
#[derive(Debug)]
struct Argmax {
    axis: usize,
    smallest: bool,
}

impl<'g> Tensor<'g> {
    /// The place of the largest element along `axis`, `i32`; the axis disappears. The first of
    /// equals counts, and a NaN more than any number, as in PyTorch.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Tensor<'g> {
        self.place_of(axis, false)
    }

    /// The place of the smallest element along `axis`, `i32`; the axis disappears. The first of
    /// equals counts, and a NaN before any number, as in PyTorch.
    #[track_caller]
    pub fn argmin(self, axis: isize) -> Tensor<'g> {
        self.place_of(axis, true)
    }

    #[track_caller]
    fn place_of(self, axis: isize, smallest: bool) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(axis) => self.apply(Argmax { axis, smallest }, &[self]).squeeze(axis),
            Err(error) => self.fail(error.context(if smallest { "argmin" } else { "argmax" })),
        }
    }
}

impl Op for Argmax {
    fn name(&self) -> &'static str {
        if self.smallest { "argmin" } else { "argmax" }
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if x[0].dtype != DType::F32 {
            return Err(Error::shape(format!("takes f32, {} was given", x[0])));
        }
        if x[0].shape[self.axis] == 0 {
            return Err(Error::shape(format!("{} has no element to choose from", x[0].shape)));
        }
        Ok(vec![Meta { shape: x[0].shape.with(self.axis, 1), dtype: DType::I32 }])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, middle, inner) = around(&x[0].shape(), self.axis);
        for o in 0..outer {
            for i in 0..inner {
                let element = |m: usize| x[0].data[(o * middle + m) * inner + i];
                let mut place = 0;
                for m in 1..middle {
                    let (best, this) = (element(place), element(m));
                    let wins = if self.smallest { this < best } else { this > best };
                    if (wins || this.is_nan()) && !best.is_nan() {
                        place = m;
                    }
                }
                y[0].data[o * inner + i] = place as f64;
            }
        }
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        /// Elements that one invocation compares.
        const TERMS: usize = 1024;
        let (outer, middle, inner) = around(&x[0].shape(), self.axis);
        let mut kernels = Kernels::default();
        // The first pass goes through the axis itself, and binds something to read.
        let (mut candidates, mut list) = (Operand::Input(0), middle);
        loop {
            let parts = list.div_ceil(TERMS);
            let outputs = outer * parts * inner;
            let to = if parts == 1 {
                Operand::Output(0)
            } else {
                kernels.scratch.push(Meta { shape: Shape::new(&[outputs])?, dtype: DType::I32 });
                Operand::Scratch(kernels.scratch.len() - 1)
            };
            let is_first = candidates == Operand::Input(0);
            kernels.dispatches.push(Dispatch {
                kernel: &shaders::ARGMAX,
                overrides: vec![
                    ("FIRST", f64::from(u8::from(is_first))),
                    ("SMALLEST", f64::from(u8::from(self.smallest))),
                ],
                params: ArgmaxParams {
                    outputs: outputs as u32,
                    middle: middle as u32,
                    inner: inner as u32,
                    list: list as u32,
                    parts: parts as u32,
                    terms: TERMS as u32,
                }
                .bytes(),
                bindings: vec![Operand::Input(0), candidates, to],
                workgroups: workgroups(outputs.div_ceil(64)),
            });
            if parts == 1 {
                return Ok(Lowering::Kernels(kernels));
            }
            (candidates, list) = (to, parts);
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.forward_only().tolerance(Tolerance::EXACT);
    let mut cases = Vec::new();
    for (axis, sizes) in [(-1, &[5, 9, 4][..]), (1, &[5, 9, 4]), (0, &[67, 3]), (1, &[2, 2500]), (0, &[1025])]
    {
        // A few different numbers, so that there are equals.
        for (name, fill) in [("", Fill::Uniform(-1.0, 1.0)), (" equals", Fill::Below(3))] {
            let case = Case::many(format!("argmax{name} axis {axis} of {sizes:?}"), move |x| {
                vec![x[0].argmax(axis), x[0].argmin(axis)]
            });
            cases.push(exact(case).filled(sizes, DType::F32, fill));
        }
    }
    let numbers = vec![
        1.0,
        f64::NAN,
        3.0,
        f64::NAN, // the first NaN
        f64::NEG_INFINITY,
        f64::INFINITY,
        0.0,
        1.0, // infinities are numbers
        -0.0,
        0.0,
        -0.0,
        0.0, // all equal
    ];
    let case = Case::many("argmax NaN", |x| vec![x[0].argmax(1), x[0].argmin(1)]);
    cases.push(exact(case).filled(&[3, 4], DType::F32, Fill::Given(numbers)));
    cases
}
