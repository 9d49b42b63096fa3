use anygrad_core::{Error, Result, Shape};

use super::Pool;
use crate::Meta;

/// Largest padded size and span of a window: positions in a kernel are 32-bit integers.
const MAX_SIZE: usize = 1 << 30;

/// The windows of one pooling: sizes and options, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub pool: Pool,
    pub batch: usize,
    pub channels: usize,
    /// Height and width of x and of y.
    pub input: [usize; 2],
    pub output: [usize; 2],
}

impl Windows {
    /// # Errors
    /// The shape, or the options, do not fit.
    pub fn new(pool: &Pool, x: Meta) -> Result<Self> {
        let [batch, channels, height, width] = super::image(x)?;
        let input = [height, width];
        let mut output = [0; 2];
        for axis in 0..2 {
            let (kernel, stride, dilation) = (pool.kernel[axis], pool.stride[axis], pool.dilation[axis]);
            let [before, after] = pool.padding[axis];
            if kernel == 0 || stride == 0 || dilation == 0 {
                return Err(Error::shape(format!(
                    "kernel {kernel}, stride {stride} and dilation {dilation} must all be at least 1"
                )));
            }
            let span = (kernel - 1).saturating_mul(dilation).saturating_add(1);
            let padded = input[axis].saturating_add(before).saturating_add(after);
            if before >= span || after >= span {
                return Err(Error::shape(format!(
                    "padding of {before} and {after} is not smaller than the window, which spans {span}"
                )));
            }
            if span > padded || padded > MAX_SIZE || stride.max(dilation) > MAX_SIZE {
                return Err(Error::shape(format!(
                    "a window of {kernel} with dilation {dilation} spans {span}, the input with padding has {} + {before} + {after}, stride {stride} (sizes up to {MAX_SIZE})",
                    input[axis]
                )));
            }
            let room = padded - span;
            let windows = if pool.ceil_mode { room.div_ceil(stride) } else { room / stride } + 1;
            // A window that starts behind the input would hold padding only.
            let starts_behind = windows > 1 && (windows - 1) * stride >= input[axis] + before;
            output[axis] = windows - usize::from(pool.ceil_mode && starts_behind);
        }
        Ok(Windows { pool: *pool, batch, channels, input, output })
    }

    /// # Errors
    /// Too many elements to address.
    pub fn input(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.channels, self.input[0], self.input[1]])?))
    }

    /// # Errors
    /// Too many elements to address.
    pub fn output(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.channels, self.output[0], self.output[1]])?))
    }

    /// Positions in x of window `window` along an axis, and how many of its elements fall into the
    /// padded input.
    fn along(&self, axis: usize, window: usize) -> (Vec<usize>, usize) {
        let [before, after] = self.pool.padding[axis];
        let taps = (0..self.pool.kernel[axis])
            .map(|tap| window * self.pool.stride[axis] + tap * self.pool.dilation[axis]);
        let padded: Vec<usize> = taps.filter(|&at| at < before + self.input[axis] + after).collect();
        let inside = padded
            .iter()
            .filter(|&&at| (before..before + self.input[axis]).contains(&at))
            .map(|at| at - before)
            .collect();
        (inside, padded.len())
    }

    /// Calls `visit(position in y, positions in x in row-major order, elements with padding)` for each
    /// window.
    pub fn for_each(&self, mut visit: impl FnMut(usize, &[usize], usize)) {
        let [height, width] = self.input;
        let [out_h, out_w] = self.output;
        let columns: Vec<_> = (0..out_w).map(|q| self.along(1, q)).collect();
        let mut elements = Vec::new();
        for p in 0..out_h {
            let (rows, rows_padded) = self.along(0, p);
            for (q, (columns, columns_padded)) in columns.iter().enumerate() {
                for plane in 0..self.batch * self.channels {
                    elements.clear();
                    for row in &rows {
                        let line = (plane * height + row) * width;
                        elements.extend(columns.iter().map(|column| line + column));
                    }
                    visit((plane * out_h + p) * out_w + q, &elements, rows_padded * columns_padded);
                }
            }
        }
    }

    /// Calls `visit(position in y, position of the largest element in x)` for each window; of equal
    /// elements, and of NaNs, the first. A window that holds padding only has none.
    pub fn for_each_winner(&self, x: &[f64], mut visit: impl FnMut(usize, Option<usize>)) {
        self.for_each(|output, elements, _| {
            let better = |best: usize, at: usize| {
                let replaces = x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan());
                if replaces { at } else { best }
            };
            visit(output, elements.iter().copied().reduce(better));
        });
    }
}
