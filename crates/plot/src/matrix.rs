//! Matrices: which class was taken for which, and what attends to what.

use anygrad_core::{Error, Result};

use crate::canvas::{AXIS, Area, Canvas, LABEL, Side};
use crate::colours::{GRID, INK, Ramp, ink_on};
use crate::legend::{self, Colours, short};

/// A table of coloured cells with names for its rows and columns.
#[derive(Clone, Debug)]
pub struct Matrix {
    title: String,
    row_label: String,
    column_label: String,
    legend: String,
    rows: Vec<String>,
    columns: Vec<String>,
    /// Row by row: what colours the cell.
    cells: Vec<f64>,
    /// Row by row: what stands in it, one line or two; or nothing.
    texts: Vec<[String; 2]>,
    colours: Colours,
    percent: bool,
}

/// All cells together are about this wide, and no cell is smaller or larger than these.
const CELLS: f64 = 560.0;
const SMALLEST: f64 = 34.0;
const SMALLEST_WITHOUT_TEXT: f64 = 12.0;
const LARGEST: f64 = 110.0;
/// The most that names take.
const NAMES: f64 = 120.0;
const ABOVE: f64 = 56.0;

impl Matrix {
    /// How often samples of each class were taken for each: `counts[actual][predicted]`. Cells show the
    /// count and its share of the row, which colours them.
    ///
    /// # Errors
    /// The counts are not as many rows and columns as there are classes, or there is no class.
    pub fn confusion(title: &str, classes: &[String], counts: &[Vec<u64>]) -> Result<Self> {
        check(classes.len(), classes.len(), counts.len(), counts.iter().map(Vec::len))?;
        let (mut cells, mut texts) = (Vec::new(), Vec::new());
        for row in counts {
            let total: u64 = row.iter().sum();
            for &count in row {
                let share = count as f64 / total.max(1) as f64;
                cells.push(share);
                texts.push(match count {
                    0 => [String::new(), String::new()],
                    _ => [abbreviated(count), percent(share)],
                });
            }
        }
        Ok(Matrix {
            title: title.to_owned(),
            row_label: "actual".into(),
            column_label: "predicted".into(),
            legend: "share of the actual class".into(),
            rows: classes.to_vec(),
            columns: classes.to_vec(),
            cells,
            texts,
            colours: Colours { ramp: Ramp::Blues, low: 0.0, high: 1.0 },
            percent: true,
        })
    }

    /// Numbers by row and column, as the weights with which each place attends to each.
    ///
    /// # Errors
    /// The numbers do not fit the names, or there are none.
    pub fn of(
        title: &str,
        [row_label, column_label, legend]: [&str; 3],
        [rows, columns]: [&[String]; 2],
        numbers: &[f32],
    ) -> Result<Self> {
        let width = columns.len();
        let lengths = numbers.chunks(width.max(1)).map(<[f32]>::len);
        check(rows.len(), width, numbers.len().div_ceil(width.max(1)), lengths)?;
        let cells: Vec<f64> = numbers.iter().map(|&x| x.into()).collect();
        let mut colours = Colours::of(cells.iter().copied());
        if colours.ramp == Ramp::Viridis {
            colours.ramp = Ramp::Blues;
        }
        Ok(Matrix {
            title: title.to_owned(),
            row_label: row_label.to_owned(),
            column_label: column_label.to_owned(),
            legend: legend.to_owned(),
            rows: rows.to_vec(),
            columns: columns.to_vec(),
            cells,
            texts: Vec::new(),
            colours,
            percent: false,
        })
    }

    fn cell(&self) -> f64 {
        let smallest = if self.texts.is_empty() { SMALLEST_WITHOUT_TEXT } else { SMALLEST };
        (CELLS / self.rows.len().max(self.columns.len()) as f64).clamp(smallest, LARGEST).floor()
    }

    /// The place that names take, by their number of letters: layout comes before fonts.
    fn names(names: &[String]) -> f64 {
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        (longest as f64 * 8.0 + 12.0).clamp(24.0, NAMES)
    }

    /// Whether the names of columns have no place beside each other.
    fn is_upright(&self) -> bool {
        Matrix::names(&self.columns) - 6.0 > self.cell()
    }

    fn below(&self) -> f64 {
        if self.is_upright() { Matrix::names(&self.columns) } else { 24.0 }
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        let cell = self.cell();
        let width =
            44.0 + Matrix::names(&self.rows) + cell * self.columns.len() as f64 + 24.0 + legend::WIDTH;
        let height = ABOVE + cell * self.rows.len() as f64 + self.below() + 44.0;
        (width.max(420.0) as u32, height.max(300.0) as u32)
    }

    pub(crate) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let canvas = Canvas(area);
        let cell = self.cell();
        let (panel, _) = self.size();
        canvas.title(&self.title, f64::from(panel))?;
        let names = Matrix::names(&self.rows);
        let left = 44.0 + names;
        let (width, height) = (cell * self.columns.len() as f64, cell * self.rows.len() as f64);
        let bottom = ABOVE + height;
        for (i, &value) in self.cells.iter().enumerate() {
            let (row, column) = (i / self.columns.len(), i % self.columns.len());
            let (x, y) = (left + cell * column as f64, ABOVE + cell * row as f64);
            let colour = self.colours.at(value);
            canvas.rectangle([x, y, cell, cell], colour)?;
            let Some([first, second]) = self.texts.get(i).filter(|text| !text[0].is_empty()) else {
                continue;
            };
            let size = (cell * 0.30).clamp(11.0, 18.0);
            let middle = (x + cell / 2.0, y + cell / 2.0);
            let first = canvas.fitted(first, size, cell - 2.0)?;
            canvas.text(&first, (middle.0, middle.1 - size * 0.5), Side::Middle, size, ink_on(colour))?;
            let size = (size * 0.8).max(9.5);
            canvas.text(second, (middle.0, middle.1 + size * 0.75), Side::Middle, size, ink_on(colour))?;
        }
        // Lines between cells that are large enough to tell apart.
        for i in 1..self.columns.len().max(self.rows.len()) {
            let at = cell * i as f64;
            if cell >= SMALLEST && i < self.columns.len() {
                canvas.line(&[(left + at, ABOVE), (left + at, bottom)], GRID, 1.0)?;
            }
            if cell >= SMALLEST && i < self.rows.len() {
                canvas.line(&[(left, ABOVE + at), (left + width, ABOVE + at)], GRID, 1.0)?;
            }
        }
        canvas.frame([left, ABOVE, width, height], INK)?;
        let size = LABEL.min(cell);
        for (row, name) in self.rows.iter().enumerate() {
            let name = canvas.fitted(name, size, names - 8.0)?;
            let at = ABOVE + cell * (row as f64 + 0.5);
            canvas.text(&name, (left - 8.0, at), Side::Left, size, INK)?;
        }
        for (column, name) in self.columns.iter().enumerate() {
            let at = left + cell * (column as f64 + 0.5);
            if self.is_upright() {
                let name = canvas.fitted(name, size, self.below() - 8.0)?;
                let length = canvas.width(&name, size)?;
                canvas.text(&name, (at, bottom + 8.0 + length / 2.0), Side::Upwards, size, INK)?;
            } else {
                canvas.text(name, (at, bottom + 14.0), Side::Middle, size, INK)?;
            }
        }
        canvas.text(&self.row_label, (22.0, ABOVE + height / 2.0), Side::Upwards, AXIS, INK)?;
        let under = bottom + self.below() + 16.0;
        canvas.text(&self.column_label, (left + width / 2.0, under), Side::Middle, AXIS, INK)?;
        let text = |x: f64| if self.percent { percent(x) } else { short(x) };
        let tall = height.clamp(60.0, 320.0);
        self.colours.draw(&canvas, (left + width + 24.0, ABOVE), tall, &self.legend, text)
    }
}

fn check(rows: usize, columns: usize, given: usize, mut lengths: impl Iterator<Item = usize>) -> Result<()> {
    let wrong = lengths.find(|&length| length != columns);
    if rows == 0 || columns == 0 || given != rows || wrong.is_some() {
        return Err(Error::shape(format!(
            "a matrix of {rows} rows and {columns} columns was given {given} rows of {} numbers",
            wrong.unwrap_or(columns)
        )));
    }
    Ok(())
}

/// A share in whole percent; those that are neither none nor all are not shown as such.
fn percent(share: f64) -> String {
    match 100.0 * share {
        x if x > 0.0 && x < 0.5 => "<1%".into(),
        x if x < 100.0 && x > 99.5 => ">99%".into(),
        x => format!("{x:.0}%"),
    }
}

/// A count in at most five letters, as `12.3k`.
fn abbreviated(count: u64) -> String {
    let x = count as f64;
    match count {
        0..10_000 => count.to_string(),
        10_000..99_950 => format!("{:.1}k", x / 1e3),
        99_950..999_500 => format!("{:.0}k", x / 1e3),
        999_500..99_950_000 => format!("{:.1}M", x / 1e6),
        _ => format!("{:.0e}", x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_counts_are_short_and_true() {
        assert_eq!([0.0, 0.001, 0.128, 0.996, 1.0].map(percent), ["0%", "<1%", "13%", ">99%", "100%"]);
        let counts = [0, 9_999, 12_345, 99_949, 123_456, 1_234_567, 5_000_000_000];
        assert_eq!(counts.map(abbreviated), ["0", "9999", "12.3k", "99.9k", "123k", "1.2M", "5e9"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let classes = ["a", "b"].map(str::to_owned);
        for counts in [vec![], vec![vec![1, 2]], vec![vec![1, 2], vec![3]], vec![vec![1]; 2]] {
            assert!(Matrix::confusion("", &classes, &counts).unwrap_err().is_shape());
        }
        assert!(Matrix::confusion("", &[], &[]).unwrap_err().is_shape());
        let error = Matrix::of("", ["", "", ""], [&classes, &classes], &[1.0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "a matrix of 2 rows and 2 columns was given 2 rows of 1 numbers");
    }
}
