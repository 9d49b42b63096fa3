//! early: a kernel that updates a state runs as soon as it can.
//!
//! A kernel takes over the update of a state by its result, and runs in its place: updates are asked for at
//! the end, when all gradients are there, and until then everything would wait that the kernel reads. So it
//! goes back to where what it reads is written and the last of the others has read the old state.

use std::collections::HashMap;

use crate::lower::{KernelWork, Program, Step, StorageId, Work};

pub(crate) fn early(mut program: Program) -> Program {
    let state_of: HashMap<StorageId, StorageId> =
        program.updates.iter().map(|&(state, next)| (next, state)).collect();
    let mut writer = vec![None; program.storages.len()];
    // The last two steps that read a storage: one of them is another than the one that updates it.
    let mut readers = vec![[None; 2]; program.storages.len()];
    for (index, step) in program.steps.iter().enumerate() {
        step.outputs.iter().for_each(|&y| writer[y] = Some(index));
        for x in step.reads() {
            if readers[x][0] != Some(index) {
                readers[x] = [Some(index), readers[x][0]];
            }
        }
    }
    let earliest = |index: usize, step: &Step| {
        let state = match (&step.work, &step.outputs[..]) {
            (Work::Kernels(KernelWork { epilogue: Some(_), in_place, .. }), [next])
                if in_place.is_empty() =>
            {
                state_of.get(next).copied()
            }
            _ => None,
        };
        let Some(state) = state else { return (index, 0) };
        let other = readers[state].into_iter().flatten().find(|&reader| reader != index);
        let after = step.reads().filter_map(|x| writer[x]).chain(other).max();
        // Behind the step that it waits for, and before the next one.
        (after.unwrap_or(0).min(index), 1)
    };
    let mut steps: Vec<_> = std::mem::take(&mut program.steps).into_iter().enumerate().collect();
    steps.sort_by_cached_key(|(index, step)| (earliest(*index, step), *index));
    program.steps = steps.into_iter().map(|(_, step)| step).collect();
    program
}
