//! Areas under curves, exactly, from all scores in their order.

use super::average::{Average, weighted};

/// What a class scored in each row, and whether the row is of that class.
pub(super) struct Column {
    /// Scores with the truth.
    rows: Vec<(f32, bool)>,
    positives: u64,
}

impl Column {
    pub(super) fn new(rows: impl Iterator<Item = (f32, bool)>) -> Self {
        let mut rows: Vec<(f32, bool)> = rows.collect();
        let positives = rows.iter().filter(|(_, truth)| *truth).count() as u64;
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        Column { rows, positives }
    }

    /// True and false positives of each group of equal scores, from the highest score on.
    fn groups(&self) -> impl Iterator<Item = (u64, u64)> {
        self.rows.chunk_by(|a, b| a.0 == b.0).map(|group| {
            let hits = group.iter().filter(|(_, truth)| *truth).count() as u64;
            (hits, group.len() as u64 - hits)
        })
    }

    fn has_nan(&self) -> bool {
        self.rows.iter().any(|(score, _)| score.is_nan())
    }

    fn roc(&self) -> f64 {
        let negatives = self.rows.len() as u64 - self.positives;
        if self.positives == 0 || negatives == 0 || self.has_nan() {
            return f64::NAN;
        }
        // Twice the area in units of one pair: an integer.
        let (mut doubled, mut above) = (0u128, 0u64);
        for (hits, misses) in self.groups() {
            doubled += u128::from(misses) * u128::from(2 * above + hits);
            above += hits;
        }
        doubled as f64 / 2.0 / (self.positives as f64 * negatives as f64)
    }

    fn average_precision(&self) -> f64 {
        if self.has_nan() {
            return f64::NAN;
        }
        if self.positives == 0 {
            return 0.0;
        }
        let (mut sum, mut above, mut all) = (0.0, 0u64, 0u64);
        for (hits, misses) in self.groups() {
            above += hits;
            all += hits + misses;
            sum += hits as f64 * (above as f64 / all as f64);
        }
        sum / self.positives as f64
    }
}

pub(super) fn roc_auc(columns: &[Column], average: Average) -> f64 {
    averaged(columns, average, Column::roc)
}

pub(super) fn pr_auc(columns: &[Column], average: Average) -> f64 {
    averaged(columns, average, Column::average_precision)
}

fn averaged(columns: &[Column], average: Average, of: fn(&Column) -> f64) -> f64 {
    match average {
        Average::Binary => columns.last().map_or(f64::NAN, of),
        Average::Micro => of(&Column::new(columns.iter().flat_map(|column| column.rows.iter().copied()))),
        Average::Macro => weighted(columns.iter().map(|column| (of(column), 1.0))),
        Average::Weighted => weighted(columns.iter().map(|column| (of(column), column.positives as f64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(scores: &[f32], truths: &[u8]) -> Column {
        Column::new(scores.iter().copied().zip(truths.iter().map(|&t| t == 1)))
    }

    #[test]
    fn by_hand() {
        // scikit-learn's example: 3 of 4 pairs are in order; precision 1 at recall 1/2, then 2/3.
        let four = column(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]);
        assert_eq!(four.roc(), 0.75);
        assert!((four.average_precision() - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-15);
        // All tie.
        let ties = column(&[0.5; 4], &[0, 1, 1, 1]);
        assert_eq!((ties.roc(), ties.average_precision()), (0.5, 0.75));
        // Minus 0 is 0.
        assert_eq!(column(&[0.0, -0.0], &[0, 1]).roc(), 0.5);
    }

    #[test]
    fn one_class_only() {
        let all = column(&[0.1, 0.2], &[1, 1]);
        assert!(all.roc().is_nan());
        assert_eq!(all.average_precision(), 1.0);
        let none = column(&[0.1, 0.2], &[0, 0]);
        assert!(none.roc().is_nan());
        assert_eq!(none.average_precision(), 0.0);
        assert!(column(&[f32::NAN, 0.2], &[0, 1]).roc().is_nan());
    }

    #[test]
    fn pairs_counted_one_by_one() {
        let mut random = anygrad_core::Random::new(3);
        for _ in 0..20 {
            let rows = 2 + random.below(60);
            let scores: Vec<f32> = (0..rows).map(|_| random.below(9) as f32 / 4.0 - 1.0).collect();
            let mut truths: Vec<u8> = (0..rows).map(|_| random.below(2) as u8).collect();
            (truths[0], truths[1]) = (0, 1);
            let (mut pairs, mut order) = (0.0, 0.0);
            for i in (0..rows).filter(|&i| truths[i] == 1) {
                for j in (0..rows).filter(|&j| truths[j] == 0) {
                    pairs += 1.0;
                    order += if scores[i] > scores[j] {
                        1.0
                    } else if scores[i] == scores[j] {
                        0.5
                    } else {
                        0.0
                    };
                }
            }
            assert!((column(&scores, &truths).roc() - order / pairs).abs() < 1e-15);
        }
    }
}
