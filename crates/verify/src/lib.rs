//! Certifies an adapter for anygrad.
//!
//! - [`ops`]: every case of every operator, forward and backward, against the interpreter in double
//!   precision;
//! - [`refcase`]: cases that other libraries computed, in the format refcase/1.

pub mod ops;
pub mod refcase;
