//! Groups: which updates are joined.

use std::collections::{HashMap, HashSet};

use anygrad_graph::core::{Caps, Result};

use super::update::Update;
use crate::lower::StorageId;
use crate::place::Placed;

/// Updates that are joined.
#[derive(Default)]
pub(super) struct Group {
    /// Their places in the program, in order.
    pub(super) steps: Vec<usize>,
    pub(super) updates: Vec<Update>,
    /// Size of each of their packs.
    pub(super) bytes: u64,
    /// The memory that they read or write.
    used: HashSet<StorageId>,
    /// The memory that they write.
    written: HashSet<StorageId>,
    /// A later step uses what they write, or writes what they use: none can be added.
    is_closed: bool,
}

/// All updates: each goes to the first group that it can join.
pub(super) fn groups(placed: &Placed, caps: &Caps) -> Result<Vec<Group>> {
    let mut uses = Uses::of(placed);
    let limit = caps.max_binding_bytes.min(caps.max_buffer_bytes);
    let mut groups: Vec<Group> = Vec::new();
    for (index, step) in placed.program.steps.iter().enumerate() {
        let Some(update) = Update::of(placed, step, caps)? else { continue };
        // The gradient of two parameters can be one value.
        if update.columns.iter().any(|column| uses.packed.contains_key(column)) {
            continue;
        }
        let takes = groups.iter_mut().enumerate().position(|(number, group)| {
            group.bytes + update.stride() <= limit
                && group.updates[0].is_like(&update, placed)
                && group.reaches(index, &uses)
                && !uses.clash(number, &update.columns)
        });
        let number = takes.unwrap_or_else(|| {
            groups.push(Group::default());
            groups.len() - 1
        });
        uses.packed.extend(update.columns.iter().enumerate().map(|(column, &x)| (x, (number, column))));
        groups[number].add(index, update, &uses);
    }
    Ok(groups)
}

impl Group {
    fn add(&mut self, index: usize, update: Update, uses: &Uses) {
        self.used.extend(uses.reads[index].union(&uses.writes[index]));
        self.written.extend(&uses.writes[index]);
        self.bytes += update.stride();
        self.steps.push(index);
        self.updates.push(update);
    }

    /// Whether its steps can run where step `index` stands.
    fn reaches(&mut self, index: usize, uses: &Uses) -> bool {
        let last = self.steps.last().map_or(index, |last| last + 1);
        self.is_closed |= (last..=index).any(|step| {
            !self.used.is_disjoint(&uses.writes[step]) || !self.written.is_disjoint(&uses.reads[step])
        });
        !self.is_closed
    }
}

/// What each step uses.
struct Uses {
    reads: Vec<HashSet<StorageId>>,
    writes: Vec<HashSet<StorageId>>,
    /// The steps that read or write a memory.
    users: HashMap<StorageId, Vec<usize>>,
    /// The group and the column in which a memory is packed.
    packed: HashMap<StorageId, (usize, usize)>,
}

impl Uses {
    fn of(placed: &Placed) -> Self {
        let steps = &placed.program.steps;
        let home = |storage: StorageId| placed.home[storage];
        let reads: Vec<HashSet<_>> = steps.iter().map(|step| step.reads().map(home).collect()).collect();
        let writes: Vec<HashSet<_>> =
            steps.iter().map(|step| step.outputs.iter().map(|&y| home(y)).collect()).collect();
        let mut users: HashMap<StorageId, Vec<usize>> = HashMap::new();
        for (index, (reads, writes)) in reads.iter().zip(&writes).enumerate() {
            reads.union(writes).for_each(|&storage| users.entry(storage).or_default().push(index));
        }
        Uses { reads, writes, users, packed: HashMap::new() }
    }

    /// Whether a step would read one member of a pack and write another, if these joined those of a group.
    fn clash(&self, group: usize, columns: &[StorageId]) -> bool {
        columns.iter().enumerate().any(|(column, storage)| {
            let is_member = |other: &StorageId| self.packed.get(other) == Some(&(group, column));
            self.users.get(storage).into_iter().flatten().any(|&step| {
                let (reads, writes) = (&self.reads[step], &self.writes[step]);
                reads.contains(storage) && writes.iter().any(is_member)
                    || writes.contains(storage) && reads.iter().any(is_member)
            })
        })
    }
}
