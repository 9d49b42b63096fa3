//! Steps of the way there that run again, where the way back needs what they make.

use std::collections::{BTreeSet, HashMap};

use super::held::Held;
use crate::lower::{Program, Source, Step, StorageId, Work};

/// The program in which the way back has what it reads of the way there computed again, unless it is
/// kept; with the number of values that are no longer held.
///
/// A step runs again at most once, right before the first step that needs it.
pub(super) fn rewrite(held: &Held<'_>, kept: &[bool]) -> (Program, usize) {
    let mut program = held.program.clone();
    let back = program.steps.split_off(held.back);
    let mut again: HashMap<StorageId, StorageId> = HashMap::new();
    for mut step in back {
        for index in needed(held, kept, &step, &again) {
            let mut copy = held.program.steps[index].clone();
            copy.again = true;
            replace_reads(&mut copy, &again);
            let mut anew = |storage: StorageId| {
                let layout = program.storages[storage].layout;
                program.add_storage(layout, Source::Step)
            };
            for y in &mut copy.outputs {
                let first = std::mem::replace(y, anew(*y));
                if !kept[first] {
                    again.insert(first, *y);
                }
            }
            if let Work::Kernels(work) = &mut copy.work {
                work.scratch.iter_mut().for_each(|scratch| *scratch = anew(*scratch));
            }
            program.steps.push(copy);
        }
        replace_reads(&mut step, &again);
        program.steps.push(step);
    }
    let values = again.keys().filter(|&&storage| held.held[storage]).count();
    (program, values)
}

/// The steps of the way there that must run again before this step, in their order.
fn needed(
    held: &Held<'_>,
    kept: &[bool],
    step: &Step,
    again: &HashMap<StorageId, StorageId>,
) -> BTreeSet<usize> {
    let writer = |x: StorageId| held.writer[x].filter(|_| !kept[x] && !again.contains_key(&x));
    let mut needed = BTreeSet::new();
    let mut waiting: Vec<usize> = step.reads().filter_map(writer).collect();
    while let Some(index) = waiting.pop() {
        if needed.insert(index) {
            waiting.extend(held.program.steps[index].reads().filter_map(writer));
        }
    }
    needed
}

/// Has a step read other storages.
pub(super) fn replace_reads(step: &mut Step, others: &HashMap<StorageId, StorageId>) {
    let replace = |storage: &mut StorageId| {
        if let Some(other) = others.get(storage) {
            *storage = *other;
        }
    };
    step.inputs.iter_mut().for_each(replace);
    let body = match &mut step.work {
        Work::Pointwise(body) => Some(body),
        Work::Kernels(work) => work.epilogue.as_mut(),
        Work::Copy | Work::Host(..) => None,
    };
    body.into_iter().flat_map(|body| &mut body.loads).for_each(|load| replace(&mut load.storage));
}
