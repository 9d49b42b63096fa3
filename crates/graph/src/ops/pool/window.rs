use anygrad_core::{Result, Shape};

use super::Pool;
use crate::Meta;

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
        let output = pool.windows(input)?;
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
