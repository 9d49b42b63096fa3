//! From calls to nodes: which name stands for a value, and in which shape.

use std::collections::{HashMap, HashSet};

use anygrad_core::{DType, Error, Result};
use anygrad_graph::{Graph, Origin, ValueId};

use super::fold::Folded;
use super::scribe::{Scribe, Setting, data_type};
use super::twins::{Size, Twins};
use super::units::{Call, Units};
use super::{ExportOptions, OPSET, nodes};
use crate::proto::{
    DimensionProto, DimensionValue, GraphProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue,
    ValueInfoProto,
};

/// What a model that is the same for every batch does not depend on.
const BATCH: &str = "the number of rows of a batch: give one";

/// A value as it is written. It may lack axes in front, and have one element along axes, where the value repeats
/// itself: operators broadcast by the same rule as here.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) sizes: Vec<Size>,
}

pub(super) struct Emitter<'a> {
    graph: &'a Graph,
    sizes: Vec<Vec<Size>>,
    folded: HashMap<ValueId, Folded>,
    units: &'a Units,
    pub(super) scribe: Scribe,
    known: HashMap<ValueId, Known>,
    /// Values with all of their elements.
    whole: HashMap<ValueId, String>,
    /// What a value is turned around along an axis.
    pub(super) turned: HashMap<ValueId, (usize, String)>,
    inputs: Vec<(String, ValueId)>,
    /// Multiples of the rows of the batch, as lists of one number.
    batches: HashMap<usize, String>,
    pub(super) opset: i64,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(
        twins: &'a Twins,
        sizes: Vec<Vec<Size>>,
        folded: HashMap<ValueId, Folded>,
        units: &'a Units,
        outputs: &[(String, ValueId)],
    ) -> Result<Self> {
        let graph = &twins.first.graph;
        let mut emitter = Emitter {
            graph,
            sizes,
            folded,
            units,
            scribe: Scribe::default(),
            known: HashMap::new(),
            whole: HashMap::new(),
            turned: HashMap::new(),
            inputs: Vec::new(),
            batches: HashMap::new(),
            opset: OPSET,
        };
        for id in graph.ids().filter(|id| units.uses.contains_key(id)) {
            if let Origin::Input(name) = graph.origin(id) {
                let known = Known { name: emitter.scribe.unique(&name), sizes: emitter.sizes(id).to_vec() };
                emitter.known.insert(id, known);
                emitter.inputs.push((name, id));
            }
        }
        for (name, _) in outputs {
            if emitter.scribe.unique(name) != *name {
                return Err(Error::input(format!("the name {name:?} is that of two inputs or outputs")));
            }
        }
        Ok(emitter)
    }

    /// Writes a call.
    pub(super) fn call(&mut self, call: &Call) -> Result<()> {
        self.scribe.part = call.label.as_ref().map(|label| label.replace('.', "/"));
        nodes::write(self, call)
    }

    /// Goes on as if a call had been written.
    pub(super) fn give_up(&mut self, call: &Call) {
        for &(_, id) in &call.outputs {
            self.set(id, "refused".into());
        }
    }

    pub(super) fn sizes(&self, id: ValueId) -> &[Size] {
        &self.sizes[id.index()]
    }

    pub(super) fn dtype(&self, id: ValueId) -> DType {
        self.graph.meta(id).dtype
    }

    /// The numbers of a value that is known.
    pub(super) fn numbers(&self, id: ValueId) -> Option<Vec<f64>> {
        self.folded.get(&self.root(id)).map(|folded| folded.array.to_f64())
    }

    /// How often a value is read.
    pub(super) fn uses(&self, id: ValueId) -> usize {
        self.units.uses.get(&self.root(id)).copied().unwrap_or(0)
    }

    /// Whether a value is an input of the model, perhaps in another form.
    pub(super) fn is_given(&self, id: ValueId) -> bool {
        let mut id = self.root(id);
        loop {
            match self.graph.origin(id) {
                Origin::Input(_) => return true,
                Origin::Node(node, _) => {
                    let node = self.graph.node(node);
                    let name = node.op.name();
                    if !matches!(name, "reshape" | "permute" | "slice") && !nodes::is_cast(name) {
                        return false;
                    }
                    id = self.root(node.inputs[0]);
                }
                _ => return false,
            }
        }
    }

    fn root(&self, id: ValueId) -> ValueId {
        self.units.roots[id.index()]
    }

    /// What stands for a value.
    pub(super) fn loose(&mut self, id: ValueId) -> Result<Known> {
        let root = self.root(id);
        if let Some(known) = self.known.get(&root) {
            return Ok(known.clone());
        }
        let Some(folded) = self.folded.get(&root) else {
            return Err(match self.graph.origin(root) {
                Origin::State(name) => Error::unsupported(format!("the state {name:?} depends on {BATCH}")),
                Origin::Constant(_) => Error::unsupported(format!("a constant of it depends on {BATCH}")),
                _ => Error::internal(format!("{root:?} was not written")),
            });
        };
        let name = self.scribe.constant(folded.state.as_deref().unwrap_or("constant"), &folded.array);
        let known = Known { name, sizes: self.sizes(root).to_vec() };
        self.known.insert(root, known.clone());
        Ok(known)
    }

    /// A value with all of its elements.
    pub(super) fn exact(&mut self, id: ValueId) -> Result<String> {
        let known = self.loose(id)?;
        if known.sizes == self.sizes(id) {
            return Ok(known.name);
        }
        if let Some(name) = self.whole.get(&id) {
            return Ok(name.clone());
        }
        let sizes = self.sizes(id).to_vec();
        let name = self.expand(known, &sizes)?;
        self.whole.insert(id, name.clone());
        Ok(name)
    }

    /// Says that a value is this, with all of its elements.
    pub(super) fn set(&mut self, id: ValueId, name: String) {
        let sizes = self.sizes(id).to_vec();
        self.known.insert(id, Known { name, sizes });
    }

    /// Says that a value is this.
    pub(super) fn set_loose(&mut self, id: ValueId, known: Known) {
        self.known.insert(id, known);
    }

    /// A node with one output.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        settings: &[(&'static str, Setting)],
    ) -> String {
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        self.scribe.node(operator, inputs, 1, settings).swap_remove(0)
    }

    /// Repeats elements along axes of one element, and along new axes in front.
    fn expand(&mut self, from: Known, to: &[Size]) -> Result<String> {
        let added = to.len() - from.sizes.len();
        // A target of 1 leaves an axis as it is.
        let target = |(axis, &size): (usize, &Size)| match axis.checked_sub(added) {
            Some(axis) if from.sizes[axis] == size => Size::ONE,
            _ => size,
        };
        let target: Vec<Size> = to.iter().enumerate().map(target).collect();
        let shape = self.shape(&target)?;
        Ok(self.node("Expand", &[&from.name, &shape], &[]))
    }

    /// The same elements under another shape.
    pub(super) fn reshape(&mut self, name: &str, from: &[Size], to: &[Size]) -> Result<String> {
        if from == to {
            return Ok(name.to_owned());
        }
        let mut inferred = false;
        let mut sizes = Some(Vec::new());
        for (axis, &size) in to.iter().enumerate() {
            let size = match size {
                // 0 would copy the size of the input's axis.
                Size::Fixed(size) if size > 0 => Some(size as i64),
                Size::Batch(_) if from.get(axis) == Some(&size) && to.len() > 1 => Some(0),
                Size::Batch(_) if !std::mem::replace(&mut inferred, true) => Some(-1),
                _ => None,
            };
            sizes = sizes.zip(size).map(|(mut sizes, size)| {
                sizes.push(size);
                sizes
            });
        }
        let (shape, settings) = match sizes {
            Some(sizes) => (self.scribe.ints(&sizes), vec![]),
            None => (self.shape(to)?, vec![("allowzero", Setting::Int(1))]),
        };
        Ok(self.node("Reshape", &[name, &shape], &settings))
    }

    /// A list of sizes.
    pub(super) fn shape(&mut self, sizes: &[Size]) -> Result<String> {
        let fixed: Option<Vec<i64>> =
            sizes.iter().map(|size| size.fixed().ok().map(|size| size as i64)).collect();
        if let Some(fixed) = fixed {
            return Ok(self.scribe.ints(&fixed));
        }
        let mut parts = Vec::new();
        for size in sizes {
            parts.push(match *size {
                Size::Fixed(size) => self.scribe.ints(&[size as i64]),
                Size::Batch(factor) => self.batch(factor)?,
            });
        }
        match &parts[..] {
            [only] => Ok(only.clone()),
            _ => Ok(self.scribe.node("Concat", parts, 1, &[("axis", Setting::Int(0))]).swap_remove(0)),
        }
    }

    /// A multiple of the rows of the batch, as a list of one number.
    fn batch(&mut self, factor: usize) -> Result<String> {
        if let Some(name) = self.batches.get(&factor) {
            return Ok(name.clone());
        }
        let name = if factor == 1 {
            let axis_of = |id: &ValueId| self.sizes(*id).iter().position(|size| *size == Size::Batch(1));
            let found =
                self.inputs.iter().find_map(|(name, id)| axis_of(id).map(|axis| (name.clone(), axis as i64)));
            let (input, axis) =
                found.ok_or_else(|| Error::unsupported("no input has the rows of the batch"))?;
            self.node("Shape", &[&input], &[("start", Setting::Int(axis)), ("end", Setting::Int(axis + 1))])
        } else {
            let (rows, factor) = (self.batch(1)?, self.scribe.ints(&[factor as i64]));
            self.node("Mul", &[&rows, &factor], &[])
        };
        self.batches.insert(factor, name.clone());
        Ok(name)
    }

    /// The graph, without what no output needs, and the version of its operators.
    pub(super) fn finish(
        mut self,
        outputs: &[(String, ValueId)],
        options: &ExportOptions,
    ) -> Result<(GraphProto, i64)> {
        self.scribe.part = None;
        for (name, id) in outputs {
            let made = self.exact(*id)?;
            self.give_name(&made, name, outputs);
        }
        let info = |emitter: &Self, name: &str, id: ValueId| ValueInfoProto {
            name: Some(name.into()),
            r#type: Some(emitter.type_of(id)),
            ..ValueInfoProto::default()
        };
        let input = self.inputs.iter().map(|(name, id)| info(&self, name, *id)).collect();
        let output = outputs.iter().map(|(name, id)| info(&self, name, *id)).collect();
        let Scribe { mut nodes, mut initializers, .. } = self.scribe;
        let mut needed: HashSet<String> = outputs.iter().map(|(name, _)| name.clone()).collect();
        for node in nodes.iter().rev() {
            if node.output.iter().any(|name| needed.contains(name)) {
                needed.extend(node.input.iter().cloned());
            }
        }
        nodes.retain(|node| node.output.iter().any(|name| needed.contains(name)));
        initializers.retain(|tensor| needed.contains(tensor.name()));
        let graph = GraphProto {
            node: nodes,
            name: Some(options.name.clone()),
            initializer: initializers,
            input,
            output,
            ..GraphProto::default()
        };
        Ok((graph, self.opset))
    }

    /// Gives what was made the name of an output.
    fn give_name(&mut self, made: &str, name: &str, others: &[(String, ValueId)]) {
        let is_made = self.scribe.nodes.iter().any(|node| node.output.iter().any(|output| output == made));
        let is_output = others.iter().any(|(other, _)| other == made);
        if !is_made || is_output {
            let node = self.node("Identity", &[made], &[]);
            return self.rename(&node, name);
        }
        self.rename(made, name);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let in_nodes =
            self.scribe.nodes.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
        let here = self.known.values_mut().map(|known| &mut known.name).chain(self.whole.values_mut());
        in_nodes.chain(here).filter(|name| *name == from).for_each(|name| to.clone_into(name));
    }

    fn type_of(&self, id: ValueId) -> TypeProto {
        let dim = |size: &Size| {
            let value = match size {
                Size::Fixed(size) => DimensionValue::DimValue(*size as i64),
                Size::Batch(1) => DimensionValue::DimParam("batch".into()),
                Size::Batch(factor) => DimensionValue::DimParam(format!("{factor}*batch")),
            };
            DimensionProto { value: Some(value), ..DimensionProto::default() }
        };
        let shape = TensorShapeProto { dim: self.sizes(id).iter().map(dim).collect() };
        let tensor = TensorTypeProto { elem_type: Some(data_type(self.dtype(id))), shape: Some(shape) };
        TypeProto { value: Some(TypeValue::Tensor(tensor)), ..TypeProto::default() }
    }
}
