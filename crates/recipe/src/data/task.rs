//! What is to be predicted.

use crate::schema::{COUNT, SIZE, choice, section, variants};

variants! {
    /// What is to be predicted.
    Task: "task", "task" {
        "regression" => Regression(Regression),
        "binary" => Binary(Binary),
        "multiclass" => Multiclass(Multiclass),
        "forecasting" => Forecasting(Forecasting),
        "language" => Language(Language),
    }
}

section! {
    /// Numbers: the model makes `[n, targets]`.
    Regression {}
}

section! {
    /// One of two classes: the model makes `[n, 1]`.
    Binary {}
}

section! {
    /// One of several classes: the model makes `[n, classes]`.
    Multiclass {}
}

section! {
    /// The next values of a series, whose rows are in order of time: `[n, window, columns]` to `[n, horizon]`.
    Forecasting {
        /// How many values a forecast sees.
        window: usize => SIZE,
        /// How many values it is of.
        horizon: usize = 1 => SIZE,
        /// Values from window to window.
        stride: usize = 1 => COUNT,
    }
}

/// Which characters of a sequence are predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predict {
    /// The one behind it.
    Next,
    /// At each place the one behind it.
    Every,
}

choice! {
    /// Which characters of a sequence are predicted.
    Predict: "predict", "type" {
        /// The one behind it: the model makes `[n, characters]`.
        "next" => Next {},
        /// At each place the one behind it: the model makes `[n, sequence_length, characters]`.
        "every" => Every {},
    }
}

section! {
    /// The next character of a text: `[n, sequence_length]` numbers of characters.
    Language {
        /// How many characters a prediction sees.
        sequence_length: usize = 64 => SIZE,
        /// Characters from sequence to sequence.
        stride: usize = 1 => COUNT,
        /// Which characters are predicted.
        predict: Predict = Predict::Next,
    }
}

impl Task {
    /// Whether what is predicted are classes.
    pub fn is_of_classes(&self) -> bool {
        matches!(self, Task::Binary(_) | Task::Multiclass(_) | Task::Language(_))
    }

    /// Whether the rows are in order of time.
    pub fn is_in_time(&self) -> bool {
        matches!(self, Task::Forecasting(_) | Task::Language(_))
    }
}
