use std::collections::HashMap;

use anygrad_core::{Array, Context, DType, Error, Random, Result, Shape};

use crate::{Graph, Meta, Node, Origin, Tensor, ValueId};

/// What the interpreter computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Every value in double precision: the oracle of tests and of `verify`.
    F64,
    /// Every value rounded to its dtype, sums still in double precision: what runs where a machine
    /// has no adapter.
    F32,
    /// Every float that an operator makes moved at random, by up to four units in the last place of
    /// `f32`, as kernels' functions and sums may err. Equal results of one operator stay equal. The
    /// number chooses the moves.
    Shaken(u64),
}

/// How far [`Precision::Shaken`] moves a number, relative to it.
const SHAKE: f64 = 4.0 / (1 << 23) as f64;

/// A value of the interpreter: every dtype as `f64`, which holds all of them exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    /// Shape and dtype that the numbers stand for.
    pub meta: Meta,
    /// The numbers, row-major.
    pub data: Vec<f64>,
}

impl Values {
    /// Zeros.
    pub fn zeros(meta: Meta) -> Self {
        Values { meta, data: vec![0.0; meta.shape.elements()] }
    }

    /// The numbers of an array.
    pub fn from_array(array: &Array) -> Self {
        Values { meta: Meta { shape: array.shape(), dtype: array.dtype() }, data: array.to_f64() }
    }

    /// Rounded to the dtype.
    pub fn to_array(&self) -> Array {
        Array::from_f64(self.meta.shape, self.meta.dtype, &self.data)
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> Shape {
        self.meta.shape
    }

    /// Moves floats as [`Precision::Shaken`] does; another `stream` moves them otherwise.
    fn shake(&mut self, seed: u64, stream: usize) {
        if !self.meta.dtype.is_float() {
            return;
        }
        let seed = seed.wrapping_add((stream as u64) << 32);
        let share = |x: f64| SHAKE * Random::stream(seed, x.to_bits()).between(-1.0, 1.0);
        self.data.iter_mut().for_each(|x| *x += *x * share(*x));
    }

    fn round(&mut self) {
        match self.meta.dtype {
            DType::F32 => self.data.iter_mut().for_each(|x| *x = f64::from(*x as f32)),
            DType::F16 | DType::BF16 => self.data = self.to_array().to_f64(),
            DType::I32 | DType::U32 | DType::Bool => {}
        }
    }
}

/// Runs graphs on the processor through the operators' references.
#[derive(Clone, Debug)]
pub struct Interpreter {
    precision: Precision,
    named: HashMap<String, Values>,
}

impl Interpreter {
    /// An interpreter without any values.
    pub fn new(precision: Precision) -> Self {
        Interpreter { precision, named: HashMap::new() }
    }

    /// Sets an input or a piece of state.
    pub fn write(&mut self, name: &str, array: &Array) {
        self.named.insert(name.into(), Values::from_array(array));
    }

    /// As [`Interpreter::write`], with numbers in full precision.
    pub fn write_values(&mut self, name: &str, values: Values) {
        self.named.insert(name.into(), values);
    }

    /// An input or a piece of state in full precision.
    pub fn values(&self, name: &str) -> Option<Values> {
        self.named.get(name).cloned()
    }

    /// An input or a piece of state as it stands, rounded to its dtype.
    pub fn read(&self, name: &str) -> Option<Array> {
        self.named.get(name).map(Values::to_array)
    }

    /// Runs a graph once: the outputs rounded to their dtypes, the updates applied.
    ///
    /// # Errors
    /// The graph holds a mistake, an input was not written, or it was written in another shape.
    pub fn run(&mut self, graph: &Graph, outputs: &[Tensor<'_>]) -> Result<Vec<Array>> {
        let ids: Vec<ValueId> = outputs.iter().map(|t| t.id()).collect();
        Ok(self.run_values(graph, &ids)?.iter().map(Values::to_array).collect())
    }

    /// As [`Interpreter::run`], with the outputs in full precision.
    ///
    /// # Errors
    /// As [`Interpreter::run`].
    pub fn run_values(&mut self, graph: &Graph, outputs: &[ValueId]) -> Result<Vec<Values>> {
        self.run_watched(graph, outputs, &mut |_| ())
    }

    /// As [`Interpreter::run_values`]; `after` hears of each node when it is computed.
    ///
    /// # Errors
    /// As [`Interpreter::run`].
    pub fn run_watched(
        &mut self,
        graph: &Graph,
        outputs: &[ValueId],
        after: &mut dyn FnMut(&Node),
    ) -> Result<Vec<Values>> {
        let updates = graph.updates();
        let nexts = updates.iter().map(|(_, next)| *next);
        let wanted: Vec<ValueId> = outputs.iter().copied().chain(nexts).collect();
        let mut look = |node: &Node, _: &[Values]| {
            after(node);
            true
        };
        let mut results = self.compute(graph, &wanted, graph.live(outputs), &mut look)?;
        for ((state, _), next) in updates.iter().zip(results.split_off(outputs.len())) {
            if let Origin::State(name) = graph.origin(*state) {
                self.named.insert(name, next);
            }
        }
        Ok(results)
    }

    /// As [`Interpreter::run_values`], and the state stays as it is.
    ///
    /// # Errors
    /// As [`Interpreter::run`].
    pub fn evaluate(&self, graph: &Graph, outputs: &[ValueId]) -> Result<Vec<Values>> {
        self.compute(graph, outputs, graph.needed(outputs), &mut |_, _| true)
    }

    /// Computes outputs and updates node by node and shows each to `look`, until that says `false`. The
    /// state stays as it is.
    ///
    /// # Errors
    /// As [`Interpreter::run`].
    pub fn watch(
        &self,
        graph: &Graph,
        outputs: &[ValueId],
        look: &mut dyn FnMut(&Node, &[Values]) -> bool,
    ) -> Result<()> {
        self.compute(graph, &[], graph.live(outputs), look).map(|_| ())
    }

    /// The values `wanted`; those marked as `live` are computed, in order, as long as `look` says so.
    fn compute(
        &self,
        graph: &Graph,
        wanted: &[ValueId],
        live: Vec<bool>,
        look: &mut dyn FnMut(&Node, &[Values]) -> bool,
    ) -> Result<Vec<Values>> {
        graph.check()?;
        let mut values: Vec<Option<Values>> = vec![None; graph.values()];
        for index in (0..values.len()).filter(|&i| live[i]) {
            let id = ValueId(index as u32);
            let meta = graph.meta(id);
            values[index] = match graph.origin(id) {
                Origin::Input(name) | Origin::State(name) => Some(self.named_value(graph, id, &name, meta)?),
                Origin::Constant(array) => Some(Values::from_array(&array)),
                Origin::Node(..) => None,
            };
        }

        let mut readers = vec![0usize; values.len()];
        let nodes: Vec<_> =
            graph.nodes().into_iter().filter(|n| n.outputs.iter().any(|y| live[y.index()])).collect();
        for id in nodes.iter().flat_map(|n| &n.inputs) {
            readers[id.index()] += 1;
        }
        for id in wanted {
            readers[id.index()] += 1;
        }
        for (place, node) in nodes.iter().enumerate() {
            let mut y: Vec<Values> = node.outputs.iter().map(|&id| Values::zeros(graph.meta(id))).collect();
            {
                let x: Vec<&Values> = node
                    .inputs
                    .iter()
                    .map(|id| {
                        values[id.index()]
                            .as_ref()
                            .ok_or_else(|| Error::internal(format!("value {} was dropped too early", id.0)))
                    })
                    .collect::<Result<_>>()
                    .context(|| node.op.name())?;
                node.op.reference(&x, &mut y);
            }
            match self.precision {
                Precision::F64 => {}
                Precision::F32 => y.iter_mut().for_each(Values::round),
                Precision::Shaken(seed) => y.iter_mut().for_each(|values| values.shake(seed, place)),
            }
            if !look(node, &y) {
                return Ok(Vec::new());
            }
            for (id, value) in node.outputs.iter().zip(y) {
                // What nobody reads takes no memory.
                values[id.index()] = (readers[id.index()] > 0).then_some(value);
            }
            for id in &node.inputs {
                readers[id.index()] -= 1;
                if readers[id.index()] == 0 {
                    values[id.index()] = None;
                }
            }
        }
        let read = |id: &ValueId| {
            values[id.index()]
                .clone()
                .ok_or_else(|| Error::internal(format!("value {} was not computed", id.0)))
        };
        wanted.iter().map(read).collect()
    }

    fn named_value(&self, graph: &Graph, id: ValueId, name: &str, meta: Meta) -> Result<Values> {
        match self.named.get(name) {
            Some(values) if values.meta == meta => Ok(values.clone()),
            Some(values) => Err(Error::shape(format!("{name:?} takes {meta}, {} was written", values.meta))),
            None if matches!(graph.origin(id), Origin::State(_)) => Ok(Values::zeros(meta)),
            None => Err(Error::input(format!("the input {name:?} was not written"))),
        }
    }
}
