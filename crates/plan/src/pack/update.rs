//! Updates: steps that could be joined.

use anygrad_graph::core::{Caps, Result, Shape};
use anygrad_graph::{Kernels, Layout, Lowering, Meta};

use crate::choose::permitted;
use crate::lower::{KernelWork, Source, Step, StorageId, Work};
use crate::place::Placed;
use crate::window::{ALIGNMENT, fits};

/// Largest member of a pack: to update it takes twenty times as long as a dispatch costs.
const MAX_MEMBER_BYTES: u64 = 1 << 20;

/// A step that goes through states element by element, in place.
pub(super) struct Update {
    /// What it goes through: first what it writes, then the gradient.
    pub(super) columns: Vec<StorageId>,
    /// Inputs that are the same for all elements.
    pub(super) shared: Vec<StorageId>,
    meta: Meta,
    /// What it runs for a few elements, which does not depend on how many it has.
    sample: Kernels,
}

impl Update {
    /// `None` where a step is no update, or cannot be joined to others.
    pub(super) fn of(placed: &Placed, step: &Step, caps: &Caps) -> Result<Option<Self>> {
        let Work::Kernels(work) = &step.work else { return Ok(None) };
        let Some(count) = work.op.elementwise_inputs() else { return Ok(None) };
        let storages = &placed.program.storages;
        let meta = storages[step.outputs[0]].meta();
        let written: Vec<StorageId> = step.outputs.iter().map(|&y| placed.home[y]).collect();
        let columns: Vec<StorageId> = step.inputs[..count].iter().map(|&x| placed.home[x]).collect();
        let can_be_packed = |column: &StorageId| {
            storages[*column].meta().bytes() == meta.bytes()
                && match storages[*column].source {
                    Source::State(_) => written.contains(column),
                    Source::Step => !written.contains(column),
                    Source::Input(_) | Source::Constant(_) | Source::Pack => false,
                }
        };
        let in_place = written.len() == work.in_place.len()
            && work.in_place.iter().all(|&(output, input)| columns.get(input) == Some(&written[output]));
        let is_small = (1..=MAX_MEMBER_BYTES).contains(&meta.bytes());
        let is_plain = work.windows.is_empty() && work.epilogue.is_none();
        if !(in_place && is_small && is_plain && columns.iter().all(can_be_packed)) {
            return Ok(None);
        }
        let shared = step.inputs[count..].to_vec();
        let mut update = Update { columns, shared, meta, sample: Kernels::default() };
        let Some(sample) = update.lowered(placed, work, ALIGNMENT, caps)? else { return Ok(None) };
        update.sample = sample;
        Ok(Some(update))
    }

    /// Bytes from the start of this member of a pack to that of the next.
    pub(super) fn stride(&self) -> u64 {
        self.meta.bytes().next_multiple_of(ALIGNMENT)
    }

    /// So many bytes as one axis.
    pub(super) fn flat(&self, bytes: u64) -> Result<Meta> {
        Ok(self.meta.with_shape(Shape::new(&[bytes as usize / self.meta.dtype.size()])?))
    }

    /// The same update of operands of so many bytes, where kernels are permitted for it.
    pub(super) fn lowered(
        &self,
        placed: &Placed,
        work: &KernelWork,
        bytes: u64,
        caps: &Caps,
    ) -> Result<Option<Kernels>> {
        let meta = self.flat(bytes)?;
        let mut x = vec![Layout::contiguous(meta); self.columns.len()];
        let shared = self.shared.iter().map(|&input| placed.program.storages[input].meta());
        x.extend(shared.map(Layout::contiguous));
        Ok(match permitted(&*work.op, &x, &vec![meta; work.in_place.len()], caps)? {
            Some(Lowering::Kernels(kernels)) if fits(&kernels, caps) => Some(kernels),
            _ => None,
        })
    }

    /// Whether both do the same to each element, with the same shared inputs.
    pub(super) fn is_like(&self, other: &Update, placed: &Placed) -> bool {
        let (a, b) = (&self.sample, &other.sample);
        let same_dispatches = a.dispatches.iter().zip(&b.dispatches).all(|(a, b)| {
            (a.kernel.name, &a.overrides, &a.params, &a.bindings)
                == (b.kernel.name, &b.overrides, &b.params, &b.bindings)
        });
        let same_shared = self.shared.iter().zip(&other.shared).all(|(&a, &b)| same_value(placed, a, b));
        self.meta.dtype == other.meta.dtype
            && (self.columns.len(), self.shared.len()) == (other.columns.len(), other.shared.len())
            && a.dispatches.len() == b.dispatches.len()
            && same_dispatches
            && same_shared
    }
}

/// Whether two inputs hold the same: they are one, or equal constants.
fn same_value(placed: &Placed, a: StorageId, b: StorageId) -> bool {
    let source = |storage: StorageId| &placed.program.storages[placed.home[storage]].source;
    placed.home[a] == placed.home[b]
        || matches!((source(a), source(b)), (Source::Constant(a), Source::Constant(b)) if a == b)
}
