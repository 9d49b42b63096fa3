//! Series whose steps are coloured by how much they matter.

use anygrad_core::{Error, Result};

use crate::axis::{Axis, Scale};
use crate::canvas::{AXIS, Area, Canvas, LABEL, Side};
use crate::chart::span;
use crate::colours::{FAINT, INK};
use crate::legend::{self, Colours, short};
use crate::number;

/// Series below each other over common steps, as the window that a forecast was made of. The ground
/// behind each step has the colour of its attribution.
#[derive(Clone, Debug)]
pub struct MarkedSeries {
    title: String,
    legend: String,
    strips: Vec<Strip>,
    first_step: f64,
}

#[derive(Clone, Debug)]
struct Strip {
    name: String,
    values: Vec<f32>,
    marks: Vec<f32>,
}

const WIDTH: f64 = 840.0;
const ABOVE: f64 = 54.0;
const BELOW: f64 = 58.0;
const GAP: f64 = 14.0;
const LEFT: f64 = 96.0;

impl MarkedSeries {
    /// No series yet; `legend` says what the colours stand for.
    pub fn new(title: &str, legend: &str) -> Self {
        MarkedSeries {
            title: title.to_owned(),
            legend: legend.to_owned(),
            strips: Vec::new(),
            first_step: 0.0,
        }
    }

    /// The number of the first step, for the axis; 0 unless told otherwise.
    pub fn starting_at(mut self, step: i64) -> Self {
        self.first_step = step as f64;
        self
    }

    /// Another series: a value and an attribution for each step.
    ///
    /// # Errors
    /// Not as many attributions as values, none, or another number of steps than the series before.
    pub fn series(mut self, name: &str, values: &[f32], attributions: &[f32]) -> Result<Self> {
        let steps = self.strips.first().map_or(values.len(), |strip| strip.values.len());
        if values.is_empty() || [values.len(), attributions.len()] != [steps; 2] {
            return Err(Error::shape(format!(
                "series {name:?}: {} values and {} attributions, wanted {steps} of each",
                values.len(),
                attributions.len()
            )));
        }
        self.strips.push(Strip {
            name: name.to_owned(),
            values: values.to_vec(),
            marks: attributions.to_vec(),
        });
        Ok(self)
    }

    /// The height of each series: less where there are many.
    fn strip(&self) -> f64 {
        match self.strips.len() {
            0 | 1 => 260.0,
            2..=4 => 130.0,
            _ => 84.0,
        }
    }

    pub(crate) fn size(&self) -> (u32, u32) {
        let strips = self.strips.len().max(1) as f64;
        (WIDTH as u32, (ABOVE + strips * (self.strip() + GAP) + BELOW) as u32)
    }

    pub(crate) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let canvas = Canvas(area);
        canvas.title(&self.title, WIDTH)?;
        let Some(first) = self.strips.first() else { return Ok(()) };
        let all = self.strips.iter().flat_map(|strip| &strip.marks);
        let colours = Colours::of(all.map(|&x| x.into()));
        let steps = first.values.len();
        let right = WIDTH - legend::WIDTH - 20.0;
        let step_width = (right - LEFT) / steps as f64;
        let middle = |step: usize| LEFT + (step as f64 + 0.5) * step_width;
        let height = self.strip();
        for (i, strip) in self.strips.iter().enumerate() {
            let top = ABOVE + i as f64 * (height + GAP);
            for (step, &mark) in strip.marks.iter().enumerate() {
                let at = LEFT + step as f64 * step_width;
                canvas.rectangle([at, top, step_width + 0.25, height], colours.at(mark.into()))?;
            }
            let values = || strip.values.iter().map(|&x| f64::from(x));
            let (low, high) = span(values().filter(|x| x.is_finite()));
            let axis = Axis::around(low, high, Scale::Linear, 0.08);
            let y = |value: f64| top + (1.0 - axis.share(value)) * height;
            let points: Vec<(f64, f64)> =
                values().enumerate().map(|(step, x)| (middle(step), y(x))).collect();
            for piece in points.split(|point| !point.1.is_finite()) {
                // A light line around the dark one keeps it visible on any ground.
                canvas.line(piece, plotters::style::WHITE, 4.5)?;
                canvas.line(piece, INK, 2.0)?;
            }
            canvas.frame([LEFT, top, right - LEFT, height], INK)?;
            let marks = axis.marks();
            // As many marks as have place below each other.
            let every = marks.len().div_ceil((height / 26.0) as usize).max(1);
            for mark in marks.iter().step_by(every) {
                canvas.line(&[(LEFT - 4.0, y(*mark)), (LEFT, y(*mark))], INK, 1.0)?;
                canvas.text(&short(*mark), (LEFT - 8.0, y(*mark)), Side::Left, 13.0, INK)?;
            }
            let name = canvas.fitted(&strip.name, LABEL, height)?;
            canvas.text(&name, (24.0, top + height / 2.0), Side::Upwards, LABEL, INK)?;
        }
        let bottom = ABOVE + self.strips.len() as f64 * (height + GAP) - GAP;
        let (low, high) = (self.first_step, self.first_step + (steps - 1) as f64);
        for mark in Axis::around(low, high, Scale::Count, 0.0).marks() {
            if (low..=high).contains(&mark) {
                let at = middle((mark - low) as usize);
                canvas.line(&[(at, bottom), (at, bottom + 4.0)], INK, 1.0)?;
                canvas.text(&number(mark), (at, bottom + 16.0), Side::Middle, LABEL, INK)?;
            }
        }
        canvas.text("step", ((LEFT + right) / 2.0, bottom + 40.0), Side::Middle, AXIS, INK)?;
        canvas.line(&[(LEFT, bottom + 41.0), (LEFT + 24.0, bottom + 41.0)], INK, 2.0)?;
        canvas.text("value", (LEFT + 32.0, bottom + 40.0), Side::Right, 13.0, FAINT)?;
        let tall = (bottom - ABOVE).min(320.0);
        colours.draw(&canvas, (right + 20.0, ABOVE), tall, &self.legend, short)
    }
}
