//! Certifies an adapter for anygrad.
//!
//! [`certify`] runs every case of every operator, forward and backward, in every plan, against the
//! interpreter in double precision, then short trainings and, when asked, random graphs. What fails is
//! traced to the kernel at fault, and sessions do without that ([`Report::verdict`]).
//!
//! [`refcase`] runs cases that other libraries computed, in the format refcase/1.

mod blame;
mod certify;
mod check;
mod fuzz;
mod histogram;
mod html;
pub mod refcase;
mod report;
mod training;
mod trouble;

pub use blame::Exclusion;
pub use certify::{Options, Progress, certify};
pub use check::{Errors, Failure};
pub use fuzz::{FuzzReport, check_graph};
pub use histogram::{BINS, Histogram};
pub use report::{OpReport, Report};
pub use training::TrainingReport;
