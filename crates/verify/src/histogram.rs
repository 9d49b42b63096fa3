//! How close results came: elements counted by their error as a share of what is allowed.

use serde::Serialize;

/// Bins that halve from the allowed error down; the first holds exact results and everything
/// smaller.
pub const BINS: usize = 12;

/// Elements by the share of the allowed error that they took up. Bin 0 counts shares of at most
/// 2^-10, bin 10 those from 1/2 to 1, bin 11 what failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Histogram(pub [u64; BINS]);

impl Histogram {
    pub(crate) fn enter(&mut self, share: f64) {
        let last = BINS - 1;
        let bin = if share > 1.0 || share.is_nan() {
            last
        } else {
            // log2 of 0 is minus infinity, which the conversion clamps.
            (share.log2().ceil() + (last - 1) as f64).max(0.0) as usize
        };
        self.0[bin.min(last)] += 1;
    }

    pub(crate) fn join(&mut self, other: &Histogram) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// All elements.
    pub fn elements(&self) -> u64 {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_into_bins_that_halve() {
        let mut histogram = Histogram::default();
        for share in [0.0, 1e-9, 0.3, 0.5, 0.51, 1.0, 1.01, f64::INFINITY, f64::NAN] {
            histogram.enter(share);
        }
        assert_eq!(histogram.0, [2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 3]);
        assert_eq!(histogram.elements(), 9);
    }
}
