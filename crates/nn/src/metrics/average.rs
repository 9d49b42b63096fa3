use anygrad_core::{Error, Result};

/// How the figures of several classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Average {
    /// That of yes, or of class 1 of two.
    #[default]
    Binary,
    /// The mean over the classes. Those that are neither wanted nor answered do not count; labels all do.
    Macro,
    /// Of the counts, or scores, of all classes together.
    Micro,
    /// The mean over the classes by their number of rows.
    Weighted,
}

impl Average {
    /// What it adds to a metric's name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Average::Binary => "",
            Average::Macro => "_macro",
            Average::Micro => "_micro",
            Average::Weighted => "_weighted",
        }
    }

    /// Whether it can be made of so many classes.
    pub(super) fn check(self, classes: usize, of: &str) -> Result<()> {
        match self {
            Average::Binary if classes != 2 => Err(Error::input(format!(
                "metric {of}: predictions have {classes} classes, one of two is wanted; take {of}_macro, \
                 {of}_micro or {of}_weighted"
            ))),
            _ => Ok(()),
        }
    }
}

/// The mean by weights; 0 where these are all 0.
pub(super) fn weighted(figures: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weights) = figures.fold((0.0, 0.0), |(sum, weights), (figure, weight)| {
        (sum + if weight == 0.0 { 0.0 } else { figure * weight }, weights + weight)
    });
    if weights == 0.0 { 0.0 } else { sum / weights }
}
