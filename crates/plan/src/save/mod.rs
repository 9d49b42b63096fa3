//! save: less memory for what is held from the way there to the way back.
//!
//! The *way there* is what runs before the first step of a gradient, the *way back* the rest. A value that
//! the one writes and the other reads is *held*: its memory is taken all the time in between.
//!
//! - *recompute* lets go of some of them. The steps that wrote them run again where the way back first
//!   needs them: the same kernels on the same operands, so the bits are the same. Which ones is a matter of
//!   [`Recompute`]; what takes no less memory in the end is left as it was.
//! - *activations* of 16 bits rounds what is still held. The way there reads what it computed, the way
//!   back what was rounded, widened where it is read.
//!
//! Both work on fused steps: what runs again is what ran, and bytes are those that the plan will have.

mod again;
mod held;
mod levels;
mod round;

use anygrad_graph::Graph;
use anygrad_graph::core::{Caps, DType, Error, Result};

use crate::lower::Program;
use crate::plan::Saving;
use crate::{Options, fuse, settle};
use held::Held;

/// Which values the way back computes again, instead of having them held since they were computed first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// None.
    #[default]
    None,
    /// Those that take little work: pointwise functions, normalizations, copies, of what is held anyway.
    Cheap,
    /// All within segments of the way there: the values that go from one segment to the next are held, and
    /// those of the last segment. So many segments, which hold about the same number of bytes.
    Segments(usize),
    /// As [`Recompute::Segments`], where a segment is a part of the model with a label of its own, up to
    /// the first dot: a layer of a model, or what [`Graph::labelled`] was given.
    Layers,
    /// Whichever of these has the smallest peak; of those within 2 % of it, the one with the least work.
    Auto,
}

/// The most segments that [`Recompute::Auto`] tries. The peak is about n + held / n, so the best number is
/// about the square root of the number of values, and 64 is that of 4,096.
const TRIED_SEGMENTS: [usize; 11] = [2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64];

/// How much larger than the smallest a peak may be for less work.
const NEAR: f64 = 1.02;

/// A program that takes less memory, and what was done.
pub(crate) fn save(
    program: Program,
    graph: &Graph,
    options: &Options,
    caps: &Caps,
) -> Result<(Program, Option<Saving>)> {
    let (halves, recompute) = (options.activations, options.recompute);
    if !matches!(halves, DType::F32 | DType::F16 | DType::BF16) {
        return Err(Error::input(format!("activations cannot be held as {halves}: take f32, f16 or bf16")));
    }
    if recompute == Recompute::None && halves == DType::F32 {
        return Ok((program, None));
    }
    let before = working(&program, options, caps)?;
    let mut saving =
        Saving { recomputed: 0, segments: 0, activations: halves, rounded: 0, working_before: before };
    let program = match Held::of(&program, graph) {
        Some(held) => match recomputed(&held, recompute, before, options, caps)? {
            Some((program, values, segments)) => {
                (saving.recomputed, saving.segments) = (values, segments);
                program
            }
            None => program,
        },
        None => program,
    };
    let program = match halves {
        DType::F32 => program,
        _ => {
            let (rounded, values) = round::round(program, graph, halves, caps)?;
            saving.rounded = values;
            let may_fuse = options.fuse && !caps.excludes(Caps::FUSION);
            if may_fuse { fuse::fuse(rounded, caps) } else { rounded }
        }
    };
    Ok((program, Some(saving)))
}

/// The program that computes again, with the number of values and of segments, if it takes less memory.
fn recomputed(
    held: &Held<'_>,
    recompute: Recompute,
    before: u64,
    options: &Options,
    caps: &Caps,
) -> Result<Option<(Program, usize, usize)>> {
    let levels = match recompute {
        Recompute::None => Vec::new(),
        Recompute::Auto => {
            let segments = TRIED_SEGMENTS.map(Recompute::Segments);
            [Recompute::Cheap, Recompute::Layers].into_iter().chain(segments).collect()
        }
        one => vec![one],
    };
    let mut tried: Vec<(u64, f64, (Program, usize, usize))> = Vec::new();
    for level in levels {
        let (kept, segments) = levels::kept(held, level);
        let (program, values) = again::rewrite(held, &kept);
        if values > 0 {
            let work = program.steps.iter().filter(|step| step.again);
            let work = work.map(|step| held::work(&program, step)).sum();
            tried.push((working(&program, options, caps)?, work, (program, values, segments)));
        }
    }
    let least = tried.iter().map(|(bytes, ..)| *bytes).min().unwrap_or(before);
    let near = |(bytes, ..): &(u64, f64, _)| *bytes < before && *bytes as f64 <= NEAR * least as f64;
    let best = tried.into_iter().filter(near).min_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map(|(.., best)| best))
}

/// The bytes of results in between that a plan will have.
fn working(program: &Program, options: &Options, caps: &Caps) -> Result<u64> {
    let (_, slots) = settle(program.clone(), options, caps)?;
    Ok(slots.bytes.iter().map(|&bytes| crate::assemble::padded(bytes)).sum())
}
