//! The largest batch that fits.

use anygrad_graph::core::Result;

/// The largest number from 1 to `most` that fits, where all below one that fits fit, too; none where 1
/// does not.
///
/// # Errors
/// Those of `fits`.
pub fn largest(most: usize, mut fits: impl FnMut(usize) -> Result<bool>) -> Result<Option<usize>> {
    if most == 0 || !fits(1)? {
        return Ok(None);
    }
    // `low` fits, what is above `high` does not or must not.
    let (mut low, mut high) = (1, most);
    let mut step = 1;
    while low < high {
        let next = if step > 0 { low.saturating_mul(2).min(high) } else { low + (high - low).div_ceil(2) };
        if fits(next)? {
            low = next;
        } else {
            (high, step) = (next - 1, 0);
        }
    }
    Ok(Some(low))
}

/// The largest batch of `rows` rows that fits. The last batch of an epoch takes what is left and has a
/// program of its own, so a larger batch may take less memory: one that leaves little. `alone` tells whether
/// whole batches alone fit, which a larger batch only makes harder; `fits` whether all does. It is the
/// largest among those of which one row more does not fit.
///
/// # Errors
/// Those of the two functions.
pub fn largest_batch(
    rows: usize,
    alone: impl FnMut(usize) -> Result<bool>,
    mut fits: impl FnMut(usize) -> Result<bool>,
) -> Result<Option<usize>> {
    let Some(most) = largest(rows, alone)? else { return Ok(None) };
    if fits(most)? {
        return Ok(Some(most));
    }
    // Of all batches of which an epoch has so many, the largest leaves the least.
    let mut batches = rows.div_ceil(most);
    while rows / batches > 0 {
        let mut batch = rows / batches;
        if batch <= most && fits(batch)? {
            while batch < most && fits(batch + 1)? {
                batch += 1;
            }
            return Ok(Some(batch));
        }
        // The next smaller quotient.
        batches = rows / batch + 1;
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_border_is_found_wherever_it_is() {
        for most in [1, 2, 3, 7, 64, 100] {
            for border in 0..=most {
                let mut asked = 0;
                let found = largest(most, |x| {
                    asked += 1;
                    Ok(x <= border)
                });
                assert_eq!(found.unwrap(), (border > 0).then_some(border), "{border} of {most}");
                assert!(asked <= 16, "{asked}");
            }
        }
        assert_eq!(largest(0, |_| Ok(true)).unwrap(), None);
    }

    #[test]
    fn a_batch_that_leaves_little_is_found() {
        let found = |rows: usize, memory: usize| {
            let takes = |batch: usize| batch + rows % batch;
            largest_batch(rows, |batch| Ok(batch <= memory), |batch| Ok(takes(batch) <= memory)).unwrap()
        };
        assert_eq!(found(100, 100), Some(100));
        // 60 would leave 40, 50 nothing; 51 leaves 49.
        assert_eq!(found(100, 60), Some(50));
        assert_eq!(found(100, 40), Some(33));
        assert_eq!(found(100, 1), Some(1));
        assert_eq!(found(100, 0), None);
        assert_eq!(found(7, 6), Some(3));
        for memory in 1..120 {
            // What is found fits, and of all that fit it is the largest.
            let best = (1..=100).rev().find(|batch| batch + 100 % batch <= memory && *batch <= memory);
            assert_eq!(found(100, memory), best, "{memory}");
        }
    }
}
