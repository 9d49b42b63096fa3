//! The loaders of anygrad.
