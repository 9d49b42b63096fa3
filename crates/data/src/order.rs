use anygrad_core::{Error, Random, Result};

/// The rows `0..rows` in a random order that depends only on the seed and the epoch.
pub fn shuffled(rows: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    Random::stream(seed, epoch).shuffle(&mut order);
    order
}

/// An order of rows in batches of `size`; the last one is shorter where the rows do not divide.
///
/// # Errors
/// The size is 0 or larger than the number of rows.
pub fn batches(order: &[usize], size: usize) -> Result<impl ExactSizeIterator<Item = &[usize]>> {
    if size == 0 || size > order.len() {
        return Err(Error::input(format!(
            "a batch of {size} cannot be drawn from {} rows: take 1 to {}",
            order.len(),
            order.len()
        )));
    }
    Ok(order.chunks(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_depends_on_seed_and_epoch_alone() {
        let order = shuffled(1000, 1, 0);
        assert_eq!(order, shuffled(1000, 1, 0));
        assert_ne!(order, shuffled(1000, 1, 1));
        assert_ne!(order, shuffled(1000, 2, 0));
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
        // Fixed for good: a run is repeated from its seed on any machine and with any release.
        assert_eq!(shuffled(8, 42, 0), [5, 1, 7, 0, 3, 4, 2, 6]);
    }

    #[test]
    fn the_last_batch_is_short() {
        let order: Vec<usize> = (0..7).collect();
        let sizes: Vec<usize> = batches(&order, 3).unwrap().map(<[usize]>::len).collect();
        assert_eq!(sizes, [3, 3, 1]);
        assert_eq!(batches(&order, 7).unwrap().len(), 1);
        for size in [0, 8] {
            let error = batches(&order, size).err().unwrap().to_string();
            assert_eq!(error, format!("a batch of {size} cannot be drawn from 7 rows: take 1 to 7"));
        }
    }
}
