//! What anygrad costs on an adapter: its rooflines, single operators and whole training steps, timed in
//! turns so that a busy machine does not favour one over another.
//!
//! A [`Workload`] is a graph with the arithmetic it needs and the bytes it must move at least.
//! [`measure`] times workloads; [`rooflines`] what the adapter can do at most; [`Figure`]s what the host
//! spends beside the kernels. [`Costs`] and [`Trace`] tell what a recording of any program holds, kernel
//! by kernel and event by event.

mod figure;
mod measure;
mod profile;
mod roofline;
mod trace;
mod workload;

pub use figure::{
    BINARY_SIZE, COLD_START, Caches, Figure, SUBMIT, binary_size, cold_start, first_step, submit,
};
pub use measure::{Measured, Options, measure, prepare, tune};
pub use profile::{Costs, KernelCost, clock, profile};
pub use roofline::{Rooflines, rooflines};
pub use trace::Trace;
pub use workload::{Goal, Workload, large_workloads, training_steps, workloads};
