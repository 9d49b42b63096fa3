//! Windows: ranges of buffers that are larger than one binding can show.
//!
//! A chain of pointwise functions runs over ranges of its results, an operator that works on rows
//! over ranges of rows ([`Op::rows`]), one dispatch or several for each range.
//!
//! [`Op::rows`]: anygrad_graph::Op::rows

use anygrad_graph::core::{Caps, Result};
use anygrad_graph::{Kernels, Layout, Lowering, Meta, Node, NodeId, Operand, Rows};

use crate::lower::{Program, Value};

/// Offsets of bindings are multiples of this on every adapter, in bytes.
pub(crate) const ALIGNMENT: u64 = 256;

/// Bytes of a buffer that a binding shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

/// How an operator is lowered for operands of these shapes, where kernels are permitted for it.
pub(crate) type Lower<'a> = &'a dyn Fn(&[Layout], &[Meta]) -> Result<Option<Lowering>>;

/// Kernels over ranges of rows, and for each dispatch the windows of its bindings.
pub(crate) struct Split {
    pub(crate) kernels: Kernels,
    pub(crate) windows: Vec<Vec<Option<Window>>>,
}

/// How many of `count` pieces one range takes, when the largest piece of an operand has `largest`
/// bytes and each operand's begin at a multiple of its own `bytes`; `None` where not even the
/// smallest aligned range fits.
pub(crate) fn range(bytes: &[u64], limit: u64) -> Option<usize> {
    let largest = *bytes.iter().max()?;
    let step = bytes.iter().map(|&bytes| ALIGNMENT / gcd(ALIGNMENT, bytes)).max()?;
    let most = limit / largest.max(1) / step * step;
    usize::try_from(most).ok().filter(|&most| most > 0)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether a binding of these bytes may begin here.
pub(crate) fn is_aligned(offset: u64) -> bool {
    offset.is_multiple_of(ALIGNMENT)
}

/// Kernels over ranges of rows, where an operand is larger than a binding and has rows.
pub(crate) fn split(
    (node, id): (&Node, Option<NodeId>),
    x: &mut [Value],
    y: &[Meta],
    program: &mut Program,
    caps: &Caps,
    lower: Lower<'_>,
) -> Result<Option<Split>> {
    let layouts: Vec<Layout> = x.iter().map(|value| value.layout).collect();
    let Some(rows) = node.op.rows(&layouts, y) else { return Ok(None) };
    for (value, _) in
        x.iter_mut().zip(&rows.inputs).filter(|(value, cut)| **cut && !value.layout.is_contiguous())
    {
        let storage = program.copy(value, (Some(node.place), id));
        *value = Value { storage, layout: Layout::contiguous(value.layout.meta) };
    }
    let layouts: Vec<Layout> = x.iter().map(|value| value.layout).collect();
    split_rows(lower, &rows, &layouts, y, caps)
}

/// Lowers an operator range by range of its rows. `None` where it has none, or they are too long.
/// The inputs that are cut are row-major from the start of their buffers.
fn split_rows(lower: Lower<'_>, rows: &Rows, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Option<Split>> {
    let cut = x.iter().map(|x| x.meta).zip(&rows.inputs).chain(y.iter().copied().zip(&rows.outputs));
    let bytes: Vec<u64> = cut.filter(|(_, cut)| **cut).map(|(meta, _)| row_bytes(&meta)).collect();
    // A binding ends at a whole group of four elements. Where an operator needs more memory for
    // itself than its operands take, shorter ranges may do.
    let limit = caps.max_binding_bytes.saturating_sub(16);
    for part in [1, 2, 4, 8] {
        let Some(most) = range(&bytes, limit / part) else { return Ok(None) };
        match split_into(most, lower, rows, x, y)? {
            Some(split) if fits(&split.kernels, caps) => return Ok(Some(split)),
            Some(_) => {}
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// Whether one binding shows what the kernels need for themselves.
pub(crate) fn fits(kernels: &Kernels, caps: &Caps) -> bool {
    kernels.scratch.iter().all(|meta| meta.bytes().next_multiple_of(16) <= caps.max_binding_bytes)
}

fn row_bytes(meta: &Meta) -> u64 {
    meta.bytes() / meta.shape.first().copied().unwrap_or(1).max(1) as u64
}

/// At most `most` rows at a time.
fn split_into(most: usize, lower: Lower<'_>, rows: &Rows, x: &[Layout], y: &[Meta]) -> Result<Option<Split>> {
    let mut split = Split { kernels: Kernels::default(), windows: Vec::new() };
    for first in (0..rows.count).step_by(most) {
        let count = most.min(rows.count - first);
        let part =
            |meta: Meta, cut: bool| if cut { meta.with_shape(meta.shape.with(0, count)) } else { meta };
        let inputs = x.iter().zip(&rows.inputs);
        let inputs: Vec<Layout> =
            inputs.map(|(x, &cut)| if cut { Layout::contiguous(part(x.meta, true)) } else { *x }).collect();
        let outputs: Vec<Meta> = y.iter().zip(&rows.outputs).map(|(y, &cut)| part(*y, cut)).collect();
        let Some(Lowering::Kernels(kernels)) = lower(&inputs, &outputs)? else { return Ok(None) };
        let window = |part: &Meta, whole: &Meta| Window {
            offset: first as u64 * row_bytes(whole),
            bytes: part.bytes().next_multiple_of(16),
        };
        for dispatch in kernels.dispatches {
            let windows = dispatch.bindings.iter().map(|operand| match *operand {
                Operand::Input(i) if rows.inputs[i] => Some(window(&inputs[i].meta, &x[i].meta)),
                Operand::Output(i) if rows.outputs[i] => Some(window(&outputs[i], &y[i])),
                _ => None,
            });
            split.windows.push(windows.collect());
            split.kernels.dispatches.push(dispatch);
        }
        // The ranges share their scratch memory.
        for (i, meta) in kernels.scratch.into_iter().enumerate() {
            match split.kernels.scratch.get_mut(i) {
                Some(known) if known.bytes() >= meta.bytes() => {}
                Some(known) => *known = meta,
                None => split.kernels.scratch.push(meta),
            }
        }
    }
    Ok(Some(split))
}
