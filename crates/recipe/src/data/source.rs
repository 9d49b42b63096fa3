//! Formats.

use anygrad_data::TableSpec;

use crate::schema::{Files, Name, Names, Orders, SIZE, choice, section, variants};

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

/// The names of the key of the columns to predict, and of that of the columns to predict from.
pub(crate) const TARGET: [&str; 2] = ["target", "targets"];
pub(crate) const INPUTS: [&str; 2] = ["inputs", "features"];

section! {
    /// A table in UTF-8, one row per line.
    Csv {
        /// The file; or a list of files with the same columns, whose rows follow each other.
        path: Files,
        /// The column or columns to predict; the last unless given.
        target | targets: Option<Names> = None,
        /// The columns to predict from; all others unless given. Of a series, the target alone unless given.
        inputs | features: Option<Names> = None,
        /// Columns that are not read: dates, names, numbers that only identify a row.
        drop: Names = Names(Vec::new()),
        /// The column of times: rows are put in its order, oldest first, and it is not read otherwise. Times are
        /// numbers, or text from the year to the second.
        time: Option<Name> = None,
        /// Columns of words that become one column for each word.
        one_hot: Names = Names(Vec::new()),
        /// Columns of words that become the numbers 0, 1, 2, ..: sorted, or in the order given, as
        /// `{ size = ["small", "large"] }`.
        ordinal: Orders = Orders(Default::default()),
        /// Whether the first line names the columns.
        header: Header = Header::Auto,
        /// What stands between two cells.
        separator: char = ',',
        /// What is done with cells that have no value.
        missing: Missing = Missing::Error,
        /// What stands in a cell without a value, besides nothing; in any case of letters.
        markers: Vec<String> = TableSpec::default().markers,
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

/// What is done with cells that have no value.
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
    /// What is done with cells that have no value.
    Missing: "missing", "type" {
        /// They are an error.
        "error" => Error {},
        /// Their rows are left out.
        "drop" => Drop {},
        /// The mean of their column in the training part stands for them; a row is of none of the words of a
        /// column.
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
    /// Two arrays of NumPy, one row per example. Whole numbers are read as numbers, unless the model begins
    /// with an embedding.
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
