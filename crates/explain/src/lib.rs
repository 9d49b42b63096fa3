//! What the predictions of a model rest on.
//!
//! An [`Explainer`] takes any model, a [`Layer`](anygrad_nn::Layer) whose parameters stand in a session,
//! and says for each row of an input how much its elements matter to one output: by gradients
//! ([`Explainer::saliency`], [`Explainer::gradient_times_input`], [`Explainer::integrated_gradients`],
//! [`Explainer::smooth_grad`]), by hiding parts ([`Explainer::occlusion`]), by the last convolution
//! ([`Explainer::grad_cam`]); or for a whole table how much each column matters to a score
//! ([`Explainer::permutation_importance`]). [`Explainer::attention`] reads attention maps.
//!
//! All run in batches where the model runs. Nothing of the session is changed, and the same adapter
//! gives the same bits.
//!
//! ```
//! use anygrad_core::Array;
//! use anygrad_explain::{Explainer, IntegratedGradients, Target};
//! use anygrad_gpu::Session;
//! use anygrad_graph::Graph;
//! use anygrad_nn::Lambda;
//!
//! # pollster::block_on(async {
//! // y = 3 a - 2 b, of parameters that a session holds.
//! let session = Session::interpreter();
//! let graph = Graph::new();
//! session.compile(&graph, &[graph.state("w", &[2, 1])])?;
//! session.write_state("w", &Array::f32(&[2, 1], [3.0, -2.0])?)?;
//! let model = Lambda::new("", |scope, x| x.matmul(scope.graph().state("w", &[2, 1])));
//!
//! let x = Array::f32(&[1, 2], [10.0, 1.0])?;
//! let options = IntegratedGradients { steps: 8, ..IntegratedGradients::default() };
//! let found = Explainer::new(&session, &model).integrated_gradients(&x, &Target::Output(0), &options).await?;
//! assert_eq!(found.attribution.values.as_f32()?, [30.0, -2.0]);
//! assert!(found.rows[0].holds());
//! # Ok::<(), anygrad_core::Error>(())
//! # }).unwrap();
//! ```

mod attention;
mod cam;
mod explainer;
mod gradients;
mod integrated;
mod occlusion;
mod permutation;
pub mod score;
mod target;

pub use attention::AttentionMap;
pub use cam::{GradCam, GradCamOptions};
pub use explainer::{Attribution, Explainer};
pub use gradients::SmoothGrad;
pub use integrated::{Baseline, Completeness, Integrated, IntegratedGradients};
pub use occlusion::Occlusion;
pub use permutation::{Change, Importance, Permutation, permutation};
pub use target::Target;
