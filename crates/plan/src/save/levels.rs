//! Which values stay held, by level of recomputation.

use super::Recompute;
use super::held::{Held, work};
use crate::lower::{Step, StorageId, Work};

/// Operations for each byte read and written from which on a step is not cheap. A GPU does about ten
/// in the time in which it moves a byte, so what is below costs little more than its memory traffic.
const CHEAP: f64 = 4.0;

/// The most cheap steps in a row that start from a held value. The first reader has all of them run, and
/// their results wait for their own readers: longer chains would take the memory that they save.
const LONGEST_CHAIN: usize = 3;

/// Of all that is held, the share below which a value is not worth a step.
const SMALL: u64 = 1024;

/// Which storages of the way there stay, and the number of segments.
pub(super) fn kept(held: &Held<'_>, level: Recompute) -> (Vec<bool>, usize) {
    let mut kept = held.fixed.clone();
    let small = held.total() / SMALL;
    for storage in held.all() {
        kept[storage] |= held.held[storage] && held.bytes(storage) < small;
    }
    let segments = match level {
        Recompute::Segments(count) => segments_of_equal_bytes(held, count),
        Recompute::Layers => layers(held),
        Recompute::Cheap => {
            keep_dear(held, &mut kept);
            return (kept, 1);
        }
        Recompute::None | Recompute::Auto => {
            return (vec![true; kept.len()], 1);
        }
    };
    let last = segments.last().copied().unwrap_or(0);
    let segment_of = |storage: StorageId| held.writer[storage].map(|writer| segments[writer]);
    for (step, segment) in held.program.steps.iter().zip(&segments) {
        step.reads().for_each(|x| kept[x] |= segment_of(x).is_some_and(|from| from != *segment));
    }
    for storage in held.all() {
        kept[storage] |= segment_of(storage) == Some(last);
    }
    (kept, last + 1)
}

/// Keeps all but what cheap steps compute from what is held.
fn keep_dear(held: &Held<'_>, kept: &mut [bool]) {
    // How many steps it takes to have a value again; none where that takes a dear one.
    let mut chain: Vec<Option<usize>> =
        held.all().map(|s| (held.writer[s].is_none() || kept[s]).then_some(0)).collect();
    for step in &held.program.steps[..held.back] {
        let before = step.reads().map(|x| chain[x]).collect::<Option<Vec<usize>>>();
        let length = before.map(|lengths| lengths.into_iter().max().unwrap_or(0) + 1);
        let length = length.filter(|length| *length <= LONGEST_CHAIN && is_cheap(held, step));
        for &y in step.outputs.iter().filter(|&&y| !held.fixed[y]) {
            let stays = held.held[y] && (kept[y] || length.is_none());
            (chain[y], kept[y]) = (if stays { Some(0) } else { length }, stays || length.is_none());
        }
    }
}

fn is_cheap(held: &Held<'_>, step: &Step) -> bool {
    let moved: u64 = step.reads().chain(step.outputs.iter().copied()).map(|s| held.bytes(s)).sum();
    !matches!(step.work, Work::Host(..)) && work(held.program, step) <= CHEAP * moved as f64
}

/// The number of the segment of each step of the way there.
fn segments_of_equal_bytes(held: &Held<'_>, count: usize) -> Vec<usize> {
    let steps = &held.program.steps[..held.back];
    let mut last_reader = vec![None; held.program.storages.len()];
    for (index, step) in steps.iter().enumerate() {
        step.reads().for_each(|x| last_reader[x] = Some(index));
    }
    // After each step: the bytes that were held so far, and those that go on to later steps.
    let (mut so_far, mut crossing) = (Vec::new(), Vec::new());
    let (mut held_bytes, mut open) = (0, 0u64);
    let mut ends = vec![0; steps.len()];
    for (index, step) in steps.iter().enumerate() {
        for &y in step.outputs.iter().filter(|&&y| !held.fixed[y]) {
            held_bytes += if held.held[y] { held.bytes(y) } else { 0 };
            if let Some(last) = last_reader[y].filter(|&last| last > index) {
                open += held.bytes(y);
                ends[last] += held.bytes(y);
            }
        }
        open -= ends[index];
        so_far.push(held_bytes);
        crossing.push(open);
    }
    let count = count.min(steps.len());
    let mut boundaries: Vec<usize> = Vec::new();
    for k in 1..count as u64 {
        let wanted = held_bytes as u128 * u128::from(k) / count as u128;
        let reach = held_bytes as u128 / (2 * count as u128);
        let off = |index: usize| wanted.abs_diff(u128::from(so_far[index]));
        let near = (0..steps.len().saturating_sub(1)).filter(|&index| off(index) <= reach);
        boundaries.extend(near.min_by_key(|&index| (crossing[index], off(index))));
    }
    boundaries.sort_unstable();
    boundaries.dedup();
    (0..steps.len()).map(|index| boundaries.partition_point(|&end| end < index)).collect()
}

/// A segment for each run of steps of one part of the model; what has no label goes on with the part before.
fn layers(held: &Held<'_>) -> Vec<usize> {
    let (mut number, mut current) = (0, None);
    let steps = held.program.steps[..held.back].iter();
    let segment = |step: &Step| {
        let label = held.label(step);
        let part = label.as_deref().and_then(|label| label.split('.').next()).map(str::to_owned);
        if part.is_some() && part != current {
            number += usize::from(current.is_some());
            current = part;
        }
        number
    };
    steps.map(segment).collect()
}
