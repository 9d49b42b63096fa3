//! A recipe as a run: what is trained, and what that leaves behind.
//!
//! - [`assemble()`]: a trainer, its data and how long it trains.

mod assemble;
mod augment;
mod info;

pub use assemble::{Assembly, assemble, assemble_with};
pub use info::{DataInfo, DataPart, KernelCost, RunInfo};
