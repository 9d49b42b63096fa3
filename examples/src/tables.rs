//! Numbers and tables as text.

use std::fmt;

use anygrad::core::{Error, Result};
pub use anygrad_plot::number;
use serde::Serialize;

/// A share as percent, with one digit after the point: `97.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Rows of cells in columns, each as wide as its widest cell: the first column to the left, the
/// others to the right. The first row is the head.
pub fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let length = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..count).map(|column| rows.iter().map(|row| length(row, column)).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => line += &format!("{cell:<width$}"),
                _ => line += &format!("  {cell:>width$}"),
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// How often samples of each class were taken for each class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confusion {
    /// The name of each class.
    pub classes: Vec<String>,
    /// `counts[actual][predicted]`, in samples.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts pairs of an actual and a predicted class, both numbers of `classes`.
    ///
    /// # Errors
    /// Not as many predictions as actual classes, none at all, or a number that is no class.
    pub fn of(classes: &[String], actual: &[usize], predicted: &[usize]) -> Result<Self> {
        if actual.is_empty() || actual.len() != predicted.len() {
            return Err(Error::shape(format!(
                "{} predictions cannot be compared with {} classes",
                predicted.len(),
                actual.len()
            )));
        }
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        for (row, (&actual, &predicted)) in actual.iter().zip(predicted).enumerate() {
            let cell = counts.get_mut(actual).and_then(|counts: &mut Vec<u64>| counts.get_mut(predicted));
            *cell.ok_or_else(|| {
                Error::input(format!(
                    "row {row}: class {actual} taken for {predicted}, there are {} classes",
                    classes.len()
                ))
            })? += 1;
        }
        Ok(Confusion { classes: classes.to_vec(), counts })
    }

    /// The number of samples.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// The share of samples whose class was found.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes.len()).map(|class| self.counts[class][class]).sum();
        right as f64 / self.total() as f64
    }

    /// The accuracy of always answering the most frequent class: what a model has to beat.
    pub fn majority(&self) -> f64 {
        let most = self.counts.iter().map(|row| row.iter().sum::<u64>()).max().unwrap_or(0);
        most as f64 / self.total() as f64
    }
}

/// A row per actual class, a column per predicted one, zeros as dots, and the share of each class
/// that was found.
impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = vec!["actual \\ predicted".to_owned()];
        head.extend(self.classes.iter().cloned());
        head.push("found".to_owned());
        let mut rows = vec![head];
        for (class, counts) in self.counts.iter().enumerate() {
            let mut row = vec![self.classes[class].clone()];
            row.extend(
                counts.iter().map(|&count| if count == 0 { "·".to_owned() } else { count.to_string() }),
            );
            let total: u64 = counts.iter().sum();
            row.push(if total == 0 { "-".to_owned() } else { percent(counts[class] as f64 / total as f64) });
            rows.push(row);
        }
        f.write_str(&columns(&rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec!["a", "bb", "c"], vec!["long", "1", "22"], vec!["é"]];
        let rows: Vec<Vec<String>> = rows.map(|row| row.into_iter().map(str::to_owned).collect()).to_vec();
        assert_eq!(columns(&rows), "a     bb   c\nlong   1  22\né\n");
        assert_eq!(columns(&[]), "");
    }

    #[test]
    fn a_confusion_counts_pairs() {
        let classes = ["cat", "dog", "owl"].map(str::to_owned);
        let confusion = Confusion::of(&classes, &[0, 0, 1, 1, 1], &[0, 1, 1, 1, 0]).unwrap();
        assert_eq!(confusion.counts, [[1, 1, 0], [1, 2, 0], [0, 0, 0]]);
        assert_eq!((confusion.accuracy(), confusion.majority()), (0.6, 0.6));
        let text = "actual \\ predicted  cat  dog  owl   found\n\
                    cat                   1    1    ·  50.0 %\n\
                    dog                   1    2    ·  66.7 %\n\
                    owl                   ·    ·    ·       -\n";
        assert_eq!(confusion.to_string(), text);
    }

    #[test]
    fn pairs_that_do_not_fit_are_refused() {
        let classes = ["a", "b"].map(str::to_owned);
        let error = Confusion::of(&classes, &[0, 1], &[0, 2]).unwrap_err();
        assert_eq!(error.to_string(), "row 1: class 1 taken for 2, there are 2 classes");
        assert!(Confusion::of(&classes, &[0], &[]).unwrap_err().is_shape());
        assert!(Confusion::of(&classes, &[], &[]).unwrap_err().is_shape());
    }
}
