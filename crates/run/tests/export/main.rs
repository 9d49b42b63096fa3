//! Trained models for other programs: what onnxruntime makes of them is what we make of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod models;
mod runs;
mod weights;

#[path = "../../../onnx/tests/export/python.rs"]
mod python;

#[path = "../common/mod.rs"]
mod common;
