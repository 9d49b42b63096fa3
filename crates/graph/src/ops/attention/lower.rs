//! Which kernels attention becomes, and how long sequences are cut for them.

use std::ops::Range;

use anygrad_core::{Caps, Result};
use anygrad_shaders::{self as shaders, AttentionParams, Kernel};

use super::{DY, Drop, Mask, STATS, Scores};
use crate::{Dispatch, Kernels, Layout, Lowering, Meta, Operand, Tolerance, workgroups};

/// Queries or keys that a workgroup goes through at a time, and that a workgroup has on GPUs; TILE in
/// the kernels.
const TILE: usize = 32;

/// Queries or keys that a workgroup has on software adapters; ROWS in the kernels.
const LANES_ROWS: usize = 16;

/// The kernels of one direction: on GPUs for rows of up to 8, up to 16 and more vectors, and on software
/// adapters with subgroups of 8.
struct Family {
    tiled: [&'static Kernel; 3],
    lanes: [&'static Kernel; 2],
}

const FORWARD: Family = Family {
    tiled: [&shaders::ATTENTION_32, &shaders::ATTENTION_64, &shaders::ATTENTION_128],
    lanes: [&shaders::ATTENTION_LANES_32, &shaders::ATTENTION_LANES_64],
};
const QUERY: Family = Family {
    tiled: [&shaders::ATTENTION_QUERY_32, &shaders::ATTENTION_QUERY_64, &shaders::ATTENTION_QUERY_128],
    lanes: [&shaders::ATTENTION_QUERY_LANES_32, &shaders::ATTENTION_QUERY_LANES_64],
};
const KEY: Family = Family {
    tiled: [&shaders::ATTENTION_KEY_32, &shaders::ATTENTION_KEY_64, &shaders::ATTENTION_KEY_128],
    lanes: [&shaders::ATTENTION_KEY_LANES_32, &shaders::ATTENTION_KEY_LANES_64],
};

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

    /// The kernel for rows of this width, and its workgroups for each head of `count` queries or keys.
    /// The default, or one for `narrower` rows: more workgroups, which compute the scores once more each.
    fn choose(
        &self,
        family: &Family,
        count: usize,
        narrower: usize,
        caps: &Caps,
    ) -> (&'static Kernel, usize) {
        let lanes = caps.is_cpu() && caps.fixed_subgroup() == Some(8);
        let kernels: &[&'static Kernel] = if lanes { &family.lanes } else { &family.tiled };
        let by_width = match self.width {
            0..=8 => 0,
            9..=16 => 1,
            _ => 2,
        };
        let place = by_width.min(kernels.len() - 1).saturating_sub(narrower);
        let (kernel, columns) = (kernels[place], 8 << place);
        let rows = if lanes { LANES_ROWS } else { TILE };
        (kernel, count.div_ceil(rows) * self.width.div_ceil(columns))
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

/// How far one way may be from the truth.
pub(super) fn tolerance(x: &[Layout]) -> Tolerance {
    let longest = x[0].shape()[2].max(x[1].shape()[2]);
    Tolerance { relative: 2e-5, ..Tolerance::sum(16 * longest) }
}

pub(super) fn forward(
    scores: &Scores,
    x: &[Layout],
    y: &[Meta],
    narrower: usize,
    caps: &Caps,
) -> Result<Lowering> {
    let sizes = Sizes::new(x);
    let (kernel, groups) = sizes.choose(&FORWARD, sizes.queries, narrower, caps);
    let groups = sizes.batch * sizes.heads * groups;
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

pub(super) fn query_gradient(
    scores: &Scores,
    x: &[Layout],
    narrower: usize,
    caps: &Caps,
) -> Result<Lowering> {
    let sizes = Sizes::new(x);
    let (kernel, groups) = sizes.choose(&QUERY, sizes.queries, narrower, caps);
    let groups = sizes.batch * sizes.heads * groups;
    let dispatches = sizes
        .chunks(sizes.keys.div_ceil(TILE))
        .iter()
        .map(|tiles| dispatch(scores, x, STATS + 1, (kernel, groups), tiles, &GRADIENT))
        .collect();
    Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches }))
}

pub(super) fn key_gradient(scores: &Scores, x: &[Layout], narrower: usize, caps: &Caps) -> Result<Lowering> {
    let sizes = Sizes::new(x);
    let (kernel, groups) = sizes.choose(&KEY, sizes.keys, narrower, caps);
    let groups = sizes.batch * sizes.kv_heads * groups;
    let tiles = sizes.heads / sizes.kv_heads * sizes.queries.div_ceil(TILE);
    let dispatches = sizes
        .chunks(tiles)
        .iter()
        .map(|tiles| dispatch(scores, x, STATS + 1, (kernel, groups), tiles, &GRADIENT))
        .collect();
    Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches }))
}
