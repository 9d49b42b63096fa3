//! CSV tables.

use anygrad_core::Result;
use anygrad_data::{Dataset, Header as TableHeader, Table};

use crate::data::{Csv, Header, Missing, Task};
use crate::recipe::Recipe;

impl Recipe {
    pub(super) fn csv(&self, csv: &Csv, path: &str) -> Result<Dataset> {
        let table = self.table(csv, path)?;
        let target = self.target(csv, &table)?;
        let task = match self.settings().data.task {
            Task::Binary(_) => anygrad_data::Task::Binary,
            Task::Multiclass(_) => anygrad_data::Task::Multiclass,
            _ => anygrad_data::Task::Regression,
        };
        let name = table.names()[target].clone();
        let table = match &csv.inputs {
            None => table,
            Some(inputs) => {
                let mut kept = vec![target];
                for input in &inputs.0 {
                    kept.push(self.reading("inputs", table.column(input))?);
                }
                let others = (0..table.names().len()).filter(|column| !kept.contains(column));
                let others: Vec<String> = others.map(|column| table.names()[column].clone()).collect();
                let others: Vec<&str> = others.iter().map(String::as_str).collect();
                if others.is_empty() { table } else { self.reading("inputs", table.without(&others))? }
            }
        };
        self.reading("path", table.dataset(Some(&name), task))
    }

    pub(super) fn table(&self, csv: &Csv, path: &str) -> Result<Table> {
        if csv.separator != ',' {
            return self.unavailable(&["data", "separator"], "a separator other than a comma");
        }
        if csv.missing != Missing::Error {
            return self.unavailable(&["data", "missing"], "a table with empty cells");
        }
        if !csv.one_hot.0.is_empty() {
            return self.unavailable(&["data", "one_hot"], "a column for each word");
        }
        let header = match csv.header {
            Header::Auto => TableHeader::Detect,
            Header::Present => TableHeader::Present,
            Header::Absent => TableHeader::Absent,
        };
        let table = self.reading("path", Table::read(self.path(path), header))?;
        let dropped: Vec<&str> = csv.drop.0.iter().map(String::as_str).collect();
        if dropped.is_empty() { Ok(table) } else { self.reading("drop", table.without(&dropped)) }
    }

    /// The column of a table to predict.
    pub(super) fn target(&self, csv: &Csv, table: &Table) -> Result<usize> {
        match csv.target.as_ref().map(|names| &names.0[..]) {
            None => Ok(table.names().len() - 1),
            Some([name]) => self.reading("target", table.column(name)),
            Some([]) => Err(self.error(&["data", "target"], "the list is empty: takes at least one column")),
            Some(_) => self.unavailable(&["data", "target"], "more than one target"),
        }
    }
}
