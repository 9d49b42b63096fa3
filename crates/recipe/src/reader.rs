//! How files are read: what training found out, so that later files are read in the same way.

use std::path::Path;

use anygrad_core::{Array, Context, DType, Error, Result};
use anygrad_data::images::{ImageOptions, image_files, read_image, read_image_folder};
use anygrad_data::series::Windows;
use anygrad_data::text::{self, Vocabulary, sequences};
use anygrad_data::{Dataset, Encoder, Format, Table, Task, load_mnist, numpy, read_idx};
use serde::{Deserialize, Serialize};

/// How files become rows, before anything is scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reader {
    /// Rows of a table.
    Table {
        /// How the file is written.
        table: Format,
        /// What its columns are.
        encoder: Encoder,
    },
    /// Windows of a series in a table.
    Series {
        /// How the file is written.
        table: Format,
        /// The column whose order the rows are put in.
        time: Option<String>,
        /// What its columns are.
        encoder: Encoder,
        /// Which columns of the series are predicted.
        targets: Vec<usize>,
        /// What a window is.
        windows: Windows,
    },
    /// A folder of images.
    Images {
        /// Size, channels and classes.
        images: ImageOptions,
        /// Whether the classes are no and yes.
        binary: bool,
    },
    /// A folder in the form of MNIST.
    Idx {},
    /// Arrays of NumPy.
    Arrays {
        /// The name of the features in an archive.
        features: String,
        /// The name of the targets in an archive.
        targets: String,
        /// What the targets are.
        task: Task,
        /// Whether whole numbers stay such, as an embedding takes them.
        whole: bool,
    },
    /// Sequences of a text.
    Text {
        /// Characters that a prediction sees.
        sequence_length: usize,
        /// Characters from sequence to sequence.
        stride: usize,
        /// Whether the character behind each place is predicted, or only that behind the last.
        every: bool,
    },
}

impl Reader {
    /// The features of a file. See [`Preprocessing::features`](crate::Preprocessing::features).
    pub(crate) fn features(&self, path: &Path, vocabulary: Option<&Vocabulary>) -> Result<Array> {
        match self {
            Reader::Table { table, encoder } => encoder.features(&Table::read(path, *table)?),
            Reader::Series { windows, .. } => {
                let series = self.series(path)?;
                // What is to be predicted is not there yet: rows that no window shows stand for it.
                let [rows, columns] = series.shape()[..] else { return Err(Error::shape("no series")) };
                let mut longer = series.as_f32()?.to_vec();
                longer.resize((rows + windows.horizon) * columns, 0.0);
                let series = Array::f32(&[rows + windows.horizon, columns], longer)?;
                // Every window that fits, the newest too, whatever distance training took.
                let windows = Windows { stride: 1, ..*windows };
                Ok(windows.cut(&series, &[0]).context(|| path.display())?.features().clone())
            }
            Reader::Images { images, .. } => {
                let files = if path.is_dir() { image_files(path)? } else { vec![path.to_owned()] };
                let mut values = Vec::new();
                let mut sizes = Vec::new();
                for file in &files {
                    let image = read_image(file, images)?;
                    if !sizes.is_empty() && image.shape()[..] != sizes[..] {
                        let (made, first) = (image.shape(), &sizes);
                        let file = file.display();
                        return Err(Error::input(format!("{file}: {made} values, the first has {first:?}")));
                    }
                    sizes = image.shape().to_vec();
                    values.extend_from_slice(image.as_f32()?);
                }
                Array::f32(&[&[files.len()], &sizes[..]].concat(), values)
            }
            Reader::Idx {} => pixels(&read_idx(path)?).context(|| path.display()),
            Reader::Arrays { features, .. } => {
                let array = match is_archive(path) {
                    true => one(numpy::read_npz(path, &[features])?)?,
                    false => numpy::read_npy(path)?,
                };
                // Targets of no meaning: their form is checked together with that of features.
                let rows = array.shape().first().copied().unwrap_or_default();
                let stand_in = Array::f32(&[rows], vec![0.0; rows])?;
                let data = Dataset::for_task(array, stand_in, Task::Regression);
                Ok(self.numbers(data.context(|| path.display())?)?.features().clone())
            }
            Reader::Text { sequence_length, stride, .. } => {
                let ids = encoded(path, vocabulary)?;
                if ids.len() < *sequence_length {
                    let (path, count) = (path.display(), ids.len());
                    let message = format!("{path}: {count} characters, the model takes {sequence_length}");
                    return Err(Error::input(message));
                }
                let windows = ids.windows(*sequence_length).step_by(*stride);
                let rows = windows.len();
                Array::i32(&[rows, *sequence_length], windows.flatten().copied().collect::<Vec<_>>())
            }
        }
    }

    /// The rows of a file with targets. See [`Preprocessing::labelled`](crate::Preprocessing::labelled).
    pub(crate) fn labelled(&self, path: &Path, vocabulary: Option<&Vocabulary>) -> Result<Dataset> {
        match self {
            Reader::Table { table, encoder } => {
                let table = Table::read(path, *table)?;
                encoder.dataset(&encoder.spec().without_missing(&table)?.0)
            }
            Reader::Series { targets, windows, .. } => {
                windows.cut(&self.series(path)?, targets).context(|| path.display())
            }
            Reader::Images { images, binary } => {
                let data = read_image_folder(path, images)?.data;
                if *binary { yes_and_no(&data).context(|| path.display()) } else { Ok(data) }
            }
            Reader::Idx {} => load_mnist(path).map(|mnist| mnist.test.unwrap_or(mnist.train)),
            Reader::Arrays { features, targets, task, .. } => {
                if !is_archive(path) {
                    let path = path.display();
                    let message = format!(
                        "{path}: features with targets stand in one .npz archive, as {features} and {targets}"
                    );
                    return Err(Error::input(message));
                }
                let mut arrays = numpy::read_npz(path, &[features, targets])?;
                let targets = one(arrays.split_off(1))?;
                let data = Dataset::for_task(one(arrays)?, targets, *task);
                self.numbers(data.context(|| path.display())?)
            }
            Reader::Text { sequence_length, stride, every } => {
                let ids = encoded(path, vocabulary)?;
                sequences(&ids, *sequence_length, *stride, *every).context(|| path.display())
            }
        }
    }

    /// The names of the features of a table, as of a column or of `column=word`; none of other formats.
    pub(crate) fn feature_names(&self) -> Vec<String> {
        match self {
            Reader::Table { encoder, .. } | Reader::Series { encoder, .. } => encoder.feature_names(),
            _ => Vec::new(),
        }
    }

    /// Features as numbers, unless whole numbers are wanted.
    pub(crate) fn numbers(&self, data: Dataset) -> Result<Dataset> {
        match self {
            Reader::Arrays { whole: false, .. } if data.features().dtype() != DType::F32 => {
                data.map_features(|features| Ok(features.cast(DType::F32)))
            }
            _ => Ok(data),
        }
    }

    fn series(&self, path: &Path) -> Result<Array> {
        let Reader::Series { table, time, encoder, .. } = self else {
            return Err(Error::input("no series was learned"));
        };
        let table = Table::read(path, *table)?;
        let table = encoder.spec().without_missing(&table)?.0;
        match time {
            Some(column) => encoder.features(&table.sorted_by(column)?),
            None => encoder.features(&table),
        }
    }
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"))
}

/// The only array that was asked for.
fn one(arrays: Vec<(String, Array)>) -> Result<Array> {
    let found = arrays.into_iter().next().map(|(_, array)| array);
    found.ok_or_else(|| Error::input("no array was read"))
}

/// Images of an IDX file as MNIST is read: `[n, 1, h, w]` from 0 to 1.
fn pixels(images: &Array) -> Result<Array> {
    let [n, h, w] = images.shape()[..] else {
        return Err(Error::shape(format!("images are [n, h, w], got {}", images.shape())));
    };
    let values: Vec<f32> = images.to_f64().iter().map(|&pixel| pixel as f32 / 255.0).collect();
    Array::f32(&[n, 1, h, w], values)
}

/// Classes 0 and 1 as numbers `[n, 1]`.
pub(crate) fn yes_and_no(data: &Dataset) -> Result<Dataset> {
    let classes = data.classes().to_vec();
    if classes.len() != 2 {
        let (count, names) = (classes.len(), classes.join(", "));
        return Err(Error::input(format!("{count} classes, {names}: binary takes 2")));
    }
    let numbers = data.map_targets(|targets| targets.cast(DType::F32).reshape(&[data.len(), 1]))?;
    numbers.with_classes(classes)
}

fn encoded(path: &Path, vocabulary: Option<&Vocabulary>) -> Result<Vec<i32>> {
    let vocabulary = vocabulary.ok_or_else(|| Error::input("no text was learned: there is no vocabulary"))?;
    vocabulary.encode(&text::read(path)?).context(|| path.display())
}
