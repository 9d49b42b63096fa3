use serde::{Deserialize, Serialize};

/// A factor for the learning rate that shrinks when a figure no longer improves: PyTorch's
/// `ReduceLROnPlateau`, whose defaults these are. Keras reduces one epoch earlier for the same patience.
///
/// ```
/// use anygrad_nn::Plateau;
///
/// let mut plateau = Plateau::new(0.5, 1);
/// let scales = [1.0, 0.8, 0.8, 0.8, 0.7].map(|loss| plateau.observe(loss));
/// assert_eq!(scales, [1.0, 1.0, 1.0, 0.5, 0.5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plateau {
    factor: f64,
    patience: u64,
    threshold: f64,
    cooldown: u64,
    min_scale: f64,
    higher_is_better: bool,
    scale: f64,
    /// NaN before the first figure.
    best: f64,
    failures: u64,
    cooling: u64,
}

/// How a [`Plateau`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateauStanding {
    /// What the learning rate is multiplied by.
    pub scale: f64,
    /// The best figure so far, once there was one.
    pub best: Option<f64>,
    /// Figures in a row that did not improve.
    pub failures: u64,
    /// Figures to come that do not count.
    pub cooling: u64,
}

impl Default for Plateau {
    /// A tenth after eleven figures that do not improve.
    fn default() -> Self {
        Plateau::new(0.1, 10)
    }
}

impl Plateau {
    /// Multiplies the learning rate by `factor` when a figure fails to improve more than `patience` times
    /// in a row.
    pub fn new(factor: f64, patience: u64) -> Self {
        Plateau {
            factor,
            patience,
            threshold: 1e-4,
            cooldown: 0,
            min_scale: 0.0,
            higher_is_better: false,
            scale: 1.0,
            best: f64::NAN,
            failures: 0,
            cooling: 0,
        }
    }

    /// The share of the best figure that counts as an improvement; 1e-4 unless told otherwise.
    pub fn threshold(self, threshold: f64) -> Self {
        Plateau { threshold, ..self }
    }

    /// How many figures after a change do not count against it; none unless told otherwise.
    pub fn cooldown(self, cooldown: u64) -> Self {
        Plateau { cooldown, ..self }
    }

    /// What the product of all factors does not fall below; 0 unless told otherwise.
    pub fn min_scale(self, min_scale: f64) -> Self {
        Plateau { min_scale, ..self }
    }

    /// For figures that should rise, as an accuracy.
    pub fn higher_is_better(self) -> Self {
        Plateau { higher_is_better: true, ..self }
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> PlateauStanding {
        let best = Some(self.best).filter(|best| !best.is_nan());
        PlateauStanding { scale: self.scale, best, failures: self.failures, cooling: self.cooling }
    }

    /// Goes on from where another one like it stood.
    pub(crate) fn resume(&mut self, standing: &PlateauStanding) {
        self.scale = standing.scale;
        self.best = standing.best.unwrap_or(f64::NAN);
        (self.failures, self.cooling) = (standing.failures, standing.cooling);
    }

    /// What to multiply the learning rate by, as things stand.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Takes note of a figure, usually once per epoch; what to multiply the learning rate by from now on.
    /// NaN is no improvement.
    pub fn observe(&mut self, figure: f64) -> f64 {
        let margin = self.threshold * self.best.abs();
        let better =
            if self.higher_is_better { figure > self.best + margin } else { figure < self.best - margin };
        if better || self.best.is_nan() {
            self.best = figure;
            self.failures = 0;
        } else {
            self.failures += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.failures = 0;
        }
        if self.failures > self.patience {
            self.scale = (self.scale * self.factor).max(self.min_scale);
            self.cooling = self.cooldown;
            self.failures = 0;
        }
        self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_shrink_the_rate() {
        let mut plateau = Plateau::new(0.5, 2).threshold(0.1);
        let mut observe = |figures: &[f64]| figures.iter().map(|&x| plateau.observe(x)).collect::<Vec<_>>();
        // 9.5 is less than a tenth better than 10; 8 is better, and the count begins again.
        assert_eq!(observe(&[10.0, 9.5, 9.5, 8.0, 7.5, 7.5]), [1.0; 6]);
        assert_eq!(observe(&[7.5]), [0.5]);
        assert_eq!(observe(&[f64::NAN, 7.5, 7.5]), [0.5, 0.5, 0.25]);
        assert_eq!(observe(&[1.0, 1.0, 1.0, 1.0]), [0.25, 0.25, 0.25, 0.125]);
    }

    #[test]
    fn cooldown_floor_and_figures_that_should_rise() {
        let mut plateau = Plateau::new(0.5, 0).cooldown(2).min_scale(0.2).higher_is_better();
        let scales: Vec<f64> =
            [0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6].iter().map(|&x| plateau.observe(x)).collect();
        assert_eq!(scales, [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2]);
        // Below 0 better is still higher.
        let mut rising = Plateau::new(0.1, 0).higher_is_better();
        assert_eq!([-2.0, -1.0, -3.0].map(|x| rising.observe(x)), [1.0, 1.0, 0.1]);
    }
}
