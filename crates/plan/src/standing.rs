//! Where the states of a session stand in its buffers.
//!
//! All programs of a session share states. A plan that updates many in one step has them in one buffer, a
//! pack; another plan may know the same states one by one, or in other packs. So states move to where the
//! program needs them that runs next. One dispatch cannot read one range of a buffer and write another, so
//! what a program writes outside of packs stands in a buffer of its own; what it only reads may stand
//! anywhere.
//!
//! Here is what is decided, as plain data: buffers are numbers. A session does it on a device, a
//! [`Rehearsal`](crate::Rehearsal) counts the bytes.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::assemble::padded;
use crate::plan::{Plan, Role, SlotId};

/// A buffer of a session, by its number.
pub type BufferId = u64;

/// A range of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The buffer.
    pub buffer: BufferId,
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

/// A buffer that has to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBuffer {
    /// Its number.
    pub buffer: BufferId,
    /// What it holds, in words.
    pub label: String,
    /// Its size.
    pub bytes: u64,
}

/// What a plan needs done before it can run.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Where each slot stands that is a pack, or a state that is part of none.
    pub memory: BTreeMap<SlotId, Place>,
    /// The buffers to make.
    pub made: Vec<NewBuffer>,
    /// What to copy: from, to.
    pub copies: Vec<(Place, Place)>,
    /// Where states stand afterwards.
    places: Vec<(String, Place)>,
}

/// Where each state of a session stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    places: HashMap<String, Place>,
    /// The size of each buffer in which one stands.
    sizes: HashMap<BufferId, u64>,
    next: BufferId,
    moves: u64,
}

impl Standing {
    /// A number that changes when states move.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// Where a state stands, if a program has asked for it.
    pub fn get(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }

    /// All states and where they stand.
    pub fn places(&self) -> impl Iterator<Item = (&str, Place)> {
        self.places.iter().map(|(name, place)| (name.as_str(), *place))
    }

    /// The buffers in which states stand, with their sizes.
    pub fn buffers(&self) -> &HashMap<BufferId, u64> {
        &self.sizes
    }

    /// The buffer of its own that a state needs which stands nowhere yet; [`Standing::accept`] it.
    pub fn alone(&self, name: &str, bytes: u64) -> Settled {
        let mut settled = Settled::default();
        let place = self.fresh(&mut settled, name.into(), bytes);
        settled.places.push((name.into(), place));
        settled
    }

    /// What a plan needs. Nothing has changed before it is [accepted](Standing::accept).
    pub fn settle(&self, plan: &Plan) -> Settled {
        let written: HashSet<SlotId> =
            plan.steps.iter().flat_map(|step| step.writes.iter().copied()).collect();
        let mut settled = Settled::default();
        for (number, slot) in plan.slots.iter().enumerate() {
            match &slot.role {
                Role::Pack => {
                    let members = members(plan, number);
                    let whole = self.standing(&members, slot.bytes).unwrap_or_else(|| {
                        let names = members.iter().map(|member| member.name).take(2).collect::<Vec<_>>();
                        let label = format!("pack of {}, ...", names.join(", "));
                        let whole = self.fresh(&mut settled, label, slot.bytes);
                        for Member { name, offset, bytes } in &members {
                            let to = Place { buffer: whole.buffer, offset: *offset, bytes: *bytes };
                            self.move_to(&mut settled, name, to);
                        }
                        whole
                    });
                    settled.memory.insert(number, whole);
                }
                Role::State(name) if slot.part.is_none() => {
                    let stays =
                        self.get(name).filter(|place| self.is_whole(place) || !written.contains(&number));
                    let place = stays.unwrap_or_else(|| {
                        let place = self.fresh(&mut settled, name.clone(), slot.bytes);
                        self.move_to(&mut settled, name, place);
                        place
                    });
                    settled.memory.insert(number, place);
                }
                _ => {}
            }
        }
        settled
    }

    /// Takes what was done as done.
    pub fn accept(&mut self, settled: &Settled) {
        self.moves += u64::from(!settled.copies.is_empty());
        self.places.extend(settled.places.iter().cloned());
        for new in &settled.made {
            self.next = self.next.max(new.buffer + 1);
            self.sizes.insert(new.buffer, new.bytes);
        }
        let used: HashSet<BufferId> = self.places.values().map(|place| place.buffer).collect();
        self.sizes.retain(|buffer, _| used.contains(buffer));
    }

    fn fresh(&self, settled: &mut Settled, label: String, bytes: u64) -> Place {
        let (buffer, bytes) = (self.next + settled.made.len() as u64, padded(bytes));
        settled.made.push(NewBuffer { buffer, label, bytes });
        Place { buffer, offset: 0, bytes }
    }

    fn move_to(&self, settled: &mut Settled, name: &str, to: Place) {
        settled.copies.extend(self.get(name).map(|from| (from, to)));
        settled.places.push((name.into(), to));
    }

    fn is_whole(&self, place: &Place) -> bool {
        place.offset == 0 && self.sizes.get(&place.buffer) == Some(&place.bytes)
    }

    /// The buffer in which all members of a pack stand already as it has them.
    fn standing(&self, members: &[Member<'_>], bytes: u64) -> Option<Place> {
        let buffer = self.get(members.first()?.name)?.buffer;
        let stands = |member: &Member<'_>| {
            self.get(member.name) == Some(Place { buffer, offset: member.offset, bytes: member.bytes })
        };
        let fits = self.sizes.get(&buffer) == Some(&bytes) && members.iter().all(stands);
        fits.then_some(Place { buffer, offset: 0, bytes })
    }
}

/// A state in a pack.
struct Member<'p> {
    name: &'p str,
    offset: u64,
    bytes: u64,
}

fn members(plan: &Plan, pack: SlotId) -> Vec<Member<'_>> {
    let member = |(number, offset): (SlotId, u64)| match &plan.slots[number].role {
        Role::State(name) => Some(Member { name, offset, bytes: plan.slots[number].bytes }),
        _ => None,
    };
    plan.parts_of(pack).into_iter().filter_map(|(number, part)| member((number, part.offset))).collect()
}
