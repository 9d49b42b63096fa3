use std::collections::HashMap;

use anygrad_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use super::Table;
use super::cell::{number, whole};
use crate::Dataset;

/// What is to be predicted from a table, which decides the form of the targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A number: targets `[n, 1]`, `f32`.
    #[default]
    Regression,
    /// One of two classes: targets `[n, 1]`, `f32`, 0 or 1.
    Binary,
    /// One of several classes: targets `[n]`, `i32`, from 0.
    Multiclass,
}

impl Table {
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
        let value = |(row, cell): (usize, &&str)| {
            whole(cell).map_err(|why| {
                let others = format!("{why}, as {numeric} of {} classes here are", cells.len());
                self.bad_cell(row, column, if number(cell).is_ok() { &why } else { &others })
            })
        };
        let values = cells.iter().enumerate().map(value).collect::<Result<Vec<i32>>>()?;
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
                self.source(),
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
        let (targets, classes) = self.targets(&[target], task)?;
        let data = Dataset::new(features, targets)?;
        if classes[0].is_empty() { Ok(data) } else { data.with_classes(classes[0].clone()) }
    }

    /// The targets in some columns, in the form of the task, and the names of the classes of each:
    /// `[n, columns]`, and `[n]` for [`Task::Multiclass`], which takes one column.
    pub(crate) fn targets(&self, columns: &[usize], task: Task) -> Result<(Array, Vec<Vec<String>>)> {
        let (n, m) = (self.rows(), columns.len());
        let (mut values, mut names) = (vec![0.0; n * m], Vec::with_capacity(m));
        for (place, &column) in columns.iter().enumerate() {
            if task == Task::Regression {
                let numbers = self.numbers(column)?;
                numbers.into_iter().enumerate().for_each(|(row, number)| values[row * m + place] = number);
                names.push(Vec::new());
                continue;
            }
            let (classes, names_here) = self.classes(column)?;
            self.check_classes(column, task, names_here.len())?;
            if task == Task::Multiclass {
                let classes: Vec<i32> = classes.iter().map(|&class| class as i32).collect();
                return Ok((Array::i32(&[n], classes)?, vec![names_here]));
            }
            classes.iter().enumerate().for_each(|(row, &class)| values[row * m + place] = class as f32);
            names.push(names_here);
        }
        Ok((Array::f32(&[n, m], values)?, names))
    }

    fn check_classes(&self, column: usize, task: Task, classes: usize) -> Result<()> {
        let wanted = if task == Task::Binary { 2..=2 } else { 2..=usize::MAX };
        if !wanted.contains(&classes) {
            return Err(Error::input(format!(
                "{}: column {} holds {classes} classes, {task:?} takes {}",
                self.source(),
                self.label(column),
                if task == Task::Binary { "2" } else { "2 or more" },
            )));
        }
        Ok(())
    }
}
