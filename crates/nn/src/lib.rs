//! Layers, initialisers, losses, optimizers, metrics, and a trainer that puts them together.
//!
//! ```
//! use anygrad_core::Array;
//! use anygrad_gpu::Session;
//! use anygrad_nn::{Dense, FitOptions, Loss, Sgd, Silent, Trainer};
//!
//! # pollster::block_on(async {
//! // y = 3 x + 2
//! let x: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
//! let y: Vec<f32> = x.iter().map(|x| 3.0 * x + 2.0).collect();
//! let (x, y) = (Array::f32(&[32, 1], x)?, Array::f32(&[32, 1], y)?);
//!
//! let mut trainer = Trainer::new(Session::interpreter(), Dense::new(1), Loss::mse(), Sgd::new(0.1));
//! let options = FitOptions { epochs: 60, batch_size: 8, ..FitOptions::default() };
//! let history = trainer.fit((&x, &y), None, &options, &mut Silent).await?;
//! assert!(history.last_loss() < 1e-6);
//! let kernel = trainer.read_parameter("dense.kernel").await?;
//! assert!((kernel.as_f32()?[0] - 3.0).abs() < 1e-3);
//! # Ok::<(), anygrad_core::Error>(())
//! # }).unwrap();
//! ```

mod activation;
mod init;
mod layers;
mod library;
mod loss;
mod metrics;
mod optim;
mod progress;
mod schedule;
mod scope;
mod train;

pub use activation::Activation;
pub use init::Init;
pub use layers::*;
pub use library::{Exchange, Library};
pub use loss::{Ctc, Loss, MarginRanking, Reduction, TripletMargin};
pub use metrics::{Average, ClassScores, Confusion, Metric};
pub use optim::{
    Adadelta, Adagrad, Adam, Adamax, Clip, Lion, Nadam, Optimizer, RmsProp, Settings, Sgd, minimize,
};
pub use progress::Progress;
pub use schedule::{Plateau, PlateauStanding, Schedule};
pub use scope::{Mode, Parameter, Role, Row, Scope};
pub use train::{
    Drawn, EarlyStopping, End, Epoch, FitOptions, History, MemoryOptions, Observer, Outline, Position,
    Recompute, Recover, Recovery, RowShape, Scores, Silent, Start, Step, TestPart, TrainProgress, TrainState,
    Trainer, Watch, Wish, higher_is_better,
};
