//! anygrad trains and runs neural networks on whatever GPU a person owns.

pub use anygrad_core as core;
pub use anygrad_data as data;
pub use anygrad_gpu as gpu;
pub use anygrad_graph as graph;
pub use anygrad_nn as nn;
pub use anygrad_plan as plan;
