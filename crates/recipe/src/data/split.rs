//! Training, validation and test part.

use crate::node::{Mistake, Node, Value};
use crate::schema::{ABOVE_0, Name, SHARE, Setting, section, variants};

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
        "column" => Column(Column),
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

section! {
    /// By what stands in a column of the table, which is no feature.
    Column {
        /// The column.
        column: Name,
        /// What stands in rows that are learned.
        train: String = "train".to_owned(),
        /// What stands in rows that are watched while training; none unless given.
        validation: Option<String> = None,
        /// What stands in rows that the last figures are taken from; none unless given.
        test: Option<String> = None,
    }
}

impl File {
    /// The share of the training file that is watched.
    pub fn share(&self) -> f64 {
        match self.validation {
            Part::Share(share) => share,
            Part::File(_) => 0.0,
        }
    }
}

impl Split {
    /// The shares of the rows, where the rows of one file are cut.
    pub fn shares(&self) -> Option<&Shares> {
        match self {
            Split::Fraction(split) => Some(&split.shares),
            Split::Stratified(split) => Some(&split.shares),
            Split::Time(split) => Some(&split.shares),
            Split::File(_) | Split::Column(_) => None,
        }
    }

    /// Whether there is a part to watch while training.
    pub fn has_validation(&self) -> bool {
        match (self, self.shares()) {
            (_, Some(shares)) => shares.validation > 0.0,
            (Split::File(split), _) => split.validation != Part::Share(0.0),
            (Split::Column(split), _) => split.validation.is_some(),
            _ => false,
        }
    }
}
