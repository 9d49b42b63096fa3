//! Models out: a graph of ours as an ONNX model.
//!
//! ```text
//! build        twins    the graph, and where the batch is free a second one for another batch
//! sizes        twins    which sizes are the batch's
//! units        units    the nodes, and the composites in place of theirs, that the outputs need
//! constants    fold     what follows from parameters alone is computed now
//! nodes        nodes/   one function of a table for each operator and composite
//! file         file     one file, or two where the parameters are large
//! ```
//!
//! The model is the graph as it stands: for inference, build it for evaluation. Parameters keep their names. What
//! ONNX cannot say is refused, all of it at once, each with its line.

mod emit;
mod file;
mod fold;
mod formula;
mod nodes;
mod scribe;
mod twins;
mod units;

use std::collections::BTreeMap;

use anygrad_core::{Array, Context, Error, Result};
use anygrad_graph::{Graph, Tensor, ValueId};

use crate::proto::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use emit::Emitter;
pub use file::{LARGEST_FILE, save, save_within};
use twins::Twins;
use units::Units;

/// The version of the operators: 2022's, which runtimes in use know. An operator that needs a later one raises it.
pub const OPSET: i64 = 18;

/// The rows of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batch {
    /// Any number: a dimension of the name `batch`.
    #[default]
    Any,
    /// So many.
    Of(usize),
}

/// What else an exported model tells.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The name of its graph.
    pub name: String,
    /// A sentence or more for those who read it.
    pub doc: String,
    /// Entries of the model's metadata.
    pub metadata: Vec<(String, String)>,
}

impl Default for ExportOptions {
    fn default() -> Self {
        ExportOptions { name: "model".into(), doc: String::new(), metadata: Vec::new() }
    }
}

/// The outputs of a graph, by their names.
pub type Outputs<'g> = Vec<(String, Tensor<'g>)>;

/// Two sizes of batches of which neither is likely to be a size of a model.
const TWO_BATCHES: [usize; 2] = [13, 19];

/// An ONNX model from what builds its graph on a batch of so many rows. `values` are those of the states.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use anygrad_core::{Array, DType};
/// use anygrad_onnx::export::{Batch, ExportOptions, export};
///
/// let weight = Array::f32(&[3, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// let values = BTreeMap::from([("weight".to_owned(), weight)]);
/// let model = export(Batch::Any, &values, &ExportOptions::default(), |graph, rows| {
///     let x = graph.input("x", &[rows, 3], DType::F32);
///     Ok(vec![("y".to_owned(), x.matmul(graph.state("weight", &[3, 2])).relu())])
/// })?;
/// let nodes = model.graph.unwrap_or_default().node;
/// assert_eq!(nodes.iter().map(|node| node.op_type()).collect::<Vec<_>>(), ["MatMul", "Relu"]);
/// # Ok::<(), anygrad_core::Error>(())
/// ```
///
/// # Errors
/// The graph holds a mistake, or what ONNX cannot say; a state has no value; with [`Batch::Any`], the graph is not
/// the same for every batch.
pub fn export(
    batch: Batch,
    values: &BTreeMap<String, Array>,
    options: &ExportOptions,
    build: impl for<'g> Fn(&'g Graph, usize) -> Result<Outputs<'g>>,
) -> Result<ModelProto> {
    let built = |rows: usize| -> Result<(Graph, Vec<(String, ValueId)>)> {
        let graph = Graph::new();
        let outputs = build(&graph, rows)?.into_iter().map(|(name, y)| (name, y.id())).collect();
        graph.check()?;
        Ok((graph, outputs))
    };
    match batch {
        Batch::Of(rows) => {
            let (graph, outputs) = built(rows)?;
            model_of(&Twins::alone(graph)?, &outputs, values, options)
        }
        Batch::Any => {
            let [first, second] = TWO_BATCHES.map(built);
            let ((first, outputs), (second, others)) = (first?, second?);
            let hint = "the model is not the same for every batch; give the number of rows";
            if outputs != others {
                return Err(Error::unsupported(format!("{hint}: its outputs are other values")));
            }
            model_of(&Twins::of(first, second, TWO_BATCHES).context(|| hint)?, &outputs, values, options)
        }
    }
}

/// As [`export()`], of a graph that is there.
///
/// # Errors
/// Those of [`export()`].
pub fn export_graph(
    graph: &Graph,
    outputs: &Outputs<'_>,
    values: &BTreeMap<String, Array>,
    options: &ExportOptions,
) -> Result<ModelProto> {
    graph.check()?;
    let outputs: Vec<_> = outputs.iter().map(|(name, y)| (name.clone(), y.id())).collect();
    model_of(&Twins::alone(graph.clone())?, &outputs, values, options)
}

fn model_of(
    twins: &Twins,
    outputs: &[(String, ValueId)],
    values: &BTreeMap<String, Array>,
    options: &ExportOptions,
) -> Result<ModelProto> {
    let sizes = twins.sizes()?;
    let constant = fold::constants(twins, &sizes);
    let ids: Vec<ValueId> = outputs.iter().map(|(_, id)| *id).collect();
    let units = Units::needed(twins, &sizes, &constant, &ids);
    let folded = fold::values(twins, &units.constants, values)?;
    let mut emitter = Emitter::new(twins, sizes, folded, &units, outputs)?;
    let mut refused = Vec::new();
    for call in &units.calls {
        if let Err(error) = emitter.call(call) {
            refused.push(format!("{call}: {error}"));
            emitter.give_up(call);
        }
    }
    if !refused.is_empty() {
        let (count, list) = (refused.len(), refused.join("\n  "));
        let message = format!("{count} operators of the model cannot be said in ONNX:\n  {list}");
        return Err(Error::unsupported(message));
    }
    let (graph, opset) = emitter.finish(outputs, options)?;
    Ok(finished(graph, opset, options))
}

fn finished(graph: GraphProto, opset: i64, options: &ExportOptions) -> ModelProto {
    let entry = |(key, value): &(String, String)| StringStringEntryProto {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    ModelProto {
        // The versions of the file that came with these operators.
        ir_version: Some(if opset > OPSET { 9 } else { 8 }),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(opset) }],
        producer_name: Some("anygrad".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(graph),
        metadata_props: options.metadata.iter().map(entry).collect(),
        doc_string: (!options.doc.is_empty()).then(|| options.doc.clone()),
        ..ModelProto::default()
    }
}
