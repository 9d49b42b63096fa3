//! Attention maps: the weights with which each place looks at each.

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_graph::{Node, Tensor};
use anygrad_nn::Scope;

use crate::Explainer;
use crate::explainer::{X, check, parts};

/// The weights of one attention layer.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMap {
    /// The path of the layer.
    pub layer: String,
    /// `[n, heads, queries, keys]`: how much of each key's value a query takes. They add up to 1 over the
    /// keys.
    pub weights: Array,
}

impl Explainer<'_> {
    /// The weights of every attention of the model for rows x, in the order of the layers. Models compute
    /// attention without ever holding them; here it is run with values that are one for one key each.
    ///
    /// # Errors
    /// The rows do not fit the model, it has no attention, or the device failed.
    pub async fn attention(&self, x: &Array) -> Result<Vec<AttentionMap>> {
        let rows = check(x)?;
        let batch = self.batch.min(rows);
        let mut found: Vec<(String, Shape)> = Vec::new();
        let mut program = self.compile(&[x], |scope| {
            let graph = scope.graph();
            self.build(scope, graph.input(X, &x.shape().with(0, batch), x.dtype()));
            let is_attention = |node: &Node| node.op.name() == "attention";
            let nodes: Vec<Node> = graph.nodes().into_iter().filter(is_attention).collect();
            if nodes.is_empty() {
                scope.fail(Error::input("attention maps of a model without attention"));
            }
            let maps: Vec<Tensor<'_>> = nodes.iter().map(|node| weights(scope, node)).collect();
            let name = |node: &Node| node.label.as_deref().unwrap_or("attention").to_owned();
            found = nodes.iter().map(name).zip(maps.iter().map(|map| map.shape())).collect();
            maps
        })?;
        let mut numbers = vec![Vec::new(); found.len()];
        for part in parts(rows, batch) {
            program.write(X, &x.take_rows(&part.padded(batch))?)?;
            program.run()?;
            for (output, numbers) in numbers.iter_mut().enumerate() {
                let map = program.read(output).await?;
                numbers.extend_from_slice(&map.as_f32()?[..map.shape().elements() / batch * part.len()]);
            }
        }
        let map = |((layer, shape), numbers): ((String, Shape), Vec<f32>)| {
            Ok(AttentionMap { layer, weights: Array::f32(&shape.with(0, rows), numbers)? })
        };
        found.into_iter().zip(numbers).map(map).collect()
    }
}

/// What an attention with the queries, keys and mask of this one makes of values that are rows of the
/// identity: the weights themselves. Values are as wide as keys, so that it takes several.
fn weights<'g>(scope: &Scope<'g>, node: &Node) -> Tensor<'g> {
    let graph = scope.graph();
    let inputs: Vec<Tensor<'g>> = node.inputs.iter().map(|&id| graph.tensor(id)).collect();
    let [batch, kv_heads, keys, width] = inputs[1].dims("the keys of attention");
    let places = graph.arange(0.0, keys as f64, 1.0, DType::I32).reshape(&[1, 1, keys, 1]);
    let of_keys = |first: usize| {
        let columns = graph.arange(first as f64, (first + width) as f64, 1.0, DType::I32);
        let values = places.eq(columns).cast(DType::F32).broadcast_to(&[batch, kv_heads, keys, width]);
        let mut inputs = inputs.clone();
        inputs[2] = values;
        graph.apply_all(node.op.clone(), &inputs)[0]
    };
    let blocks: Vec<Tensor<'g>> = (0..keys).step_by(width.max(1)).map(of_keys).collect();
    graph.concat(&blocks, 3).narrow(3, 0..keys)
}
