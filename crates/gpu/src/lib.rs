//! The device layer of anygrad: adapters, guarded devices, buffers and compiled kernels. The only
//! crate that names wgpu.

mod adapter;
mod buffer;
mod device;
mod guard;
mod host;
mod pipeline;
mod quarantine;
mod session;
mod timestamps;

#[cfg(not(target_arch = "wasm32"))]
pub use adapter::adapters;
pub use adapter::{ADAPTER_VARIABLE, Choice, adapters_async};
pub use buffer::Buffer;
pub use device::{Command, Device};
pub use pipeline::{BindGroup, Pipeline};
pub use quarantine::{CACHE_VARIABLE, Verdict};
pub use session::{
    Clock, HostSpan, NonFinite, Profile, Program, ProgramCost, Recorder, Recording, Session, Source, Span,
    Work,
};
