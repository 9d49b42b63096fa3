//! pack: the updates of many states in one step.
//!
//! An optimizer updates each parameter by a kernel that goes through it element by element. Steps that
//! would run one kernel with the same settings are joined: their parameters become ranges of one buffer,
//! the *pack*, their first moments ranges of another, their gradients of a third, and one dispatch goes
//! through all of them.
//!
//! - A member stands at the same offset in each pack of its step, a multiple of 256 bytes, so that every
//!   other step binds it as a buffer of its own. What lies between two members is updated along and never
//!   read.
//! - One dispatch cannot read one range of a buffer and write another. Where a step would have to, the
//!   later of the two updates stays alone.
//! - The joined step runs where the last of its steps ran. Nothing in between uses what they write, or
//!   writes what they use.
//! - Large parameters stay alone: joining them would save little time, and a pack of gradients is memory
//!   that nothing else can use until the last of them is there.

mod group;
mod update;

use anygrad_graph::Layout;
use anygrad_graph::core::{Caps, Error, Result};

use crate::lower::{KernelWork, Source, Step, StorageId, Work};
use crate::place::Placed;
use group::Group;

pub(crate) fn pack(mut placed: Placed, caps: &Caps) -> Result<Placed> {
    let groups = group::groups(&placed, caps)?;
    let mut steps: Vec<Option<Step>> = placed.program.steps.drain(..).map(Some).collect();
    for group in groups.iter().filter(|group| group.steps.len() > 1) {
        let mut taken: Vec<Step> = group.steps.iter().filter_map(|&index| steps[index].take()).collect();
        let operations = taken.iter().map(|step| step.operations).sum();
        let saved = taken.iter().map(|step| step.saved).sum();
        let step = joined(&mut placed, group, taken.swap_remove(0), caps)?;
        let step = Step { operations, saved, ..step };
        steps[group.steps[group.steps.len() - 1]] = Some(step);
    }
    placed.program.steps = steps.into_iter().flatten().collect();
    Ok(placed)
}

/// The step that does what all of a group do, on packs; `first` is the first of them.
fn joined(placed: &mut Placed, group: &Group, first: Step, caps: &Caps) -> Result<Step> {
    let Work::Kernels(work) = &first.work else { return Err(Error::internal("an update without kernels")) };
    let update = &group.updates[0];
    let kernels = update.lowered(placed, work, group.bytes, caps)?;
    let kernels = kernels.ok_or_else(|| Error::internal("joined updates cannot be lowered"))?;
    let scratch = kernels
        .scratch
        .iter()
        .map(|&meta| placed.add_storage(Layout::contiguous(meta), Source::Step))
        .collect();
    let whole = update.flat(group.bytes)?;
    let mut packs: Vec<StorageId> = Vec::with_capacity(update.columns.len());
    for (column, &storage) in update.columns.iter().enumerate() {
        let source = match placed.program.storages[storage].source {
            Source::State(_) => Source::Pack,
            _ => Source::Step,
        };
        packs.push(placed.add_storage(Layout::contiguous(whole), source));
        let mut offset = 0;
        for update in &group.updates {
            placed.part.insert(update.columns[column], (packs[column], offset));
            offset += update.stride();
        }
    }
    let mut in_place = work.in_place.clone();
    in_place.sort_unstable();
    Ok(Step {
        outputs: in_place.iter().map(|&(_, column)| packs[column]).collect(),
        inputs: [packs, update.shared.clone()].concat(),
        work: Work::Kernels(KernelWork { kernels, scratch, in_place: Vec::new(), ..work.clone() }),
        ..first
    })
}
