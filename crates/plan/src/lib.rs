//! The compiler of anygrad: a graph and an adapter's capabilities become a [`Plan`], plain data
//! that says exactly what will run and what memory it takes, before any device is touched.
//!
//! ```
//! use anygrad_graph::{Graph, core::{Caps, DType}};
//!
//! let graph = Graph::new();
//! let x = graph.input("x", &[64, 10], DType::F32);
//! let y = (x * 2.0 + 1.0).relu();
//! let plan = anygrad_plan::compile(&graph, &[y], &Caps::baseline())?;
//! assert_eq!(plan.dispatches(), 1);
//! assert_eq!(plan.memory().inputs, 64 * 10 * 4);
//! println!("{plan}");
//! # Ok::<(), anygrad_graph::core::Error>(())
//! ```

mod analysis;
mod arrange;
mod assemble;
mod body;
mod choose;
mod display;
mod early;
mod fold;
mod forecast;
mod fuse;
mod lower;
mod pack;
mod place;
mod plan;
mod rehearsal;
mod save;
mod search;
mod slots;
pub mod staging;
mod standing;
mod values;
mod wgsl;
mod window;

pub use analysis::{Cut, Held, Line, Most, ProgramForecast, Purpose, Roofline, Split, StepForecast};
pub use anygrad_graph as graph;
pub use choose::{Decision, decisions};
pub use forecast::{Circumstances, Forecast, UpdateForecast, WATCHDOG_SECONDS};
pub use plan::{Action, Cost, Memory, Part, Plan, Role, Saving, Slot, SlotId, Step};
pub use rehearsal::Rehearsal;
pub use save::Recompute;
pub use search::{largest, largest_batch};
pub use standing::{BufferId, NewBuffer, Place, Settled, Standing};
pub use window::Window;

use anygrad_graph::core::{Caps, DType, Result};
use anygrad_graph::{Graph, Tensor};

/// What may be left out of compiling, to compare with, and what is done to take less memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether chains of pointwise functions are joined, and joined to the kernels before them.
    pub fuse: bool,
    /// Whether updates of many states are joined into one step.
    pub pack: bool,
    /// Whether only kernels are used that run on every adapter, without subgroups and the like.
    pub portable: bool,
    /// The adapter is taken to show no more bytes in one binding than these: with it a test sees
    /// small values cut as large ones are.
    pub max_binding_bytes: u64,
    /// What the gradients compute again instead of having it held. Results stay the same, to the bit.
    pub recompute: Recompute,
    /// What the activations that gradients read are held as: `f32`, `f16` or `bf16`. What is computed
    /// before the gradients stays the same; they read rounded numbers.
    pub activations: DType,
}

impl Options {
    /// All that is done for speed, nothing that is done for memory at a price.
    pub const DEFAULT: Options = Options {
        fuse: true,
        pack: true,
        portable: false,
        max_binding_bytes: u64::MAX,
        recompute: Recompute::None,
        activations: DType::F32,
    };
}

impl Default for Options {
    fn default() -> Self {
        Options::DEFAULT
    }
}

/// Compiles a graph for these outputs and all its updates.
///
/// # Errors
/// The graph holds a mistake, or a value does not fit the adapter's limits; the message carries the
/// numbers and the line of the model.
pub fn compile(graph: &Graph, outputs: &[Tensor<'_>], caps: &Caps) -> Result<Plan> {
    compile_with(graph, outputs, caps, Options::default())
}

/// As [`compile`], with options.
///
/// # Errors
/// As [`compile`].
pub fn compile_with(graph: &Graph, outputs: &[Tensor<'_>], caps: &Caps, options: Options) -> Result<Plan> {
    graph.check()?;
    let mut caps = if options.portable { caps.portable() } else { caps.clone() };
    caps.max_binding_bytes = caps.max_binding_bytes.min(options.max_binding_bytes);
    let caps = &caps;
    let constants = fold::fold(graph, outputs);
    let lowered = lower::lower(graph, outputs, &constants, &choose::Chooser::new(caps))?;
    let may_fuse = options.fuse && !caps.excludes(Caps::FUSION);
    let fused = if may_fuse { fuse::fuse(lowered, caps) } else { lowered };
    let fused = early::early(fused);
    let (saved, saving) = save::save(fused, graph, &options, caps)?;
    let (placed, slots) = settle(saved, &options, caps)?;
    assemble::assemble(placed, slots, saving, caps)
}

/// Where everything is: the stages from steps to memory.
fn settle(program: lower::Program, options: &Options, caps: &Caps) -> Result<(place::Placed, slots::Slots)> {
    let placed = place::place(program);
    let placed = if options.pack { pack::pack(placed, caps)? } else { placed };
    let slots = slots::assign(&placed);
    Ok((placed, slots))
}
