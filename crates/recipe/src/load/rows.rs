//! Rows that do not depend on each other.

use anygrad_core::{Error, Result};
use anygrad_data::images::{Color as Channels, ImageOptions, read_image_folder};
use anygrad_data::{Dataset, Scaling, Standardizer, generate, load_mnist, numpy};
use anygrad_nn::Loss;

use super::{Cut, Loaded, but_for};
use crate::data::{Color, File, Fraction, Part, Set, Source, Split, Task};
use crate::layers::Layer;
use crate::preprocessing::{Form, Preprocessing};
use crate::reader::{Reader, yes_and_no};
use crate::recipe::Recipe;

impl Recipe {
    /// Rows that do not depend on each other.
    pub(super) fn rows(&self) -> Result<Loaded> {
        let data = &self.settings().data;
        let (cut, reader) = match &data.source {
            Source::Csv(csv) => self.table_rows(csv).map(|(cut, reader)| (cut, Some(reader)))?,
            source => self.other_rows(source)?,
        };
        let training = &cut.training;
        let mut preprocessing =
            Preprocessing { reader, classes: training.classes().to_vec(), ..Preprocessing::default() };
        preprocessing.features = self.scale(training.features())?;
        if data.normalize_targets {
            let scale = Standardizer::fit(training.targets()).map(Scaling::Standardize);
            preprocessing.targets = Some(self.reading("normalize_targets", scale)?);
        }
        let is_multiclass = matches!(data.task, Task::Multiclass(_));
        preprocessing.form = match self.loss() {
            loss if is_multiclass && !loss.takes_classes() => Form::Shares,
            Loss::Hinge | Loss::SquaredHinge if matches!(data.task, Task::Binary(_)) => Form::Signs,
            _ => Form::Plain,
        };
        let outputs = match is_multiclass {
            true => training.classes().len(),
            false => training.targets().shape().get(1).copied().unwrap_or(1),
        };
        self.finished(cut, preprocessing, outputs)
    }

    /// Rows of a format that is no table.
    fn other_rows(&self, source: &Source) -> Result<(Cut, Option<Reader>)> {
        let split = self.split();
        if let (Source::Idx(idx), Split::File(file)) = (source, &split) {
            let mnist = self.reading("path", load_mnist(self.path(&idx.path)))?;
            let cut = self.with_share(&mnist.train, file)?;
            return Ok((Cut { test: mnist.test, ..cut }, Some(Reader::Idx {})));
        }
        let (data, reader) = self.whole(source)?;
        let (Split::File(file), Some(reader)) = (&split, &reader) else {
            let rows = self.shared(&split, data.len(), || data.class_of_rows())?;
            return Ok((Cut::of(&data, &self.in_folds(rows, Some(&data))?)?, reader));
        };
        let cut = self.with_share(&data, file)?;
        let classes = data.classes();
        let other = |key: &str, path: &str| {
            let read = reader.labelled(&self.path(path), None).and_then(|part| match classes.is_empty() {
                true => Ok(part),
                false => part.with_classes(classes.to_vec()).map_err(|error| error.context(path)),
            });
            let read = read.and_then(|part| {
                let [own, first] = [&part, &data].map(|data| data.features().shape()[1..].to_vec());
                if own == first {
                    return Ok(part);
                }
                Err(Error::input(format!(
                    "{path}: rows of {own:?}, those of the training part are {first:?}"
                )))
            });
            read.map_err(|error| self.error(&["data", "split", key], error))
        };
        let validation = match &file.validation {
            Part::File(path) => Some(other("validation", path)?),
            Part::Share(_) => cut.validation,
        };
        let test = file.test.as_ref().map(|path| other("test", path)).transpose()?;
        Ok((Cut { validation, test, ..cut }, Some(reader.clone())))
    }

    /// A training file but for a share that is watched, drawn at random.
    fn with_share(&self, data: &Dataset, file: &File) -> Result<Cut> {
        let share = file.share();
        let split = Split::Fraction(Fraction { shuffle: share > 0.0, shares: but_for(share) });
        let rows = self.shared(&split, data.len(), || Ok(Vec::new()))?;
        Cut::of(data, &self.in_folds(rows, Some(data))?)
    }

    /// All rows of a file, or of what is generated, and how more are read.
    fn whole(&self, source: &Source) -> Result<(Dataset, Option<Reader>)> {
        let (task, seed) = (&self.settings().data.task, self.settings().training.seed);
        let is_binary = matches!(task, Task::Binary(_));
        // Whole numbers are indices for a model that begins with an embedding.
        let whole = matches!(self.settings().model.first(), Some(Layer::Embedding(_)));
        match source {
            Source::Idx(idx) => {
                let mnist = self.reading("path", load_mnist(self.path(&idx.path)))?;
                Ok((mnist.train, Some(Reader::Idx {})))
            }
            Source::Images(images) => {
                let color = match images.color {
                    Color::Gray => Channels::Gray,
                    Color::Rgb => Channels::Rgb,
                };
                let mut options = ImageOptions { color, size: images.size, classes: None };
                let data = self.reading("path", read_image_folder(self.path(&images.path), &options))?.data;
                if let [_, _, height, width] = data.features().shape()[..] {
                    options.size = Some([height, width]);
                }
                options.classes = Some(data.classes().to_vec());
                let data = match is_binary {
                    true => self.reading("path", yes_and_no(&data).map_err(|e| e.context(&images.path)))?,
                    false => data,
                };
                Ok((data, Some(Reader::Images { images: options, binary: is_binary })))
            }
            Source::Npz(npz) => {
                let reader = Reader::Arrays {
                    features: npz.features.clone(),
                    targets: npz.targets.clone(),
                    task: targets_of(task),
                    whole,
                };
                let data = self.reading("path", reader.labelled(&self.path(&npz.path), None))?;
                Ok((data, Some(reader)))
            }
            Source::Npy(npy) => {
                let read = |key: &str, path: &str| self.reading(key, numpy::read_npy(self.path(path)));
                let (features, targets) = (read("features", &npy.features)?, read("targets", &npy.targets)?);
                let (task, names) = (targets_of(task), ["x", "y"].map(str::to_owned));
                let data = self.reading("targets", Dataset::for_task(features, targets, task))?;
                let [features, targets] = names;
                let reader = Reader::Arrays { features, targets, task, whole };
                Ok((reader.numbers(data)?, Some(reader)))
            }
            Source::Generated(made) => {
                let data = match made.set {
                    Set::Line => generate::line(made.rows, seed),
                    Set::And => generate::and_points(made.rows, seed),
                    Set::Digits => generate::digits(made.rows, seed),
                    Set::Sine => Err(Error::input("a series has no rows of their own")),
                };
                Ok((self.reading("set", data)?, None))
            }
            // The check of a recipe has the tasks of each format.
            Source::Csv(_) | Source::Text(_) => {
                Err(self.error(&["data", "format"], "has no rows of their own for this task"))
            }
        }
    }
}

/// What the targets of a task are in a table or an array.
pub(super) fn targets_of(task: &Task) -> anygrad_data::Task {
    match task {
        Task::Binary(_) => anygrad_data::Task::Binary,
        Task::Multiclass(_) | Task::Language(_) => anygrad_data::Task::Multiclass,
        Task::Regression(_) | Task::Forecasting(_) => anygrad_data::Task::Regression,
    }
}
