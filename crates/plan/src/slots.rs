//! slots: the memory of what steps write, reused when it is no longer needed.
//!
//! Whole buffers are reused, because WebGPU does not let one dispatch read and write two ranges of
//! a buffer. The largest storage comes first and takes the first slot that is free for as long as it
//! lives ("greedy by size for shared objects": Pisarchyk and Lee, "Efficient memory management for
//! deep neural net inference", 2020).

use crate::lower::{Source, StorageId};
use crate::place::Placed;

/// Steps from the first to the last at which a storage is needed, both included.
type Lifetime = (usize, usize);

/// Slots of the storages that steps write, before they get their numbers in the plan.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Size of each slot, in bytes.
    pub(crate) bytes: Vec<u64>,
    /// For each storage whose memory is written by steps, its slot.
    pub(crate) slot_of_storage: Vec<Option<usize>>,
}

pub(crate) fn assign(placed: &Placed) -> Slots {
    let lifetimes = lifetimes(placed);
    let storages = &placed.program.storages;
    let mut order: Vec<StorageId> = (0..storages.len()).filter(|&s| lifetimes[s].is_some()).collect();
    order.sort_by_key(|&s| (std::cmp::Reverse(storages[s].meta().bytes()), s));
    let mut slots = Slots { bytes: Vec::new(), slot_of_storage: vec![None; storages.len()] };
    let mut busy: Vec<Vec<Lifetime>> = Vec::new();
    for storage in order {
        let Some((first, last)) = lifetimes[storage] else { continue };
        let free =
            busy.iter().position(|taken| taken.iter().all(|&(begin, end)| last < begin || end < first));
        let slot = free.unwrap_or_else(|| {
            slots.bytes.push(storages[storage].meta().bytes());
            busy.push(Vec::new());
            busy.len() - 1
        });
        busy[slot].push((first, last));
        slots.slot_of_storage[storage] = Some(slot);
    }
    slots
}

fn lifetimes(placed: &Placed) -> Vec<Option<Lifetime>> {
    let program = &placed.program;
    let mut lifetimes: Vec<Option<Lifetime>> = vec![None; program.storages.len()];
    let mut needed = |storage: StorageId, at: usize| {
        let memory = placed.memory(storage);
        if matches!(program.storages[memory].source, Source::Step) {
            let (first, last) = lifetimes[memory].get_or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    };
    for (index, step) in program.steps.iter().enumerate() {
        step.reads().chain(step.outputs.iter().copied()).for_each(|s| needed(s, index));
        step.scratch().iter().for_each(|&s| needed(s, index));
    }
    program.outputs.iter().for_each(|&(_, s)| needed(s, program.steps.len()));
    lifetimes
}
