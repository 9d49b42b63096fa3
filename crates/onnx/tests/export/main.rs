//! Models out: what is written, and that the official checker and onnxruntime take it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod files;
mod python;
