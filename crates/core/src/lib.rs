//! The vocabulary that every other crate of anygrad shares: shapes, dtypes, host arrays, what an
//! adapter can do, and errors. Nothing here knows of graphs or GPUs.

mod array;
mod caps;
mod choices;
mod dtype;
mod error;
mod random;
mod shape;

pub use array::{Array, Data};
pub use caps::{Caps, DeviceKind};
pub use choices::Choices;
pub use dtype::DType;
pub use error::{Context, Error, Result};
pub use random::Random;
pub use shape::{MAX_RANK, Shape};
