//! Pooling to a size: place k of `out` along an axis of `size` takes in the elements from
//! floor(k size / out) up to and without ceil((k + 1) size / out), PyTorch's bins.

use std::ops::Range;

use anygrad_core::{Error, Result};

use super::super::taps::{LONGEST, Taps};
use super::Pool;
use crate::{Tensor, ValueId};

/// Which elements place `k` takes in.
fn bin(k: usize, size: usize, out: usize) -> Range<usize> {
    k * size / out..((k + 1) * size).div_ceil(out)
}

/// An axis by its number, with its size and that of the result.
struct Axis {
    at: usize,
    size: usize,
    out: usize,
}

/// # Errors
/// The sizes do not fit the input.
fn axes(x: Tensor<'_>, sizes: &[usize]) -> Result<Vec<Axis>> {
    let shape = x.shape();
    if shape.rank() != sizes.len() + 2 || !(1..=3).contains(&sizes.len()) {
        return Err(Error::shape(format!(
            "{shape} is not [n, c, sizes...] with one to three sizes for {sizes:?}"
        )));
    }
    let axis = |(i, &out): (usize, &usize)| match shape[i + 2] {
        size if size == 0 || out == 0 || out > LONGEST => {
            Err(Error::shape(format!("{size} elements along axis {} of {shape} cannot become {out}", i + 2)))
        }
        size => Ok(Axis { at: i + 2, size, out }),
    };
    sizes.iter().enumerate().map(axis).collect()
}

/// Pools by windows side by side, of the lengths given for each axis.
#[track_caller]
fn side_by_side<'g>(x: Tensor<'g>, kernel: &[usize], largest: bool) -> Tensor<'g> {
    #[track_caller]
    fn pooled<const N: usize>(x: Tensor<'_>, kernel: [usize; N], largest: bool) -> Tensor<'_> {
        match largest {
            true => x.max_pool_nd(Pool::new(kernel)),
            false => x.avg_pool_nd(Pool::new(kernel), false),
        }
    }
    match *kernel {
        [w] => pooled(x, [w], largest),
        [h, w] => pooled(x, [h, w], largest),
        [d, h, w] => pooled(x, [d, h, w], largest),
        _ => x.graph().tensor(ValueId::POISON),
    }
}

impl<'g> Tensor<'g> {
    /// The means of x `[n, c, ins...]` over parts of one to three axes, as many as `sizes` say:
    /// `[n, c, sizes...]`. Place `k` takes in the elements from `floor(k in / out)` up to and without
    /// `ceil((k + 1) in / out)`, as in PyTorch; neighbours may overlap.
    #[track_caller]
    pub fn adaptive_avg_pool(self, sizes: &[usize]) -> Tensor<'g> {
        let axes = match axes(self, sizes) {
            _ if self.is_poison() => return self,
            Ok(axes) => axes,
            Err(error) => return self.fail(error.context("adaptive_avg_pool")),
        };
        if axes.iter().all(|axis| axis.out == 1) {
            return self.global_avg_pool();
        }
        if axes.iter().all(|axis| axis.size % axis.out == 0) {
            return side_by_side(self, &axes.iter().map(|a| a.size / a.out).collect::<Vec<_>>(), false);
        }
        axes.iter().fold(self, |x, &Axis { at, size, out }| {
            let row = |k: usize| {
                let bin = bin(k, size, out);
                let weight = 1.0 / bin.len() as f64;
                bin.map(move |place| (place, weight))
            };
            x.taps(at, Taps::new(size, (0..out).map(row)))
        })
    }

    /// The largest elements of the parts that [`Tensor::adaptive_avg_pool`] takes: `[n, c, sizes...]`.
    /// NaN where there is one; the gradient goes to the first of equal elements.
    #[track_caller]
    pub fn adaptive_max_pool(self, sizes: &[usize]) -> Tensor<'g> {
        let axes = match axes(self, sizes) {
            _ if self.is_poison() => return self,
            Ok(axes) => axes,
            Err(error) => return self.fail(error.context("adaptive_max_pool")),
        };
        let mut x = self;
        let mut kernel = Vec::new();
        for &Axis { at, size, out } in &axes {
            let longest = (0..out).map(|k| bin(k, size, out).len()).max().unwrap_or(1);
            kernel.push(longest);
            // Bins side by side, each as long as the longest: the last element fills the others.
            let fill = |k: usize| {
                let bin = bin(k, size, out);
                (0..longest).map(move |i| (bin.start + i).min(bin.end - 1))
            };
            x = x.picked(at, &(0..out).flat_map(fill).collect::<Vec<_>>());
        }
        side_by_side(x, &kernel, true)
    }
}
