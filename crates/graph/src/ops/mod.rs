//! The operators, one file each: formula, the user's methods, the rules, the cases.
//!
//! To add one, write its file and name it twice here.

mod matmul;
mod pointwise;
mod reduce;
mod view;

use crate::Case;

/// The cases of every operator: what gradient check, conformance tests and `verify` run.
pub fn cases() -> Vec<Case> {
    [matmul::cases(), pointwise::cases(), reduce::cases(), view::cases()].into_iter().flatten().collect()
}
