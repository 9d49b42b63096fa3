//! ONNX models in and out.
//!
//! A [`Model`] is read from a file and checked. A [`Runner`] runs it on a session, with a plan for each set of
//! shapes; [`Model::import`] makes it a part of a graph, and [`Pretrained`] a layer, which can be trained further.

mod bound;
mod check;
mod element;
pub mod export;
mod external;
mod file;
mod host;
mod import;
mod model;
mod node;
mod ops;
pub mod proto;
mod run;
mod scope;
pub mod suite;
mod tensor;
mod value;

pub use bound::Pretrained;
pub use element::Element;
pub use file::item_bytes;
pub use host::{Data, Host};
pub use model::{Dim, Model, NEWEST_OPSET, Port, Unsupported};
pub use run::{Item, Runner};
pub use tensor::encode;
