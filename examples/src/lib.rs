//! What the four programs of anygrad share: options, data in parts, tables and plots.

pub mod files;
pub mod options;
pub mod parts;
pub mod plot;
pub mod tables;
pub mod trend;
