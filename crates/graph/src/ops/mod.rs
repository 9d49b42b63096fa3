//! The operators, one file each: formula, the user's methods, the rules, the cases.
//!
//! To add one, write its file and name it twice here.

mod concat;
mod detach;
mod gather;
mod optimizer;
mod pad;
mod pointwise;
mod reduce;
mod rows;
mod scatter;
mod slice;
mod softmax;
mod view;

use crate::Case;

pub use optimizer::{Adagrad, Adam, Convention, RmsProp, Sgd, UpdateRule, WeightDecay};

/// The cases of every operator: what gradient check, conformance tests and `verify` run.
pub fn cases() -> Vec<Case> {
    [
        concat::cases(),
        detach::cases(),
        gather::cases(),
        optimizer::cases(),
        pad::cases(),
        pointwise::cases(),
        reduce::cases(),
        scatter::cases(),
        slice::cases(),
        softmax::cases(),
        view::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
