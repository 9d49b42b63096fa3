//! States in device memory: where each stands, and how they move.
//!
//! All programs of a session share them. A plan that updates many in one step has them in one buffer, a
//! pack; another plan may know the same states one by one, or in other packs. So states move on the
//! device to where the program needs them that runs next, and programs look again where their states
//! stand when some have moved. One dispatch cannot read one range of a buffer and write another, so what
//! a program writes outside of packs stands in a buffer of its own; what it only reads may stand anywhere.
//! A program keeps the memory where a state stood until it runs again.

use std::collections::{HashMap, HashSet};

use anygrad_core::{Context, Result};
use anygrad_plan::{Plan, Role, SlotId};

use crate::device::{Command, Device};
use crate::region::Region;

#[derive(Default)]
pub(super) struct States {
    regions: HashMap<String, Region>,
    /// How often states have moved.
    moves: u64,
}

impl States {
    /// A number that changes when states move.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    /// Where a state stands, if a program has asked for it.
    pub(super) fn get(&self, name: &str) -> Option<&Region> {
        self.regions.get(name)
    }

    /// Where a state stands; a new one holds zeros in a buffer of its own.
    pub(super) fn get_or_make(&mut self, device: &Device, name: &str, bytes: u64) -> Result<Region> {
        if let Some(region) = self.regions.get(name) {
            return Ok(region.clone());
        }
        let region = Region::from(device.buffer(name, bytes)?);
        self.regions.insert(name.into(), region.clone());
        Ok(region)
    }

    /// The memory of a plan's states: of each slot that is a pack, or a state that is part of none. States
    /// move where it has to be so.
    pub(super) fn settle(&mut self, device: &Device, plan: &Plan) -> Result<HashMap<SlotId, Region>> {
        let written: HashSet<SlotId> =
            plan.steps.iter().flat_map(|step| step.writes.iter().copied()).collect();
        let mut memory = HashMap::new();
        let mut moves = Moves::default();
        for (number, slot) in plan.slots.iter().enumerate() {
            match &slot.role {
                Role::Pack => {
                    let members: Vec<Member<'_>> = members(plan, number);
                    let whole = match self.standing(&members, slot.bytes) {
                        Some(whole) => whole,
                        None => {
                            let names = members.iter().map(|member| member.name).take(2).collect::<Vec<_>>();
                            let label = format!("pack of {}, ...", names.join(", "));
                            let whole = Region::from(device.buffer(&label, slot.bytes)?);
                            for Member { name, offset, bytes } in members {
                                moves.add(name, self.regions.get(name), whole.part(offset, bytes));
                            }
                            whole
                        }
                    };
                    memory.insert(number, whole);
                }
                Role::State(name) if slot.part.is_none() => {
                    let known = self.regions.get(name);
                    let stays = known.filter(|region| region.is_whole() || !written.contains(&number));
                    let region = match stays {
                        Some(region) => region.clone(),
                        None => {
                            let region = Region::from(device.buffer(name, slot.bytes)?);
                            moves.add(name, known, region.clone());
                            region
                        }
                    };
                    memory.insert(number, region);
                }
                _ => {}
            }
        }
        // Nothing has moved where one of these fails.
        device.submit(&moves.copies).context(|| "moving states together")?;
        self.moves += u64::from(!moves.copies.is_empty());
        self.regions.extend(moves.places);
        Ok(memory)
    }

    /// The buffer in which all members of a pack stand already as it has them.
    fn standing(&self, members: &[Member<'_>], bytes: u64) -> Option<Region> {
        let first = self.regions.get(members.first()?.name)?;
        let whole = Region::from(first.buffer.clone());
        let stands = |member: &Member<'_>| {
            self.regions.get(member.name) == Some(&whole.part(member.offset, member.bytes))
        };
        (whole.bytes == bytes && members.iter().all(stands)).then_some(whole)
    }
}

/// A state in a pack.
struct Member<'p> {
    name: &'p str,
    offset: u64,
    bytes: u64,
}

fn members(plan: &Plan, pack: SlotId) -> Vec<Member<'_>> {
    let parts = plan.parts_of(pack).into_iter();
    let member = |(number, offset): (SlotId, u64)| match &plan.slots[number].role {
        Role::State(name) => Some(Member { name, offset, bytes: plan.slots[number].bytes }),
        _ => None,
    };
    parts.filter_map(|(number, part)| member((number, part.offset))).collect()
}

/// Where states will stand, and the copies that bring them there.
#[derive(Default)]
struct Moves {
    places: Vec<(String, Region)>,
    copies: Vec<Command>,
}

impl Moves {
    fn add(&mut self, name: &str, from: Option<&Region>, to: Region) {
        if let Some(from) = from {
            let (from, to) = (from.clone(), to.clone());
            self.copies.push(Command::Copy { bytes: to.bytes, from, to });
        }
        self.places.push((name.into(), to));
    }
}
