//! Tensor expressions, the operators behind them, and what follows from an operator's one place:
//! automatic differentiation, the reference interpreter, and the cases every test runs.
//!
//! ```
//! use anygrad_core::{Array, DType};
//! use anygrad_graph::{Graph, Interpreter, Precision};
//!
//! let graph = Graph::new();
//! let x = graph.input("x", &[3], DType::F32);
//! let loss = (x * x + 1.0).sum_all();
//! let slope = graph.gradients(loss, &[x])[0];
//!
//! let mut cpu = Interpreter::new(Precision::F32);
//! cpu.write("x", &Array::f32(&[3], vec![1.0, 2.0, 3.0])?);
//! let results = cpu.run(&graph, &[loss, slope])?;
//! assert_eq!(results[0].as_f32()?, [17.0]);
//! assert_eq!(results[1].as_f32()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), anygrad_core::Error>(())
//! ```

mod attribute;
mod backward;
mod case;
mod check;
mod composite;
mod graph;
mod interpret;
mod layout;
mod op;
pub mod ops;
mod tensor;

pub use anygrad_core as core;
pub use attribute::{Attribute, Attributes};
pub use case::{Case, CaseGraph, Fill, Mismatch, Tolerance};
pub use check::{GradientOptions, GradientReport, GradientVerdict, ParameterCheck, Probe, check_gradients};
pub use composite::Composite;
pub use graph::{Graph, Node, NodeId, Origin, ValueId};
pub use interpret::{Interpreter, Precision, Values};
pub use layout::{Layout, Meta};
pub use op::{
    Arrangement, At, Call, Dispatch, Grads, Kernels, Lowering, Op, Operand, Rows, signature, workgroups,
};
pub use tensor::{IntoTensor, Tensor};

pub use anygrad_shaders as shaders;
