//! fuse: a pointwise step takes in the steps that only it reads.
//!
//! From the last step to the first, until nothing changes: where a body reads a storage element for
//! element and nothing else reads it,
//! - a pointwise step that wrote it is inlined into the body;
//! - when there is none any more, a kernel with room for an epilogue that wrote it takes the body over, and
//!   runs in its place.
//!
//! A step that only widens 16-bit floats is inlined into every body that reads it: they read half the
//! memory then, and compute the conversion again.

use anygrad_graph::core::{Caps, DType};

use crate::assemble::lanes;
use crate::body::{Body, Instruction, Load, MAX_INSTRUCTIONS};
use crate::lower::{Program, Source, Step, StorageId, Work};
use anygrad_graph::shaders::Kernel;

pub(crate) fn fuse(mut program: Program, caps: &Caps) -> Program {
    let mut steps: Vec<Option<Step>> = program.steps.drain(..).map(Some).collect();
    let mut writer_of_storage = vec![None; program.storages.len()];
    let mut readers_of_storage = vec![0usize; program.storages.len()];
    for (index, step) in steps.iter().enumerate() {
        let Some(step) = step else { continue };
        step.outputs.iter().for_each(|&y| writer_of_storage[y] = Some(index));
        unique(step.reads()).iter().for_each(|&x| readers_of_storage[x] += 1);
    }
    // What the program ends with is read from outside.
    let ends = program.outputs.iter().map(|(_, storage)| storage);
    let ends = ends.chain(program.updates.iter().map(|(_, next)| next));
    for &storage in ends.chain(&program.halves) {
        readers_of_storage[storage] += 1;
    }

    for index in (0..steps.len()).rev() {
        while let Some(step) = &steps[index] {
            let Work::Pointwise(body) = &step.work else { break };
            let mut storages = unique(body.loads.iter().map(|load| load.storage));
            // A body that a kernel has taken over grows no more: what is pointwise comes first.
            storages.sort_by_key(|&storage| {
                let writer = writer_of_storage[storage].and_then(|writer: usize| steps[writer].as_ref());
                writer.is_some_and(|step| matches!(step.work, Work::Kernels(_)))
            });
            let joined = storages.into_iter().find_map(|storage| {
                let writer: usize = writer_of_storage[storage]?;
                let written = steps[writer].as_ref()?;
                let alone = readers_of_storage[storage] == 1;
                if !alone && !widens(&program, written) {
                    return None;
                }
                let mut joined = join(&program, written, step, body, storage, caps)?;
                joined.operations = written.operations + step.operations;
                let bytes = program.storages[storage].meta().bytes();
                joined.saved = written.saved + step.saved + if alone { 2 * bytes } else { 0 };
                Some((alone.then_some(writer), storage, joined))
            });
            let Some((finished, storage, joined)) = joined else { break };
            for read in finished.into_iter().chain([index]).filter_map(|s| steps[s].as_ref()) {
                unique(read.reads()).iter().for_each(|&x| readers_of_storage[x] -= 1);
            }
            unique(joined.reads()).iter().for_each(|&x| readers_of_storage[x] += 1);
            joined.outputs.iter().for_each(|&y| writer_of_storage[y] = Some(index));
            if let Some(writer) = finished {
                writer_of_storage[storage] = None;
                steps[writer] = None;
            }
            steps[index] = Some(joined);
        }
    }
    program.steps = steps.into_iter().flatten().collect();
    program
}

/// The names of both; conversions of 16-bit floats, which stand around every operator, are left out.
fn joined_name(writer: &str, reader: &str) -> String {
    let converts = |name: &str| matches!(name, "to_f32" | "to_f16" | "to_bf16");
    match (converts(writer), converts(reader)) {
        (true, _) => reader.into(),
        (false, true) => writer.into(),
        (false, false) => format!("{writer}+{reader}"),
    }
}

/// Whether a step does nothing but widen 16-bit floats.
fn widens(program: &Program, step: &Step) -> bool {
    match &step.work {
        Work::Pointwise(Body { loads, instructions, .. }) => {
            matches!(loads[..], [Load { layout, .. }] if layout.meta.dtype.is_half())
                && matches!(instructions[..], [Instruction::Load(_), Instruction::Call(..)])
                && program.storages[step.outputs[0]].meta().dtype == DType::F32
        }
        _ => false,
    }
}

/// The step that does what `writer` and then `reader` do, when there is one.
fn join(
    program: &Program,
    writer: &Step,
    reader: &Step,
    body: &Body,
    storage: StorageId,
    caps: &Caps,
) -> Option<Step> {
    let elements = |s: StorageId| program.storages[s].meta().shape.elements();
    let in_step =
        body.loads.iter().filter(|load| load.storage == storage).all(|load| {
            load.layout.is_contiguous() && load.layout.meta.shape.elements() == elements(storage)
        });
    if !in_step || elements(storage) != elements(reader.outputs[0]) {
        return None;
    }
    debug_assert!(matches!(program.storages[storage].source, Source::Step));
    match &writer.work {
        Work::Pointwise(inner) => {
            let body = body.inlined(storage, inner);
            let fits = body.instructions.len() <= MAX_INSTRUCTIONS
                && body.loads.len() < caps.max_storage_buffers as usize;
            fits.then(|| Step {
                name: joined_name(&writer.name, &reader.name),
                work: Work::Pointwise(body),
                ..reader.clone()
            })
        }
        Work::Kernels(work)
            if work.kernels.takes_epilogue()
                && writer.outputs[..] == [storage]
                && work.epilogue.is_none()
                && work.windows.is_empty() =>
        {
            let mut value = Body::default();
            value.push(Instruction::Value);
            let body = body.inlined(storage, &value);
            let kernel = work.kernels.dispatches.last()?.kernel;
            let fits = body.loads.len() + kernel.bindings.len() <= caps.max_storage_buffers as usize
                && stores(
                    kernel,
                    program.storages[storage].meta().dtype,
                    program.storages[reader.outputs[0]].meta().dtype,
                );
            let mut work = work.clone();
            work.epilogue = Some(body);
            fits.then(|| Step {
                name: joined_name(&writer.name, &reader.name),
                line: reader.line,
                node: reader.node,
                work: Work::Kernels(work),
                inputs: writer.inputs.clone(),
                outputs: reader.outputs.clone(),
                operations: 0.0,
                saved: 0,
                again: reader.again,
            })
        }
        _ => None,
    }
}

/// Whether a kernel that stores one dtype can store the other from its epilogue: two 16-bit floats
/// share a word, which one invocation must write.
fn stores(kernel: &Kernel, own: DType, other: DType) -> bool {
    own == other || own == DType::F32 && other.is_half() && lanes(kernel) == 4
}

fn unique(storages: impl Iterator<Item = StorageId>) -> Vec<StorageId> {
    let mut list: Vec<StorageId> = storages.collect();
    list.sort_unstable();
    list.dedup();
    list
}
