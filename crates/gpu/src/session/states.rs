//! States in device memory. Where each stands is decided by [`Standing`]; here it is done: buffers are
//! made, and states copied. Programs look again where their states stand when some have moved, and keep
//! the memory where a state stood until they run again.

use std::collections::{BTreeMap, HashMap};

use anygrad_core::{Context, Error, Result};
use anygrad_plan::{BufferId, Place, Plan, Settled, SlotId, Standing};

use crate::buffer::Buffer;
use crate::device::{Command, Device};
use crate::region::Region;

#[derive(Default)]
pub(super) struct States {
    standing: Standing,
    buffers: HashMap<BufferId, Buffer>,
}

impl States {
    /// A number that changes when states move.
    pub(super) fn moves(&self) -> u64 {
        self.standing.moves()
    }

    /// Where a state stands, if a program has asked for it.
    pub(super) fn get(&self, name: &str) -> Option<Region> {
        self.region(self.standing.get(name)?).ok()
    }

    /// Where a state stands; a new one holds zeros in a buffer of its own.
    pub(super) fn get_or_make(&mut self, device: &Device, name: &str, bytes: u64) -> Result<Region> {
        if let Some(region) = self.get(name) {
            return Ok(region);
        }
        self.apply(device, &self.standing.alone(name, bytes))?;
        self.get(name).ok_or_else(|| Error::internal(format!("state {name} stands nowhere")))
    }

    /// The memory of a plan's states: of each slot that is a pack, or a state that is part of none. States
    /// move where it has to be so.
    pub(super) fn settle(&mut self, device: &Device, plan: &Plan) -> Result<BTreeMap<SlotId, Region>> {
        let settled = self.standing.settle(plan);
        self.apply(device, &settled)?;
        settled.memory.iter().map(|(slot, place)| Ok((*slot, self.region(*place)?))).collect()
    }

    /// Makes the buffers and copies the states. Nothing has moved where that fails.
    fn apply(&mut self, device: &Device, settled: &Settled) -> Result<()> {
        let made = self.make(device, settled);
        if made.is_ok() {
            self.standing.accept(settled);
        }
        let used = self.standing.buffers();
        self.buffers.retain(|buffer, _| used.contains_key(buffer));
        made
    }

    fn make(&mut self, device: &Device, settled: &Settled) -> Result<()> {
        for new in &settled.made {
            self.buffers.insert(new.buffer, device.buffer(&new.label, new.bytes)?);
        }
        let copy = |(from, to): &(Place, Place)| -> Result<Command> {
            Ok(Command::Copy { from: self.region(*from)?, to: self.region(*to)?, bytes: to.bytes })
        };
        if settled.copies.is_empty() {
            return Ok(());
        }
        let copies = settled.copies.iter().map(copy).collect::<Result<Vec<_>>>()?;
        device.submit(&copies).context(|| "moving states together")
    }

    fn region(&self, place: Place) -> Result<Region> {
        let buffer = self.buffers.get(&place.buffer);
        let buffer = buffer.ok_or_else(|| Error::internal(format!("no buffer {}", place.buffer)))?;
        Ok(Region { buffer: buffer.clone(), offset: place.offset, bytes: place.bytes })
    }
}
