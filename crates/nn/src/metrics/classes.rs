//! Precision, recall and F1 from counts of classes.

use serde::{Deserialize, Serialize};

use super::average::{Average, weighted};

/// How one class was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Its number.
    pub class: usize,
    /// Of the answers of this class, the share that is right.
    pub precision: f64,
    /// Of its rows, the share that was found.
    pub recall: f64,
    /// 2 tp / (2 tp + fp + fn)
    pub f1: f64,
    /// Its number of rows.
    pub support: u64,
}

/// How often each class was taken for which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// A row for each true class, with the number of its rows for each answer.
    pub counts: Vec<Vec<u64>>,
}

/// What was counted of one class, or of all together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// Answered and true.
    pub(super) hits: u64,
    /// Answered.
    pub(super) answered: u64,
    /// True.
    pub(super) wanted: u64,
}

/// A share; 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Counts {
    pub(super) fn precision(&self) -> f64 {
        share(self.hits, self.answered)
    }

    pub(super) fn recall(&self) -> f64 {
        share(self.hits, self.wanted)
    }

    pub(super) fn f1(&self) -> f64 {
        share(2 * self.hits, self.answered + self.wanted)
    }
}

/// The counts of each class of hits, answers and rows, each one class after the other.
pub(super) fn counts_of(numbers: &[u64]) -> Vec<Counts> {
    let classes = numbers.len() / 3;
    let count = |class: usize| Counts {
        hits: numbers[class],
        answered: numbers[classes + class],
        wanted: numbers[2 * classes + class],
    };
    (0..classes).map(count).collect()
}

pub(super) fn per_class(counts: &[Counts]) -> Vec<ClassScores> {
    let scores = |(class, c): (usize, &Counts)| ClassScores {
        class,
        precision: c.precision(),
        recall: c.recall(),
        f1: c.f1(),
        support: c.wanted,
    };
    counts.iter().enumerate().map(scores).collect()
}

/// One figure of all classes. Of labels those that do not occur count too.
pub(super) fn averaged(counts: &[Counts], average: Average, labels: bool, of: fn(&Counts) -> f64) -> f64 {
    match average {
        Average::Binary => counts.get(1).map_or(f64::NAN, of),
        Average::Micro => {
            let all = counts.iter().fold(Counts::default(), |all, c| Counts {
                hits: all.hits + c.hits,
                answered: all.answered + c.answered,
                wanted: all.wanted + c.wanted,
            });
            of(&all)
        }
        Average::Macro => {
            let occurs = |c: &&Counts| labels || c.answered + c.wanted > 0;
            weighted(counts.iter().filter(occurs).map(|c| (of(c), 1.0)))
        }
        Average::Weighted => weighted(counts.iter().map(|c| (of(c), c.wanted as f64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truths 0 1 2 0 1 2, answers 0 2 1 0 0 1: the example of scikit-learn's documentation.
    #[test]
    fn the_example_of_the_documentation() {
        let counts = counts_of(&[2, 0, 0, 3, 2, 1, 2, 2, 2]);
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-15, "{got} {want}");
        near(averaged(&counts, Average::Macro, false, Counts::precision), 2.0 / 9.0);
        near(averaged(&counts, Average::Micro, false, Counts::precision), 1.0 / 3.0);
        near(averaged(&counts, Average::Weighted, false, Counts::precision), 2.0 / 9.0);
        near(averaged(&counts, Average::Macro, false, Counts::recall), 1.0 / 3.0);
        near(averaged(&counts, Average::Macro, false, Counts::f1), 0.8 / 3.0);
        assert_eq!(per_class(&counts)[0].support, 2);
    }

    #[test]
    fn what_does_not_occur() {
        // Class 1 neither wanted nor answered; class 2 wanted, never answered.
        let counts = counts_of(&[3, 0, 0, 4, 0, 0, 3, 0, 1]);
        assert_eq!(averaged(&counts, Average::Macro, false, Counts::recall), 0.5);
        assert_eq!(averaged(&counts, Average::Macro, true, Counts::recall), 1.0 / 3.0);
        assert_eq!(averaged(&counts, Average::Binary, false, Counts::precision), 0.0);
        assert_eq!(averaged(&[], Average::Macro, false, Counts::f1), 0.0);
        assert_eq!(averaged(&counts_of(&[0; 6]), Average::Weighted, true, Counts::f1), 0.0);
    }
}
