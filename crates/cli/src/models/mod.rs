//! `anygrad run` and `anygrad inspect`: ONNX models as they are.

mod inspect;
mod run;
mod values;

pub(crate) use inspect::{Arguments as Inspect, run as inspect};
pub(crate) use run::{Arguments as Run, run};
