//! y[i] = x[i], rounded to another float format
//!
//! `f16` has 11 significant bits and ends at 65,504; `bf16` has 8 and the range of `f32`. They halve
//! the memory of a value and what reading and writing it moves. Rounding is to the nearest, ties to
//! even. The gradient passes the rounding as if it were not there, rounded itself.

use std::panic::Location;
use std::sync::Arc;

use anygrad_core::{Caps, DType, Error, Result};

use super::{Conv, Pool};
use crate::{At, Call, Case, Fill, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

/// From `f32` to a 16-bit float, or back.
#[derive(Debug)]
struct Convert {
    to: DType,
}

impl<'g> Tensor<'g> {
    /// An expression of this value in `f32`, rounded once to the dtype of this value at its end:
    /// between its operators nothing is rounded to 16 bits. For `f32` it is the expression itself.
    #[track_caller]
    pub fn in_f32(self, expression: impl FnOnce(Tensor<'g>) -> Tensor<'g>) -> Tensor<'g> {
        let dtype = self.dtype();
        if !dtype.is_half() {
            return expression(self);
        }
        let result = expression(self.cast(DType::F32));
        if result.dtype() == DType::F32 { result.cast(dtype) } else { result }
    }
}

/// A float as another float.
pub(crate) fn convert<'g>(x: Tensor<'g>, to: DType, place: &'static Location<'static>) -> Tensor<'g> {
    let graph = x.graph();
    let apply = || graph.apply_rounded(Arc::new(Convert { to }), &[x], to, place)[0];
    match (x.dtype(), to) {
        (from, to) if from == to || x.is_poison() => x,
        (DType::F32, _) => apply(),
        (_, DType::F32) => graph.widened(x, apply),
        _ => convert(convert(x, DType::F32, place), to, place),
    }
}

/// The dtype in which floats of these dtypes meet: 16-bit only where all are the same.
pub(crate) fn promote(dtypes: impl Iterator<Item = DType>) -> DType {
    let mut floats = dtypes.filter(|dtype| dtype.is_float());
    match floats.next() {
        Some(first) if floats.all(|dtype| dtype == first) => first,
        _ => DType::F32,
    }
}

impl Op for Convert {
    fn name(&self) -> &'static str {
        match self.to {
            DType::F16 => "to_f16",
            DType::BF16 => "to_bf16",
            _ => "to_f32",
        }
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        match (x[0].dtype, self.to) {
            (DType::F32, to) | (to, DType::F32) if to.is_half() => Ok(vec![Meta { dtype: self.to, ..x[0] }]),
            _ => Err(Error::shape(format!("{} does not become {} at once", x[0], self.to))),
        }
    }

    /// Rounding is left to what keeps the numbers: in double precision there is none.
    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.copy_from_slice(&x[0].data);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.dy().cast(at.x[0].dtype()))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let function = format!("{}_of_{}", self.to, x[0].meta.dtype);
        Ok(Lowering::Pointwise(Call { function, constants: vec![] }))
    }

    fn accepts(&self, _input: usize, _layout: &Layout) -> bool {
        true
    }

    fn takes_halves(&self) -> bool {
        true
    }
}

/// `roundings` of half a unit in the last place each, of results of magnitude up to 1.
fn rounded(dtype: DType, roundings: usize) -> Tolerance {
    let bits = if dtype == DType::F16 { 11 } else { 8 };
    let share = roundings as f64 * 0.5f64.powi(bits);
    // What is rounded was itself rounded to f32, which can decide a tie.
    Tolerance { relative: share * 1.01, absolute: share * 1.01 }
}

pub(super) fn cases() -> Vec<Case> {
    type Build = for<'g> fn(&[Tensor<'g>]) -> Vec<Tensor<'g>>;
    let mut cases = Vec::new();
    for dtype in [DType::F16, DType::BF16] {
        let case = |name: &str, roundings: usize, build: Build| {
            let tolerance = rounded(dtype, roundings);
            // Slopes are rounded once more, where they arrive and where they add up.
            let slopes = rounded(dtype, 2 * roundings + 2);
            Case::many(format!("{dtype} {name}"), build).tolerance(tolerance).gradient_tolerance(slopes)
        };
        let halves = |case: Case, sizes: &[usize]| case.filled(sizes, dtype, Fill::Uniform(-1.0, 1.0));
        // Odd counts: the last word holds one half.
        for count in [1, 7, 257] {
            cases.push(halves(
                case(&format!("chain {count}"), 3, |x| vec![(x[0] * 2.0 + 0.25).tanh()]),
                &[count],
            ));
        }
        let views = case("views", 1, |x| {
            let turned = x[0].t();
            vec![turned + x[1], turned.slice(1, 1..5, -2).reshape(&[6]), x[0].flip(&[1]), x[1].identity()]
        });
        cases.push(halves(halves(views, &[5, 3]), &[3, 1]));
        // Products of magnitude up to 3, and sums of three of them.
        let kernels = case("kernels", 8, |x| {
            let product = x[0].matmul(x[1].t());
            vec![
                product.relu(),
                product.sum(&[0], false) * 0.125,
                x[0].softmax(-1),
                x[0].max(&[-1], true),
                x[0].graph().concat(&[x[0], x[0]], 1),
                x[0].mean(&[0], false),
            ]
        });
        cases.push(halves(halves(kernels, &[3, 8]), &[4, 8]));
        // Kernels that know f32 only, and chains of operators around them.
        let images = case("images", 8, |x| {
            let maps = x[0].conv2d(x[1], Conv::default()) * 0.25;
            vec![
                maps.max_pool2d(Pool::new([2, 2])),
                maps.avg_pool2d(Pool::new([2, 2]), true),
                x[0].pad(&[(0, 0), (0, 0), (1, 0), (0, 1)], 0.5),
            ]
        });
        cases.push(halves(halves(images, &[2, 2, 5, 6]), &[4, 2, 2, 3]));
        let sequences = case("sequences", 12, |x| {
            let output = x[0].lstm(x[1], x[2], None, None);
            vec![
                output.sequence,
                output.cell,
                x[1].gather(1, x[3]),
                x[0].index_add(0, x[3].narrow(0, 1..3), x[0]),
            ]
        });
        let sequences = halves(halves(halves(sequences, &[2, 3, 4]), &[4, 8]), &[2, 8]);
        cases.push(sequences.filled(&[4], DType::I32, Fill::Given(vec![7.0, 0.0, 1.0, 9.0])));
        // Read as they are stored: around the tiles, transposed, in batches, in large tiles.
        let products: [(Build, &[usize], &[usize]); 7] = [
            (|x| vec![x[0].matmul(x[1])], &[5, 8], &[8, 12]),
            (|x| vec![x[0].matmul(x[1])], &[17, 20], &[20, 68]),
            (|x| vec![x[0].t().matmul(x[1].t())], &[12, 36], &[64, 12]),
            (|x| vec![x[0].matmul(x[1])], &[3, 4, 8], &[3, 8, 4]),
            (|x| vec![(x[0].matmul(x[1]) + 1.0).relu()], &[256, 256], &[256, 128]),
            (|x| vec![x[0].matmul(x[1])], &[516, 36], &[36, 516]),
            (|x| vec![x[0].matmul(x[1])], &[1924, 8], &[8, 1928]),
        ];
        for (build, a, b) in products {
            // Rounding of the sums of f32 may decide how a result is rounded.
            let case = case(&format!("product {a:?} {b:?}"), 3, build);
            let large = a[0] >= 256;
            // The largest kernels take a second to compile, and differ in the conversion alone.
            if !large || dtype == DType::F16 {
                cases.push(halves(halves(if large { case.forward_only() } else { case }, a), b));
            }
        }
        let meets = case("beside f32", 1, |x| {
            vec![x[0] + x[1], x[0].cast(DType::F32) * x[1], x[1].cast(x[0].dtype())]
        });
        cases.push(halves(meets, &[6]).input(&[6]));
        let integers = case("to integers", 0, |x| {
            vec![x[0].cast(DType::I32), x[0].gt(0.0), x[0].gt(0.0).cast(x[0].dtype()), x[0].argmax(0)]
        });
        let numbers = Fill::Given(vec![1.5, -1.5, 0.0, f64::NAN, 250.0]);
        cases.push(integers.forward_only().tolerance(Tolerance::EXACT).filled(&[5], dtype, numbers));
    }
    cases
}
