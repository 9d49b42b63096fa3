//! ONNX models in and out.

pub mod proto;
