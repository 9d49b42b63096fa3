//! place: which storages live in the memory of another one.
//!
//! The next value of a state is written over the state where nothing reads the old one any more;
//! operators that work in place are given an input that may be overwritten. Where that is not so,
//! a copy is added.

use std::collections::HashMap;

use anygrad_graph::Layout;

use crate::body::Load;
use crate::lower::{KernelWork, Program, Source, Step, StorageId, Work};

/// A program whose storages have a home.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) program: Program,
    /// The storage in whose memory each storage lives: mostly itself.
    pub(crate) home: Vec<StorageId>,
    /// The storage that a home is a part of, and the byte where it begins there; see [`crate::pack`].
    pub(crate) part: HashMap<StorageId, (StorageId, u64)>,
}

pub(crate) fn place(program: Program) -> Placed {
    let home = (0..program.storages.len()).collect();
    let mut placed = Placed { home, program, part: HashMap::new() };
    placed.place_operators();
    placed.place_updates();
    placed
}

impl Placed {
    /// Gives each output that is written over an input a place that may be overwritten.
    fn place_operators(&mut self) {
        let mut index = 0;
        while index < self.program.steps.len() {
            let in_place = match &self.program.steps[index].work {
                Work::Kernels(KernelWork { in_place, .. }) => in_place.clone(),
                _ => Vec::new(),
            };
            for (output, input) in in_place {
                let step = &self.program.steps[index];
                let (from, to) = (step.inputs[input], step.outputs[output]);
                if self.may_overwrite(index, from, to) {
                    self.home[to] = self.home[from];
                } else {
                    let copy = self.add_storage(self.program.storages[from].layout, Source::Step);
                    self.program.steps[index].inputs[input] = copy;
                    self.home[to] = copy;
                    self.program.steps.insert(index, copy_step(from, copy));
                    index += 1;
                }
            }
            index += 1;
        }
    }

    /// Whether step `index` may write `to` over its input `from`.
    fn may_overwrite(&self, index: usize, from: StorageId, to: StorageId) -> bool {
        let times_read = self.program.steps[index].reads().filter(|&x| x == from).count();
        let free = match self.program.storages[from].source {
            Source::State(_) => self.program.updates.contains(&(from, to)),
            Source::Step => !self.is_wanted_at_the_end(from),
            Source::Input(_) | Source::Constant(_) | Source::Pack => false,
        };
        free && times_read == 1 && self.home[from] == from && !self.is_read_after(index, from)
    }

    /// Lets the step that makes a state's next value write it over the state, or adds a copy.
    fn place_updates(&mut self) {
        for (state, next) in self.program.updates.clone() {
            if self.home[next] == state {
                continue;
            }
            let writer = self.program.steps.iter().position(|step| step.outputs.contains(&next));
            match writer {
                Some(writer) if self.may_become(writer, state, next) => self.home[next] = state,
                _ => self.program.steps.push(copy_step(next, state)),
            }
        }
    }

    /// Whether step `writer` may write `next` into the memory of `state`.
    fn may_become(&self, writer: usize, state: StorageId, next: StorageId) -> bool {
        let step = &self.program.steps[writer];
        let element_for_element = |load: &Load| {
            load.layout == Layout::contiguous(load.layout.meta)
                && load.layout.meta.bytes() == self.program.storages[state].meta().bytes()
        };
        let reads_itself_well = match &step.work {
            Work::Pointwise(body) => {
                body.loads.iter().filter(|load| self.home[load.storage] == state).all(element_for_element)
            }
            _ => step.reads().all(|x| self.home[x] != state),
        };
        let is_alone =
            self.home.iter().enumerate().all(|(s, &home)| s == next || s == state || home != state)
                && self.home.iter().enumerate().all(|(s, &home)| s == next || home != next);
        self.home[next] == next && reads_itself_well && is_alone && !self.is_read_after(writer, state)
    }

    fn is_read_after(&self, index: usize, storage: StorageId) -> bool {
        self.program.steps[index + 1..].iter().any(|step| step.reads().any(|x| x == storage))
    }

    fn is_wanted_at_the_end(&self, storage: StorageId) -> bool {
        self.program.outputs.iter().any(|(_, output)| *output == storage)
            || self.program.updates.iter().any(|(_, next)| *next == storage)
    }

    /// The storage whose memory is that of another one: its home, or what that is a part of.
    pub(crate) fn memory(&self, storage: StorageId) -> StorageId {
        let home = self.home[storage];
        self.part.get(&home).map_or(home, |&(whole, _)| whole)
    }

    pub(crate) fn add_storage(&mut self, layout: Layout, source: Source) -> StorageId {
        self.home.push(self.home.len());
        self.program.add_storage(layout, source)
    }
}

fn copy_step(from: StorageId, to: StorageId) -> Step {
    Step {
        name: "copy".into(),
        line: None,
        node: None,
        work: Work::Copy,
        inputs: vec![from],
        outputs: vec![to],
        operations: 0.0,
        saved: 0,
        again: false,
    }
}
