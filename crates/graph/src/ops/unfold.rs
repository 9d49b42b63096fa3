//! y[n, (c, j), p] = x[n, c, s p + d j - b], and the sum of all that goes back to each place
//!
//! Windows laid out as columns: what a convolution multiplies with its weight. Both are taps along one
//! axis after the other, and each other's gradients.

use anygrad_core::{Error, Result};

use super::pool::Pool;
use super::taps::Taps;
use crate::{Case, Tensor, Tolerance};

/// From an axis of `size` to `outputs` windows of `kernel` elements each, zeros outside.
fn along<const N: usize>(window: &Pool<N>, axis: usize, size: usize, outputs: usize) -> Taps {
    let [before, _] = window.padding[axis];
    let rows = (0..outputs * window.kernel[axis]).map(|row| {
        let (output, tap) = (row / window.kernel[axis], row % window.kernel[axis]);
        let at = output * window.stride[axis] + tap * window.dilation[axis];
        at.checked_sub(before).filter(|&place| place < size).map(|place| (place, 1.0))
    });
    Taps::new(size, rows)
}

/// The order of axes that brings `[n, c, outputs, kernel, outputs, kernel, ..]` to
/// `[n, c, kernels.., outputs..]`.
fn kernels_first(axes: usize) -> Vec<usize> {
    let pairs = |first: usize| (0..axes).map(move |axis| 2 * axis + first);
    [0, 1].into_iter().chain(pairs(3)).chain(pairs(2)).collect()
}

/// `[n, c, outputs, kernel, outputs, kernel, ..]`
fn split<const N: usize>(n: usize, c: usize, outputs: [usize; N], window: &Pool<N>) -> Vec<usize> {
    let pairs = outputs.into_iter().zip(window.kernel).flat_map(|(output, kernel)| [output, kernel]);
    [n, c].into_iter().chain(pairs).collect()
}

/// # Errors
/// The window does not fit the sizes, or there are not one to three of them.
fn outputs<const N: usize>(window: &Pool<N>, sizes: [usize; N]) -> Result<[usize; N]> {
    match N {
        1..=3 if !window.ceil_mode => window.windows(sizes),
        _ => Err(Error::shape(format!(
            "takes 1 to 3 axes and whole windows, {N} axes and ceil mode {} were given",
            window.ceil_mode
        ))),
    }
}

impl<'g> Tensor<'g> {
    /// The windows of x `[n, c, sizes...]` as columns: `[n, c * elements of a window, windows]`, zeros
    /// where padding is. The windows are those of a pooling with these options. PyTorch's `unfold`,
    /// elsewhere `im2col`.
    #[track_caller]
    pub fn unfold<const N: usize>(self, window: Pool<N>) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let Some(sizes) = shape.get(2..).and_then(|sizes| <[usize; N]>::try_from(sizes).ok()) else {
            return self.fail(Error::shape(format!("unfold: {shape} is not [n, c] with {N} sizes")));
        };
        let outputs = match outputs(&window, sizes) {
            Ok(outputs) => outputs,
            Err(error) => return self.fail(error.context("unfold")),
        };
        let (n, c) = (shape[0], shape[1]);
        let rows =
            (0..N).fold(self, |x, axis| x.taps(axis + 2, along(&window, axis, sizes[axis], outputs[axis])));
        let column: usize = window.kernel.iter().product();
        rows.reshape(&split(n, c, outputs, &window)).permute(&kernels_first(N)).reshape(&[
            n,
            c * column,
            outputs.iter().product(),
        ])
    }

    /// Columns `[n, c * elements of a window, windows]` added up where the windows of an image of
    /// `sizes` have them: `[n, c, sizes...]`. The gradient of [`Tensor::unfold`]; PyTorch's `fold`,
    /// ONNX's `Col2Im`.
    #[track_caller]
    pub fn fold<const N: usize>(self, sizes: [usize; N], window: Pool<N>) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let outputs = match outputs(&window, sizes) {
            Ok(outputs) => outputs,
            Err(error) => return self.fail(error.context("fold")),
        };
        let column: usize = window.kernel.iter().product();
        let (n, c) = match self.shape()[..] {
            [n, rows, windows]
                if rows.is_multiple_of(column) && windows == outputs.iter().product::<usize>() =>
            {
                (n, rows / column)
            }
            _ => {
                return self.fail(Error::shape(format!(
                    "fold: {} is not [n, c * {column}, {}], the columns of {outputs:?} windows",
                    self.shape(),
                    outputs.iter().product::<usize>()
                )));
            }
        };
        let order = kernels_first(N);
        let parts = split(n, c, outputs, &window);
        let mut back = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            back[from] = to;
        }
        let rows: Vec<usize> = (0..N).map(|axis| outputs[axis] * window.kernel[axis]).collect();
        let laid_out = self
            .reshape(&order.iter().map(|&axis| parts[axis]).collect::<Vec<_>>())
            .permute(&back)
            .reshape(&[&[n, c], &rows[..]].concat());
        (0..N).rev().fold(laid_out, |x, axis| {
            x.taps(axis + 2, along(&window, axis, sizes[axis], outputs[axis]).transposed())
        })
    }
}

pub(super) fn cases() -> Vec<Case> {
    let window = Pool { stride: [2, 1], padding: [[1, 0], [0, 2]], dilation: [1, 2], ..Pool::new([3, 2]) };
    let cube = Pool { stride: [1; 3], ..Pool::new([2, 1, 2]) };
    vec![
        Case::new("unfold images", move |x| x[0].unfold(window))
            .input(&[2, 3, 6, 5])
            .tolerance(Tolerance::EXACT),
        Case::new("unfold lines", |x| x[0].unfold(Pool::new_1d(4, 3, [2, 1], 1, false)))
            .input(&[1, 3, 12])
            .tolerance(Tolerance::EXACT),
        Case::new("unfold volumes", move |x| x[0].unfold(cube))
            .input(&[1, 2, 3, 2, 4])
            .tolerance(Tolerance::EXACT),
        Case::new("fold images", move |x| x[0].fold([6, 5], window)).input(&[2, 18, 15]),
    ]
}

#[cfg(test)]
mod tests {
    use anygrad_core::{Array, DType};

    use super::*;
    use crate::ops::Conv;
    use crate::{Graph, Interpreter, Precision};

    /// Whole numbers from 1 in both inputs, so that sums are exact.
    fn counted<const M: usize>(
        sizes: [&[usize]; M],
        build: impl for<'g> Fn([Tensor<'g>; M]) -> Tensor<'g>,
    ) -> Array {
        let graph = Graph::new();
        let mut cpu = Interpreter::new(Precision::F32);
        let inputs = std::array::from_fn(|i| {
            let count = sizes[i].iter().product::<usize>();
            let numbers: Vec<f32> = (1..=count).map(|i| i as f32).collect();
            cpu.write(&format!("x{i}"), &Array::f32(sizes[i], numbers).unwrap());
            graph.input(&format!("x{i}"), sizes[i], DType::F32)
        });
        cpu.run(&graph, &[build(inputs)]).unwrap().remove(0)
    }

    #[test]
    fn a_convolution_is_a_product_with_the_columns() {
        let sizes = [&[2, 3, 6, 5][..], &[4, 3, 3, 2]];
        let window =
            Pool { stride: [2, 1], padding: [[1, 0], [0, 2]], dilation: [1, 2], ..Pool::new([3, 2]) };
        let product =
            counted(sizes, |[x, w]| w.reshape(&[4, 18]).matmul(x.unfold(window)).reshape(&[2, 4, 3, 5]));
        let Pool { stride, padding, dilation, .. } = window;
        let conv = Conv { stride, padding, dilation, groups: 1 };
        assert_eq!(product, counted(sizes, |[x, w]| x.conv2d(w, conv)));
    }

    #[test]
    fn fold_by_hand() {
        // One window per row: columns become rows.
        let y = counted([&[1, 5, 5]], |[x]| x.fold([5, 5], Pool::new([1, 5])));
        assert_eq!(y.to_f64()[..6], [1.0, 6.0, 11.0, 16.0, 21.0, 2.0]);
        // ONNX backend test col2im_strides: the same pattern in four windows that overlap.
        let strides = Pool { stride: [2, 2], ..Pool::new([3, 3]) };
        let y = counted([&[1, 9, 4]], |[x]| {
            let pattern = Array::f32(&[9, 1], [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
            (x * 0.0 + x.graph().constant(pattern)).fold([5, 5], strides)
        });
        let rows = [
            [0.0, 1.0, 1.0, 1.0, 1.0],
            [1.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 2.0, 1.0, 2.0, 1.0],
            [1.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0, 1.0, 0.0],
        ];
        assert_eq!(y.to_f64(), rows.concat());
    }

    #[test]
    fn shapes_that_do_not_fit_are_errors_with_numbers() {
        type Build = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
        for (part, build) in [
            ("unfold: [2, 6, 4] is not [n, c] with 2 sizes", (|x| x.unfold(Pool::new([2, 2]))) as Build),
            ("a window of 5", |x| x.unfold(Pool::new([5]))),
            ("is not [n, c * 4, 9]", |x| x.fold([6, 6], Pool::new([2, 2]))),
            ("ceil mode true", |x| x.unfold(Pool { ceil_mode: true, ..Pool::new([2]) })),
        ] {
            let graph = Graph::new();
            build(graph.input("x", &[2, 6, 4], DType::F32));
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains(part), "{error}");
        }
    }
}
