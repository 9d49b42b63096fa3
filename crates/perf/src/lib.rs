//! What anygrad costs on an adapter: its rooflines, single operators and whole training steps, timed in
//! turns so that a busy machine does not favour one over another.
//!
//! A [`Workload`] is a graph with the arithmetic it needs and the bytes it must move at least.
//! [`measure`] times workloads; [`rooflines`] what the adapter can do at most.

mod measure;
mod roofline;
mod workload;

pub use measure::{KernelCost, Measured, Options, measure, profile, tune};
pub use roofline::{Rooflines, rooflines};
pub use workload::{Goal, Workload, workloads};
