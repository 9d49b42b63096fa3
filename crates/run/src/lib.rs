//! A recipe as a run: what is trained, and what that leaves behind.
//!
//! - [`assemble()`]: a trainer, its data and how long it trains;
//! - [`train()`], [`resume()`], [`Run`]: a training in a folder, which can be killed at any point;
//! - [`Saved`]: the trained model of a folder, which predicts and is evaluated;
//! - [`report`]: what a run shows: one page, tables and pictures.

mod assemble;
mod folder;
mod fresh;
mod info;
mod keeper;
mod machine;
mod options;
mod predict;
mod record;
pub mod report;
mod saved;
mod tested;
mod train;

pub use assemble::{Assembly, assemble, assemble_with};
pub use folder::{Folder, HISTORY, METRICS, PREPROCESSING, RECIPE, RUN, SCORES};
pub use info::{DataInfo, DataPart, KernelCost, RunInfo};
pub use options::{Outcome, RunOptions};
pub use predict::Predictions;
pub use report::Tested;
pub use saved::{Saved, Which};
pub use train::{Resumed, Run, resume, train};
