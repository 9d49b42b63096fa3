//! The operators, one file each: formula, the user's methods, the rules, the cases.
//!
//! To add one, write its file and name it twice here.

mod pointwise;
mod recurrent;
mod reduce;
mod view;

use crate::Case;

pub use recurrent::{Activation, LstmOutput};

/// The cases of every operator: what gradient check, conformance tests and `verify` run.
pub fn cases() -> Vec<Case> {
    [pointwise::cases(), recurrent::cases(), reduce::cases(), view::cases()].into_iter().flatten().collect()
}
