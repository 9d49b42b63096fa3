//! y[n, c, p, q] = max, or mean, over j, k of x[n, c, s p + d j - b, s q + d k - b]
//!
//! with stride s, dilation d and padding b before each axis. The maximum passes over padding, is NaN
//! where an element is, and its gradient goes to the first of equal elements in row-major order. A mean
//! counts padding on request.

mod adaptive;
mod cases;
mod indices;
mod lower;
mod methods;
mod more_cases;
mod options;
mod pixels;
mod unpool;
mod window;

use anygrad_core::{Caps, DType, Error, Result};

use crate::{Arrangement, At, Case, Grads, Layout, Lowering, Meta, Op, Rows, Values};

pub use indices::IndexBase;
pub use options::Pool;
use window::Windows;

pub(super) fn cases() -> Vec<Case> {
    [cases::cases(), more_cases::cases()].concat()
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

/// What the sum of a window is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Divisor {
    /// Its elements in the image.
    Inside,
    /// Its elements in the padded image.
    Padded,
    /// Nothing: the sum.
    One,
}

impl Divisor {
    /// From the elements in the image and in the padded one. A window without any has the sum 0.
    fn of(self, inside: usize, padded: usize) -> f64 {
        match self {
            Divisor::Inside => inside.max(1) as f64,
            Divisor::Padded => padded.max(1) as f64,
            Divisor::One => 1.0,
        }
    }
}

/// y from x.
#[derive(Debug)]
struct AvgPool {
    pool: Pool,
    divisor: Divisor,
}

/// dx from dy. Strides can leave pixels at the end unread, so the sizes of x stand here.
#[derive(Debug)]
struct AvgPoolGrad {
    pool: Pool,
    divisor: Divisor,
    input: [usize; 2],
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
        let windows = Windows::new(&self.0, x[0].meta)?;
        if x[0].is_channels_last() { Ok(pixels::max(&windows)) } else { lower::max(&windows, caps) }
    }

    fn arrange(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Arrangement {
        pixels::arrange(Windows::new(&self.0, x[0].meta).ok(), x, y)
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true])
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
        let windows = Windows::new(&self.0, x[0].meta)?;
        match x[0].is_channels_last() {
            true => Ok(pixels::max_gradient(&windows)),
            false => lower::max_gradient(&windows, caps),
        }
    }

    fn arrange(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Arrangement {
        pixels::arrange(Windows::new(&self.0, x[0].meta).ok(), x, y)
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true, true])
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

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true, true])
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
            let sum: f64 = elements.iter().map(|&at| x[0].data[at]).sum();
            y[0].data[output] = sum / self.divisor.of(elements.len(), with_padding);
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let &[_, _, height, width] = &*at.x[0].shape() else { return vec![None] };
        let gradient = AvgPoolGrad { pool: self.pool, divisor: self.divisor, input: [height, width] };
        vec![Some(at.dy().apply(gradient, &[at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::average(&Windows::new(&self.pool, x[0].meta)?, self.divisor, caps)
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true])
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
            let count = self.divisor.of(elements.len(), with_padding);
            for &at in elements {
                y[0].data[at] += x[0].data[output] / count;
            }
        });
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let op = AvgPool { pool: self.pool, divisor: self.divisor };
        vec![Some(at.dy().apply(op, &[at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::average_gradient(&self.windows(x[0].meta)?, self.divisor, caps)
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true])
    }
}

/// Pooling takes `f32` images.
fn image(x: Meta) -> Result<[usize; 4]> {
    match (x.dtype, <[usize; 4]>::try_from(&*x.shape)) {
        (DType::F32, Ok(sizes)) => Ok(sizes),
        _ => Err(Error::shape(format!("takes an input [n, c, h, w] of f32, {x} was given"))),
    }
}
