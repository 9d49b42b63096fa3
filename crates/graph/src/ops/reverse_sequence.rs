//! y[n, s, ..] = x[n, l_n - 1 - s, ..] for s < l_n, otherwise x[n, s, ..]
//!
//! Its own inverse, so it is its own gradient too.

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};

use super::gather::Gather;
use crate::{At, Attributes, Case, Fill, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

/// Rows of a table in another order: inputs x `[rows, columns]` and `i32` indices `[rows]` that name
/// each other in pairs.
#[derive(Clone, Copy, Debug)]
struct SwapRows;

const ROWS: Gather = Gather { axis: 0 };

impl<'g> Tensor<'g> {
    /// Turns each row of this `[batch, time, ..]` around within its length (`i32`, `[batch]`); what
    /// lies behind it stays. Lengths outside of 0 to `time` count as the nearer of the two.
    ///
    /// ONNX's `ReverseSequence` with `batch_axis = 0` and `time_axis = 1`.
    #[track_caller]
    pub fn reverse_sequence(self, lengths: Tensor<'g>) -> Tensor<'g> {
        if self.is_poison() || lengths.is_poison() {
            return self.graph().tensor(crate::ValueId::POISON);
        }
        match places(self, lengths) {
            Ok(places) => {
                let (rows, shape) = (places.shape()[0], self.shape());
                let columns = shape[2..].iter().product();
                let y = self.apply(SwapRows, &[self.reshape(&[rows, columns]), places]).reshape(&shape);
                let inputs = [("x", Some(self)), ("lengths", Some(lengths))];
                y.composed("reverse_sequence", Attributes::new(), &inputs)
            }
            Err(error) => self.fail(error.context("reverse_sequence")),
        }
    }
}

/// Where each row of `[batch * time]` comes from.
#[track_caller]
fn places<'g>(x: Tensor<'g>, lengths: Tensor<'g>) -> Result<Tensor<'g>> {
    let shape = x.shape();
    if shape.rank() < 2 || *lengths.shape() != [shape[0]] || lengths.dtype() != DType::I32 {
        return Err(Error::shape(format!(
            "x is [batch, time, ..] and lengths are i32 [batch], {} and {} were given",
            x.meta(),
            lengths.meta()
        )));
    }
    let [batch, time] = [shape[0], shape[1]];
    if batch * time > i32::MAX as usize {
        return Err(Error::unsupported(format!("{batch} rows of {time} steps: indices are i32")));
    }
    let lengths = within(lengths, time).unsqueeze(1);
    let times = positions(x, time)?.unsqueeze(0);
    let turned = times.lt(lengths).select(lengths - whole(x, 1) - times, times);
    let first = positions(x, batch)? * whole(x, time);
    Ok((turned + first.unsqueeze(1)).reshape(&[batch * time]))
}

/// A number as `i32` scalar; what counts steps is far below 2^31.
pub(super) fn whole(x: Tensor<'_>, number: usize) -> Tensor<'_> {
    x.graph().constant(Array::from_f64(Shape::SCALAR, DType::I32, &[number as f64]))
}

/// Lengths (`i32`), those outside of 0 to `time` as the nearer of the two.
pub(super) fn within(lengths: Tensor<'_>, time: usize) -> Tensor<'_> {
    lengths.maximum(whole(lengths, 0)).minimum(whole(lengths, time))
}

/// 0, 1, 2, ... as `i32`.
pub(super) fn positions(x: Tensor<'_>, count: usize) -> Result<Tensor<'_>> {
    let numbers: Vec<f64> = (0..count).map(|i| i as f64).collect();
    Ok(x.graph().constant(Array::from_f64(Shape::new(&[count])?, DType::I32, &numbers)))
}

impl Op for SwapRows {
    fn name(&self) -> &'static str {
        "reverse_sequence"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        ROWS.infer(x)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        ROWS.reference(x, y);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.dy().apply(SwapRows, &[at.dy(), at.x[1]])), None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        ROWS.lower(x, y, caps)
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        ROWS.accepts(input, layout)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, sizes: &[usize], lengths: Vec<f64>| {
        Case::new(format!("reverse_sequence {name}"), |x| x[0].reverse_sequence(x[1]))
            .input(sizes)
            .filled(&[sizes[0]], DType::I32, Fill::Given(lengths))
            .tolerance(Tolerance::EXACT)
    };
    vec![
        case("of every length", &[6, 4, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 9.0]),
        case("fours", &[3, 5, 8], vec![5.0, -1.0, 3.0]),
        case("of single numbers", &[2, 7], vec![7.0, 4.0]),
        case("of images", &[2, 3, 2, 5], vec![2.0, 3.0]),
        case("of nothing", &[0, 3, 2], vec![1.0]),
        Case::new("reverse_sequence twice", |x| {
            x[0].graph().gradients((x[0].reverse_sequence(x[1]) * x[2]).square().sum_all(), &[x[0]])[0]
        })
        .input(&[2, 3, 2])
        .filled(&[2], DType::I32, Fill::Given(vec![2.0, 3.0]))
        .input(&[2, 3, 2]),
    ]
}
