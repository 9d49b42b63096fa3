//! Tables to numbers, by rules that are learned once: categories, fillings and classes of the
//! training data are those of every later table.

mod spec;

use std::collections::BTreeMap;

use anygrad_core::{Array, Context, Error, Result};
use serde::{Deserialize, Serialize};

pub use spec::{Missing, MissingReport, TableSpec};

use crate::table::{brief, class_name, number};
use crate::{Dataset, Table, Task};

/// The most categories of a column that becomes a feature each. More are names rather than kinds.
const MAX_CATEGORIES: usize = 1000;
/// How many categories an error lists.
const LISTED: usize = 10;

/// What was learned of a table, as a run folder can hold it.
///
/// ```
/// use anygrad_data::{Encoder, Header, Missing, Table, TableSpec, Task};
///
/// let text = b"age,city,bought\n30,Rome,yes\n?,Oslo,no\n50,Rome,no\n";
/// let table = Table::parse(text, "customers.csv", Header::Detect)?;
/// let spec = TableSpec {
///     targets: vec!["bought".into()],
///     task: Task::Binary,
///     one_hot: vec!["city".into()],
///     missing: Missing::Mean,
///     ..TableSpec::default()
/// };
/// let encoder = Encoder::fit(&table, &spec, &[0, 1, 2])?;
/// assert_eq!(encoder.feature_names(), ["age", "city=Oslo", "city=Rome"]);
/// let data = encoder.dataset(&table)?;
/// assert_eq!(data.features().as_f32()?[3..6], [40.0, 1.0, 0.0]);
/// # Ok::<(), anygrad_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    spec: TableSpec,
    features: Vec<Feature>,
    /// The names of the classes of each target; none where it is a number.
    classes: Vec<Vec<String>>,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    column: String,
    kind: Kind,
    /// What a cell without a value becomes.
    fill: Option<f32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Number,
    OneHot(Vec<String>),
    Ordinal(Vec<String>),
}

impl Encoder {
    /// Learns from a table. Categories and classes are those of all rows; the means that fill gaps
    /// are of the rows named, which are those to train on, so that the others do not leak.
    ///
    /// # Errors
    /// A column does not exist or has two uses; no feature is left; a cell of a target or a category
    /// (with line and column) cannot be read; a column has no value in the training rows to take the
    /// mean of; more than 1000 categories in one column; or no two classes.
    pub fn fit(table: &Table, spec: &TableSpec, training_rows: &[usize]) -> Result<Self> {
        let chosen = spec.chosen(table)?;
        if spec.task == Task::Multiclass && chosen.targets.len() > 1 {
            return Err(Error::input(format!(
                "Multiclass takes one target, got {}: {}",
                chosen.targets.len(),
                spec.targets.join(", ")
            )));
        }
        let (_, classes) = table.targets(&chosen.targets, spec.task)?;
        let one_hot = columns(table, spec.one_hot.iter())?;
        let ordinal = columns(table, spec.ordinal.keys())?;
        let orders: BTreeMap<usize, &Vec<String>> = ordinal.into_iter().zip(spec.ordinal.values()).collect();
        let mut features = Vec::with_capacity(chosen.features.len());
        for column in chosen.features {
            let kind = if one_hot.contains(&column) {
                Kind::OneHot(categories(table, spec, column)?)
            } else if let Some(order) = orders.get(&column) {
                let sorted = order.is_empty();
                Kind::Ordinal(if sorted { categories(table, spec, column)? } else { order.to_vec() })
            } else {
                Kind::Number
            };
            let mut feature = Feature { column: table.unique_name(column), kind, fill: None };
            feature.fill = feature.filling(table, column, spec, training_rows)?;
            features.push(feature);
        }
        Ok(Encoder { spec: spec.clone(), features, classes })
    }

    /// What it was told.
    pub fn spec(&self) -> &TableSpec {
        &self.spec
    }

    /// The name of each feature: of a column, or `column=category`.
    pub fn feature_names(&self) -> Vec<String> {
        let names = |feature: &Feature| match &feature.kind {
            Kind::OneHot(names) => names.iter().map(|name| format!("{}={name}", feature.column)).collect(),
            _ => vec![feature.column.clone()],
        };
        self.features.iter().flat_map(names).collect()
    }

    /// The names of the classes of each target; none for a target that is a number.
    pub fn classes(&self) -> &[Vec<String>] {
        &self.classes
    }

    /// The features `[n, k]`, `f32`, of a table with the same columns; targets may be absent.
    ///
    /// # Errors
    /// A column does not exist, or a cell (with line and column) is no number, none of the
    /// categories, or without a value where that is not filled.
    pub fn features(&self, table: &Table) -> Result<Array> {
        let (n, k) = (table.rows(), self.feature_names().len());
        let mut values = vec![0.0; n * k];
        let mut place = 0;
        for feature in &self.features {
            let column = table.column(&feature.column)?;
            for (row, cell) in table.cells(column)?.enumerate() {
                let value =
                    feature.value(cell, &self.spec).map_err(|why| table.bad_cell(row, column, &why))?;
                match (&feature.kind, value) {
                    (Kind::OneHot(_), Some(category)) => values[row * k + place + category as usize] = 1.0,
                    // A row without a category is of none.
                    (Kind::OneHot(_), None) => {}
                    (_, value) => values[row * k + place] = value.unwrap_or_default(),
                }
            }
            place += feature.width();
        }
        Array::f32(&[n, k], values)
    }

    /// The targets: `[n, m]`, `f32`, for m numbers or pairs of classes, `[n]`, `i32`, for
    /// [`Task::Multiclass`]. Classes have the numbers that were learned.
    ///
    /// # Errors
    /// There is no target or a column does not exist, or a cell (with line and column) is no number
    /// or none of the classes.
    pub fn targets(&self, table: &Table) -> Result<Array> {
        let (n, m) = (table.rows(), self.classes.len());
        if m == 0 {
            return Err(Error::input(format!("{}: no column is a target", table.source())));
        }
        let columns = columns(table, self.spec.targets.iter())?;
        let mut values = vec![0.0; n * m];
        for (place, (&column, classes)) in columns.iter().zip(&self.classes).enumerate() {
            for (row, cell) in table.cells(column)?.enumerate() {
                let value = if classes.is_empty() { number(cell) } else { class(cell, classes) };
                values[row * m + place] = value.map_err(|why| table.bad_cell(row, column, &why))?;
            }
        }
        match self.spec.task {
            Task::Multiclass => {
                Array::i32(&[n], values.iter().map(|&class| class as i32).collect::<Vec<_>>())
            }
            _ => Array::f32(&[n, m], values),
        }
    }

    /// Features and targets of a table, with the names of the classes where there is one target of
    /// classes.
    ///
    /// # Errors
    /// Those of [`Encoder::features`] and [`Encoder::targets`].
    pub fn dataset(&self, table: &Table) -> Result<Dataset> {
        let data = Dataset::new(self.features(table)?, self.targets(table)?)?;
        match &self.classes[..] {
            [classes] if !classes.is_empty() => data.with_classes(classes.clone()),
            _ => Ok(data),
        }
    }
}

impl Feature {
    fn width(&self) -> usize {
        if let Kind::OneHot(categories) = &self.kind { categories.len() } else { 1 }
    }

    /// The number of a cell, or of its category; none for a row that is of no category.
    fn value(&self, cell: &str, spec: &TableSpec) -> Result<Option<f32>, String> {
        if spec.is_missing(cell) {
            return match (self.fill, &self.kind, spec.missing) {
                (Some(fill), _, _) => Ok(Some(fill)),
                (None, Kind::OneHot(_), Missing::Mean | Missing::Constant(_)) => Ok(None),
                (None, _, Missing::Drop) => Err(format!("{cell:?} is no value, and such rows were dropped")),
                _ => Err("the cell is empty".to_owned()),
            };
        }
        match &self.kind {
            Kind::Number => number(cell).map(Some),
            Kind::OneHot(names) | Kind::Ordinal(names) => {
                let place = names.iter().position(|name| name == cell);
                place.map(|place| Some(place as f32)).ok_or_else(|| unknown(cell, names, "categories"))
            }
        }
    }

    /// What gaps are filled with.
    fn filling(&self, table: &Table, column: usize, spec: &TableSpec, rows: &[usize]) -> Result<Option<f32>> {
        match (spec.missing, &self.kind) {
            (Missing::Refuse | Missing::Drop, _) | (_, Kind::OneHot(_)) => return Ok(None),
            (Missing::Constant(number), _) if number.is_finite() => return Ok(Some(number)),
            (Missing::Constant(number), _) => {
                return Err(Error::input(format!("missing values become {number}, which is not finite")));
            }
            (Missing::Mean, _) => {}
        }
        let cells: Vec<&str> = table.cells(column)?.collect();
        let (mut sum, mut count) = (0.0, 0);
        for &row in rows {
            let cell = cells.get(row).copied().ok_or_else(|| {
                Error::input(format!("row {row} does not exist among {} rows", cells.len()))
            })?;
            if !spec.is_missing(cell) {
                let value = self.value(cell, spec).map_err(|why| table.bad_cell(row, column, &why))?;
                sum += f64::from(value.unwrap_or_default());
                count += 1;
            }
        }
        // Without gaps a mean is not needed now, but a later table may have some.
        if count == 0 {
            return Err(Error::input(format!(
                "{} training rows have no value to take the mean of",
                rows.len()
            )))
            .context(|| format!("{}: column {}", table.source(), table.label(column)));
        }
        Ok(Some((sum / f64::from(count)) as f32))
    }
}

fn columns<'a>(table: &Table, names: impl Iterator<Item = &'a String>) -> Result<Vec<usize>> {
    names.map(|name| table.column(name)).collect()
}

/// The categories of a column: in the order of numbers if all are, else of text.
fn categories(table: &Table, spec: &TableSpec, column: usize) -> Result<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for (row, cell) in table.cells(column)?.enumerate() {
        match (spec.is_missing(cell), spec.missing) {
            (false, _) => names.push(cell),
            (true, Missing::Refuse) => return Err(table.bad_cell(row, column, "the cell is empty")),
            (true, _) => {}
        }
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.len() > MAX_CATEGORIES {
        let count = names.len();
        return Err(Error::input(format!(
            "{}: column {} holds {count} categories: 1 to {MAX_CATEGORIES} are supported",
            table.source(),
            table.label(column)
        )));
    }
    if let Ok(numbers) = names.iter().map(|name| name.parse::<f64>()).collect::<Result<Vec<_>, _>>() {
        let mut sorted: Vec<(f64, &str)> = numbers.into_iter().zip(names).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        names = sorted.into_iter().map(|(_, name)| name).collect();
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The number of a class by what stands in a cell.
fn class(cell: &str, classes: &[String]) -> Result<f32, String> {
    let name = class_name(cell);
    let place = classes.iter().position(|class| *class == name);
    place.map(|place| place as f32).ok_or_else(|| unknown(cell, classes, "classes"))
}

fn unknown(cell: &str, names: &[String], what: &str) -> String {
    let shown: Vec<String> = names.iter().take(LISTED).map(|name| brief(name)).collect();
    let more = if names.len() > LISTED { ", ..." } else { "" };
    format!("{:?} is none of the {} {what} {}{more}", brief(cell), names.len(), shown.join(", "))
}

#[cfg(test)]
mod tests;
