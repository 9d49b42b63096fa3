//! How values stand in memory: operators say what they want, pointwise functions follow their inputs, and
//! the rest is copied.

use std::borrow::Cow;

use anygrad_graph::core::Caps;
use anygrad_graph::{Arrangement, Layout, Lowering, Meta, Op};

use crate::assemble::padded;
use crate::lower::{Blame, Program, Source, StorageId, Value};

/// How the operands of an operator stand, and the capabilities that it is lowered for: those of every
/// adapter where its best kernels are excluded.
pub(crate) fn arranged<'a>(
    op: &dyn Op,
    x: &[Layout],
    y: &[Meta],
    caps: &'a Caps,
) -> (Arrangement, Cow<'a, Caps>) {
    let shown = |meta: Meta| padded(meta.bytes()) <= caps.max_binding_bytes;
    if !x.iter().map(|layout| layout.meta).chain(y.iter().copied()).all(shown) {
        // What is cut into ranges stands row-major.
        let accepts = |i: usize, layout: &Layout| op.accepts(i, layout);
        return (Arrangement::accepted(x, y, accepts), Cow::Borrowed(caps));
    }
    let best = op.arrange(x, y, caps);
    debug_assert_eq!(op.arrange(&best.inputs, y, caps), best, "{op:?}");
    let excluded = |lowering: Lowering| lowering.uses(|name| caps.excludes(name)).is_some();
    if caps.excluded.is_empty() || !op.lower(&best.inputs, y, caps).is_ok_and(excluded) {
        return (best, Cow::Borrowed(caps));
    }
    let portable = caps.portable();
    (op.arrange(x, y, &portable), Cow::Owned(portable))
}

/// How the result of a pointwise function stands: as the first input that has all of its elements, if
/// that is row-major or channels last; row-major otherwise.
pub(crate) fn common_layout(x: &[Value], y: Meta) -> Layout {
    let dense = x.iter().filter_map(|value| {
        let layout = Layout { meta: y, ..value.layout };
        let known = [Layout::contiguous(y), Layout::channels_last(y)];
        // Of three axes, channels last is also what a transposed sequence looks like.
        known.into_iter().take(if y.shape.rank() > 3 { 2 } else { 1 }).find(|known| layout.stands_as(known))
    });
    dense.into_iter().next().unwrap_or_else(|| Layout::contiguous(y))
}

/// The order of the axes in a storage.
pub(crate) fn order_of(layout: &Layout) -> Vec<usize> {
    layout.memory_order().unwrap_or_else(|| (0..layout.shape().rank()).collect())
}

impl Program {
    /// A storage with the elements of a value in another layout, which is dense from the start: a copy
    /// made before, of what stays as it is throughout a run, or a new one.
    pub(crate) fn copy_once(&mut self, value: &Value, layout: Layout, blame: Blame) -> StorageId {
        let known = self.copies.iter().find(|(from, to)| from == value && to.layout == layout);
        if let Some((_, copy)) = known {
            return copy.storage;
        }
        let storage = self.copy_as(value, layout, blame);
        if !matches!(self.storages[value.storage].source, Source::Step) {
            self.copies.push((value.clone(), Value { storage, layout }));
        }
        storage
    }
}
