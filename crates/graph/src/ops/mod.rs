//! The operators, one file each: formula, the user's methods, the rules, the cases.
//!
//! To add one, write its file and name it twice here.

mod conv;
mod pointwise;
mod pool;
mod reduce;
mod view;

pub use conv::Conv;
pub use pool::Pool;

use crate::Case;

/// The cases of every operator: what gradient check, conformance tests and `verify` run.
pub fn cases() -> Vec<Case> {
    [conv::cases(), pointwise::cases(), pool::cases(), reduce::cases(), view::cases()]
        .into_iter()
        .flatten()
        .collect()
}
