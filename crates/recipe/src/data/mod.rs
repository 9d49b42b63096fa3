//! Where the rows come from, what they are for, and how they are cut into parts.

mod source;
mod split;
mod task;

pub use source::*;
pub use split::*;
pub use task::*;

use crate::schema::{choice, section};

section! {
    /// Where the rows come from, what they are for, and how they are cut into parts. The keys of its format
    /// and of its task stand among these.
    Data {
        @ /// Where the rows come from.
        ..source: Source;
        @ /// What they are for.
        ..task: Task;
        /// How the rows are cut into training, validation and test part. At random unless given; by time for
        /// the tasks forecasting and language; the file's own parts for idx folders that have two.
        split: Option<Split> = None,
        /// What is done to features; learned from the training part alone.
        normalize: Normalize = Normalize::None,
        /// Whether target numbers are standardized too; those of forecasting are, with the features.
        normalize_targets: bool = false,
    }
}

/// What is done to features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// Nothing.
    None,
    /// Mean 0 and deviation 1 of each column.
    Standard,
    /// From 0 to 1 in each column.
    MinMax,
}

choice! {
    /// What is done to features.
    Normalize: "normalize", "type" {
        /// Nothing.
        "none" => None {},
        /// Mean 0 and deviation 1 of each column, and of each channel of images.
        "standard" => Standard {},
        /// From 0 to 1 in each column, and in each channel of images.
        "min_max" => MinMax {},
    }
}

impl Data {
    /// The paths of all files.
    pub(crate) fn paths(&mut self) -> Vec<&mut String> {
        let mut paths = match &mut self.source {
            Source::Csv(csv) => csv.path.0.iter_mut().collect(),
            Source::Idx(idx) => vec![&mut idx.path],
            Source::Text(text) => vec![&mut text.path],
            Source::Images(images) => vec![&mut images.path],
            Source::Npy(npy) => vec![&mut npy.features, &mut npy.targets],
            Source::Npz(npz) => vec![&mut npz.path],
            Source::Generated(_) => Vec::new(),
        };
        if let Some(Split::File(split)) = &mut self.split {
            if let Part::File(path) = &mut split.validation {
                paths.push(path);
            }
            paths.extend(&mut split.test);
        }
        paths
    }
}
