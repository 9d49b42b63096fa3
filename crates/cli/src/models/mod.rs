//! `anygrad run` and `anygrad inspect`: ONNX models as they are.

mod inspect;
mod run;
mod values;

pub(crate) use inspect::{Arguments as Inspect, dim, run as inspect, sizes};
pub(crate) use run::{Arguments as Run, run};
