//! Bars, one below the other: names, values, deviations.

use anygrad_core::Result;

use crate::axis::{Axis, Scale};
use crate::canvas::{AXIS, Area, Canvas, LABEL, Side};
use crate::colours::{FAINT, GRID, INK, SERIES};
use crate::number;

/// Values by name, as the importance of each column of a table.
#[derive(Clone, Debug)]
pub struct Bars {
    title: String,
    label: String,
    bars: Vec<Bar>,
    most: usize,
}

#[derive(Clone, Debug)]
struct Bar {
    name: String,
    value: f64,
    deviation: Option<f64>,
}

const WIDTH: f64 = 720.0;
/// From bar to bar, and what stands above and below them.
const ROW: f64 = 30.0;
const ABOVE: f64 = 56.0;
const BELOW: f64 = 70.0;
/// The most that names take, and the place for a value beside its bar.
const NAMES: f64 = 210.0;
const VALUE: f64 = 64.0;
/// How many bars are shown unless told otherwise.
const MOST: usize = 30;

impl Bars {
    /// No bars yet; `label` says what the values are.
    pub fn new(title: &str, label: &str) -> Self {
        Bars { title: title.to_owned(), label: label.to_owned(), bars: Vec::new(), most: MOST }
    }

    /// Another bar.
    pub fn bar(mut self, name: impl Into<String>, value: f64) -> Self {
        self.bars.push(Bar { name: name.into(), value, deviation: None });
        self
    }

    /// Another bar, with a line that reaches a deviation to both sides of its end.
    pub fn bar_with_deviation(mut self, name: impl Into<String>, value: f64, deviation: f64) -> Self {
        self.bars.push(Bar { name: name.into(), value, deviation: Some(deviation) });
        self
    }

    /// Largest values first, what is no number last; equal ones stay in their order.
    pub fn sorted(mut self) -> Self {
        self.bars.sort_by(|a, b| rank(b.value).total_cmp(&rank(a.value)));
        self
    }

    /// Largest sizes first, whatever their signs, what is no number last.
    pub fn sorted_by_size(mut self) -> Self {
        self.bars.sort_by(|a, b| rank(b.value.abs()).total_cmp(&rank(a.value.abs())));
        self
    }

    /// How many bars are shown; the others are counted in a line below. 30 unless told otherwise.
    pub fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    fn shown(&self) -> &[Bar] {
        &self.bars[..self.bars.len().min(self.most)]
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        (WIDTH as u32, (ABOVE + BELOW + ROW * self.shown().len().max(3) as f64) as u32)
    }

    pub(crate) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let canvas = Canvas(area);
        canvas.title(&self.title, WIDTH)?;
        let shown = self.shown();
        let mut names: f64 = 60.0;
        for bar in shown {
            names = names.max(canvas.width(&bar.name, LABEL)?);
        }
        let names = names.min(NAMES);
        let (left, right) = (names + 30.0, WIDTH - 24.0);
        let height = ROW * shown.len().max(3) as f64;
        let bottom = ABOVE + height;

        // The ends of bars and deviations, and 0.
        let ends = |bar: &Bar| {
            let deviation = bar.deviation.filter(|d| d.is_finite()).unwrap_or(0.0);
            [bar.value - deviation, bar.value + deviation]
        };
        let finite = || shown.iter().flat_map(ends).filter(|x| x.is_finite());
        let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
        let axis = Axis::around(low, high, Scale::Linear, 0.0);
        // Places for the values at the ends of the longest bars.
        let start = left + if low < 0.0 { VALUE } else { 0.0 };
        let end = right - if high > 0.0 || low == 0.0 { VALUE } else { 0.0 };
        let x = |value: f64| start + axis.share(value) * (end - start);

        for mark in axis.marks() {
            canvas.line(&[(x(mark), ABOVE), (x(mark), bottom)], GRID, 1.0)?;
            canvas.text(&number(mark), (x(mark), bottom + 16.0), Side::Middle, LABEL, INK)?;
        }
        for (i, bar) in shown.iter().enumerate() {
            let middle = ABOVE + ROW * (i as f64 + 0.5);
            let name = canvas.fitted(&bar.name, LABEL, names)?;
            canvas.text(&name, (left - 12.0, middle), Side::Left, LABEL, INK)?;
            let value = number(bar.value);
            if !bar.value.is_finite() {
                canvas.text(&value, (x(0.0) + 6.0, middle), Side::Right, LABEL, FAINT)?;
                continue;
            }
            let (from, to) = (x(0.0).min(x(bar.value)), x(0.0).max(x(bar.value)));
            let colour = if bar.value < 0.0 { SERIES[1] } else { SERIES[0] };
            canvas.rectangle([from, middle - 9.0, to - from, 18.0], colour)?;
            let [low, high] = ends(bar).map(x);
            if bar.deviation.is_some_and(f64::is_finite) {
                canvas.line(&[(low, middle), (high, middle)], INK, 1.5)?;
                for end in [low, high] {
                    canvas.line(&[(end, middle - 5.0), (end, middle + 5.0)], INK, 1.5)?;
                }
            }
            let (at, side) = if bar.value < 0.0 {
                (low.min(from) - 6.0, Side::Left)
            } else {
                (high.max(to) + 6.0, Side::Right)
            };
            canvas.text(&value, (at, middle), side, 13.0, INK)?;
        }
        canvas.line(&[(x(0.0), ABOVE), (x(0.0), bottom)], INK, 1.0)?;
        canvas.text(&self.label, ((start + end) / 2.0, bottom + 38.0), Side::Middle, AXIS, INK)?;
        let mut notes = Vec::new();
        if shown.iter().any(|bar| bar.deviation.is_some()) {
            notes.push("lines: one standard deviation to both sides".to_owned());
        }
        if self.bars.len() > shown.len() {
            notes.push(format!("{} more are not shown", self.bars.len() - shown.len()));
        }
        canvas.text(&notes.join("; "), ((start + end) / 2.0, bottom + 57.0), Side::Middle, 12.0, FAINT)
    }
}

/// What a value is sorted by: an order of all numbers.
fn rank(value: f64) -> f64 {
    // Adding 0 makes -0 equal to 0.
    if value.is_nan() { f64::NEG_INFINITY } else { value + 0.0 }
}
