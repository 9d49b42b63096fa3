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

use crate::assemble::padded;
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

/// The numbers of segments that [`Recompute::Auto`] tries. Of n equal layers in k segments about k + n / k
/// are held at the peak, so the best number is about the square root: 64 segments serve 4,096 layers.
const TRIED_SEGMENTS: [usize; 11] = [2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64];

/// How much larger than the smallest a peak may be for less work.
const NEAR: f64 = 1.02;

/// Up to this many of the largest sizes of values may be left as they are where that takes less memory
/// than to round them too: while a kernel reads a value, it stands there in `f32` beside what was rounded.
const LEFT_SIZES: usize = 3;

/// A program that takes less memory, and what was done.
pub(crate) fn save(
    program: Program,
    graph: &Graph,
    options: &Options,
    caps: &Caps,
) -> Result<(Program, Option<Saving>)> {
    let halves = options.activations;
    if !matches!(halves, DType::F32 | DType::F16 | DType::BF16) {
        return Err(Error::input(format!("activations cannot be held as {halves}: take f32, f16 or bf16")));
    }
    if options.recompute == Recompute::None && halves == DType::F32 {
        return Ok((program, None));
    }
    let asked = Asked { graph, options, caps };
    let before = asked.working(&program)?;
    let nothing =
        Saving { recomputed: 0, segments: 0, activations: halves, rounded: 0, working_before: before };
    let tried = asked.tried(&program, nothing)?;
    let least = tried.iter().map(|way| way.working).min().unwrap_or(before);
    let near = |way: &Way| way.working < before && way.working as f64 <= NEAR * least as f64;
    let order = |a: &Way, b: &Way| a.work.total_cmp(&b.work).then(a.saving.rounded.cmp(&b.saving.rounded));
    Ok(match tried.into_iter().filter(near).min_by(order) {
        Some(best) => (best.program, Some(best.saving)),
        None => (program, Some(nothing)),
    })
}

/// One way to save memory, and what comes of it.
struct Way {
    program: Program,
    saving: Saving,
    working: u64,
    /// Operations that are done again.
    work: f64,
}

/// What was asked for, and for what.
struct Asked<'a> {
    graph: &'a Graph,
    options: &'a Options,
    caps: &'a Caps,
}

impl Asked<'_> {
    /// All ways that are worth a look.
    fn tried(&self, program: &Program, nothing: Saving) -> Result<Vec<Way>> {
        let mut tried = Vec::new();
        let Some(held) = Held::of(program, self.graph) else { return Ok(tried) };
        let levels = match self.options.recompute {
            Recompute::Auto => {
                let segments = TRIED_SEGMENTS.map(Recompute::Segments);
                [Recompute::None, Recompute::Cheap, Recompute::Layers].into_iter().chain(segments).collect()
            }
            one => vec![one],
        };
        for level in levels {
            let (kept, segments) = levels::kept(&held, level);
            let (program, recomputed) = again::rewrite(&held, &kept);
            let work = program.steps.iter().filter(|step| step.again);
            let work = work.map(|step| held::work(&program, step)).sum();
            if self.options.activations != DType::F32 {
                for (program, rounded) in self.rounded(&program)? {
                    let saving = Saving { recomputed, segments, rounded, ..nothing };
                    tried.push(Way { working: self.working(&program)?, program, saving, work });
                }
            }
            if recomputed > 0 {
                let saving = Saving { recomputed, segments, ..nothing };
                tried.push(Way { working: self.working(&program)?, program, saving, work });
            }
        }
        Ok(tried)
    }

    /// The program with what it holds rounded: all, and all but the largest. The number of values with it.
    fn rounded(&self, program: &Program) -> Result<Vec<(Program, usize)>> {
        let (to, caps) = (self.options.activations, self.caps);
        let sizes = round::sizes(program, self.graph);
        let join =
            |(program, values): (Program, usize)| match self.options.fuse && !caps.excludes(Caps::FUSION) {
                true => (fuse::fuse(program, caps), values),
                false => (program, values),
            };
        let up_to = |bytes: u64| round::round(program.clone(), self.graph, to, bytes, caps).map(join);
        sizes.into_iter().rev().take(LEFT_SIZES + 1).map(up_to).collect()
    }

    /// The bytes of results in between that a plan will have.
    fn working(&self, program: &Program) -> Result<u64> {
        let (_, slots) = settle(program.clone(), self.options, self.caps)?;
        Ok(slots.bytes.iter().map(|&bytes| padded(bytes)).sum())
    }
}
