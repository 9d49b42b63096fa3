//! anygrad trains and runs neural networks on whatever GPU a person owns, or on a software adapter,
//! and checks that its numbers are right there.
//!
//! - [`nn`]: layers, losses, optimizers and the trainer: where most programs begin;
//! - [`data`]: loaders and generated data sets; [`recipe`]: a training as a TOML file; [`run`]: what it leaves behind;
//! - [`onnx`]: models in and out;
//! - [`store`]: checkpoints, encryption, signatures and the audit log; [`explain`]: what a model's
//!   predictions rest on;
//! - [`gpu`]: adapters and sessions; [`verify`] certifies an adapter, [`perf`] measures it;
//! - [`graph`]: tensor expressions and operators; [`plan`]: what a graph becomes; [`core`]: the words
//!   that all of them share.
//!
//! ```
//! use anygrad::core::{Array, DType};
//! use anygrad::gpu::Session;
//! use anygrad::graph::Graph;
//!
//! # pollster::block_on(async {
//! let graph = Graph::new();
//! let x = graph.input("x", &[3], DType::F32);
//! let loss = (x * x + 1.0).sum_all();
//! let slope = graph.gradients(loss, &[x])[0];
//!
//! // `Session::open(&Choice::Best)` runs the same on a GPU.
//! let mut program = Session::interpreter().compile(&graph, &[loss, slope])?;
//! program.write("x", &Array::f32(&[3], [1.0, 2.0, 3.0])?)?;
//! program.run()?;
//! assert_eq!(program.read(0).await?.as_f32()?, [17.0]);
//! assert_eq!(program.read(1).await?.as_f32()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), anygrad::core::Error>(())
//! # }).unwrap();
//! ```

pub use anygrad_core as core;
pub use anygrad_data as data;
pub use anygrad_explain as explain;
pub use anygrad_gpu as gpu;
pub use anygrad_graph as graph;
pub use anygrad_nn as nn;
pub use anygrad_onnx as onnx;
pub use anygrad_perf as perf;
pub use anygrad_plan as plan;
pub use anygrad_recipe as recipe;
pub use anygrad_run as run;
pub use anygrad_store as store;
pub use anygrad_verify as verify;

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So does that of the page about ONNX models.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/onnx.md")]
struct OnnxPage;
