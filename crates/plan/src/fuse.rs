//! fuse: a pointwise step takes in the steps that only it reads.
//!
//! From the last step to the first, until nothing changes: where a body reads a storage element for
//! element and nothing else reads it,
//! - a pointwise step that wrote it is inlined into the body;
//! - a kernel with room for an epilogue that wrote it takes the body over, and runs in its place.

use anygrad_graph::core::Caps;

use crate::body::{Body, Instruction, MAX_INSTRUCTIONS};
use crate::lower::{Program, Source, Step, StorageId, Work};

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
    let ends = program
        .outputs
        .iter()
        .map(|(_, storage)| storage)
        .chain(program.updates.iter().map(|(_, next)| next));
    for &storage in ends {
        readers_of_storage[storage] += 1;
    }

    for index in (0..steps.len()).rev() {
        while let Some(step) = &steps[index] {
            let Work::Pointwise(body) = &step.work else { break };
            let joined = unique(body.loads.iter().map(|load| load.storage)).into_iter().find_map(|storage| {
                let writer: usize =
                    writer_of_storage[storage].filter(|_| readers_of_storage[storage] == 1)?;
                let joined = join(&program, steps[writer].as_ref()?, step, body, storage, caps)?;
                Some((writer, storage, joined))
            });
            let Some((writer, storage, joined)) = joined else { break };
            for read in [writer, index].into_iter().filter_map(|s| steps[s].as_ref()) {
                unique(read.reads()).iter().for_each(|&x| readers_of_storage[x] -= 1);
            }
            unique(joined.reads()).iter().for_each(|&x| readers_of_storage[x] += 1);
            joined.outputs.iter().for_each(|&y| writer_of_storage[y] = Some(index));
            writer_of_storage[storage] = None;
            steps[writer] = None;
            steps[index] = Some(joined);
        }
    }
    program.steps = steps.into_iter().flatten().collect();
    program
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
    let elements = |s: StorageId| program.storages[s].meta.shape.elements();
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
                name: format!("{}+{}", writer.name, reader.name),
                work: Work::Pointwise(body),
                ..reader.clone()
            })
        }
        Work::Kernels(work)
            if work.kernels.takes_epilogue()
                && writer.outputs[..] == [storage]
                && work.epilogue.is_none() =>
        {
            let mut value = Body::default();
            value.push(Instruction::Value);
            let body = body.inlined(storage, &value);
            let kernel = work.kernels.dispatches.last()?.kernel;
            let fits = body.loads.len() + kernel.bindings.len() <= caps.max_storage_buffers as usize
                && program.storages[reader.outputs[0]].meta.dtype == program.storages[storage].meta.dtype;
            let mut work = work.clone();
            work.epilogue = Some(body);
            fits.then(|| Step {
                name: format!("{}+{}", writer.name, reader.name),
                line: reader.line,
                node: reader.node,
                work: Work::Kernels(work),
                inputs: writer.inputs.clone(),
                outputs: reader.outputs.clone(),
            })
        }
        _ => None,
    }
}

fn unique(storages: impl Iterator<Item = StorageId>) -> Vec<StorageId> {
    let mut list: Vec<StorageId> = storages.collect();
    list.sort_unstable();
    list.dedup();
    list
}
