//! Bodies: chains of pointwise functions, as lists of instructions.

use std::fmt;

use anygrad_graph::core::DType;
use anygrad_graph::{Call, Layout};

use crate::lower::StorageId;

/// The most instructions in one body: enough for every activation and its gradient, and a bound on
/// what a driver must compile at once.
pub(crate) const MAX_INSTRUCTIONS: usize = 48;

/// What a pointwise function reads: a storage through a layout whose elements, row-major, stand
/// beside those of the result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) storage: StorageId,
    pub(crate) layout: Layout,
}

/// One instruction; the arguments of a call are the numbers of earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Instruction {
    /// The element of a load, by its number in the body.
    Load(usize),
    /// The result of the kernel whose epilogue this is.
    Value,
    /// A number known now.
    Constant(f64, DType),
    /// A function of earlier instructions.
    Call(Call, Vec<usize>),
}

/// A chain of pointwise functions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) loads: Vec<Load>,
    pub(crate) instructions: Vec<Instruction>,
    /// The number of the instruction whose value is the body's.
    pub(crate) result: usize,
}

impl Body {
    /// How many functions are called for each element, those left out that only move it.
    pub(crate) fn calls(&self) -> usize {
        let computes = |instruction: &&Instruction| match instruction {
            Instruction::Call(call, _) => !call.function.starts_with("identity"),
            _ => false,
        };
        self.instructions.iter().filter(computes).count()
    }

    /// Adds an instruction, or finds the same one; it becomes the result.
    pub(crate) fn push(&mut self, instruction: Instruction) -> usize {
        let known = self.instructions.iter().position(|known| *known == instruction);
        self.result = known.unwrap_or_else(|| {
            self.instructions.push(instruction);
            self.instructions.len() - 1
        });
        self.result
    }

    /// The functions that are called.
    pub(crate) fn functions(&self) -> Vec<String> {
        let name = |instruction: &Instruction| match instruction {
            Instruction::Call(call, _) => Some(call.function.clone()),
            _ => None,
        };
        self.instructions.iter().filter_map(name).collect()
    }

    /// Adds the instruction of a load, or finds the same one; it becomes the result.
    pub(crate) fn push_load(&mut self, load: Load) -> usize {
        let number = self.loads.iter().position(|known| *known == load).unwrap_or_else(|| {
            self.loads.push(load);
            self.loads.len() - 1
        });
        self.push(Instruction::Load(number))
    }

    /// This body with each load of `storage` computed by `inner` instead.
    pub(crate) fn inlined(&self, storage: StorageId, inner: &Body) -> Body {
        let mut result = Body::default();
        let value = result.append(inner, |_| None);
        result.append(self, |load| (load.storage == storage).then_some(value));
        result
    }

    /// Adds the instructions of another body, which becomes the result; `replace` may give the
    /// number of a load's value.
    fn append(&mut self, other: &Body, replace: impl Fn(&Load) -> Option<usize>) -> usize {
        let mut numbers = Vec::with_capacity(other.instructions.len());
        for instruction in &other.instructions {
            let number = match instruction {
                Instruction::Load(load) => {
                    let load = &other.loads[*load];
                    replace(load).unwrap_or_else(|| self.push_load(load.clone()))
                }
                Instruction::Value => self.push(Instruction::Value),
                Instruction::Constant(value, dtype) => self.push(Instruction::Constant(*value, *dtype)),
                Instruction::Call(call, arguments) => {
                    let arguments = arguments.iter().map(|&a| numbers[a]).collect();
                    self.push(Instruction::Call(call.clone(), arguments))
                }
            };
            numbers.push(number);
        }
        self.result = numbers.get(other.result).copied().unwrap_or(0);
        self.result
    }
}

/// The longest text of a body in a printed plan; shared parts are printed where they are used.
const MAX_TEXT: usize = 120;

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(self.result, &mut text);
        if text.len() > MAX_TEXT {
            text.truncate(MAX_TEXT);
            text.push_str("...");
        }
        f.write_str(&text)
    }
}

impl Body {
    fn write(&self, at: usize, text: &mut String) {
        if text.len() > MAX_TEXT {
            return;
        }
        match self.instructions.get(at) {
            None => {}
            Some(Instruction::Load(_)) => text.push('_'),
            Some(Instruction::Value) => text.push_str("value"),
            Some(Instruction::Constant(value, _)) => text.push_str(&value.to_string()),
            Some(Instruction::Call(call, arguments)) => {
                text.push_str(&call.function);
                text.push('(');
                for (i, argument) in arguments.iter().enumerate() {
                    text.push_str(if i > 0 { ", " } else { "" });
                    self.write(*argument, text);
                }
                text.push(')');
            }
        }
    }
}
