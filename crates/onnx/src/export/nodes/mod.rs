//! What each operator and each composite is in ONNX: tables of a function for each.

mod attention;
mod basic;
mod index;
mod norm;
mod pointwise;
mod recurrent;
mod windows;

pub(super) use pointwise::is_cast;

use anygrad_core::{Error, Result};
use anygrad_graph::{Composite, Graph, Op};

use super::emit::Emitter;
use super::twins::Size;
use super::units::Call;

/// Writes the nodes of a call.
type Write = fn(&mut Emitter<'_>, &Call) -> Result<()>;

/// Operators that are no pointwise functions.
const OPERATORS: &[(&str, Write)] = &[
    ("reshape", basic::reshape),
    ("permute", basic::permute),
    ("slice", basic::slice),
    ("concat", basic::concat),
    ("split", basic::split),
    ("pad", basic::pad),
    ("matmul", basic::matmul),
    ("to_f16", basic::cast),
    ("to_bf16", basic::cast),
    ("to_f32", basic::cast),
    ("sum", basic::reduce),
    ("max", basic::reduce),
    ("min", basic::reduce),
    ("prod", basic::reduce),
    ("cumsum", basic::cumsum),
    ("softmax", norm::softmax),
    ("log_softmax", norm::softmax),
    ("conv1d", windows::conv),
    ("conv2d", windows::conv),
    ("conv3d", windows::conv),
    ("conv1d_input_grad", windows::conv_transpose),
    ("conv2d_input_grad", windows::conv_transpose),
    ("conv3d_input_grad", windows::conv_transpose),
    ("gather", index::gather),
    ("gather_elements", index::gather_elements),
    ("argmax", index::argmax),
    ("argmin", index::argmax),
    ("argsort", index::argsort),
    ("sort", index::sorted),
    ("taps", index::taps),
    ("diagonal", index::diagonal),
];

/// A composite: whether it can be written as it is here, and how; its nodes are written otherwise.
type Row = (&'static str, fn(&Seen<'_>) -> bool, Write);

const COMPOSITES: &[Row] = &[
    ("conv", always, windows::conv),
    ("max_pool", always, windows::max_pool),
    ("avg_pool", always, windows::avg_pool),
    ("lp_pool", always, windows::lp_pool),
    ("resize", windows::can_resize, windows::resize),
    ("batch_norm_inference", norm::has_channels_second, norm::batch_norm),
    ("instance_norm", always, norm::instance_norm),
    ("layer_norm", always, norm::layer_norm),
    ("rms_norm", always, norm::rms_norm),
    ("softmax", always, norm::softmax),
    ("log_softmax", always, norm::softmax),
    ("mean", basic::has_elements, basic::mean),
    ("attention", attention::can, attention::write),
    ("recurrent", always, recurrent::write),
    ("reverse_sequence", always, index::reverse_sequence),
    ("selu", always, pointwise::activation),
    ("mish", always, pointwise::activation),
    ("hard_sigmoid", always, pointwise::activation),
    ("hard_swish", always, pointwise::activation),
    ("celu", always, pointwise::activation),
    ("softsign", always, pointwise::activation),
    ("prelu", pointwise::can_prelu, pointwise::prelu),
];

/// A composite and the sizes of all values.
pub(super) struct Seen<'a> {
    composite: &'a Composite,
    sizes: &'a [Vec<Size>],
}

impl Seen<'_> {
    /// The sizes of an input.
    fn input(&self, name: &str) -> &[Size] {
        self.composite.input(name).map_or(&[], |id| &self.sizes[id.index()])
    }

    /// The sizes of the first output.
    fn output(&self) -> &[Size] {
        self.composite.outputs.first().map_or(&[], |(_, id)| &self.sizes[id.index()])
    }

    /// An axis of the input x, of those that may count from the back.
    fn axis(&self) -> Option<usize> {
        counted(self.composite.attributes.int("axis").ok()?, self.input("x").len())
    }
}

fn always(_: &Seen<'_>) -> bool {
    true
}

/// An axis from the front.
fn counted(axis: i64, rank: usize) -> Option<usize> {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok().filter(|axis| *axis < rank)
}

fn row(name: &str) -> Option<&'static Row> {
    COMPOSITES.iter().find(|(known, ..)| *known == name)
}

/// Whether a composite can be written as one.
pub(super) fn can(composite: &Composite, sizes: &[Vec<Size>]) -> bool {
    row(composite.name).is_some_and(|(_, can, _)| can(&Seen { composite, sizes }))
}

/// Whether an operator gives the elements of its first input, perhaps repeated.
pub(super) fn is_alias(op: &dyn Op) -> bool {
    matches!(op.name(), "broadcast_to" | "identity") || op.attributes().is("same")
}

/// The composites of a graph, with what they need beside their inputs made in the graph.
///
/// # Errors
/// A mistake of ours.
pub(super) fn prepare(graph: &Graph) -> Result<Vec<Composite>> {
    let mut composites = graph.composites();
    for composite in composites.iter_mut().filter(|composite| composite.name == "recurrent") {
        let more = recurrent::weights(graph, composite)?;
        composite.inputs.extend(more);
    }
    graph.check()?;
    Ok(composites)
}

/// Writes a call.
pub(super) fn write(emitter: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let write = match call.is_composite {
        true => row(call.name).map(|(.., write)| *write),
        false => OPERATORS.iter().find(|(name, _)| *name == call.name).map(|(_, write)| *write),
    };
    match write {
        Some(write) => write(emitter, call),
        None if pointwise::knows(call.name) => pointwise::function(emitter, call),
        None => Err(Error::unsupported("ONNX has no such operator, or none that is used here")),
    }
}
