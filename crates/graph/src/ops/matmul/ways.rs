//! The ways in which a matrix product runs, tiles and how long sums are cut: the rule's, and others that
//! are worth measuring.

use anygrad_core::{Caps, DType, Result};
use anygrad_shaders::{self as shaders, Kernel};

use super::product::Product;
use crate::Lowering;

/// A kernel takes at most an iteration for four terms, of 65,535; the error of rounding wants less.
const MOST_TERMS: usize = 32_768;

/// All parts of the sums together take no more memory than this unless [`MOST_TERMS`] wants it.
const SCRATCH_BYTES: usize = 64 << 20;

impl Product {
    /// The way by rule.
    pub(super) fn default_way(&self, dtype: DType, caps: &Caps) -> Result<Lowering> {
        let kernel = self.kernel(caps);
        self.lower(kernel, self.split(self.tiles(kernel), caps), dtype)
    }

    /// All ways that are worth measuring, the rule's first: other tiles, and the rule's with the sum cut
    /// into fewer or more parts.
    pub(super) fn ways(&self, dtype: DType, caps: &Caps) -> Result<Vec<Lowering>> {
        let default = self.kernel(caps);
        let by_rule = |kernel: &'static Kernel| (kernel, self.split(self.tiles(kernel), caps));
        let mut ways = vec![by_rule(default)];
        ways.extend(self.other_kernels(caps).into_iter().map(by_rule));
        let terms = ways[0].1;
        ways.extend(self.other_splits(terms).into_iter().map(|terms| (default, terms)));
        Lowering::distinct(ways.into_iter().map(|(kernel, terms)| self.lower(kernel, terms, dtype)))
    }

    /// Whether kernels that are made for few rows suit.
    fn has_few_rows(&self) -> bool {
        self.rows <= 8
    }

    /// The kernel by rule.
    fn kernel(&self, caps: &Caps) -> &'static Kernel {
        let in_vectors = self.in_vectors();
        let few_rows = self.has_few_rows();
        if caps.is_cpu() && caps.fixed_subgroup() == Some(8) {
            // The large tile is nearly twice as fast, but the driver takes a second to compile it.
            const LARGE_PRODUCT: usize = 1 << 23;
            let products = self.batches() * self.rows * self.columns * self.terms;
            let is_large = products >= LARGE_PRODUCT;
            return match (in_vectors, few_rows) {
                (true, true) => &shaders::MATMUL_SHUFFLE_8X32,
                (true, false) if is_large && self.rows > 16 && self.columns > 32 => {
                    &shaders::MATMUL_SHUFFLE_32X64
                }
                (true, false) => &shaders::MATMUL_SHUFFLE_16X32,
                (false, true) => &shaders::MATMUL_SHUFFLE_SCALAR_8X32,
                (false, false) => &shaders::MATMUL_SHUFFLE_SCALAR_16X32,
            };
        }
        let [rows, large, small] = self.for_gpus();
        // The large tile does more with what it reads, where there are two for each core: an H100 has 132.
        const CORES: usize = 128;
        match few_rows {
            true => rows,
            false if self.tiles(large) >= 2 * CORES => large,
            false => small,
        }
    }

    /// The kernels of GPUs: for few rows, and for the rest in large and in small tiles.
    fn for_gpus(&self) -> [&'static Kernel; 3] {
        let b_turned = self.b.line != 1;
        match (self.in_vectors(), b_turned) {
            (true, false) => {
                [&shaders::MATMUL_ROWS_4X128, &shaders::MATMUL_BLOCK_128X128, &shaders::MATMUL_BLOCK_64X64]
            }
            (true, true) => {
                [&shaders::MATMUL_ROWS_4X32, &shaders::MATMUL_BLOCK_128X128, &shaders::MATMUL_BLOCK_64X64]
            }
            (false, false) => [
                &shaders::MATMUL_ROWS_SCALAR_4X128,
                &shaders::MATMUL_BLOCK_SCALAR_128X128,
                &shaders::MATMUL_BLOCK_SCALAR_64X64,
            ],
            (false, true) => [
                &shaders::MATMUL_ROWS_SCALAR_4X32,
                &shaders::MATMUL_BLOCK_SCALAR_128X128,
                &shaders::MATMUL_BLOCK_SCALAR_64X64,
            ],
        }
    }

    fn other_kernels(&self, caps: &Caps) -> Vec<&'static Kernel> {
        const SHUFFLES: [&[&Kernel]; 2] = [
            &[&shaders::MATMUL_SHUFFLE_SCALAR_8X32, &shaders::MATMUL_SHUFFLE_SCALAR_16X32],
            &[&shaders::MATMUL_SHUFFLE_8X32, &shaders::MATMUL_SHUFFLE_16X32, &shaders::MATMUL_SHUFFLE_32X64],
        ];
        // A tile is not mostly empty, and not one of very many that read everything again.
        let suits = |kernel: &&&'static Kernel| {
            let tile_rows = kernel.constant("ROWS") as usize;
            tile_rows <= 4 * self.rows && self.rows.min(64) <= 4 * tile_rows
        };
        let vectors = usize::from(self.in_vectors());
        let mut kernels: Vec<&'static Kernel> = Vec::new();
        if caps.fixed_subgroup() == Some(8) {
            // On a GPU the first will tell of the family.
            let most = if caps.is_cpu() { SHUFFLES[vectors].len() } else { 1 };
            kernels.extend(SHUFFLES[vectors].iter().filter(suits).take(most));
        }
        // Workgroup memory and barriers never pay on a software adapter that has another family.
        if !caps.is_cpu() || caps.fixed_subgroup() != Some(8) {
            kernels.extend(self.for_gpus().iter().filter(suits));
        }
        kernels
    }

    /// The terms of each part of the sum, by rule.
    fn split(&self, tiles: usize, caps: &Caps) -> usize {
        /// Error of rounding grows with the length of a sum; parts are added in a second step.
        const WANTED_TERMS: usize = 4096;
        // Workgroups that keep an adapter busy, measured on two cores and on an H100, where those for few rows
        // wait for memory alone; and the terms of a part that is worth storing and reading its sums.
        const BUSY_CORES: (usize, usize) = (8, 256);
        const BUSY_GPU: (usize, usize) = (512, 128);
        const BUSY_GPU_FEW_ROWS: (usize, usize) = (2048, 128);
        let (enough_tiles, least_terms) = match caps.is_cpu() {
            true => BUSY_CORES,
            false if self.has_few_rows() => BUSY_GPU_FEW_ROWS,
            false => BUSY_GPU,
        };
        let to_fill = (enough_tiles / tiles.max(1)).min(self.terms / least_terms);
        let bytes = 4 * self.batches() * self.rows * self.columns;
        let affordable = SCRATCH_BYTES / bytes.max(1);
        let wanted = to_fill.max(self.terms.div_ceil(WANTED_TERMS)).min(affordable);
        self.terms_of(wanted.max(self.terms.div_ceil(MOST_TERMS)).max(1))
    }

    /// The terms of each of so many parts.
    fn terms_of(&self, parts: usize) -> usize {
        self.terms.div_ceil(parts).next_multiple_of(16).max(16)
    }

    /// Terms in a part: where the sum is whole, a quarter of it; where it is cut, half as much and twice
    /// as much again.
    fn other_splits(&self, terms: usize) -> Vec<usize> {
        /// A part must be worth storing and reading its sums.
        const LEAST_TERMS: usize = 64;
        let part_bytes = 4 * self.batches() * self.rows * self.columns;
        let parts = self.terms.div_ceil(terms).max(1);
        let others = if parts == 1 { vec![4] } else { vec![parts / 2, 2 * parts] };
        let others =
            others.into_iter().filter(|parts| (1..=SCRATCH_BYTES / part_bytes.max(1)).contains(parts));
        let mut terms: Vec<usize> = others.map(|parts| self.terms_of(parts)).collect();
        terms.retain(|terms| (LEAST_TERMS..=MOST_TERMS).contains(terms));
        terms
    }
}

#[cfg(test)]
mod tests {
    use anygrad_core::Shape;

    use super::*;
    use crate::{Layout, Meta};

    #[test]
    fn long_sums_are_cut_within_the_iteration_budget() {
        let layout = |sizes: &[usize]| Layout::contiguous(Meta::f32(Shape::new(sizes).unwrap()));
        for (rows, terms, columns) in [(1, 3_000_000, 1), (4096, 1_000_000, 64), (2000, 50_000, 3000)] {
            let y = Shape::new(&[rows, columns]).unwrap();
            let product = Product::new(&layout(&[rows, terms]), &layout(&[terms, columns]), &y);
            let caps = Caps::baseline();
            let terms_per_part = product.split(product.tiles(product.kernel(&caps)), &caps);
            let parts = terms.div_ceil(terms_per_part);
            assert!(terms_per_part <= MOST_TERMS + 16, "{terms_per_part} terms");
            // A few terms more or less for each part round to a part more.
            let least = terms.div_ceil(MOST_TERMS);
            let fits = 4 * rows * columns * parts <= SCRATCH_BYTES;
            assert!(fits || parts <= least + 1, "{parts} parts");
        }
    }
}
