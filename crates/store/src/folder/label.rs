//! What a checkpoint is saved as: `checkpoint-000007-step-1200-score-3.1e-2.safetensors`.
//!
//! The name alone says which checkpoint is the last and which the best, also where its content is
//! encrypted for somebody else. It stands in the file's metadata too, so a renamed file is found.

use std::fmt;

/// How the name of a file goes on.
const PLAIN: &str = ".safetensors";
const SEALED: &str = ".safetensors.age";

/// What tells the checkpoints of a folder apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Counts the checkpoints of a folder, from 1: a later one has a greater number, whatever its step.
    pub number: u64,
    /// The step of the training.
    pub step: u64,
    /// How good it is, if that was measured.
    pub score: Option<f64>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint-{:06}-step-{}", self.number, self.step)?;
        self.score.map_or(Ok(()), |score| write!(f, "-score-{score:e}"))
    }
}

impl Label {
    /// The name of its file.
    pub(super) fn file_name(&self, sealed: bool) -> String {
        format!("{self}{}", if sealed { SEALED } else { PLAIN })
    }

    /// The label of a file of this name; nothing unless the name is exactly the label's.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        let (text, sealed) = match name.strip_suffix(SEALED) {
            Some(text) => (text, true),
            None => (name.strip_suffix(PLAIN)?, false),
        };
        let (number, rest) = text.strip_prefix("checkpoint-")?.split_once("-step-")?;
        let (step, score) = match rest.split_once("-score-") {
            Some((step, score)) => (step, Some(score.parse::<f64>().ok()?)),
            None => (rest, None),
        };
        let label = Label { number: number.parse().ok()?, step: step.parse().ok()?, score };
        (label.file_name(sealed) == name).then_some(label)
    }

    /// Whether a file of this name claims to hold a model.
    pub(super) fn looks_like_one(name: &str) -> bool {
        name.ends_with(PLAIN) || name.ends_with(SEALED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_exactly() {
        for score in [None, Some(0.0), Some(-0.0), Some(-1.5e-300), Some(0.1 + 0.2), Some(f64::MAX)] {
            for (number, step) in [(1, 0), (999_999, 7), (1_000_000, u64::MAX)] {
                let label = Label { number, step, score };
                for sealed in [false, true] {
                    let name = label.file_name(sealed);
                    let read = Label::of_file(&name).unwrap();
                    assert_eq!(
                        (read, read.score.map(f64::to_bits)),
                        (label, score.map(f64::to_bits)),
                        "{name}"
                    );
                }
            }
        }
        let label = Label { number: 7, step: 1200, score: Some(0.031) };
        assert_eq!(label.file_name(true), "checkpoint-000007-step-1200-score-3.1e-2.safetensors.age");
    }

    #[test]
    fn other_names_are_nothing() {
        for name in [
            "model.safetensors",
            "checkpoint-7-step-1200.safetensors",
            "checkpoint-000007-step-+1200.safetensors",
            "checkpoint-000007-step-01200.safetensors",
            "checkpoint-000007-step-1200-score-0.031.safetensors",
            "checkpoint-000007-step-1200-score-.safetensors",
            "checkpoint-000007-step-1200.safetensors.sig",
            "checkpoint-000007-step-1200",
            "checkpoint-000007-step-18446744073709551616.safetensors",
        ] {
            assert_eq!(Label::of_file(name), None, "{name}");
        }
    }
}
