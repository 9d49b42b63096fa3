//! The ranges of numbers.

use std::fmt;

/// The numbers that a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    low: f64,
    /// Whether `low` itself is one.
    from: bool,
    high: f64,
    /// Whether `high` itself is one.
    up_to: bool,
}

const fn from(low: f64) -> Limits {
    Limits { low, from: true, high: f64::INFINITY, up_to: false }
}

const fn between(low: f64, high: f64) -> Limits {
    Limits { low, from: true, high, up_to: true }
}

/// Sizes of windows, layers and sequences. Larger ones fit on no device.
pub(crate) const SIZE: Limits = between(1.0, 16_777_216.0);
/// Sizes that may be 0.
pub(crate) const AMOUNT: Limits = between(0.0, 16_777_216.0);
/// Numbers of layers on top of each other, and of heads.
pub(crate) const FEW: Limits = between(1.0, 1024.0);
/// Counts.
pub(crate) const COUNT: Limits = from(1.0);
/// Factors of growth.
pub(crate) const FROM_1: Limits = from(1.0);
/// Numbers that are not negative.
pub(crate) const FROM_0: Limits = from(0.0);
/// Numbers above 0.
pub(crate) const ABOVE_0: Limits = Limits { low: 0.0, from: false, high: f64::INFINITY, up_to: false };
/// Parts of a whole.
pub(crate) const SHARE: Limits = between(0.0, 1.0);
/// Rates that must not be 1.
pub(crate) const BELOW_1: Limits = Limits { low: 0.0, from: true, high: 1.0, up_to: false };

impl Limits {
    pub fn hold(&self, number: f64) -> bool {
        let low = if self.from { number >= self.low } else { number > self.low };
        low && if self.up_to { number <= self.high } else { number < self.high }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { low, high, .. } = self;
        match (self.from, self.up_to) {
            (true, true) => write!(f, "{low} to {high}"),
            (true, false) if high.is_infinite() => write!(f, "{low} or more"),
            (true, false) => write!(f, "{low} up to, not including, {high}"),
            (false, _) => write!(f, "above {low}"),
        }
    }
}
