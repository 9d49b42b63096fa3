//! y[n, c, p, q] = max, or mean, over j, k of x[n, c, s p + d j - b, s q + d k - b]
//!
//! with stride s, dilation d and padding b before each axis. The maximum passes over padding, is NaN
//! where an element is, and its gradient goes to the first of equal elements in row-major order. A mean
//! counts padding on request.

mod cases;
mod lower;
mod window;

use anygrad_core::{Caps, DType, Error, Result};

use crate::{At, Grads, Layout, Lowering, Meta, Op, Tensor, Values};

pub(super) use cases::cases;
use window::Windows;

/// The options of a two-dimensional pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Elements of a window, per axis (height, width).
    pub kernel: [usize; 2],
    /// Input pixels between neighbouring windows, per axis.
    pub stride: [usize; 2],
    /// Padding `(before, after)` the input, per axis.
    pub padding: [[usize; 2]; 2],
    /// Input pixels between neighbouring elements of a window, per axis.
    pub dilation: [usize; 2],
    /// Whether a last window that reaches past the padded input counts. It must start before the end
    /// of the input.
    pub ceil_mode: bool,
}

impl Pool {
    /// Windows side by side: the stride is the kernel.
    pub fn new(kernel: [usize; 2]) -> Self {
        Pool { kernel, stride: kernel, padding: [[0; 2]; 2], dilation: [1; 2], ceil_mode: false }
    }

    /// Windows along one axis.
    pub fn new_1d(
        kernel: usize,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
        ceil_mode: bool,
    ) -> Self {
        Pool {
            kernel: [1, kernel],
            stride: [1, stride],
            padding: [[0, 0], padding],
            dilation: [1, dilation],
            ceil_mode,
        }
    }

    /// The same along one axis only.
    fn along(&self, axis: usize) -> Self {
        let mut one = Pool { ceil_mode: self.ceil_mode, ..Pool::new([1, 1]) };
        one.kernel[axis] = self.kernel[axis];
        one.stride[axis] = self.stride[axis];
        one.padding[axis] = self.padding[axis];
        one.dilation[axis] = self.dilation[axis];
        one
    }
}

/// y from x.
#[derive(Debug)]
struct MaxPool(Pool);

/// dx from x and dy: each window gives its dy to its largest element.
#[derive(Debug)]
struct MaxPoolGrad(Pool);

/// y from x and z: the element of z where the window's largest element of x stands.
#[derive(Debug)]
struct MaxPoolSelect(Pool);

/// y from x.
#[derive(Debug)]
struct AvgPool {
    pool: Pool,
    count_include_pad: bool,
}

/// dx from dy. Strides can leave pixels at the end unread, so the sizes of x stand here.
#[derive(Debug)]
struct AvgPoolGrad {
    pool: Pool,
    count_include_pad: bool,
    input: [usize; 2],
}

/// Elements from which a window is reduced along one axis after the other: fewer reads, and far from
/// the limit of loop iterations. Row by row first, so that the first of equal elements still wins.
const MAX_WINDOW: usize = 1024;

impl<'g> Tensor<'g> {
    /// The largest element of each window of x `[n, c, h, w]`: `[n, c, out_h, out_w]`.
    #[track_caller]
    pub fn max_pool2d(self, pool: Pool) -> Tensor<'g> {
        if separable(&pool) {
            return self.apply(MaxPool(pool.along(1)), &[self]).max_pool2d(pool.along(0));
        }
        self.apply(MaxPool(pool), &[self])
    }

    /// The mean of each window of x `[n, c, h, w]`: `[n, c, out_h, out_w]`. Padding counts as zeros
    /// with `count_include_pad` and not at all without; a window without any element gives 0.
    #[track_caller]
    pub fn avg_pool2d(self, pool: Pool, count_include_pad: bool) -> Tensor<'g> {
        if separable(&pool) {
            let rows = self.apply(AvgPool { pool: pool.along(1), count_include_pad }, &[self]);
            return rows.avg_pool2d(pool.along(0), count_include_pad);
        }
        self.apply(AvgPool { pool, count_include_pad }, &[self])
    }

    /// The largest element of each window of x `[n, c, l]`: `[n, c, out_l]`.
    /// `pool` comes from [`Pool::new_1d`].
    #[track_caller]
    pub fn max_pool1d(self, pool: Pool) -> Tensor<'g> {
        let [n, c, l] = self.dims("max_pool1d: the input");
        self.reshape(&[n, c, 1, l]).max_pool2d(pool).squeeze(2)
    }

    /// The mean of each window of x `[n, c, l]`: `[n, c, out_l]`, as [`Tensor::avg_pool2d`].
    /// `pool` comes from [`Pool::new_1d`].
    #[track_caller]
    pub fn avg_pool1d(self, pool: Pool, count_include_pad: bool) -> Tensor<'g> {
        let [n, c, l] = self.dims("avg_pool1d: the input");
        self.reshape(&[n, c, 1, l]).avg_pool2d(pool, count_include_pad).squeeze(2)
    }
}

fn separable(pool: &Pool) -> bool {
    pool.kernel[0] > 1 && pool.kernel[1] > 1 && pool.kernel[0].saturating_mul(pool.kernel[1]) > MAX_WINDOW
}

fn same_shape(what: &str, given: Meta, wanted: Meta) -> Result<()> {
    if given == wanted {
        return Ok(());
    }
    Err(Error::shape(format!("{what} is {wanted}, {given} was given")))
}

impl Op for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Windows::new(&self.0, x[0])?.output()?])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(windows) = Windows::new(&self.0, x[0].meta) else { return };
        let x = &x[0].data;
        windows.for_each_winner(x, |output, winner| {
            y[0].data[output] = winner.map_or(f64::NEG_INFINITY, |at| x[at]);
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.x[0].apply(MaxPoolGrad(self.0), &[at.x[0], at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::max(&Windows::new(&self.0, x[0].meta)?, caps)
    }
}

impl Op for MaxPoolGrad {
    fn name(&self) -> &'static str {
        "max_pool2d_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        same_shape("the gradient", x[1], Windows::new(&self.0, x[0])?.output()?)?;
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(windows) = Windows::new(&self.0, x[0].meta) else { return };
        windows.for_each_winner(&x[0].data, |output, winner| {
            if let Some(at) = winner {
                y[0].data[at] += x[1].data[output];
            }
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        // The winners do not change with small changes of x.
        vec![None, Some(at.x[0].apply(MaxPoolSelect(self.0), &[at.x[0], at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::max_gradient(&Windows::new(&self.0, x[0].meta)?, caps)
    }
}

impl Op for MaxPoolSelect {
    fn name(&self) -> &'static str {
        "max_pool2d_select"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        same_shape("what is selected from", x[1], x[0])?;
        Ok(vec![Windows::new(&self.0, x[0])?.output()?])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(windows) = Windows::new(&self.0, x[0].meta) else { return };
        windows.for_each_winner(&x[0].data, |output, winner| {
            y[0].data[output] = winner.map_or(0.0, |at| x[1].data[at]);
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![None, Some(at.x[0].apply(MaxPoolGrad(self.0), &[at.x[0], at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::max_select(&Windows::new(&self.0, x[0].meta)?, caps)
    }
}

impl Op for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Windows::new(&self.pool, x[0])?.output()?])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(windows) = Windows::new(&self.pool, x[0].meta) else { return };
        windows.for_each(|output, elements, with_padding| {
            let count = if self.count_include_pad { with_padding } else { elements.len() };
            let sum: f64 = elements.iter().map(|&at| x[0].data[at]).sum();
            y[0].data[output] = sum / count.max(1) as f64;
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let &[_, _, height, width] = &*at.x[0].shape() else { return vec![None] };
        let gradient = AvgPoolGrad {
            pool: self.pool,
            count_include_pad: self.count_include_pad,
            input: [height, width],
        };
        vec![Some(at.dy().apply(gradient, &[at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::average(&Windows::new(&self.pool, x[0].meta)?, self.count_include_pad, caps)
    }
}

impl AvgPoolGrad {
    fn windows(&self, dy: Meta) -> Result<Windows> {
        let &[n, c, _, _] = &*dy.shape else {
            return Err(Error::shape(format!("takes a gradient [n, c, h, w], {dy} was given")));
        };
        let x = Meta::f32(anygrad_core::Shape::new(&[n, c, self.input[0], self.input[1]])?);
        let windows = Windows::new(&self.pool, x)?;
        same_shape("the gradient", dy, windows.output()?)?;
        Ok(windows)
    }
}

impl Op for AvgPoolGrad {
    fn name(&self) -> &'static str {
        "avg_pool2d_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![self.windows(x[0])?.input()?])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(windows) = self.windows(x[0].meta) else { return };
        windows.for_each(|output, elements, with_padding| {
            let count = if self.count_include_pad { with_padding } else { elements.len() };
            for &at in elements {
                y[0].data[at] += x[0].data[output] / count as f64;
            }
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.dy().avg_pool2d(self.pool, self.count_include_pad))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::average_gradient(&self.windows(x[0].meta)?, self.count_include_pad, caps)
    }
}

/// Pooling takes `f32` images.
fn image(x: Meta) -> Result<[usize; 4]> {
    match (x.dtype, <[usize; 4]>::try_from(&*x.shape)) {
        (DType::F32, Ok(sizes)) => Ok(sizes),
        _ => Err(Error::shape(format!("takes an input [n, c, h, w] of f32, {x} was given"))),
    }
}
