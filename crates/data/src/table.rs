use std::collections::HashMap;
use std::path::Path;

use anygrad_core::{Array, Error, Result};
use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};

use crate::Dataset;
use crate::file::read_file;

/// Whether the first line of a table names its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It does when none of its cells is a number.
    Detect,
    /// It does.
    Present,
    /// It is data.
    Absent,
}

/// What is to be predicted from a table, which decides the form of the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A number: targets `[n, 1]`, `f32`.
    Regression,
    /// One of two classes: targets `[n, 1]`, `f32`, 0 or 1.
    Binary,
    /// One of several classes: targets `[n]`, `i32`, from 0.
    Multiclass,
}

/// A CSV table: comma-separated, UTF-8, every line with the same number of cells.
///
/// Columns are counted from 0, lines of the file from 1. A column without a name goes by its number.
#[derive(Clone, Debug)]
pub struct Table {
    source: String,
    names: Vec<String>,
    /// The column of the file that each column of the table came from.
    places: Vec<usize>,
    rows: Vec<StringRecord>,
    /// The line of the file that each row starts on.
    lines: Vec<u64>,
}

impl Table {
    /// The table in a file.
    ///
    /// # Errors
    /// The file cannot be read, and those of [`Table::parse`].
    pub fn read(path: impl AsRef<Path>, header: Header) -> Result<Self> {
        let path = path.as_ref();
        Table::parse(&read_file(path)?, &path.display().to_string(), header)
    }

    /// The table in the bytes of a file; `source` is what errors call it.
    ///
    /// # Errors
    /// A line with more or fewer cells than the first, bytes that are not UTF-8 (both with the
    /// line), or no rows.
    pub fn parse(bytes: &[u8], source: &str, header: Header) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = ReaderBuilder::new().has_headers(false).trim(Trim::All).from_reader(bytes);
        let (mut rows, mut lines) = (Vec::new(), Vec::new());
        for row in reader.records() {
            let row = row.map_err(|error| malformed(&error, bytes).context(source))?;
            lines.push(line_of(row.position(), bytes));
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
            lines.remove(0);
            for (name, cell) in names.iter_mut().zip(&rows.remove(0)) {
                if !cell.is_empty() {
                    cell.clone_into(name);
                }
            }
        }
        if rows.is_empty() {
            return Err(Error::input(format!("{source}: the table has a header but no rows")));
        }
        Ok(Table { source: source.to_owned(), names, places, rows, lines })
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
                self.source
            ))),
            (None, _) => {
                name.parse().ok().filter(|&column: &usize| column < self.names.len()).ok_or_else(|| {
                    Error::input(format!("{}: no column {name:?} among {}", self.source, self.list()))
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
            return Err(Error::input(format!("{}: no column is left without {columns:?}", self.source)));
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

    /// The class of each row by a column, and the name of each class.
    ///
    /// Text is numbered in the order of appearance. Whole numbers are numbered in ascending order,
    /// so that classes 0 to k-1 keep their numbers.
    ///
    /// # Errors
    /// The column does not exist, or a cell (with line and column) is empty, a number that is not
    /// whole, or text among numbers.
    pub fn classes(&self, column: usize) -> Result<(Vec<usize>, Vec<String>)> {
        let cells: Vec<&str> = self.cells(column)?.collect();
        let numeric = cells.iter().filter(|cell| cell.parse::<f64>().is_ok()).count();
        let mut names: Vec<String> = Vec::new();
        if numeric == 0 {
            let mut class_of: HashMap<&str, usize> = HashMap::new();
            let mut classes = Vec::with_capacity(cells.len());
            for (row, &cell) in cells.iter().enumerate() {
                if cell.is_empty() {
                    return Err(self.bad_cell(row, column, "the cell is empty"));
                }
                classes.push(*class_of.entry(cell).or_insert_with(|| {
                    names.push(cell.to_owned());
                    names.len() - 1
                }));
            }
            return Ok((classes, names));
        }
        let whole = |(row, cell): (usize, &&str)| match number(cell) {
            Ok(value) if value.fract() == 0.0 && value.abs() < EXACT => Ok(value as i32),
            Ok(value) => Err(self.bad_cell(row, column, &format!("{value} is no class, which is whole"))),
            Err(why) => {
                let others = format!("{why}, as {numeric} of {} classes here are", cells.len());
                Err(self.bad_cell(row, column, &others))
            }
        };
        let values = cells.iter().enumerate().map(whole).collect::<Result<Vec<i32>>>()?;
        let mut distinct = values.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let classes = values.iter().map(|value| distinct.partition_point(|other| other < value)).collect();
        Ok((classes, distinct.iter().map(i32::to_string).collect()))
    }

    /// Features `[n, k]` from all columns but the target, and targets from that one: the last, or
    /// the one with the name or number given. See [`Task`] for the form of the targets.
    ///
    /// # Errors
    /// Those of [`Table::column`], [`Table::numbers`] and [`Table::classes`]; no column besides the
    /// target; other than two classes for [`Task::Binary`], one class for [`Task::Multiclass`].
    pub fn dataset(&self, target: Option<&str>, task: Task) -> Result<Dataset> {
        let target = target.map_or(Ok(self.names.len() - 1), |name| self.column(name))?;
        let (n, k) = (self.rows(), self.names.len() - 1);
        if k == 0 {
            return Err(Error::input(format!(
                "{}: takes a target and at least one column more, has only {}",
                self.source,
                self.list()
            )));
        }
        let mut features = vec![0.0; n * k];
        let columns = (0..=k).filter(|&column| column != target);
        for (place, column) in columns.enumerate() {
            for (row, value) in self.numbers(column)?.into_iter().enumerate() {
                features[row * k + place] = value;
            }
        }
        let features = Array::f32(&[n, k], features)?;
        if task == Task::Regression {
            return Dataset::new(features, Array::f32(&[n, 1], self.numbers(target)?)?);
        }
        let (classes, names) = self.classes(target)?;
        let wanted = if task == Task::Binary { 2..=2 } else { 2..=usize::MAX };
        if !wanted.contains(&names.len()) {
            return Err(Error::input(format!(
                "{}: column {} holds {} classes, {task:?} takes {}",
                self.source,
                self.label(target),
                names.len(),
                if task == Task::Binary { "2" } else { "2 or more" },
            )));
        }
        let targets = match task {
            Task::Binary => Array::f32(&[n, 1], classes.iter().map(|&c| c as f32).collect::<Vec<_>>())?,
            _ => Array::i32(&[n], classes.iter().map(|&c| c as i32).collect::<Vec<_>>())?,
        };
        Dataset::new(features, targets)?.with_classes(names)
    }

    fn cells(&self, column: usize) -> Result<impl Iterator<Item = &str>> {
        let place = self.places.get(column).copied().ok_or_else(|| {
            Error::input(format!("{}: no column {column} among {}", self.source, self.list()))
        })?;
        // Every row has the cells of the first: the reader refuses others.
        Ok(self.rows.iter().map(move |row| row.get(place).unwrap_or_default()))
    }

    fn bad_cell(&self, row: usize, column: usize, why: &str) -> Error {
        Error::input(format!(
            "{}: line {}, column {}: {why}",
            self.source,
            self.lines[row],
            self.label(column)
        ))
    }

    /// A column as errors call it: `2 (age)`, or `2` when it has no name.
    fn label(&self, column: usize) -> String {
        match (&self.names[column], self.places[column]) {
            (name, place) if *name == place.to_string() => name.clone(),
            (name, place) => format!("{place} ({})", brief(name)),
        }
    }

    /// The columns as errors list them.
    fn list(&self) -> String {
        let shown: Vec<String> = self.names.iter().take(LISTED).map(|name| brief(name)).collect();
        let more = if self.names.len() > LISTED { ", ..." } else { "" };
        format!("the {} columns {}{more}", self.names.len(), shown.join(", "))
    }
}

/// How many columns an error lists.
const LISTED: usize = 20;
/// How many characters of a cell an error quotes.
const QUOTED: usize = 40;
/// Whole numbers below this are exact in an `f32`.
const EXACT: f32 = 16_777_216.0;

fn brief(cell: &str) -> String {
    match cell.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &cell[..end]),
        None => cell.to_owned(),
    }
}

/// The number in a cell, or why there is none.
fn number(cell: &str) -> Result<f32, String> {
    if cell.is_empty() {
        return Err("the cell is empty".to_owned());
    }
    match cell.parse::<f64>() {
        Ok(value) if (value as f32).is_finite() => Ok(value as f32),
        Ok(value) if value.is_finite() => Err(format!("{value:e} does not fit in an f32")),
        Ok(value) => Err(format!("{value} is not finite")),
        Err(_) => Err(format!("{:?} is not a number", brief(cell))),
    }
}

/// The line a row starts on. The reader's position is where it began to look for the row: empty
/// lines may come first.
fn line_of(position: Option<&csv::Position>, bytes: &[u8]) -> u64 {
    let (line, begin) = position.map_or((1, 0), |position| (position.line(), position.byte() as usize));
    let skipped = bytes.iter().skip(begin).take_while(|byte| matches!(byte, b'\r' | b'\n'));
    line + skipped.filter(|&&byte| byte == b'\n').count() as u64
}

fn malformed(error: &csv::Error, bytes: &[u8]) -> Error {
    let line = line_of(error.position(), bytes);
    Error::input(match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line}: {len} cells, the lines before have {expected_len}")
        }
        ErrorKind::Utf8 { err, .. } => format!("line {line}, column {}: not UTF-8", err.field()),
        _ => format!("line {line}: {error}"),
    })
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
