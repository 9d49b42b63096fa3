//! Reads a table, and its columns as numbers and as classes.
#![no_main]

use anygrad_data::{Format, Table};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(table) = Table::parse(bytes, "fuzzed.csv", Format::default()) else { return };
    for column in 0..table.names().len() {
        let _ = table.numbers(column);
        let _ = table.classes(column);
    }
});
