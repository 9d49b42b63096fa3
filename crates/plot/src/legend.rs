//! What the colours of a picture stand for.

use anygrad_core::Result;

use crate::canvas::{Canvas, LABEL, Side};
use crate::colours::{INK, Ramp};
use crate::number;

/// Which numbers the ends of a ramp stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Colours {
    pub(crate) ramp: Ramp,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What a legend takes to the right of a picture.
pub(crate) const WIDTH: f64 = 110.0;
/// The width of the bar.
const BAR: f64 = 16.0;
/// How many steps of colour the bar has.
const STEPS: usize = 120;

impl Colours {
    /// For numbers such as these: both signs alike about 0 if some are negative, otherwise from 0.
    pub(crate) fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let (mut largest, mut negative) = (0.0f64, false);
        for x in numbers.filter(|x| x.is_finite()) {
            largest = largest.max(x.abs());
            negative |= x < 0.0;
        }
        // All zeros have a colour, too.
        let high = if largest > 0.0 { largest } else { 1.0 };
        if negative {
            Colours { ramp: Ramp::Diverging, low: -high, high }
        } else {
            Colours { ramp: Ramp::Viridis, low: 0.0, high }
        }
    }

    /// Where a number lies, from 0 to 1; NaN where it is none.
    pub(crate) fn share(&self, x: f64) -> f64 {
        // Halves keep it from overflowing.
        (x / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
    }

    /// How far a number is from 0, from 0 to 1: its square root, so that small ones are seen.
    pub(crate) fn strength(&self, x: f64) -> f64 {
        if x.is_finite() { (x.abs() / self.high).min(1.0).sqrt() } else { 1.0 }
    }

    pub(crate) fn at(&self, x: f64) -> plotters::style::RGBColor {
        self.ramp.at(self.share(x))
    }

    /// A bar of the colours with numbers beside it, and what they are.
    pub(crate) fn draw(
        &self,
        canvas: &Canvas<'_, '_>,
        (x, y): (f64, f64),
        height: f64,
        label: &str,
        text: impl Fn(f64) -> String,
    ) -> Result<()> {
        for step in 0..STEPS {
            let top = y + height * step as f64 / STEPS as f64;
            let share = 1.0 - (step as f64 + 0.5) / STEPS as f64;
            canvas.rectangle([x, top, BAR, height / STEPS as f64 + 0.5], self.ramp.at(share))?;
        }
        canvas.frame([x, y, BAR, height], INK)?;
        for (share, value) in [(0.0, self.low), (0.5, self.low / 2.0 + self.high / 2.0), (1.0, self.high)] {
            let at = y + (1.0 - share) * height;
            canvas.line(&[(x + BAR, at), (x + BAR + 4.0, at)], INK, 1.0)?;
            canvas.text(&text(value), (x + BAR + 8.0, at), Side::Right, 13.0, INK)?;
        }
        let label = canvas.fitted(label, LABEL, height)?;
        canvas.text(&label, (x + WIDTH - 28.0, y + height / 2.0), Side::Upwards, LABEL, INK)
    }
}

/// A number beside a bar of colours.
pub(crate) fn short(x: f64) -> String {
    let text = number(x);
    if text.len() <= 7 { text } else { format!("{x:.1e}") }
}
