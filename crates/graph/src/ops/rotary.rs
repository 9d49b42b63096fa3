//! Pairs of features turned by angles in proportion to their place (Su et al., "RoFormer", 2021):
//! y_a = x_a cos - x_b sin, y_b = x_b cos + x_a sin
//!
//! The partners are exchanged by a view, so that the whole is one pointwise step.

use anygrad_core::{Array, DType, Error, Result, Shape};

use crate::{Case, Tensor, Tolerance};

/// Which features are a pair, of `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotary {
    /// Feature i and feature i + d / 2: GPT-NeoX, Llama in its usual files, ONNX unless `interleaved`.
    HalfSplit,
    /// Features 2 i and 2 i + 1: the paper, GPT-J.
    Interleaved,
}

impl<'g> Tensor<'g> {
    /// Rotary position embedding of x `[.., time, d]`, d even: pair i of the features at time t turned by
    /// the angle (start + t) base^(-2 i / d). The usual base is 10,000.
    #[track_caller]
    pub fn rotary(self, layout: Rotary, base: f64, start: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let angles = match time_and_width(self).and_then(|[time, width]| angles(time, width, base, start)) {
            Ok(angles) => angles,
            Err(error) => return self.fail(error.context("rotary")),
        };
        let [cosines, sines] = angles.map(|numbers| self.graph().constant(numbers));
        self.rotary_by(layout, cosines, sines)
    }

    /// As [`Tensor::rotary`], by given cosines and sines of the angles, which broadcast to
    /// `[.., time, d / 2]`: those of positions in any order, or of other frequencies.
    #[track_caller]
    pub fn rotary_by(self, layout: Rotary, cosines: Tensor<'g>, sines: Tensor<'g>) -> Tensor<'g> {
        if let Some(mistake) = [self, cosines, sines].into_iter().find(|x| x.is_poison()) {
            return mistake;
        }
        let shape = self.shape();
        let halves = time_and_width(self).and_then(|[_, width]| {
            let half = shape.with(shape.rank() - 1, width / 2);
            let other = [cosines, sines]
                .into_iter()
                .find(|angles| !angles.shape().broadcast(&half).is_ok_and(|whole| whole == half));
            match other {
                Some(angles) => Err(Error::shape(format!("angles {} do not fit {half}", angles.shape()))),
                None => Ok(half),
            }
        });
        let half = match halves {
            Ok(half) => half,
            Err(error) => return self.fail(error.context("rotary")),
        };
        // The two of a pair stand along an axis of their own.
        let (axis, signs) = match layout {
            Rotary::HalfSplit => (half.rank() - 1, [2, 1]),
            Rotary::Interleaved => (half.rank(), [1, 2]),
        };
        let mut sizes = half.to_vec();
        sizes.insert(axis, 2);
        let pairs = self.reshape(&sizes);
        let signs = match Array::f32(&signs, [-1.0, 1.0]) {
            Ok(signs) => self.graph().constant(signs),
            Err(error) => return self.fail(error),
        };
        let spread = |angles: Tensor<'g>| angles.broadcast_to(&half).unsqueeze(axis);
        let turned = pairs * spread(cosines) + pairs.flip(&[axis as isize]) * (signs * spread(sines));
        turned.reshape(&shape)
    }
}

fn time_and_width(x: Tensor<'_>) -> Result<[usize; 2]> {
    let shape = x.shape();
    match shape[..] {
        [.., time, width] if width % 2 == 0 && shape.rank() < anygrad_core::MAX_RANK => Ok([time, width]),
        _ => Err(Error::shape(format!("wanted is [.., time, an even number], {shape} was given"))),
    }
}

/// Cosines and sines, `[time, width / 2]`.
fn angles(time: usize, width: usize, base: f64, start: usize) -> Result<[Array; 2]> {
    if !(base.is_finite() && base > 0.0) {
        return Err(Error::input(format!("the base {base} is not a positive number")));
    }
    let shape = Shape::new(&[time, width / 2])?;
    let angle = |i: usize| {
        let (place, pair) = (start + i / (width / 2), i % (width / 2));
        place as f64 * base.powf(-2.0 * pair as f64 / width as f64)
    };
    let numbers = |of: fn(f64) -> f64| {
        let numbers: Vec<f64> = (0..shape.elements()).map(|i| of(angle(i))).collect();
        Array::from_f64(shape, DType::F32, &numbers)
    };
    Ok([numbers(f64::cos), numbers(f64::sin)])
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for layout in [Rotary::HalfSplit, Rotary::Interleaved] {
        for sizes in [&[1, 2][..], &[7, 6], &[2, 3, 5, 8]] {
            let case = Case::new(format!("rotary {layout:?} of {sizes:?}"), move |x| {
                x[0].rotary(layout, 10_000.0, 3)
            });
            cases.push(case.input(sizes));
        }
        // Angles of each row of a batch, and what is read back by the opposite angles.
        let case = Case::new(format!("rotary by angles {layout:?}"), move |x| {
            let (cosines, sines) = (x[1].cos(), x[1].sin());
            x[0].rotary_by(layout, cosines, sines) + x[0].rotary_by(layout, cosines, -sines)
        });
        // WGSL's sin and cos may be off by 2^-11; those of adapters are far better.
        let tolerance = Tolerance { relative: 5e-6, absolute: 2e-6 };
        cases.push(case.input(&[2, 3, 4, 6]).input(&[2, 1, 4, 3]).tolerance(tolerance));
    }
    cases
}
