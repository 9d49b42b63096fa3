//! The device layer of anygrad: adapters, guarded devices, buffers and compiled kernels. The only
//! crate that names wgpu.

mod adapter;
mod buffer;
mod cache;
mod device;
mod guard;
mod host;
mod mapped;
mod memory;
mod pipeline;
mod quarantine;
mod read;
mod region;
mod roofline;
mod session;
mod timestamps;
#[cfg(not(target_arch = "wasm32"))]
mod tune;
mod tuned;
mod usage;

pub use adapter::{ADAPTER_VARIABLE, Choice, adapters_async};
#[cfg(not(target_arch = "wasm32"))]
pub use adapter::{adapters, planning_caps};
pub use anygrad_plan as plan;
pub use buffer::Buffer;
pub use cache::CACHE_VARIABLE;
pub use device::{Command, Device};
pub use memory::available_memory;
pub use pipeline::{BindGroup, Pipeline};
pub use quarantine::Verdict;
pub use region::Region;
pub use roofline::MeasuredRoofline;
pub use session::{
    Clock, HostSpan, NonFinite, Pending, Profile, Program, ProgramCost, Recorder, Recording, Session, Source,
    Span, Work,
};
#[cfg(not(target_arch = "wasm32"))]
pub use tune::{TuneOptions, TuneReport, TunedOperator, Way};
pub use tuned::Tuned;
pub use usage::Usage;
