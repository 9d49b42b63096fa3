//! The benchmarks of anygrad.
