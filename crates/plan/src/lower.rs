//! lower: nodes become steps on storages. Views disappear into the layouts of those who read them.

use std::panic::Location;
use std::sync::Arc;

use anygrad_graph::core::{Array, DType, Error, Result};
use anygrad_graph::{
    Call, Graph, Kernels, Layout, Lowering, Meta, Node, NodeId, Op, Origin, Tensor, ValueId,
};

use crate::arrange::{arranged, common_layout, order_of};
use crate::assemble::padded;
use crate::body::{Body, Instruction, Load};
use crate::choose::Chooser;
use crate::values::Values;
use crate::window::{Window, fits, split};

/// A storage by its number: memory that one step writes, before it is known where that memory is.
pub(crate) type StorageId = usize;

/// Where a storage's contents come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Input(String),
    State(String),
    Constant(Arc<Array>),
    /// Written by a step.
    Step,
    /// States that are parts of it.
    Pack,
}

#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// How the elements stand: dense from the start, mostly row-major.
    pub(crate) layout: Layout,
    pub(crate) source: Source,
}

impl Storage {
    pub(crate) fn meta(&self) -> Meta {
        self.layout.meta
    }
}

/// A value: a storage seen through a layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) storage: StorageId,
    pub(crate) layout: Layout,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// A chain of pointwise functions into output 0.
    Pointwise(Body),
    /// The kernels of an operator, the last one perhaps with an epilogue.
    Kernels(KernelWork),
    /// Input 0 is copied to output 0 as it is.
    Copy,
    /// The host runs the operator's reference on inputs seen through these layouts.
    Host(Arc<dyn Op>, Vec<Layout>),
}

#[derive(Clone, Debug)]
pub(crate) struct KernelWork {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) kernels: Kernels,
    pub(crate) scratch: Vec<StorageId>,
    /// `(output, input)`: written over it.
    pub(crate) in_place: Vec<(usize, usize)>,
    pub(crate) epilogue: Option<Body>,
    /// What the bindings of each dispatch show, where they are cut; empty where none is.
    pub(crate) windows: Vec<Vec<Option<Window>>>,
}

/// One step of the program, on storages.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) line: Option<&'static Location<'static>>,
    /// The node of the graph that it is due to.
    pub(crate) node: Option<NodeId>,
    pub(crate) work: Work,
    /// What kernels and copies read; a body's loads are not among them.
    pub(crate) inputs: Vec<StorageId>,
    pub(crate) outputs: Vec<StorageId>,
    /// Additions and multiplications of its operators, pointwise functions left out.
    pub(crate) operations: f64,
    /// Bytes that steps which were joined to this one no longer write and read.
    pub(crate) saved: u64,
    /// Whether it has run before and does so again for the way back; see [`crate::save`].
    pub(crate) again: bool,
}

impl Step {
    /// The chain of pointwise functions, if there is one.
    pub(crate) fn body(&self) -> Option<&Body> {
        match &self.work {
            Work::Pointwise(body) => Some(body),
            Work::Kernels(work) => work.epilogue.as_ref(),
            Work::Copy | Work::Host(..) => None,
        }
    }

    /// Everything the step reads; a storage may come twice.
    pub(crate) fn reads(&self) -> impl Iterator<Item = StorageId> + '_ {
        let loads = self.body().into_iter().flat_map(|body| body.loads.iter().map(|load| load.storage));
        self.inputs.iter().copied().chain(loads)
    }

    /// Memory that the step needs for itself.
    pub(crate) fn scratch(&self) -> &[StorageId] {
        match &self.work {
            Work::Kernels(work) => &work.scratch,
            _ => &[],
        }
    }
}

/// The line of the model and the node that a step is due to.
pub(crate) type Blame = (Option<&'static Location<'static>>, Option<NodeId>);

/// A program on storages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    pub(crate) storages: Vec<Storage>,
    pub(crate) steps: Vec<Step>,
    /// Row-major from the start of their storages, which may know them by another shape.
    pub(crate) outputs: Vec<(Meta, StorageId)>,
    /// `(state, its next value)`; both row-major from the start.
    pub(crate) updates: Vec<(StorageId, StorageId)>,
    /// Rounded to be held as such: what reads them is not joined to what writes them.
    pub(crate) halves: Vec<StorageId>,
    /// What was copied of inputs, states and constants: a value, and where it stands as well.
    pub(crate) copies: Vec<(Value, Value)>,
}

impl Program {
    /// Without the steps whose results nothing reads.
    fn drop_unread(&mut self) {
        let mut read = vec![false; self.storages.len()];
        let ends = self.outputs.iter().map(|(_, storage)| storage);
        ends.chain(self.updates.iter().map(|(_, next)| next)).for_each(|&storage| read[storage] = true);
        let mut steps: Vec<Step> = Vec::with_capacity(self.steps.len());
        for step in self.steps.drain(..).rev() {
            if step.outputs.iter().any(|&y| read[y]) {
                step.reads().for_each(|x| read[x] = true);
                steps.push(step);
            }
        }
        steps.reverse();
        self.steps = steps;
    }

    pub(crate) fn add_storage(&mut self, layout: Layout, source: Source) -> StorageId {
        self.storages.push(Storage { layout, source });
        self.storages.len() - 1
    }

    /// A storage with the elements of a value, row-major: its own where it is that already.
    fn contiguous(&mut self, value: &Value, blame: Blame) -> StorageId {
        let whole =
            value.layout.meta.shape.elements() == self.storages[value.storage].meta().shape.elements();
        if value.layout.is_contiguous() && whole { value.storage } else { self.copy(value, blame) }
    }

    /// A new storage with the elements of a value, row-major.
    pub(crate) fn copy(&mut self, value: &Value, blame: Blame) -> StorageId {
        self.copy_as(value, Layout::contiguous(value.layout.meta), blame)
    }

    /// A new storage with the elements of a value in another layout, which is dense from the start.
    pub(crate) fn copy_as(&mut self, value: &Value, layout: Layout, (line, node): Blame) -> StorageId {
        let order = order_of(&layout);
        let output = self.add_storage(layout, Source::Step);
        let mut body = Body::default();
        let element = body.push_load(Load { storage: value.storage, layout: value.layout.permuted(&order) });
        body.push(Instruction::Call(identity(layout.meta.dtype), vec![element]));
        self.steps.push(Step {
            name: "copy".into(),
            line,
            node,
            work: Work::Pointwise(body),
            inputs: Vec::new(),
            outputs: vec![output],
            operations: 0.0,
            saved: 0,
            again: false,
        });
        output
    }
}

fn identity(dtype: DType) -> Call {
    let function = match dtype {
        DType::I32 => "identity_i32",
        DType::U32 | DType::Bool | DType::F16 | DType::BF16 => "identity_u32",
        DType::F32 => "identity",
    };
    Call { function: function.into(), constants: Vec::new() }
}

pub(crate) fn lower(
    graph: &Graph,
    outputs: &[Tensor<'_>],
    constants: &[Option<Arc<Array>>],
    chooser: &Chooser<'_>,
) -> Result<Program> {
    let live = prune(graph, outputs, constants);
    let mut program = Program::default();
    let mut values = Values { values: vec![None; graph.values()], halves: vec![None; graph.values()] };
    for id in graph.ids().filter(|id| live[id.index()]) {
        let source = match (&constants[id.index()], graph.origin(id)) {
            (Some(array), _) => Source::Constant(Arc::clone(array)),
            (None, Origin::Input(name)) => Source::Input(name),
            (None, Origin::State(name)) => Source::State(name),
            (None, _) => continue,
        };
        let layout = Layout::contiguous(graph.meta(id));
        let storage = program.add_storage(layout, source);
        values.values[id.index()] = Some(Value { storage, layout });
    }
    for node in graph.nodes() {
        let known = |y: &ValueId| constants[y.index()].is_some() || !live[y.index()];
        if !node.outputs.iter().all(known) {
            lower_node(graph, &node, &mut program, &mut values, chooser)
                .map_err(|error| error.context(node.op.name()).at(node.place))?;
        }
    }
    let mut program = finish(graph, outputs, program, &values.values)?;
    program.drop_unread();
    Ok(program)
}

/// The values that are needed, marked by number, when `constants` are known.
fn prune(graph: &Graph, outputs: &[Tensor<'_>], constants: &[Option<Arc<Array>>]) -> Vec<bool> {
    let mut live = vec![false; graph.values()];
    let updates = graph.updates();
    let ends = updates.iter().flat_map(|(state, next)| [*state, *next]);
    for id in outputs.iter().map(|t| t.id()).chain(ends) {
        live[id.index()] = true;
    }
    for node in graph.nodes().iter().rev() {
        if node.outputs.iter().any(|y| live[y.index()] && constants[y.index()].is_none()) {
            for x in &node.inputs {
                live[x.index()] = true;
            }
        }
    }
    live
}

fn lower_node(
    graph: &Graph,
    node: &Node,
    program: &mut Program,
    values: &mut Values,
    chooser: &Chooser<'_>,
) -> Result<()> {
    let line = Some(node.place);
    let node_id = node.outputs.first().and_then(|y| match graph.origin(*y) {
        Origin::Node(id, _) => Some(id),
        _ => None,
    });
    let metas: Vec<Meta> = node.outputs.iter().map(|y| graph.meta(*y)).collect();
    let halves = values.halves_for(node, &metas);
    let reads_halves = halves.is_some();
    let known = || node.inputs.iter().map(|id| values.values[id.index()].clone()).collect();
    let x: Option<Vec<Value>> = halves.or_else(known);
    let mut x = x.ok_or_else(|| Error::internal("an input was not computed"))?;
    let layouts = |x: &[Value]| x.iter().map(|value| value.layout).collect::<Vec<Layout>>();
    let (arrangement, caps) = arranged(&*node.op, &layouts(&x), &metas, chooser.caps);
    let caps = &*caps;
    if !reads_halves {
        for (value, wanted) in x.iter_mut().zip(&arrangement.inputs) {
            if !value.layout.stands_as(wanted) {
                value.storage = program.copy_once(value, *wanted, (line, node_id));
            }
            value.layout = *wanted;
        }
    }
    let shows = |meta: Meta| padded(meta.bytes()) <= caps.max_binding_bytes;
    let storages = x.iter().map(|value| program.storages[value.storage].meta());
    let lower = |x: &[Layout], y: &[Meta]| chooser.choose(&node.op, x, y, caps);
    let mut lowering = None;
    if storages.chain(metas.iter().copied()).all(shows) {
        lowering = Some(lower(&layouts(&x), &metas)?);
    }
    let shown = lowering.as_ref().is_some_and(|lowering| match lowering {
        Some(Lowering::Kernels(kernels)) => fits(kernels, caps),
        _ => true,
    });
    let split = if shown { None } else { split((node, node_id), &mut x, &metas, program, caps, &lower)? };
    let (lowering, windows) = match (split, lowering) {
        (Some(split), _) => (Some(Lowering::Kernels(split.kernels)), split.windows),
        (None, Some(lowering)) => (lowering, Vec::new()),
        // What is not cut here is cut, or refused, when it becomes actions.
        (None, None) => (lower(&layouts(&x), &metas)?, Vec::new()),
    };
    // Ranges of rows are lowered for row-major operands.
    let in_ranges = !windows.is_empty();
    let operations = match lowering {
        Some(Lowering::Pointwise(_) | Lowering::View(_)) => 0.0,
        _ => node.op.operations(&x.iter().map(|value| value.layout.meta).collect::<Vec<_>>(), &metas),
    };
    let step = |work: Work, inputs: Vec<StorageId>, made: &[Value]| Step {
        name: node.op.name().into(),
        line,
        node: node_id,
        work,
        inputs,
        outputs: made.iter().map(|value| value.storage).collect(),
        operations,
        saved: 0,
        again: false,
    };
    let place = |program: &mut Program, layout: Layout| {
        let storage = program.add_storage(layout, Source::Step);
        Value { storage, layout }
    };
    let inputs = x.iter().map(|value| value.storage).collect();
    let made = match lowering {
        None => {
            let made: Vec<Value> =
                metas.iter().map(|meta| place(program, Layout::contiguous(*meta))).collect();
            program.steps.push(step(Work::Host(Arc::clone(&node.op), layouts(&x)), inputs, &made));
            made
        }
        Some(Lowering::View(layout)) => vec![Value { storage: x[0].storage, layout }],
        Some(Lowering::Pointwise(call)) => {
            if x[0].layout.meta.dtype.is_half() && metas[0].dtype == DType::F32 {
                values.halves[node.outputs[0].index()] = Some(x[0].clone());
            }
            let layout = common_layout(&x, metas[0]);
            let order = order_of(&layout);
            x.iter_mut().for_each(|value| value.layout = value.layout.permuted(&order));
            let body = body_of(call, &x, program);
            let made = vec![place(program, layout)];
            program.steps.push(step(Work::Pointwise(body), Vec::new(), &made));
            made
        }
        Some(Lowering::Kernels(kernels)) => {
            let made: Vec<Value> = match in_ranges {
                true => metas.iter().map(|meta| place(program, Layout::contiguous(*meta))).collect(),
                false => arrangement.outputs.iter().map(|layout| place(program, *layout)).collect(),
            };
            let scratch = kernels
                .scratch
                .iter()
                .map(|meta| program.add_storage(Layout::contiguous(*meta), Source::Step))
                .collect();
            let work = KernelWork {
                op: Arc::clone(&node.op),
                kernels,
                scratch,
                in_place: node.op.in_place().to_vec(),
                epilogue: None,
                windows,
            };
            program.steps.push(step(Work::Kernels(work), inputs, &made));
            made
        }
    };
    for (id, value) in node.outputs.iter().zip(made) {
        values.values[id.index()] = Some(value);
    }
    Ok(())
}

/// The body of one call.
fn body_of(call: Call, x: &[Value], program: &Program) -> Body {
    let mut body = Body::default();
    let arguments = x
        .iter()
        .map(|value| match literal(&program.storages[value.storage]) {
            Some((number, dtype)) => body.push(Instruction::Constant(number, dtype)),
            None => body.push_load(Load { storage: value.storage, layout: value.layout }),
        })
        .collect();
    body.push(Instruction::Call(call, arguments));
    body
}

/// The number of a constant with one element: it is written into the code.
fn literal(storage: &Storage) -> Option<(f64, DType)> {
    match &storage.source {
        Source::Constant(array) if array.shape().elements() == 1 && !array.to_f64()[0].is_nan() => {
            Some((array.to_f64()[0], array.dtype()))
        }
        _ => None,
    }
}

/// Outputs and updates as whole storages. A state that is read at the end, by an output or as the
/// next value of another, is copied at the start, before anything can be written over it.
fn finish(
    graph: &Graph,
    outputs: &[Tensor<'_>],
    mut program: Program,
    values: &[Option<Value>],
) -> Result<Program> {
    let mut first = Vec::new();
    let mut whole = |id: ValueId, program: &mut Program| -> Result<StorageId> {
        let value = values[id.index()]
            .as_ref()
            .ok_or_else(|| Error::internal(format!("value {} was not computed", id.index())))?;
        match program.storages[value.storage].source {
            Source::State(_) => {
                let copy = program.copy(value, (None, None));
                first.extend(program.steps.pop());
                Ok(copy)
            }
            _ => Ok(program.contiguous(value, (None, None))),
        }
    };
    for output in outputs {
        let storage = whole(output.id(), &mut program)?;
        program.outputs.push((output.meta(), storage));
    }
    for (state, next) in graph.updates() {
        let next = whole(next, &mut program)?;
        let state = values[state.index()].as_ref().map(|value| value.storage);
        let state = state.ok_or_else(|| Error::internal("an updated state has no storage"))?;
        program.updates.push((state, next));
    }
    first.append(&mut program.steps);
    program.steps = first;
    Ok(program)
}
