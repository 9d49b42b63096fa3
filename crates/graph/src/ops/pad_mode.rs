//! y[i] = x[f(i - before)], where f brings places outside back by mirroring, repeating or clamping
//!
//! Borders made of the elements themselves, one axis after the other.

use anygrad_core::{DType, Error, Result};

use super::taps::LONGEST;
use crate::{Case, Fill, Tensor, Tolerance};

/// What stands in the elements that padding adds, shown for `a b c d` padded by 2.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum PadMode {
    /// Zeros: `0 0 a b c d 0 0`. [`Tensor::pad`] takes any other number.
    #[default]
    Zeros,
    /// The elements mirrored in the border, which is not repeated: `c b a b c d c b`. Each side is
    /// less than the size.
    Reflect,
    /// The elements mirrored with the border: `b a a b c d d c`, at most the size on each side. Keras
    /// and NumPy have it; PyTorch and ONNX do not.
    Symmetric,
    /// The border repeated, PyTorch's `replicate`: `a a a b c d d d`.
    Edge,
    /// The elements again from the other end, PyTorch's `circular`: `c d a b c d a b`.
    Wrap,
}

impl PadMode {
    /// The places that stand along an axis.
    ///
    /// # Errors
    /// There are too few elements to choose from.
    fn places(self, size: usize, [before, after]: [usize; 2]) -> Result<Vec<usize>> {
        let most = match self {
            PadMode::Reflect => size.saturating_sub(1),
            PadMode::Symmetric => size,
            _ if size == 0 => 0,
            _ => LONGEST.saturating_sub(size) / 2,
        };
        if before > most || after > most {
            return Err(Error::shape(format!(
                "{self:?} has at most {most} elements to add on each side of {size}, {before} and {after} were asked for"
            )));
        }
        let (last, before, after) = (size as isize - 1, before as isize, after as isize);
        let place = |at: isize| match self {
            PadMode::Reflect if at < 0 => -at,
            PadMode::Reflect if at > last => 2 * last - at,
            PadMode::Symmetric if at < 0 => -1 - at,
            PadMode::Symmetric if at > last => 2 * last + 1 - at,
            PadMode::Wrap => at.rem_euclid(size.max(1) as isize),
            _ => at.clamp(0, last),
        };
        Ok((-before..=last + after).map(|at| place(at) as usize).collect())
    }
}

impl<'g> Tensor<'g> {
    /// Elements of this tensor added along every axis, `(before, behind)` for each, as `mode` says.
    ///
    /// The axes are padded one after the other, so corners repeat what stands in the borders.
    #[track_caller]
    pub fn pad_with(self, amounts: &[(usize, usize)], mode: PadMode) -> Tensor<'g> {
        if mode == PadMode::Zeros {
            return self.pad(amounts, 0.0);
        }
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        if amounts.len() != shape.rank() {
            let message = format!("pad: {amounts:?} does not give (before, behind) for each axis of {shape}");
            return self.fail(Error::shape(message));
        }
        let mut result = self;
        for (axis, &(before, after)) in amounts.iter().enumerate() {
            if (before, after) == (0, 0) {
                continue;
            }
            result = match mode.places(shape[axis], [before, after]) {
                Ok(places) => result.picked(axis, &places),
                Err(error) => return self.fail(error.context(format!("pad: axis {axis} of {shape}"))),
            };
        }
        result
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    let mut cases = Vec::new();
    for mode in [PadMode::Reflect, PadMode::Symmetric, PadMode::Edge, PadMode::Wrap] {
        cases.push(exact(
            Case::new(format!("pad_with {mode:?}"), move |x| {
                x[0].pad_with(&[(0, 0), (2, 1), (0, 0), (1, 3)], mode)
            })
            .input(&[2, 3, 4, 5]),
        ));
    }
    cases.push(exact(
        Case::new("pad_with Wrap more than once around", |x| x[0].pad_with(&[(7, 0), (0, 9)], PadMode::Wrap))
            .input(&[3, 4]),
    ));
    cases.push(exact(
        Case::new("pad_with Edge of i32", |x| x[0].pad_with(&[(1, 2), (0, 3)], PadMode::Edge))
            .forward_only()
            .filled(&[3, 5], DType::I32, Fill::Below(1000)),
    ));
    cases.push(exact(
        Case::new("pad_with Reflect of NaN and infinities", |x| x[0].pad_with(&[(2, 2)], PadMode::Reflect))
            .forward_only()
            .filled(&[4], DType::F32, Fill::Given(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0])),
    ));
    cases
}

#[cfg(test)]
mod tests {
    use anygrad_core::Array;

    use super::*;
    use crate::{Graph, Interpreter, Precision};

    fn padded(amounts: (usize, usize), mode: PadMode) -> Vec<f64> {
        let graph = Graph::new();
        let y = graph.input("x", &[4], DType::F32).pad_with(&[amounts], mode);
        let mut cpu = Interpreter::new(Precision::F32);
        cpu.write("x", &Array::f32(&[4], vec![1.0, 2.0, 3.0, 4.0]).unwrap());
        cpu.run(&graph, &[y]).unwrap()[0].to_f64()
    }

    #[test]
    fn borders_by_hand() {
        assert_eq!(padded((1, 2), PadMode::Zeros), [0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
        assert_eq!(padded((3, 1), PadMode::Reflect), [4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0]);
        assert_eq!(padded((2, 2), PadMode::Symmetric), [2.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 3.0]);
        assert_eq!(padded((2, 1), PadMode::Edge), [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(padded((1, 6), PadMode::Wrap), [4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
    }

    #[test]
    fn more_than_there_is_is_an_error_with_numbers() {
        for (amounts, mode, part) in [
            ((4, 0), PadMode::Reflect, "Reflect has at most 3 elements to add on each side of 4, 4 and 0"),
            ((0, 5), PadMode::Symmetric, "at most 4"),
        ] {
            let graph = Graph::new();
            graph.input("x", &[4], DType::F32).pad_with(&[amounts], mode);
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains(part), "{error}");
        }
        let graph = Graph::new();
        graph.input("x", &[0], DType::F32).pad_with(&[(1, 0)], PadMode::Edge);
        assert!(graph.check().unwrap_err().to_string().contains("at most 0 elements"));
    }
}
