use std::collections::BTreeMap;
use std::fmt;

use anygrad_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Table, Task};

/// What happens to cells without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// They are errors.
    #[default]
    Refuse,
    /// Their rows are left out.
    Drop,
    /// They get the mean of the training rows.
    Mean,
    /// They get this number.
    Constant(f32),
}

/// How the columns of a table become features and targets.
///
/// Columns go by their names, or their numbers as text. A column that is not mentioned is a feature
/// of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableSpec {
    /// The columns to predict; none where the features are all there is, as of a series.
    pub targets: Vec<String>,
    /// What they are; [`Task::Multiclass`] takes one.
    pub task: Task,
    /// Columns that are left out, as dates, names and numbers that only identify a row.
    pub ignore: Vec<String>,
    /// Columns of categories that become a feature each: 1 for the category of the row, else 0.
    pub one_hot: Vec<String>,
    /// Columns of categories that become numbers from 0, in the order given; `[]` sorts them.
    pub ordinal: BTreeMap<String, Vec<String>>,
    /// What happens to cells without a value.
    pub missing: Missing,
    /// What stands in a cell without a value, in any case of letters; an empty one is always such a
    /// cell. Where missing values are refused, these are cells like any other.
    pub markers: Vec<String>,
}

impl Default for TableSpec {
    fn default() -> Self {
        TableSpec {
            targets: Vec::new(),
            task: Task::default(),
            ignore: Vec::new(),
            one_hot: Vec::new(),
            ordinal: BTreeMap::new(),
            missing: Missing::default(),
            markers: ["NA", "N/A", "NaN", "null", "?"].map(str::to_owned).to_vec(),
        }
    }
}

/// The cells without a value that a table has, and what became of their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingReport {
    /// The rows of the table.
    pub rows: usize,
    /// How many of them were left out.
    pub dropped: usize,
    /// The columns that lack values, each with the number of its cells that do.
    pub columns: Vec<(String, usize)>,
}

impl fmt::Display for MissingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.columns.is_empty() {
            return write!(f, "no missing values in {} rows", self.rows);
        }
        let columns: Vec<String> =
            self.columns.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "missing values in {} rows: {}", self.rows, columns.join(", "))?;
        if self.dropped > 0 {
            write!(f, "; {} rows dropped", self.dropped)?;
        }
        Ok(())
    }
}

/// The columns of a table that a spec names.
pub(super) struct Chosen {
    pub features: Vec<usize>,
    pub targets: Vec<usize>,
}

impl TableSpec {
    /// The table without the rows that lack a value where [`Missing::Drop`] says so, else as it is;
    /// and what is missing. Do this before a split.
    ///
    /// # Errors
    /// Those of [`super::Encoder::fit`] about columns, or no row is left.
    pub fn without_missing(&self, table: &Table) -> Result<(Table, MissingReport)> {
        let chosen = self.chosen(table)?;
        let mut report = MissingReport { rows: table.rows(), ..MissingReport::default() };
        let mut whole = vec![true; table.rows()];
        for column in chosen.features.into_iter().chain(chosen.targets) {
            let lacks: Vec<bool> = table.cells(column)?.map(|cell| self.is_missing(cell)).collect();
            let count = lacks.iter().filter(|&&lacks| lacks).count();
            if count > 0 {
                report.columns.push((table.names()[column].clone(), count));
            }
            whole.iter_mut().zip(lacks).for_each(|(whole, lacks)| *whole &= !lacks);
        }
        if self.missing != Missing::Drop || whole.iter().all(|&whole| whole) {
            return Ok((table.clone(), report));
        }
        let rows: Vec<usize> = (0..table.rows()).filter(|&row| whole[row]).collect();
        report.dropped = table.rows() - rows.len();
        let kept = table.take(&rows).map_err(|error| error.context(&report))?;
        Ok((kept, report))
    }

    /// Whether a cell has no value.
    pub(super) fn is_missing(&self, cell: &str) -> bool {
        let marked = || self.markers.iter().any(|marker| marker.eq_ignore_ascii_case(cell));
        cell.is_empty() || self.missing != Missing::Refuse && marked()
    }

    pub(super) fn chosen(&self, table: &Table) -> Result<Chosen> {
        let find = |names: &[String]| names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>();
        let (targets, ignored) = (find(&self.targets)?, find(&self.ignore)?);
        let categories: Vec<String> = self.one_hot.iter().chain(self.ordinal.keys()).cloned().collect();
        let categories = find(&categories)?;
        let uses = [("a target", &targets), ("ignored", &ignored), ("a column of categories", &categories)];
        let all: Vec<(&str, usize)> =
            uses.iter().flat_map(|(what, columns)| columns.iter().map(|&column| (*what, column))).collect();
        for (place, (what, column)) in all.iter().enumerate() {
            if let Some((before, _)) = all[..place].iter().find(|(_, other)| other == column) {
                let name = &table.names()[*column];
                return Err(Error::input(format!("column {name:?} is {before}, and {what} as well")));
            }
        }
        let other = |column: &usize| !targets.contains(column) && !ignored.contains(column);
        let features: Vec<usize> = (0..table.names().len()).filter(other).collect();
        if features.is_empty() {
            let list = table.list();
            return Err(Error::input(format!(
                "no feature is left of {list} without {:?} and {:?}",
                self.targets, self.ignore
            )));
        }
        Ok(Chosen { features, targets })
    }
}
