//! A recipe as a run: what is trained, and what that leaves behind.
//!
//! - [`assemble()`]: a trainer, its data and how long it trains;
//! - [`train()`], [`resume()`], [`Run`]: a training in a folder, which can be killed at any point;
//! - [`Saved`]: the trained model of a folder, which predicts and is evaluated; [`load_trainer`]: the same with
//!   the data of its recipe;
//! - [`Saved::onnx`]: that model for other programs, and [`Saved::weights`] its parameters;
//! - [`report`]: what a run shows: one page, tables and pictures;
//! - [`forecast`]: what it will take, before it starts;
//! - [`crossval`]: how well a recipe does on rows that it has not seen, fold by fold;
//! - [`sweep`]: many recipes from one, compared;
//! - [`explain`]: what predictions rest on, as pictures and numbers;
//! - [`generate`]: text of a language model.

mod assemble;
pub mod crossval;
pub mod explain;
mod export;
mod folder;
pub mod forecast;
mod fresh;
pub mod generate;
mod info;
mod keeper;
mod lock;
mod machine;
mod options;
mod predict;
mod record;
pub mod report;
mod saved;
pub mod sweep;
mod table;
mod tensorboard;
mod tested;
mod timing;
mod train;
mod trial;
mod units;
mod weights;

pub use assemble::{Assembly, assemble, assemble_with};
pub use export::Exported;
pub use folder::{Folder, HISTORY, KERNELS, METRICS, PREPROCESSING, RECIPE, RUN, SCORES};
pub use info::{DataInfo, DataPart, KernelCost, RunInfo};
pub use options::{Outcome, RunOptions};
pub use report::Tested;
pub use saved::{Saved, Which, load_trainer};
pub use table::Table;
pub use tensorboard::TENSORBOARD;
pub use train::{Resumed, Run, resume, train};
pub use weights::load_weights;
