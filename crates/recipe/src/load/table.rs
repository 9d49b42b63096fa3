//! CSV tables.

use anygrad_core::Result;
use anygrad_data::{Dataset, Encoder, Format, Header as TableHeader, Missing as Gaps, MissingReport};
use anygrad_data::{Table, TableSpec};

use super::rows::targets_of;
use super::{Cut, but_for};
use crate::data::{Csv, Fraction, Header, INPUTS, Missing, Part, Split, TARGET, Task};
use crate::reader::Reader;
use crate::recipe::Recipe;

impl Recipe {
    /// The rows of a table in parts, and how more are read.
    pub(super) fn table_rows(&self, csv: &Csv) -> Result<(Cut, Reader)> {
        let split = self.split();
        let mut tables = self.tables(csv)?;
        let files = tables.len();
        if let Split::File(file) = &split {
            let other = |key: &str, path: &str| {
                let table = Table::read(self.path(path), format(csv));
                table.map_err(|error| self.error(&["data", "split", key], error))
            };
            if let Part::File(path) = &file.validation {
                tables.push(other("validation", path)?);
            }
            tables.extend(file.test.as_ref().map(|path| other("test", path)).transpose()?);
        }
        // As one table, so that classes have the same numbers in all parts.
        let table = self.reading("path", Table::join(tables))?;
        let spec = self.spec(csv, &table)?;
        let (table, missing) = self.without_gaps(csv, &spec, &table)?;
        let table = match (&csv.time, &split) {
            (Some(time), Split::Fraction(_) | Split::Stratified(_) | Split::Time(_)) => {
                self.reading("time", table.sorted_by(&time.0))?
            }
            _ => table,
        };
        let learned = |rows: &[usize]| {
            let encoder = Encoder::fit(&table, &spec, rows)?;
            Ok((encoder.dataset(&table)?, encoder))
        };
        // Mistakes in cells come before those of parts; means alone depend on what the training part is.
        let (mut data, mut encoder) =
            self.reading("path", learned(&(0..table.rows()).collect::<Vec<_>>()))?;
        let rows = self.rows_of_table(&table, &data, &split, files)?;
        let rows = self.in_folds(rows, Some(&data))?;
        if spec.missing == Gaps::Mean {
            (data, encoder) = self.reading("path", learned(&rows[0]))?;
        }
        let cut = Cut { missing, ..Cut::of(&data, &rows)? };
        Ok((cut, Reader::Table { table: format(csv), encoder }))
    }

    /// The table without the rows that lack a value, where these are to be left out; and what is missing, if
    /// anything is.
    pub(super) fn without_gaps(
        &self,
        csv: &Csv,
        spec: &TableSpec,
        table: &Table,
    ) -> Result<(Table, Option<MissingReport>)> {
        let key = if csv.missing == Missing::Drop { "missing" } else { "path" };
        let (table, report) = self.reading(key, spec.without_missing(table))?;
        Ok((table, Some(report).filter(|report| !report.columns.is_empty())))
    }

    fn rows_of_table(
        &self,
        table: &Table,
        data: &Dataset,
        split: &Split,
        files: usize,
    ) -> Result<[Vec<usize>; 3]> {
        match split {
            Split::File(file) => {
                let mut parts = table.rows_of_files();
                let mut others = parts.split_off(files).into_iter();
                let training: Vec<usize> = parts.concat();
                let [training, validation] = match &file.validation {
                    Part::File(_) => [training, others.next().unwrap_or_default()],
                    Part::Share(share) => {
                        let split = Fraction { shuffle: *share > 0.0, shares: but_for(*share) };
                        let split = Split::Fraction(split);
                        let [train, watched, _] = self.shared(&split, training.len(), || Ok(Vec::new()))?;
                        [train, watched].map(|rows| rows.into_iter().map(|row| training[row]).collect())
                    }
                };
                Ok([training, validation, others.next().unwrap_or_default()])
            }
            Split::Column(column) => {
                let named = [Some(&column.train), column.validation.as_ref(), column.test.as_ref()];
                let given: Vec<&str> = named.iter().flatten().map(|part| part.as_str()).collect();
                let parts = self.reading("split", table.rows_of_parts(&column.column.0, &given))?;
                let mut parts = parts.into_iter();
                Ok(named.map(|part| part.and_then(|_| parts.next()).unwrap_or_default()))
            }
            split => self.shared(split, table.rows(), || data.class_of_rows()),
        }
    }

    /// The files of the training part, one table each.
    pub(super) fn tables(&self, csv: &Csv) -> Result<Vec<Table>> {
        let read = |path: &String| self.reading("path", Table::read(self.path(path), format(csv)));
        csv.path.0.iter().map(read).collect()
    }

    /// What the columns of a table are.
    pub(super) fn spec(&self, csv: &Csv, table: &Table) -> Result<TableSpec> {
        let task = &self.settings().data.task;
        let is_series = matches!(task, Task::Forecasting(_));
        let columns = |key: &str, names: &[String]| {
            let columns = names.iter().map(|name| table.column(name)).collect::<Result<Vec<usize>>>();
            self.reading(key, columns)
        };
        let mut left_out = columns("drop", &csv.drop.0)?;
        if let Some(time) = &csv.time {
            left_out.extend(columns("time", std::slice::from_ref(&time.0))?);
        }
        if let Split::Column(split) = self.split() {
            left_out.extend(columns("split", &[split.column.0])?);
        }
        let all = 0..table.names().len();
        let targets = match csv.target.as_ref().map(|names| &names.0[..]) {
            Some([]) => {
                return Err(self.error(
                    &["data", self.spelled(&TARGET)],
                    "the list is empty: takes at least one column",
                ));
            }
            Some(names) => columns(self.spelled(&TARGET), names)?,
            None => all.clone().rev().find(|column| !left_out.contains(column)).into_iter().collect(),
        };
        let inputs = match &csv.inputs {
            Some(names) => {
                let inputs = columns(self.spelled(&INPUTS), &names.0)?;
                if let Some(column) = inputs.iter().find(|column| left_out.contains(column)) {
                    let name = &table.names()[*column];
                    let message = format!("column {name:?} is an input, and left out as well");
                    return Err(self.error(&["data", self.spelled(&INPUTS)], message));
                }
                inputs
            }
            None if is_series => targets.clone(),
            None => all.clone().collect(),
        };
        columns("one_hot", &csv.one_hot.0)?;
        columns("ordinal", &csv.ordinal.0.keys().cloned().collect::<Vec<_>>())?;
        let name = |column: usize| {
            let name = &table.names()[column];
            let is_unique = table.names().iter().filter(|other| *other == name).count() == 1;
            if is_unique { name.clone() } else { column.to_string() }
        };
        let is_read = |column: &usize| inputs.contains(column) || targets.contains(column);
        let ignored = all.filter(|column| left_out.contains(column) || !is_read(column));
        Ok(TableSpec {
            ignore: ignored.map(name).collect(),
            // The columns of a series are both what is seen and what is predicted.
            targets: if is_series { Vec::new() } else { targets.into_iter().map(name).collect() },
            task: targets_of(task),
            one_hot: csv.one_hot.0.clone(),
            ordinal: csv.ordinal.0.clone(),
            missing: match csv.missing {
                Missing::Error => Gaps::Refuse,
                Missing::Drop => Gaps::Drop,
                Missing::Mean => Gaps::Mean,
                Missing::Constant { value } => Gaps::Constant(value as f32),
            },
            markers: csv.markers.clone(),
        })
    }

    /// The columns of a table that are predicted, by name.
    pub(super) fn targets(&self, csv: &Csv, spec: &TableSpec, table: &Table) -> Result<Vec<String>> {
        let named = csv.target.as_ref().map(|names| names.0.clone());
        let last = || table.names().iter().rev().find(|name| !spec.ignore.contains(name)).cloned();
        let names = named.unwrap_or_else(|| last().into_iter().collect());
        let name = |name: &String| table.column(name).map(|column| table.names()[column].clone());
        self.reading(self.spelled(&TARGET), names.iter().map(name).collect())
    }
}

/// How the file is written.
pub(super) fn format(csv: &Csv) -> Format {
    let header = match csv.header {
        Header::Auto => TableHeader::Detect,
        Header::Present => TableHeader::Present,
        Header::Absent => TableHeader::Absent,
    };
    Format { header, separator: csv.separator }
}
