//! Rows of text, for the terminal and for CSV.

use std::borrow::Cow;
use std::fmt;

/// A table: a heading for each column, and rows of as many cells. It prints itself in columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What stands above the columns.
    pub headings: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As CSV, as RFC 4180 has it.
    pub fn to_csv(&self) -> String {
        let line = |row: &Vec<String>| row.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",") + "\n";
        std::iter::once(&self.headings).chain(&self.rows).map(line).collect()
    }
}

/// A cell of CSV: with a comma, a quote or a new line it stands in quotes.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = || std::iter::once(&self.headings).chain(&self.rows);
        let length = |cell: &String| cell.chars().count();
        let width = |column: usize| lines().filter_map(|row| row.get(column)).map(length).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        for (number, row) in lines().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            let end = if number < self.rows.len() { "\n" } else { "" };
            write!(f, "{}{end}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// A figure as a person reads it: five digits.
pub(crate) fn figure(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => x.to_string(),
        0.0 => "0".to_owned(),
        size if !(1e-3..1e6).contains(&size) => format!("{x:.4e}"),
        size if size >= 100.0 => format!("{x:.2}"),
        _ => format!("{x:.4}"),
    }
}
