//! The four programs of anygrad.
