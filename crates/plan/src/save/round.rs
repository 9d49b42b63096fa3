//! What is held, rounded to 16 bits.

use std::collections::{BTreeSet, HashMap};

use anygrad_graph::core::{Caps, DType, Error, Result};
use anygrad_graph::{Call, Graph, Layout, Meta};

use super::again::replace_reads;
use super::held::{Held, largest_read, work};
use crate::arrange::order_of;
use crate::body::{Body, Instruction, Load};
use crate::lower::{Program, Source, Step, StorageId, Work};

/// Values of fewer bytes are left as they are: rounding one is a dispatch.
const SMALL: u64 = 4096;

/// How many times more elements a step reads of one operand than it makes, for what it makes to count as a
/// statistic: a mean, a variance, a sum.
const STATISTIC: usize = 8;

/// The sizes in bytes of the values that may be rounded, the smallest first, each once.
pub(super) fn sizes(program: &Program, graph: &Graph) -> BTreeSet<u64> {
    let Some(held) = Held::of(program, graph) else { return BTreeSet::new() };
    let chosen = chosen(&held);
    held.all().filter(|&storage| chosen[storage]).map(|storage| held.bytes(storage)).collect()
}

/// The program that rounds what it holds, values of up to so many bytes, and the number of those.
pub(super) fn round(
    program: Program,
    graph: &Graph,
    to: DType,
    largest: u64,
    caps: &Caps,
) -> Result<(Program, usize)> {
    let names = [format!("{to}_of_{}", DType::F32), format!("{}_of_{to}", DType::F32)];
    if let Some(name) = names.iter().find(|name| caps.excludes(name)) {
        return Err(Error::unsupported(format!(
            "activations cannot be held as {to}: {name} gives wrong results on this adapter"
        )));
    }
    let Some(held) = Held::of(&program, graph) else { return Ok((program, 0)) };
    let (back, mut chosen) = (held.back, chosen(&held));
    held.all().for_each(|storage| chosen[storage] &= held.bytes(storage) <= largest);
    let mut program = program;
    let steps: Vec<Step> = program.steps.drain(..).collect();
    let (mut rounded, mut widened) = (HashMap::new(), HashMap::new());
    for (index, mut step) in steps.into_iter().enumerate() {
        if index >= back {
            for x in step.reads().filter(|&x| chosen[x]).collect::<Vec<_>>() {
                if let (Some(&half), None) = (rounded.get(&x), widened.get(&x)) {
                    let wide = converted(&mut program, half, DType::F32, &names[1], &step);
                    widened.insert(x, wide);
                }
            }
            replace_reads(&mut step, &widened);
            program.steps.push(step);
            continue;
        }
        program.steps.push(step.clone());
        for &y in step.outputs.iter().filter(|&&y| chosen[y]) {
            let half = converted(&mut program, y, to, &names[0], &step);
            rounded.insert(y, half);
            program.halves.push(half);
        }
    }
    Ok((program, rounded.len()))
}

/// A new storage with the elements of another one as another float, and the step that writes it.
fn converted(program: &mut Program, x: StorageId, to: DType, function: &str, due_to: &Step) -> StorageId {
    let own = program.storages[x].layout;
    let layout = Layout { meta: Meta { dtype: to, ..own.meta }, ..own };
    let output = program.add_storage(layout, Source::Step);
    let mut body = Body::default();
    let element = body.push_load(Load { storage: x, layout: own.permuted(&order_of(&own)) });
    let call = Call { function: function.into(), constants: Vec::new() };
    body.push(Instruction::Call(call, vec![element]));
    program.steps.push(Step {
        name: format!("to_{to}"),
        line: due_to.line,
        node: due_to.node,
        work: Work::Pointwise(body),
        inputs: Vec::new(),
        outputs: vec![output],
        operations: 0.0,
        saved: 0,
        again: false,
    });
    output
}

/// Held activations, as far as rounding them saves something and does not touch statistics or the loss.
fn chosen(held: &Held<'_>) -> Vec<bool> {
    let (program, depends_on_input) = (held.program, held.depends_on_input());
    let mut chosen = vec![false; program.storages.len()];
    for step in &program.steps[..held.back] {
        let is_loss = held.label(step).is_some_and(|label| &*label == Graph::LOSS);
        let elements = |y: StorageId| program.storages[y].meta().shape.elements();
        let most = step.outputs.iter().map(|&y| elements(y)).max().unwrap_or(0);
        let read = largest_read(program, step);
        let sums_up = work(program, step) <= (4 * read) as f64;
        for &y in &step.outputs {
            let is_statistic = elements(y) < most || sums_up && elements(y) * STATISTIC <= read;
            chosen[y] = held.held[y]
                && !held.fixed[y]
                && program.storages[y].meta().dtype == DType::F32
                && held.bytes(y) >= SMALL
                && depends_on_input[y]
                && !is_statistic
                && !is_loss;
        }
    }
    chosen
}
