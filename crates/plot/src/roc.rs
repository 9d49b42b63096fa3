//! ROC curves.

use anygrad_core::{Error, Result};

/// A receiver operating characteristic: the share of positives that are found, over the share of
/// negatives that are taken for positives, for every threshold (Fawcett, "An introduction to ROC
/// analysis", 2006).
#[derive(Clone, Debug, PartialEq)]
pub struct Roc {
    name: String,
    /// (false positive rate, true positive rate), from (0, 0) to (1, 1).
    points: Vec<(f64, f64)>,
}

impl Roc {
    /// From a score and the truth of each row. Equal scores are one threshold. Rows whose score is no
    /// number are left out.
    ///
    /// # Errors
    /// Not as many scores as truths, no positive row, or no negative one.
    pub fn of(name: &str, scores: &[f32], positive: &[bool]) -> Result<Self> {
        let mut rows: Vec<(f32, bool)> = scores.iter().copied().zip(positive.iter().copied()).collect();
        rows.retain(|(score, _)| !score.is_nan());
        let positives = rows.iter().filter(|row| row.1).count();
        let negatives = rows.len() - positives;
        if scores.len() != positive.len() || positives == 0 || negatives == 0 {
            return Err(Error::input(format!(
                "a ROC curve of {} scores and {} truths, {positives} positive and {negatives} negative: wanted \
                 as many of both, and at least one row of each kind",
                scores.len(),
                positive.len()
            )));
        }
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut points, mut found, mut taken) = (vec![(0.0, 0.0)], 0, 0);
        for same in rows.chunk_by(|a, b| a.0 == b.0) {
            found += same.iter().filter(|row| row.1).count();
            taken += same.iter().filter(|row| !row.1).count();
            points.push((taken as f64 / negatives as f64, found as f64 / positives as f64));
        }
        Ok(Roc { name: name.to_owned(), points })
    }

    /// From points (false positive rate, true positive rate) in ascending order.
    pub fn of_points(name: &str, points: Vec<(f64, f64)>) -> Self {
        Roc { name: name.to_owned(), points }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The points, from (0, 0) to (1, 1).
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The area below the curve: the probability that a positive row scores above a negative one.
    pub fn area(&self) -> f64 {
        let trapezoid = |ends: &[(f64, f64)]| (ends[1].0 - ends[0].0) * (ends[0].1 + ends[1].1) / 2.0;
        self.points.windows(2).map(trapezoid).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        let scores = [0.9, 0.8, 0.8, 0.4, 0.3, 0.3, f32::NAN];
        let truth = [true, true, false, true, false, false, true];
        let roc = Roc::of("a", &scores, &truth).unwrap();
        assert_eq!(roc.points().len(), 5, "equal scores are one threshold");
        let pairs = |i: usize, j: usize| match scores[i].total_cmp(&scores[j]) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        let wanted: f64 = [0, 1, 3].iter().flat_map(|&i| [2, 4, 5].map(|j| pairs(i, j))).sum::<f64>() / 9.0;
        assert!((roc.area() - wanted).abs() < 1e-12, "{} {wanted}", roc.area());
        assert_eq!((roc.points()[0], *roc.points().last().unwrap()), ((0.0, 0.0), (1.0, 1.0)));
    }

    #[test]
    fn curves_of_one_kind_of_row_are_refused() {
        assert!(Roc::of("a", &[1.0, 2.0], &[true, true]).unwrap_err().is_input());
        assert!(Roc::of("a", &[1.0], &[true, false]).unwrap_err().is_input());
    }
}
