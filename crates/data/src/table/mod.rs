mod cell;
mod rows;
mod targets;

use std::path::Path;

use anygrad_core::{Error, Result};
use csv::{ReaderBuilder, StringRecord, Trim};
use serde::{Deserialize, Serialize};

use crate::file::read_file;
pub(crate) use cell::{brief, class_name, number};
use cell::{line_of, malformed};
pub use targets::Task;

/// Whether the first line of a table names its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// It does when none of its cells is a number.
    #[default]
    Detect,
    /// It does.
    Present,
    /// It is data.
    Absent,
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Format {
    /// Whether the first line names the columns.
    pub header: Header,
    /// What stands between cells: a comma, a semicolon, a tabulator or another ASCII character.
    pub separator: char,
}

impl Default for Format {
    fn default() -> Self {
        Format { header: Header::Detect, separator: ',' }
    }
}

impl From<Header> for Format {
    fn from(header: Header) -> Self {
        Format { header, ..Format::default() }
    }
}

/// A CSV table: UTF-8, every line with the same number of cells.
///
/// Columns are counted from 0, lines of the file from 1. A column without a name goes by its number.
#[derive(Clone, Debug)]
pub struct Table {
    /// The files it came from, at least one.
    sources: Vec<String>,
    names: Vec<String>,
    /// The column of the file that each column of the table came from.
    places: Vec<usize>,
    rows: Vec<StringRecord>,
    /// The file of each row, and the line of it that the row starts on.
    origins: Vec<(usize, u64)>,
}

impl Table {
    /// The table in a file.
    ///
    /// # Errors
    /// The file cannot be read, and those of [`Table::parse`].
    pub fn read(path: impl AsRef<Path>, format: impl Into<Format>) -> Result<Self> {
        let path = path.as_ref();
        Table::parse(&read_file(path)?, &path.display().to_string(), format)
    }

    /// The table in the bytes of a file; `source` is what errors call it.
    ///
    /// # Errors
    /// A separator that cannot be one, a line with more or fewer cells than the first, bytes that are
    /// not UTF-8 (both with the line), or no rows.
    pub fn parse(bytes: &[u8], source: &str, format: impl Into<Format>) -> Result<Self> {
        let Format { header, separator } = format.into();
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if !separator.is_ascii() || separator.is_ascii_alphanumeric() || "\"\r\n.+-".contains(separator) {
            return Err(Error::input(format!("{source}: {separator:?} cannot separate cells")));
        }
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(separator as u8)
            .trim(Trim::All)
            .from_reader(bytes);
        let (mut rows, mut origins) = (Vec::new(), Vec::new());
        for row in reader.records() {
            let row = row.map_err(|error| malformed(&error, bytes).context(source))?;
            origins.push((0, line_of(row.position(), bytes)));
            rows.push(row);
        }
        let Some(first) = rows.first() else {
            return Err(Error::input(format!("{source}: the table is empty")));
        };
        let places: Vec<usize> = (0..first.len()).collect();
        let mut names: Vec<String> = places.iter().map(usize::to_string).collect();
        let named = match header {
            Header::Detect => first.iter().all(|cell| cell.parse::<f64>().is_err()),
            Header::Present => true,
            Header::Absent => false,
        };
        if named {
            origins.remove(0);
            for (name, cell) in names.iter_mut().zip(&rows.remove(0)) {
                if !cell.is_empty() {
                    cell.clone_into(name);
                }
            }
        }
        if rows.is_empty() {
            return Err(Error::input(format!("{source}: the table has a header but no rows")));
        }
        Ok(Table { sources: vec![source.to_owned()], names, places, rows, origins })
    }

    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of rows, at least 1; a header is none.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The number of a column, from its name or its number as text.
    ///
    /// # Errors
    /// There is no such column (the message lists those that exist), or several have the name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let mut found = (0..self.names.len()).filter(|&column| self.names[column] == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(a), Some(b)) => Err(Error::input(format!(
                "{}: columns {a} and {b} are both named {name:?}: give the number",
                self.source()
            ))),
            (None, _) => {
                name.parse().ok().filter(|&column: &usize| column < self.names.len()).ok_or_else(|| {
                    Error::input(format!("{}: no column {name:?} among {}", self.source(), self.list()))
                })
            }
        }
    }

    /// The table without some columns: dates, names or numbers that only identify a row.
    ///
    /// # Errors
    /// One does not exist, or none is left.
    pub fn without(mut self, columns: &[&str]) -> Result<Self> {
        let dropped = columns.iter().map(|name| self.column(name)).collect::<Result<Vec<usize>>>()?;
        let kept: Vec<usize> = (0..self.names.len()).filter(|column| !dropped.contains(column)).collect();
        if kept.is_empty() {
            return Err(Error::input(format!("{}: no column is left without {columns:?}", self.source())));
        }
        self.names = kept.iter().map(|&column| self.names[column].clone()).collect();
        self.places = kept.iter().map(|&column| self.places[column]).collect();
        Ok(self)
    }

    /// The numbers of a column, one per row.
    ///
    /// # Errors
    /// The column does not exist, or a cell (with line and column) is empty, no number, or not
    /// finite as an `f32`.
    pub fn numbers(&self, column: usize) -> Result<Vec<f32>> {
        let number = |(row, cell)| number(cell).map_err(|why| self.bad_cell(row, column, &why));
        self.cells(column)?.enumerate().map(number).collect()
    }

    /// A name that [`Table::column`] finds this column by.
    pub(crate) fn unique_name(&self, column: usize) -> String {
        let name = &self.names[column];
        let again = self.names.iter().filter(|other| *other == name).count() > 1;
        if again { column.to_string() } else { name.clone() }
    }

    /// What errors call the whole table.
    pub(crate) fn source(&self) -> String {
        self.sources.join(" + ")
    }

    pub(crate) fn cells(&self, column: usize) -> Result<impl Iterator<Item = &str>> {
        let place = self.places.get(column).copied().ok_or_else(|| {
            Error::input(format!("{}: no column {column} among {}", self.source(), self.list()))
        })?;
        // Every row has the cells of the first: the reader refuses others.
        Ok(self.rows.iter().map(move |row| row.get(place).unwrap_or_default()))
    }

    pub(crate) fn bad_cell(&self, row: usize, column: usize, why: &str) -> Error {
        Error::input(format!(
            "{}: line {}, column {}: {why}",
            self.sources[self.origins[row].0],
            self.origins[row].1,
            self.label(column)
        ))
    }

    /// A column as errors call it: `2 (age)`, or `2` when it has no name.
    pub(crate) fn label(&self, column: usize) -> String {
        match (&self.names[column], self.places[column]) {
            (name, place) if *name == place.to_string() => name.clone(),
            (name, place) => format!("{place} ({})", brief(name)),
        }
    }

    /// The columns as errors list them.
    pub(crate) fn list(&self) -> String {
        let shown: Vec<String> = self.names.iter().take(LISTED).map(|name| brief(name)).collect();
        let more = if self.names.len() > LISTED { ", ..." } else { "" };
        format!("the {} columns {}{more}", self.names.len(), shown.join(", "))
    }
}

/// How many columns an error lists.
const LISTED: usize = 20;

#[cfg(test)]
mod tests;
