//! Where the rows come from, what they are for, and how they are cut into parts.

use crate::node::{Mistake, Node, Value};
use crate::schema::{ABOVE_0, COUNT, Names, SHARE, SIZE, Setting, choice, section, variants};

section! {
    /// Where the rows come from, what they are for, and how they are cut into parts. The keys of its format
    /// and of its task stand among these.
    Data {
        @ /// Where the rows come from.
        ..source: Source;
        @ /// What they are for.
        ..task: Task;
        /// How the rows are cut into training, validation and test part. At random unless given; by time for
        /// the tasks forecasting and language; the file's own parts for idx folders that have two.
        split: Option<Split> = None,
        /// What is done to features; learned from the training part alone.
        normalize: Normalize = Normalize::None,
        /// Whether target numbers are standardized too; those of forecasting are, with the features.
        normalize_targets: bool = false,
    }
}

/// What is done to features.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// Nothing.
    None,
    /// Mean 0 and deviation 1 of each column.
    Standard,
    /// From 0 to 1 in each column.
    MinMax,
}

choice! {
    /// What is done to features.
    Normalize: "normalize", "type" {
        /// Nothing.
        "none" => None {},
        /// Mean 0 and deviation 1 of each column; of a series, of all values.
        "standard" => Standard {},
        /// From 0 to 1 in each column.
        "min_max" => MinMax {},
    }
}

variants! {
    /// Where the rows come from. Paths are relative to the folder of the recipe.
    Source: "format", "format" {
        "csv" => Csv(Csv),
        "idx" | "mnist" => Idx(Idx),
        "text" => Text(Text),
        "images" => Images(Images),
        "npy" => Npy(Npy),
        "npz" => Npz(Npz),
        "generated" => Generated(Generated),
    }
}

section! {
    /// A table in UTF-8, one row per line.
    Csv {
        /// The file.
        path: String,
        /// The column or columns to predict; the last unless given.
        target | targets: Option<Names> = None,
        /// The columns to predict from; all others unless given.
        inputs | features: Option<Names> = None,
        /// Columns that are not read: dates, names, numbers that only identify a row.
        drop: Names = Names(Vec::new()),
        /// Columns of words that become one column for each word.
        one_hot: Names = Names(Vec::new()),
        /// Whether the first line names the columns.
        header: Header = Header::Auto,
        /// What stands between two cells.
        separator: char = ',',
        /// What is done with rows that have empty cells.
        missing: Missing = Missing::Error,
    }
}

/// Whether the first line of a table names its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// It does when none of its cells is a number.
    Auto,
    /// It does.
    Present,
    /// It is data.
    Absent,
}

choice! {
    /// Whether the first line names the columns.
    Header: "header", "type" {
        /// When none of its cells is a number.
        "auto" => Auto {},
        /// It does.
        "present" => Present {},
        /// It is data.
        "absent" => Absent {},
    }
}

/// What is done with empty cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Missing {
    /// They are an error.
    Error,
    /// Their rows are left out.
    Drop,
    /// The mean of their column in the training part stands for them.
    Mean,
    /// A number stands for them.
    Constant {
        /// The number.
        value: f64,
    },
}

choice! {
    /// What is done with empty cells.
    Missing: "missing", "type" {
        /// They are an error.
        "error" => Error {},
        /// Their rows are left out.
        "drop" => Drop {},
        /// The mean of their column in the training part stands for them.
        "mean" => Mean {},
        /// A number stands for them.
        "constant" => Constant {
            /// The number.
            value: f64 = 0.0
        },
    }
}

section! {
    /// A folder in the form of MNIST, plain or gzipped: features `[n, 1, 28, 28]` from 0 to 1.
    Idx {
        /// The folder.
        path: String
    }
}

section! {
    /// A text in UTF-8.
    Text {
        /// The file.
        path: String
    }
}

/// The channels of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One.
    Gray,
    /// Three.
    Rgb,
}

choice! {
    /// The channels of images.
    Color: "color", "type" {
        /// One.
        "gray" | "grayscale" => Gray {},
        /// Three.
        "rgb" => Rgb {},
    }
}

section! {
    /// A folder with a folder of PNG or JPEG files for each class: features `[n, channels, height, width]`.
    Images {
        /// The folder.
        path: String,
        /// Height and width; all must be equal unless given.
        size: Option<[usize; 2]> = None => SIZE,
        /// The channels.
        color: Color = Color::Rgb,
    }
}

section! {
    /// Two arrays of NumPy, one row per example.
    Npy {
        /// The file of the features.
        features: String,
        /// The file of the targets.
        targets: String,
    }
}

section! {
    /// Two arrays of one archive of NumPy.
    Npz {
        /// The file.
        path: String,
        /// The name of the features.
        features: String = "x".to_owned(),
        /// The name of the targets.
        targets: String = "y".to_owned(),
    }
}

/// What can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Points near y = 3 x + 2.
    Line,
    /// Points of the logical and.
    And,
    /// Drawn digits `[n, 1, 28, 28]`.
    Digits,
    /// A sine with noise.
    Sine,
}

choice! {
    /// What can be generated.
    Set: "generated set", "type" {
        /// Points near y = 3 x + 2: regression.
        "line" => Line {},
        /// Points of the logical and: binary.
        "and" => And {},
        /// Drawn digits, `[n, 1, 28, 28]`: multiclass.
        "digits" => Digits {},
        /// A sine with noise: forecasting.
        "sine" => Sine {},
    }
}

section! {
    /// A data set that is made on the spot, from the seed of `training`.
    Generated {
        /// What it is.
        set: Set,
        /// How many rows.
        rows: usize = 1000 => SIZE,
    }
}

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

/// A part of the data: a share of the rows, or a file of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A share of the rows; 0 for no such part.
    Share(f64),
    /// A file in the same format.
    File(String),
}

impl Setting for Part {
    fn kind() -> String {
        "a share of the rows, or the path of a file".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match &node.value {
            Value::Text(_) => String::read(node).map(Part::File),
            Value::Whole(_) | Value::Number(_) => f64::read(node).map(Part::Share),
            _ => Err(Mistake::new(&node.place, format!("{}: takes {}", node.told(), Part::kind()))),
        }
    }

    fn write(&self) -> Option<Node> {
        match self {
            Part::Share(share) => share.write(),
            Part::File(path) => path.write(),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        match self {
            Part::Share(share) => vec![*share],
            Part::File(_) => Vec::new(),
        }
    }
}

variants! {
    /// How the rows are cut into parts.
    Split: "split", "by" {
        "fraction" => Fraction(Fraction),
        "stratified" => Stratified(Stratified),
        "time" => Time(Time),
        "file" => File(File),
    }
}

section! {
    /// Shares of the rows.
    Shares {
        /// What is learned.
        train: f64 = 0.8 => ABOVE_0,
        /// What is watched while training; 0 for no such part.
        validation: f64 = 0.1 => SHARE,
        /// What the last figures are taken from; 0 for no such part.
        test: f64 = 0.1 => SHARE,
    }
}

section! {
    /// At random.
    Fraction {
        /// Whether the rows are shuffled first, by the seed of `training`.
        shuffle: bool = true;
        /// The shares.
        ..shares: Shares;
    }
}

section! {
    /// At random, with the same share of each class in each part.
    Stratified {
        ; /// The shares.
        ..shares: Shares;
    }
}

section! {
    /// In order: the training part first, the test part last.
    Time {
        ; /// The shares.
        ..shares: Shares;
    }
}

section! {
    /// Files of their own. The file of the format is the training part; the test part of an idx folder is its own.
    File {
        /// What is watched while training: a file, or a share of the training file, drawn at random.
        validation: Part = Part::Share(0.1) => SHARE,
        /// What the last figures are taken from: a file; none unless given.
        test: Option<String> = None,
    }
}

impl Split {
    /// The shares of the rows, where the rows of one file are cut.
    pub fn shares(&self) -> Option<&Shares> {
        match self {
            Split::Fraction(split) => Some(&split.shares),
            Split::Stratified(split) => Some(&split.shares),
            Split::Time(split) => Some(&split.shares),
            Split::File(_) => None,
        }
    }

    /// Whether there is a part to watch while training.
    pub fn has_validation(&self) -> bool {
        match (self, self.shares()) {
            (_, Some(shares)) => shares.validation > 0.0,
            (Split::File(split), _) => split.validation != Part::Share(0.0),
            _ => false,
        }
    }
}
