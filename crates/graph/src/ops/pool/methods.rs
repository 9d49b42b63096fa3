//! What users call: pooling along one, two and three axes, made of pooling of images.

use anygrad_core::{Error, Result};

use super::{AvgPool, Divisor, MaxPool, Pool};
use crate::Tensor;

/// Elements from which a window is reduced along one axis after the other: fewer reads, and far from
/// the limit of loop iterations. Row by row first, so that the first of equal elements still wins.
const MAX_WINDOW: usize = 1024;

fn separable(pool: &Pool) -> bool {
    pool.kernel[0] > 1 && pool.kernel[1] > 1 && pool.kernel[0].saturating_mul(pool.kernel[1]) > MAX_WINDOW
}

/// The sizes behind batch and channels of x `[n, c, sizes...]`, floats.
fn sizes_of<const N: usize>(x: Tensor<'_>) -> Result<[usize; N]> {
    let shape = x.shape();
    match shape.get(2..).and_then(|sizes| <[usize; N]>::try_from(sizes).ok()) {
        Some(sizes) if (1..=3).contains(&N) && x.dtype().is_float() => Ok(sizes),
        _ => {
            let sizes = ["d", "h", "w"].get(3usize.saturating_sub(N)..).unwrap_or(&[]).join(", ");
            Err(Error::shape(format!("takes an input [n, c, {sizes}] of floats, {} was given", x.meta())))
        }
    }
}

/// The largest element of each window of images.
#[track_caller]
pub(super) fn largest<'g>(x: Tensor<'g>, pool: Pool) -> Tensor<'g> {
    if separable(&pool) {
        let rows = x.apply(MaxPool(pool.of_axes([None, Some(1)])), &[x]);
        return largest(rows, pool.of_axes([Some(0), None]));
    }
    x.apply(MaxPool(pool), &[x])
}

/// The sum of each window of images, divided.
#[track_caller]
fn average<'g>(x: Tensor<'g>, pool: Pool, divisor: Divisor) -> Tensor<'g> {
    if separable(&pool) {
        let rows = x.apply(AvgPool { pool: pool.of_axes([None, Some(1)]), divisor }, &[x]);
        return average(rows, pool.of_axes([Some(0), None]), divisor);
    }
    x.apply(AvgPool { pool, divisor }, &[x])
}

/// p must be a norm's, and finite.
fn check_power(p: f64) -> Result<()> {
    match (1.0..f64::INFINITY).contains(&p) {
        true => Ok(()),
        false => Err(Error::shape(format!("the power is {p}, not a number from 1 on"))),
    }
}

impl<'g> Tensor<'g> {
    /// Pools images, lines as images of one row, and volumes first within planes and then across: the
    /// parts of a window are a product, and the first of equal elements still is the first.
    #[track_caller]
    pub(super) fn pooled<const N: usize>(
        self,
        name: &'static str,
        pool: &Pool<N>,
        of_images: impl Fn(Tensor<'g>, Pool) -> Tensor<'g>,
    ) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let output = match sizes_of(self).and_then(|sizes| pool.windows(sizes)) {
            Ok(output) => output,
            Err(error) => return self.fail(error.context(name)),
        };
        let shape = self.shape();
        let (n, c, space) = (shape[0], shape[1], pool.in_space());
        let within = space.of_axes([Some(1), Some(2)]);
        let y = match shape[2..] {
            [length] => of_images(self.reshape(&[n, c, 1, length]), within),
            [depth, height, width] => {
                let planes = of_images(self.reshape(&[n, c * depth, height, width]), within);
                let across = space.of_axes([Some(0), None]);
                match across.is_identity() {
                    true => planes,
                    false => of_images(planes.reshape(&[n, c, depth, output[N - 2] * output[N - 1]]), across),
                }
            }
            _ => of_images(self, within),
        };
        y.reshape(&[&[n, c], &output[..]].concat())
    }

    /// The largest element of each window of x `[n, c, sizes...]` along `N` axes, 1 to 3:
    /// `[n, c, outs...]` with `out = (size + padding - dilation * (kernel - 1) - 1) / stride + 1`.
    /// Padding is never the largest, NaN always; the gradient goes to the first of equal elements.
    #[track_caller]
    pub fn max_pool_nd<const N: usize>(self, pool: Pool<N>) -> Tensor<'g> {
        let y = self.pooled(["max_pool1d", "max_pool2d", "max_pool3d"][N.clamp(1, 3) - 1], &pool, largest);
        y.composed("max_pool", pool.attributes(), &[("x", Some(self))])
    }

    /// [`Tensor::max_pool_nd`] of lines `[n, c, l]`.
    #[track_caller]
    pub fn max_pool1d(self, pool: Pool<1>) -> Tensor<'g> {
        self.max_pool_nd(pool)
    }

    /// [`Tensor::max_pool_nd`] of images `[n, c, h, w]`.
    #[track_caller]
    pub fn max_pool2d(self, pool: Pool) -> Tensor<'g> {
        self.max_pool_nd(pool)
    }

    /// [`Tensor::max_pool_nd`] of volumes `[n, c, d, h, w]`.
    #[track_caller]
    pub fn max_pool3d(self, pool: Pool<3>) -> Tensor<'g> {
        self.max_pool_nd(pool)
    }

    /// The mean of each window of x `[n, c, sizes...]` along `N` axes, 1 to 3: `[n, c, outs...]`.
    /// Padding counts as zeros with `count_include_pad` and not at all without; a window without any
    /// element gives 0.
    #[track_caller]
    pub fn avg_pool_nd<const N: usize>(self, pool: Pool<N>, count_include_pad: bool) -> Tensor<'g> {
        let name = ["avg_pool1d", "avg_pool2d", "avg_pool3d"][N.clamp(1, 3) - 1];
        let divisor = if count_include_pad { Divisor::Padded } else { Divisor::Inside };
        let y = self.pooled(name, &pool, |x, pool| average(x, pool, divisor));
        let attributes = pool.attributes().with("count_include_pad", count_include_pad);
        y.composed("avg_pool", attributes, &[("x", Some(self))])
    }

    /// [`Tensor::avg_pool_nd`] of lines `[n, c, l]`.
    #[track_caller]
    pub fn avg_pool1d(self, pool: Pool<1>, count_include_pad: bool) -> Tensor<'g> {
        self.avg_pool_nd(pool, count_include_pad)
    }

    /// [`Tensor::avg_pool_nd`] of images `[n, c, h, w]`.
    #[track_caller]
    pub fn avg_pool2d(self, pool: Pool, count_include_pad: bool) -> Tensor<'g> {
        self.avg_pool_nd(pool, count_include_pad)
    }

    /// [`Tensor::avg_pool_nd`] of volumes `[n, c, d, h, w]`.
    #[track_caller]
    pub fn avg_pool3d(self, pool: Pool<3>, count_include_pad: bool) -> Tensor<'g> {
        self.avg_pool_nd(pool, count_include_pad)
    }

    /// The p-norm of each window of x `[n, c, sizes...]` along `N` axes, 1 to 3:
    /// `(sum |x|^p)^(1/p)`, with `p` from 1 on. Padding adds nothing. The gradient of a window of
    /// zeros is 0.
    ///
    /// As in ONNX; PyTorch takes `x^p` without the absolute value, and counts a window that ceil mode
    /// cuts as if it were whole.
    #[track_caller]
    pub fn lp_pool_nd<const N: usize>(self, pool: Pool<N>, p: f64) -> Tensor<'g> {
        if let Err(error) = check_power(p) {
            return self.fail(error.context("lp_pool"));
        }
        let sum = |x, pool| average(x, pool, Divisor::One);
        let y = self.to_power(p).pooled("lp_pool", &pool, sum).root(p);
        y.composed("lp_pool", pool.attributes().with("p", p), &[("x", Some(self))])
    }

    /// [`Tensor::lp_pool_nd`] of lines `[n, c, l]`.
    #[track_caller]
    pub fn lp_pool1d(self, pool: Pool<1>, p: f64) -> Tensor<'g> {
        self.lp_pool_nd(pool, p)
    }

    /// [`Tensor::lp_pool_nd`] of images `[n, c, h, w]`.
    #[track_caller]
    pub fn lp_pool2d(self, pool: Pool, p: f64) -> Tensor<'g> {
        self.lp_pool_nd(pool, p)
    }

    /// |x|^p
    #[track_caller]
    fn to_power(self, p: f64) -> Tensor<'g> {
        match p {
            1.0 => self.abs(),
            2.0 => self.square(),
            _ => self.abs().pow(p),
        }
    }

    /// x^(1/p) of what is not negative. The slope of a root at 0 is infinite; here it is 0.
    #[track_caller]
    fn root(self, p: f64) -> Tensor<'g> {
        if p == 1.0 {
            return self;
        }
        let is_zero = self.eq(0.0);
        let other = is_zero.select(1.0, self);
        is_zero.select(0.0, if p == 2.0 { other.sqrt() } else { other.pow(1.0 / p) })
    }

    /// The axes behind batch and channels.
    #[track_caller]
    fn all_places(self, name: &str) -> Result<Vec<isize>> {
        match self.shape().rank() {
            0..3 => {
                Err(Error::shape(format!("takes [n, c, sizes...], {} was given", self.shape())).context(name))
            }
            rank => Ok((2..rank as isize).collect()),
        }
    }

    /// The mean of each channel of x `[n, c, sizes...]`: `[n, c, 1...]`.
    #[track_caller]
    pub fn global_avg_pool(self) -> Tensor<'g> {
        match self.all_places("global_avg_pool") {
            _ if self.is_poison() => self,
            Ok(axes) => self.mean(&axes, true),
            Err(error) => self.fail(error),
        }
    }

    /// The largest element of each channel of x `[n, c, sizes...]`: `[n, c, 1...]`. Elements that tie
    /// share the gradient.
    #[track_caller]
    pub fn global_max_pool(self) -> Tensor<'g> {
        match self.all_places("global_max_pool") {
            _ if self.is_poison() => self,
            Ok(axes) => self.max(&axes, true),
            Err(error) => self.fail(error),
        }
    }

    /// The p-norm of each channel of x `[n, c, sizes...]`, as [`Tensor::lp_pool_nd`]: `[n, c, 1...]`.
    #[track_caller]
    pub fn global_lp_pool(self, p: f64) -> Tensor<'g> {
        match check_power(p).and_then(|()| self.all_places("global_lp_pool")) {
            _ if self.is_poison() => self,
            Ok(axes) => self.to_power(p).sum(&axes, true).root(p),
            Err(error) => self.fail(error),
        }
    }
}
