//! The `anygrad` command.

fn main() {}
