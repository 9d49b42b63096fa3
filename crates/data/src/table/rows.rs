//! Which rows: files joined and told apart again, parts named in a column, order by time.

use std::cmp::Ordering;

use anygrad_core::{Error, Result};

use super::{Table, brief};

impl Table {
    /// The rows of several files with the same columns as one table, file after file, so that
    /// classes and categories have the same numbers in all of them. [`Table::rows_of_files`] tells
    /// them apart again.
    ///
    /// # Errors
    /// There is no table, or one has other columns than the first.
    pub fn join(tables: Vec<Table>) -> Result<Table> {
        let mut tables = tables.into_iter();
        let mut all = tables.next().ok_or_else(|| Error::input("there is no table to join"))?;
        for table in tables {
            if table.names != all.names || table.places != all.places {
                return Err(Error::input(format!(
                    "{} has {}, {} has {}",
                    table.sources[0],
                    table.list(),
                    all.sources[0],
                    all.list()
                )));
            }
            let before = all.sources.len();
            all.sources.extend(table.sources);
            all.rows.extend(table.rows);
            all.origins.extend(table.origins.into_iter().map(|(source, line)| (before + source, line)));
        }
        Ok(all)
    }

    /// The rows that came from each file, in the order in which they were joined.
    pub fn rows_of_files(&self) -> Vec<Vec<usize>> {
        let mut parts = vec![Vec::new(); self.sources.len()];
        self.origins.iter().enumerate().for_each(|(row, &(source, _))| parts[source].push(row));
        parts
    }

    /// The rows of each part, by a column that says to which a row belongs, as `train` and `test`.
    /// Leave the column out of the features.
    ///
    /// # Errors
    /// There is no such column, a cell (with line and column) is none of the parts, or a part has no
    /// row.
    pub fn rows_of_parts(&self, column: &str, parts: &[&str]) -> Result<Vec<Vec<usize>>> {
        let place = self.column(column)?;
        let mut rows = vec![Vec::new(); parts.len()];
        for (row, cell) in self.cells(place)?.enumerate() {
            match parts.iter().position(|&part| part == cell) {
                Some(part) => rows[part].push(row),
                None => {
                    let why = format!("{:?} is none of the parts {}", brief(cell), parts.join(", "));
                    return Err(self.bad_cell(row, place, &why));
                }
            }
        }
        match rows.iter().position(Vec::is_empty) {
            None => Ok(rows),
            Some(part) => Err(Error::input(format!(
                "{}: no row of column {} is {:?}",
                self.source(),
                self.label(place),
                parts[part]
            ))),
        }
    }

    /// Some rows, in the order given.
    ///
    /// # Errors
    /// A row does not exist, or none is asked for.
    pub fn take(&self, rows: &[usize]) -> Result<Table> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.rows()) {
            return Err(Error::input(format!(
                "{}: row {row} does not exist among {} rows",
                self.source(),
                self.rows()
            )));
        }
        if rows.is_empty() {
            return Err(Error::input(format!("{}: no row is left of {}", self.source(), self.rows())));
        }
        Ok(Table {
            sources: self.sources.clone(),
            names: self.names.clone(),
            places: self.places.clone(),
            rows: rows.iter().map(|&row| self.rows[row].clone()).collect(),
            origins: rows.iter().map(|&row| self.origins[row]).collect(),
        })
    }

    /// The rows in ascending order of a column, oldest first where it is the time. Rows with equal
    /// cells keep their order. Numbers are compared as such, other cells as text: dates from the
    /// year to the second, as `2024-01-31 12:00`, are in order so.
    ///
    /// # Errors
    /// There is no such column, or a cell (with line and column) is empty or text among numbers.
    pub fn sorted_by(&self, column: &str) -> Result<Table> {
        let column = self.column(column)?;
        let cells: Vec<&str> = self.cells(column)?.collect();
        if let Some(row) = cells.iter().position(|cell| cell.is_empty()) {
            return Err(self.bad_cell(row, column, "the cell is empty"));
        }
        let mut order: Vec<usize> = (0..cells.len()).collect();
        if cells.iter().any(|cell| cell.parse::<f64>().is_ok()) {
            let numbers = self.numbers(column)?;
            order.sort_by(|&a, &b| numbers[a].partial_cmp(&numbers[b]).unwrap_or(Ordering::Equal));
        } else {
            order.sort_by_key(|&row| cells[row]);
        }
        self.take(&order)
    }
}
