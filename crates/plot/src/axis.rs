//! An axis: where a number lies between the ends, and which numbers are marked.
//!
//! plotters has axes of its own; those need time and memory without bound where a range is very
//! wide or very narrow, as it is when training diverges.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::number;

/// What the distance along an axis says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Linear, and only whole numbers are marked.
    Count,
    /// Equal distances are equal quotients; all numbers are positive.
    Logarithmic,
}

#[derive(Clone, Debug)]
pub(crate) struct Axis {
    scale: Scale,
    /// The ends, as logarithms to the base 10 on a logarithmic axis. They differ.
    low: f64,
    high: f64,
}

/// About how many numbers are marked.
const MARKS: f64 = 7.0;
/// A range narrower than this share of its numbers cannot be told from rounding.
const NARROW: f64 = 1e-6;

impl Axis {
    /// The axis that shows the finite numbers from `low` to `high`, with a share of its length free
    /// at both ends.
    pub(crate) fn around(low: f64, high: f64, scale: Scale, margin: f64) -> Self {
        let (low, high) = match scale {
            Scale::Logarithmic => (low.log10(), high.log10()),
            _ => (low, high),
        };
        let least = NARROW * low.abs().max(high.abs());
        let width = high - low;
        let free = if width > least { margin * width } else { (0.5 * high.abs()).max(0.5) };
        Axis { scale, low: (low - free).max(f64::MIN), high: (high + free).min(f64::MAX) }
    }

    /// Where a number lies: 0 at the low end, 1 at the high one. Halves keep it from overflowing.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let value = if self.scale == Scale::Logarithmic { value.log10() } else { value };
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        share.clamp(0.0, 1.0)
    }

    /// The numbers to mark, ascending.
    pub(crate) fn marks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => multiples(self.low, self.high, 0.0),
            Scale::Count => multiples(self.low, self.high, 1.0),
            Scale::Logarithmic => {
                let decades = multiples(self.low, self.high, 1.0);
                let between: &[f64] = if self.high - self.low < 4.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                // The decade below the first mark may hold some, too.
                let first = decades.first().map_or(self.low.floor(), |first| first - 1.0);
                let marks = std::iter::once(first).chain(decades);
                let marks =
                    marks.flat_map(|decade| between.iter().map(move |digit| digit * 10f64.powf(decade)));
                marks.filter(|mark| (self.low..=self.high).contains(&mark.log10())).collect()
            }
        }
    }
}

/// The multiples of 1, 2 or 5 times a power of ten from `low` to `high`, about [`MARKS`] of them.
fn multiples(low: f64, high: f64, least_step: f64) -> Vec<f64> {
    let wanted = (high / MARKS - low / MARKS).max(least_step);
    let power = 10f64.powf(wanted.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    // The power may have been rounded to a little more than what is wanted.
    let step = steps.into_iter().find(|step| *step >= wanted * (1.0 - NARROW)).unwrap_or(steps[3]);
    if !step.is_normal() {
        return Vec::new();
    }
    let first = (low / step).ceil();
    (0..=2 * MARKS as usize).map(|i| (first + i as f64) * step).filter(|mark| *mark <= high).collect()
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        pixels.0 + (self.share(*value) * f64::from(pixels.1 - pixels.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks() }
    }

    fn range(&self) -> Range<f64> {
        match self.scale {
            Scale::Logarithmic => 10f64.powf(self.low)..10f64.powf(self.high),
            _ => self.low..self.high,
        }
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        number(*value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        let marks = |low, high, scale| Axis::around(low, high, scale, 0.0).marks();
        assert_eq!(marks(0.0, 1.0, Scale::Linear), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(marks(-3.0, 31.0, Scale::Linear), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(marks(1.0, 4.0, Scale::Count), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(marks(1.0, 100.0, Scale::Count), [20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(marks(0.03, 1.5, Scale::Logarithmic), [0.05, 0.1, 0.2, 0.5, 1.0]);
        assert_eq!(marks(1e-4, 10.0, Scale::Logarithmic).len(), 6);
    }

    #[test]
    fn numbers_lie_in_order_between_the_ends() {
        for (low, high) in
            [(0.0, 1.0), (f64::MIN, f64::MAX), (2.0, 2.0), (1e9, 1e9 + 1e-6), (-5e-324, 5e-324)]
        {
            let axis = Axis::around(low, high, Scale::Linear, 0.06);
            let pixels = [low, low / 2.0 + high / 2.0, high].map(|x| axis.map(&x, (100, 0)));
            assert!(pixels[0] <= 100 && pixels[0] >= pixels[1] && pixels[1] >= pixels[2] && pixels[2] >= 0);
            assert!(axis.marks().len() <= 15, "{low} {high}");
        }
        let axis = Axis::around(1e-300, 1e300, Scale::Logarithmic, 0.0);
        assert_eq!([1e-300, 1.0, 1e300].map(|x| axis.map(&x, (0, 100))), [0, 50, 100]);
        assert!((4..=15).contains(&axis.marks().len()));
        assert!(Axis::around(5e-324, f64::MAX, Scale::Logarithmic, 0.06).marks().len() <= 15);
    }
}
