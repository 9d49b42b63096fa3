//! What the four programs of anygrad share: options, tables and plots.

pub mod files;
pub mod options;
pub mod plot;
pub mod tables;
