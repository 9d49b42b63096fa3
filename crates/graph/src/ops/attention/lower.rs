//! Which kernels attention becomes, and how long sequences are cut for them.

use std::ops::Range;

use anygrad_core::Result;
use anygrad_shaders::{self as shaders, AttentionParams, Kernel};

use super::{DY, Drop, Mask, STATS, Scores};
use crate::{Dispatch, Kernels, Layout, Lowering, Meta, Operand, workgroups};

/// Queries or keys of a workgroup; TILE in the kernels.
const TILE: usize = 32;

/// Most tiles that one dispatch goes through, and most loop iterations of it: software adapters stop
/// at 65,535 without a word.
const MOST_TILES: usize = 512;
const MOST_ITERATIONS: usize = 60_000;

impl Drop {
    /// Probabilities whose random bits are below become 0.
    pub(super) fn threshold(&self) -> u32 {
        // The cast saturates.
        (self.rate * 4_294_967_296.0).round() as u32
    }

    /// What the others are multiplied with.
    pub(super) fn kept(&self) -> f64 {
        1.0 / (1.0 - self.rate)
    }
}

/// Whether an operand is read where it stands: a mask by its strides, others row-major.
pub(super) fn accepts(layout: &Layout, mask: bool) -> bool {
    if mask { layout.strides().iter().all(|&stride| stride >= 0) } else { layout.is_contiguous() }
}

/// The sizes that kernels know, in tiles and vectors.
struct Sizes {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    /// Vectors of four in a row.
    width: usize,
}

impl Sizes {
    fn new(x: &[Layout]) -> Self {
        let (q, k) = (x[0].shape(), x[1].shape());
        Sizes { batch: q[0], heads: q[1], kv_heads: k[1], queries: q[2], keys: k[2], width: q[3] / 4 }
    }

    /// The variant of a kernel for rows of this width, and the tiles of its columns.
    fn variant(&self, variants: [&'static Kernel; 3]) -> (&'static Kernel, usize) {
        let (choice, columns) = match self.width {
            0..=8 => (0, 8),
            9..=16 => (1, 16),
            _ => (2, 32),
        };
        (variants[choice], self.width.div_ceil(columns))
    }

    /// What each dispatch goes through, of so many tiles.
    fn chunks(&self, tiles: usize) -> Vec<Range<usize>> {
        // Per tile: a loop over the width, one over 8 groups of four rows, and itself.
        let most = (MOST_ITERATIONS / (self.width + 9)).clamp(1, MOST_TILES);
        (0..tiles).step_by(most).map(|first| first..(first + most).min(tiles)).collect()
    }
}

/// One dispatch; `mask` and `counter` stand among the inputs from `first` on, `rest` behind them in the
/// bindings.
fn dispatch(
    scores: &Scores,
    x: &[Layout],
    first: usize,
    (kernel, groups): (&'static Kernel, usize),
    tiles: &Range<usize>,
    rest: &[Operand],
) -> Dispatch {
    let sizes = Sizes::new(x);
    let mask = scores.mask_at(first);
    let (start, strides) = mask.map_or((0, [0; 4]), |at| {
        let mut strides = [0; 4];
        strides.iter_mut().zip(x[at].strides()).for_each(|(to, &from)| *to = from as u32);
        (x[at].offset as u32, strides)
    });
    let drop = scores.drop.unwrap_or(Drop { rate: 0.0, seed: 0 });
    let optional = [mask, scores.counter_at(first)].map(|at| Operand::Input(at.unwrap_or(0)));
    let bindings = [&[0, 1, 2].map(Operand::Input), &optional[..], rest].concat();
    let mask = match scores.mask {
        Mask::None => 0.0,
        Mask::Truth => 1.0,
        Mask::Added => 2.0,
    };
    Dispatch {
        kernel,
        overrides: vec![
            ("CAUSAL", f64::from(u8::from(scores.causal))),
            ("MASK", mask),
            ("DROPOUT", f64::from(u8::from(scores.drop.is_some()))),
        ],
        params: AttentionParams {
            batches: sizes.batch as u32,
            heads: sizes.heads as u32,
            kv_heads: sizes.kv_heads as u32,
            queries: sizes.queries as u32,
            keys: sizes.keys as u32,
            width: sizes.width as u32,
            first: tiles.start as u32,
            last: tiles.end as u32,
            scale: scores.scale as f32,
            mask_start: start,
            mask_batch: strides[0],
            mask_head: strides[1],
            mask_query: strides[2],
            mask_key: strides[3],
            seed: drop.seed,
            threshold: drop.threshold(),
            kept: drop.kept() as f32,
        }
        .bytes(),
        bindings,
        workgroups: workgroups(groups),
    }
}

pub(super) fn forward(scores: &Scores, x: &[Layout], y: &[Meta]) -> Result<Lowering> {
    let sizes = Sizes::new(x);
    let (kernel, column_tiles) =
        sizes.variant([&shaders::ATTENTION_32, &shaders::ATTENTION_64, &shaders::ATTENTION_128]);
    let groups = sizes.batch * sizes.heads * sizes.queries.div_ceil(TILE) * column_tiles;
    let chunks = sizes.chunks(sizes.keys.div_ceil(TILE));
    let mut kernels = Kernels { scratch: vec![y[1]; (chunks.len() - 1).min(2)], dispatches: Vec::new() };
    for (i, tiles) in chunks.iter().enumerate() {
        // Where lse is between two dispatches: one reads it while the next is written.
        let before = if i == 0 { Operand::Input(0) } else { Operand::Scratch((i - 1) % 2) };
        let lse = if i + 1 == chunks.len() { Operand::Output(1) } else { Operand::Scratch(i % 2) };
        let rest = [before, Operand::Output(0), lse];
        kernels.dispatches.push(dispatch(scores, x, 3, (kernel, groups), tiles, &rest));
    }
    Ok(Lowering::Kernels(kernels))
}

const GRADIENT: [Operand; 3] = [Operand::Input(DY), Operand::Input(STATS), Operand::Output(0)];

pub(super) fn query_gradient(scores: &Scores, x: &[Layout]) -> Result<Lowering> {
    let sizes = Sizes::new(x);
    let (kernel, column_tiles) = sizes.variant([
        &shaders::ATTENTION_QUERY_32,
        &shaders::ATTENTION_QUERY_64,
        &shaders::ATTENTION_QUERY_128,
    ]);
    let groups = sizes.batch * sizes.heads * sizes.queries.div_ceil(TILE) * column_tiles;
    let dispatches = sizes
        .chunks(sizes.keys.div_ceil(TILE))
        .iter()
        .map(|tiles| dispatch(scores, x, STATS + 1, (kernel, groups), tiles, &GRADIENT))
        .collect();
    Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches }))
}

pub(super) fn key_gradient(scores: &Scores, x: &[Layout]) -> Result<Lowering> {
    let sizes = Sizes::new(x);
    let (kernel, column_tiles) =
        sizes.variant([&shaders::ATTENTION_KEY_32, &shaders::ATTENTION_KEY_64, &shaders::ATTENTION_KEY_128]);
    let groups = sizes.batch * sizes.kv_heads * sizes.keys.div_ceil(TILE) * column_tiles;
    let tiles = sizes.heads / sizes.kv_heads * sizes.queries.div_ceil(TILE);
    let dispatches = sizes
        .chunks(tiles)
        .iter()
        .map(|tiles| dispatch(scores, x, STATS + 1, (kernel, groups), tiles, &GRADIENT))
        .collect();
    Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches }))
}
