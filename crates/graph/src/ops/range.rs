//! y[i] = start + i step, and tensors of one number

use anygrad_core::{Array, DType, Error, Shape};

use crate::{Case, Graph, Tensor, Tolerance};

/// A plan carries its constants: more than this is a mistake.
const MOST: usize = 1 << 26;

impl Graph {
    /// `start`, `start + step`, ... up to before `end`, of `f32`, `i32` or `u32`: ceil((end - start)
    /// / step) numbers, none if that is negative. They are computed in double precision.
    #[track_caller]
    pub fn arange(&self, start: f64, end: f64, step: f64, dtype: DType) -> Tensor<'_> {
        let count = ((end - start) / step).ceil();
        if step == 0.0 || !count.is_finite() || count > MOST as f64 || matches!(dtype, DType::Bool) {
            let message = format!("arange: {start} to {end} by {step} is no range of {dtype}");
            return self.wrong(Error::shape(message));
        }
        let numbers = (0..count.max(0.0) as usize).map(|i| start + i as f64 * step).collect();
        self.numbers(numbers, dtype)
    }

    /// `count` numbers from `start` to `end`, both among them, `f32`.
    #[track_caller]
    pub fn linspace(&self, start: f64, end: f64, count: usize) -> Tensor<'_> {
        if count > MOST {
            return self.wrong(Error::shape(format!("linspace: {count} numbers, at most {MOST}")));
        }
        let step = (end - start) / (count.max(2) - 1) as f64;
        // From both ends, so that both are met.
        let number = |i: usize| {
            if 2 * i < count { start + i as f64 * step } else { end - (count - 1 - i) as f64 * step }
        };
        let numbers = if count == 1 { vec![start] } else { (0..count).map(number).collect() };
        self.numbers(numbers, DType::F32)
    }

    /// A tensor whose elements are all `value`; nothing is stored for each.
    #[track_caller]
    pub fn full(&self, sizes: &[usize], value: f64) -> Tensor<'_> {
        self.scalar(value).broadcast_to(sizes)
    }

    /// A tensor of zeros, `f32`.
    #[track_caller]
    pub fn zeros(&self, sizes: &[usize]) -> Tensor<'_> {
        self.full(sizes, 0.0)
    }

    /// A tensor of ones, `f32`.
    #[track_caller]
    pub fn ones(&self, sizes: &[usize]) -> Tensor<'_> {
        self.full(sizes, 1.0)
    }

    #[track_caller]
    fn numbers(&self, numbers: Vec<f64>, dtype: DType) -> Tensor<'_> {
        match Shape::new(&[numbers.len()]) {
            Ok(shape) => self.constant(Array::from_f64(shape, dtype, &numbers)),
            Err(error) => self.wrong(error),
        }
    }

    #[track_caller]
    fn wrong(&self, error: Error) -> Tensor<'_> {
        self.fail(error.at(std::panic::Location::caller()))
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::many("range 7", |x| {
            let graph = x[0].graph();
            vec![
                x[0] * graph.arange(-1.0, 2.5, 0.5, DType::F32) + graph.linspace(2.0, -1.0, 7),
                x[0].gather(0, graph.arange(5.0, -1.0, -2.0, DType::I32)),
                x[0] * graph.full(&[7], 3.0) + graph.ones(&[7]) + graph.zeros(&[1]),
            ]
        })
        .tolerance(Tolerance::ROUNDING)
        .input(&[7]),
    ]
}
