//! The data of anygrad: loaders, small generated data sets for examples, and what lies between a
//! file and a batch.
//!
//! - Files: [`Table`] (CSV), [`load_mnist`] and [`read_idx`] (IDX), [`numpy`] (`.npy`, `.npz`),
//!   [`images`] (a folder for each class), [`text`], [`series`];
//! - tables to numbers: [`Encoder`], for gaps, categories and several targets;
//! - parts: [`split`], by fractions in order or by class, in folds; [`Dataset::split`];
//! - scales that are learned from the training part: [`Standardizer`], [`MinMax`];
//! - orders and batches: [`shuffled`], [`batches`]; changes of samples: [`augment`];
//! - [`Dataset::fingerprint`]: which data it was.
//!
//! Every loader ends in a [`Dataset`]: features and targets with one row per sample. Files are
//! checked before they are believed: a mistake in one is an error that names the file, the place
//! in it and the numbers that disagree.
//!
//! ```
//! use anygrad_data::{Dataset, Standardizer, batches, generate, shuffled};
//!
//! let parts = generate::and_points(200, 1)?.split(&[0.8, 0.2])?;
//! let scale = Standardizer::fit(parts[0].features())?;
//! let train = parts[0].map_features(|features| scale.apply(features))?;
//! for epoch in 0..2 {
//!     for rows in batches(&shuffled(train.len(), 1, epoch), 32)? {
//!         let (features, targets) = train.select(rows)?;
//!         assert_eq!(features.shape()[0], targets.shape()[0]);
//!     }
//! }
//! # Ok::<(), anygrad_core::Error>(())
//! ```

pub mod augment;
mod dataset;
pub mod encode;
mod file;
mod fingerprint;
pub mod generate;
mod idx;
pub mod images;
mod min_max;
pub mod numpy;
mod order;
mod scaling;
pub mod series;
pub mod split;
mod standardize;
mod table;
pub mod text;
mod windows;

pub use augment::{Augment, Augmentation};
pub use dataset::Dataset;
pub use encode::{Encoder, Missing, MissingReport, TableSpec};
pub use fingerprint::fingerprint;
pub use idx::{Mnist, load_mnist, read_idx};
pub use min_max::MinMax;
pub use order::{batches, shuffled};
pub use scaling::{Layout, Scaling};
pub use split::folds;
pub use standardize::Standardizer;
pub use table::{Format, Header, Table, Task};
