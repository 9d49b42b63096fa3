//! y[i] = x[i] / (1 - rate) with probability 1 - rate, otherwise 0
//!
//! The choice is a hash of (i, counter, seed), so it is the same on every adapter, nothing is stored
//! for the way back, and a program draws anew when its counter is stepped.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, DropoutParams, RandomUniformParams};

use super::concat::copy_workgroups;
use crate::{
    At, Case, Dispatch, Fill, Grads, Graph, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance,
    Values,
};

/// Inputs: x and the counter.
#[derive(Clone, Copy, Debug)]
struct Dropout {
    seed: u32,
    /// Elements whose bits are below become 0.
    threshold: u32,
    scale: f64,
}

/// Input: the counter.
#[derive(Debug)]
struct RandomUniform {
    shape: Shape,
    seed: u32,
}

impl<'g> Tensor<'g> {
    /// Each element set to 0 with probability `rate`, the others divided by 1 - rate, so that the
    /// mean stays. `counter` is a `u32` scalar: with the same seed and counter the same elements
    /// stay. The rate is met to 2^-32; 0 gives x itself and 1 zeros.
    #[track_caller]
    pub fn dropout(self, rate: f64, seed: u32, counter: Tensor<'g>) -> Tensor<'g> {
        if !(0.0..=1.0).contains(&rate) {
            return self.fail(Error::input(format!("dropout: the rate {rate} does not lie between 0 and 1")));
        }
        let threshold = (rate * 4_294_967_296.0).round() as u64;
        match u32::try_from(threshold) {
            Ok(0) => self,
            Ok(threshold) => {
                self.apply(Dropout { seed, threshold, scale: 1.0 / (1.0 - rate) }, &[self, counter])
            }
            Err(_) => self.zeros_like(),
        }
    }
}

impl Graph {
    /// Random numbers in [0, 1), uniform, multiples of 2^-24. `counter` is a `u32` scalar: with the
    /// same seed and counter the numbers are the same.
    #[track_caller]
    pub fn random_uniform<'g>(&'g self, sizes: &[usize], seed: u32, counter: Tensor<'g>) -> Tensor<'g> {
        match Shape::new(sizes) {
            Ok(shape) => counter.apply(RandomUniform { shape, seed }, &[counter]),
            Err(error) => counter.fail(error.context("random_uniform")),
        }
    }
}

/// PCG3D (Jarzynski and Olano, "Hash functions for GPU rendering", 2020), first component.
pub(super) fn random_bits(index: u32, counter: u32, seed: u32) -> u32 {
    let [mut x, mut y, mut z] =
        [index, counter, seed].map(|v| v.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    x = x.wrapping_add(y.wrapping_mul(z));
    y = y.wrapping_add(z.wrapping_mul(x));
    z = z.wrapping_add(x.wrapping_mul(y));
    let [x, y, z] = [x, y, z].map(|v| v ^ (v >> 16));
    x.wrapping_add(y.wrapping_mul(z))
}

pub(super) fn check_counter(counter: &Meta) -> Result<()> {
    match (counter.dtype, counter.shape.elements()) {
        (DType::U32, 1) => Ok(()),
        _ => Err(Error::shape(format!("the counter is a u32 scalar, {counter} was given"))),
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_counter(&x[1])?;
        match x[0].dtype {
            DType::F32 => Ok(vec![x[0]]),
            _ => Err(Error::shape(format!("takes f32, {} was given", x[0]))),
        }
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let counter = x[1].data[0] as u32;
        for (i, (y, x)) in y[0].data.iter_mut().zip(&x[0].data).enumerate() {
            let kept = random_bits(i as u32, counter, self.seed) >= self.threshold;
            *y = if kept { x * self.scale } else { 0.0 };
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let dy = at.dy();
        vec![Some(dy.apply(*self, &[dy, at.x[1]])), None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let count = x[0].shape().elements().div_ceil(4);
        Ok(Kernels::one(Dispatch {
            kernel: &shaders::DROPOUT,
            overrides: vec![],
            params: DropoutParams {
                count: count as u32,
                seed: self.seed,
                threshold: self.threshold,
                scale: self.scale as f32,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            workgroups: copy_workgroups(count),
        }))
    }
}

impl Op for RandomUniform {
    fn name(&self) -> &'static str {
        "random_uniform"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_counter(&x[0])?;
        Ok(vec![Meta::f32(self.shape)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let counter = x[0].data[0] as u32;
        for (i, y) in y[0].data.iter_mut().enumerate() {
            *y = f64::from(random_bits(i as u32, counter, self.seed) >> 8) / f64::from(1u32 << 24);
        }
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, _x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let count = y[0].shape.elements().div_ceil(4);
        Ok(Kernels::one(Dispatch {
            kernel: &shaders::RANDOM_UNIFORM,
            overrides: vec![],
            params: RandomUniformParams { count: count as u32, seed: self.seed }.bytes(),
            bindings: vec![Operand::Input(0), Operand::Output(0)],
            workgroups: copy_workgroups(count),
        }))
    }
}

pub(super) fn cases() -> Vec<Case> {
    let counted = |case: Case, counter: f64| case.filled(&[], DType::U32, Fill::Given(vec![counter]));
    let mut cases = Vec::new();
    for (rate, sizes) in [(0.1, &[3, 5, 11][..]), (0.5, &[7, 9]), (0.999, &[1025]), (0.0, &[9]), (1.0, &[9])]
    {
        let case = Case::new(format!("dropout {rate} of {sizes:?}"), move |x| x[0].dropout(rate, 42, x[1]));
        cases.push(counted(case.input(sizes), 3.0));
    }
    let case = Case::new("dropout other counter", |x| x[0].dropout(0.3, u32::MAX, x[1]) + x[0]);
    cases.push(counted(case.input(&[257]), 4_294_967_295.0));
    let case = Case::new("dropout of a view", |x| x[0].t().dropout(0.3, 1, x[1]).t());
    cases.push(counted(case.input(&[9, 6]), 0.0));
    let case = Case::new("random_uniform 1027", |x| x[0].graph().random_uniform(&[13, 79], 5, x[0]));
    cases.push(counted(case, 8.0).forward_only().tolerance(Tolerance::EXACT));
    cases
}
