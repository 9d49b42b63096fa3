//! From a recipe to rows in parts: the one place where formats, splits and normalisation are wired to
//! `anygrad-data`.

use anygrad_core::{Array, DType, Result};
use anygrad_data::text::{self, Vocabulary};
use anygrad_data::{Dataset, Header as TableHeader, Table, generate, load_mnist};
use anygrad_nn::Loss;

use crate::build::Sizes;
use crate::data::{Csv, File, Header, Language, Missing, Normalize, Part, Predict, Set, Source, Split, Task};
use crate::preprocessing::{Preprocessing, Scale};
use crate::recipe::Recipe;

/// The rows of a recipe, in parts, as the model takes them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is learned.
    pub training: Dataset,
    /// What is watched while training.
    pub validation: Option<Dataset>,
    /// What the last figures are taken from.
    pub test: Option<Dataset>,
    /// What was learned of the training part.
    pub preprocessing: Preprocessing,
    /// What the model has to know.
    pub sizes: Sizes,
}

/// Training, validation and test part.
type Cut<T> = (T, Option<T>, Option<T>);

impl Recipe {
    /// Reads the data, cuts them into parts and normalizes them by the training part alone.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged, rows that are too few for the parts, something that this
    /// build does not offer: the message names the line of the recipe and the place in the file.
    pub fn load(&self) -> Result<Loaded> {
        let data = &self.settings().data;
        let loaded = match (&data.task, &data.source) {
            (Task::Language(language), Source::Text(text)) => self.text(language, &text.path)?,
            (Task::Forecasting(_), _) => self.series()?,
            _ => self.rows()?,
        };
        Ok(loaded)
    }

    /// What this build does not offer yet.
    fn unavailable<T>(&self, path: &[&str], what: &str) -> Result<T> {
        Err(self.error(path, format!("{what} is not available in this build")))
    }

    /// An error of reading data, with the key that asked for them.
    fn reading<T>(&self, key: &str, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.error(&["data", key], error))
    }

    /// Rows that do not depend on each other.
    fn rows(&self) -> Result<Loaded> {
        let data = &self.settings().data;
        let (training, validation, test) = self.parts_of_rows()?;
        let mut preprocessing =
            Preprocessing { classes: training.classes().to_vec(), ..Preprocessing::default() };
        // Images have one scale for all pixels.
        let one_for_all = training.features().shape().rank() > 2;
        preprocessing.features = self.scale(training.features(), one_for_all)?;
        if data.normalize_targets {
            preprocessing.targets = Some(Scale::standard(training.targets(), false)?);
        }
        let outputs = match &data.task {
            Task::Multiclass(_) => training.classes().len(),
            _ => training.targets().shape().get(1).copied().unwrap_or(1),
        };
        let prepared = |part: Dataset| {
            let part = part.map_features(|features| preprocessing.apply(features))?;
            let part = match &preprocessing.targets {
                Some(scale) => part.map_targets(|targets| scale.apply(targets))?,
                None => part,
            };
            self.targets(part, outputs)
        };
        let training = prepared(training)?;
        let sizes = Sizes {
            features: training.features().shape()[1..].to_vec(),
            dtype: training.features().dtype(),
            outputs,
            vocabulary: None,
            rows: training.len(),
        };
        let (validation, test) = (validation.map(&prepared).transpose()?, test.map(&prepared).transpose()?);
        Ok(Loaded { training, validation, test, preprocessing, sizes })
    }

    fn scale(&self, features: &Array, one_for_all: bool) -> Result<Option<Scale>> {
        let scale = match self.settings().data.normalize {
            Normalize::None => return Ok(None),
            Normalize::Standard => Scale::standard(features, one_for_all),
            Normalize::MinMax => Scale::min_max(features, one_for_all),
        };
        self.reading("normalize", scale.map(Some))
    }

    /// Targets in the form that the loss takes.
    fn targets(&self, part: Dataset, outputs: usize) -> Result<Dataset> {
        let classes = part.classes().to_vec();
        match (&self.settings().data.task, self.loss()) {
            (Task::Multiclass(_), loss) if !loss.takes_classes() => {
                let rows = part.len();
                // Shares of the classes are no class numbers: their names stay in the preprocessing.
                part.map_targets(|targets| {
                    let mut shares = vec![0.0; rows * outputs];
                    for (row, class) in targets.to_f64().into_iter().enumerate() {
                        shares[row * outputs + class as usize] = 1.0;
                    }
                    Array::f32(&[rows, outputs], shares)
                })
            }
            (Task::Binary(_), Loss::Hinge | Loss::SquaredHinge) => part.map_targets(|targets| {
                let signs: Vec<f32> = targets.as_f32()?.iter().map(|t| 2.0 * t - 1.0).collect();
                Array::f32(&targets.shape(), signs)
            }),
            _ if classes.is_empty() => Ok(part),
            _ => part.with_classes(classes),
        }
    }

    fn parts_of_rows(&self) -> Result<Cut<Dataset>> {
        let (data, seed) = (&self.settings().data, self.settings().training.seed);
        match (&data.source, self.split()) {
            (Source::Idx(idx), Split::File(split)) => {
                let mnist = self.reading("path", load_mnist(self.path(&idx.path)))?;
                let (training, validation) = self.with_share(mnist.train, &split)?;
                Ok((training, validation, mnist.test))
            }
            (_, Split::File(split)) => {
                let read = |part: &Part| match part {
                    Part::File(path) => self.csv_like(Some(path)).map(Some),
                    Part::Share(_) => Ok(None),
                };
                let (all, given) = (self.csv_like(None)?, read(&split.validation)?);
                let (training, shared) = self.with_share(all, &split)?;
                let test = split.test.as_ref().map(|path| self.csv_like(Some(path))).transpose()?;
                let same =
                    |part: Option<Dataset>| part.map(|part| self.same_classes(&training, part)).transpose();
                let (validation, test) = (same(given.or(shared))?, same(test)?);
                Ok((training, validation, test))
            }
            (Source::Idx(idx), split) => {
                let mnist = self.reading("path", load_mnist(self.path(&idx.path)))?;
                self.cut(mnist.train, &split, seed)
            }
            (_, split) => self.cut(self.csv_like(None)?, &split, seed),
        }
    }

    /// The rows of one file, or of another in its place.
    fn csv_like(&self, other: Option<&str>) -> Result<Dataset> {
        let seed = self.settings().training.seed;
        match &self.settings().data.source {
            Source::Csv(csv) => self.csv(csv, other.unwrap_or(&csv.path)),
            Source::Generated(made) => match made.set {
                Set::Line => generate::line(made.rows, seed),
                Set::And => generate::and_points(made.rows, seed),
                Set::Digits => generate::digits(made.rows, seed),
                Set::Sine => self.unavailable(&["data", "set"], "a series in independent rows"),
            },
            Source::Images(_) => self.unavailable(&["data", "format"], "a folder of images"),
            Source::Npy(_) | Source::Npz(_) => self.unavailable(&["data", "format"], "NumPy's format"),
            Source::Idx(_) => self.unavailable(&["data", "split"], "another folder for a part"),
            Source::Text(_) => self.unavailable(&["data", "task"], "a text in independent rows"),
        }
    }

    fn csv(&self, csv: &Csv, path: &str) -> Result<Dataset> {
        let table = self.table(csv, path)?;
        let target = self.target(csv, &table)?;
        let task = match self.settings().data.task {
            Task::Binary(_) => anygrad_data::Task::Binary,
            Task::Multiclass(_) => anygrad_data::Task::Multiclass,
            _ => anygrad_data::Task::Regression,
        };
        let name = table.names()[target].clone();
        let table = match &csv.inputs {
            None => table,
            Some(inputs) => {
                let mut kept = vec![target];
                for input in &inputs.0 {
                    kept.push(self.reading("inputs", table.column(input))?);
                }
                let others = (0..table.names().len()).filter(|column| !kept.contains(column));
                let others: Vec<String> = others.map(|column| table.names()[column].clone()).collect();
                let others: Vec<&str> = others.iter().map(String::as_str).collect();
                if others.is_empty() { table } else { self.reading("inputs", table.without(&others))? }
            }
        };
        self.reading("path", table.dataset(Some(&name), task))
    }

    fn table(&self, csv: &Csv, path: &str) -> Result<Table> {
        if csv.separator != ',' {
            return self.unavailable(&["data", "separator"], "a separator other than a comma");
        }
        if csv.missing != Missing::Error {
            return self.unavailable(&["data", "missing"], "a table with empty cells");
        }
        if !csv.one_hot.0.is_empty() {
            return self.unavailable(&["data", "one_hot"], "a column for each word");
        }
        let header = match csv.header {
            Header::Auto => TableHeader::Detect,
            Header::Present => TableHeader::Present,
            Header::Absent => TableHeader::Absent,
        };
        let table = self.reading("path", Table::read(self.path(path), header))?;
        let dropped: Vec<&str> = csv.drop.0.iter().map(String::as_str).collect();
        if dropped.is_empty() { Ok(table) } else { self.reading("drop", table.without(&dropped)) }
    }

    /// The column of a table to predict.
    fn target(&self, csv: &Csv, table: &Table) -> Result<usize> {
        match csv.target.as_ref().map(|names| &names.0[..]) {
            None => Ok(table.names().len() - 1),
            Some([name]) => self.reading("target", table.column(name)),
            Some([]) => Err(self.error(&["data", "target"], "the list is empty: takes at least one column")),
            Some(_) => self.unavailable(&["data", "target"], "more than one target"),
        }
    }

    /// The rows of one data set cut by shares.
    fn cut(&self, data: Dataset, split: &Split, seed: u64) -> Result<Cut<Dataset>> {
        let data = match split {
            Split::Fraction(fraction) if fraction.shuffle => data.shuffle(seed)?,
            Split::Stratified(_) => return self.unavailable(&["data", "split"], "a stratified split"),
            _ => data,
        };
        let [train, validation, test] = self.counts(split, data.len())?;
        let rows = |from: usize, count: usize| {
            (count > 0).then(|| data.take(&(from..from + count).collect::<Vec<_>>())).transpose()
        };
        let (validation_rows, test_rows) = (rows(train, validation)?, rows(train + validation, test)?);
        Ok((data.take(&(0..train).collect::<Vec<_>>())?, validation_rows, test_rows))
    }

    /// How many rows each part has.
    fn counts(&self, split: &Split, rows: usize) -> Result<[usize; 3]> {
        let Some(shares) = split.shares() else { return Ok([rows, 0, 0]) };
        let shares = [shares.train, shares.validation, shares.test];
        let (mut reached, mut begin) = (0.0, 0);
        let counts = shares.map(|share| {
            reached += share;
            let end = ((reached * rows as f64).round() as usize).min(rows);
            let count = if share > 0.0 { end.saturating_sub(begin) } else { 0 };
            begin += count;
            count
        });
        if counts.iter().zip(shares).any(|(&count, share)| count == 0 && share > 0.0) {
            let message = format!("{rows} rows make parts of {counts:?} rows: each needs one");
            return Err(self.error(&["data", "split"], message));
        }
        Ok(counts)
    }

    /// A training file without a share for validation, drawn at random.
    fn with_share(&self, data: Dataset, split: &File) -> Result<(Dataset, Option<Dataset>)> {
        let share = match split.validation {
            Part::Share(share) => share,
            Part::File(_) => 0.0,
        };
        if share == 0.0 {
            return Ok((data, None));
        }
        let parts = data.shuffle(self.settings().training.seed)?.split(&[1.0 - share, share]);
        let mut parts = parts.map_err(|error| self.error(&["data", "split", "validation"], error))?;
        let validation = parts.pop();
        Ok((parts.swap_remove(0), validation))
    }

    /// A part of another file with the class numbers of the training part.
    fn same_classes(&self, training: &Dataset, part: Dataset) -> Result<Dataset> {
        let (known, own) = (training.classes(), part.classes());
        if known == own {
            return Ok(part);
        }
        let number = |name: &String| {
            known.iter().position(|known| known == name).ok_or_else(|| {
                let message = format!("the class {name:?} of another file is not in the training part");
                self.error(&["data", "split"], message)
            })
        };
        let numbers = own.iter().map(number).collect::<Result<Vec<usize>>>()?;
        let changed = part.map_targets(|targets| {
            let moved = targets.to_f64().into_iter().map(|class| numbers[class as usize]);
            match targets.dtype() {
                DType::I32 => Array::i32(&targets.shape(), moved.map(|c| c as i32).collect::<Vec<_>>()),
                _ => Array::f32(&targets.shape(), moved.map(|c| c as f32).collect::<Vec<_>>()),
            }
        })?;
        changed.with_classes(known.to_vec())
    }

    /// Windows of a series.
    fn series(&self) -> Result<Loaded> {
        let data = &self.settings().data;
        let Task::Forecasting(task) = &data.task else {
            return self.unavailable(&["data", "task"], "a series without a window");
        };
        let read = |other: Option<&str>| match &data.source {
            Source::Csv(csv) => {
                if csv.inputs.is_some() {
                    return self.unavailable(&["data", "inputs"], "a series of several columns");
                }
                let table = self.table(csv, other.unwrap_or(&csv.path))?;
                self.reading("path", table.numbers(self.target(csv, &table)?))
            }
            Source::Generated(made) => generate::sine_series(made.rows, self.settings().training.seed),
            _ => self.unavailable(&["data", "format"], "a series in this format"),
        };
        let all = read(None)?;
        // A window of a later part looks back at values of the part before, as a forecast does.
        let (train, validation, test) = match self.split() {
            Split::File(split) => {
                let (train, shared) = match split.validation {
                    Part::Share(share) if share > 0.0 => {
                        let border = ((1.0 - share) * all.len() as f64).round() as usize;
                        (all[..border].to_vec(), Some(all[border.saturating_sub(task.window)..].to_vec()))
                    }
                    _ => (all, None),
                };
                let given = match &split.validation {
                    Part::File(path) => Some(read(Some(path))?),
                    Part::Share(_) => None,
                };
                let test = split.test.as_deref().map(|path| read(Some(path))).transpose()?;
                (train, given.or(shared), test)
            }
            split => {
                let [train, validation, test] = self.counts(&split, all.len())?;
                let part = |from: usize, count: usize| {
                    (count > 0).then(|| all[from.saturating_sub(task.window)..from + count].to_vec())
                };
                (all[..train].to_vec(), part(train, validation), part(train + validation, test))
            }
        };
        let column = Array::f32(&[train.len(), 1], train.clone())?;
        let scale = self.scale(&column, true)?;
        let windows = |values: Vec<f32>| {
            let values = match &scale {
                Some(scale) => {
                    let column = Array::f32(&[values.len(), 1], values)?;
                    scale.apply(&column)?.as_f32()?.to_vec()
                }
                None => values,
            };
            self.windows(&values, task.window, task.horizon, task.stride)
        };
        let training = windows(train)?;
        let (validation, test) = (validation.map(windows).transpose()?, test.map(windows).transpose()?);
        let sizes = Sizes {
            features: vec![task.window, 1],
            dtype: DType::F32,
            outputs: task.horizon,
            vocabulary: None,
            rows: training.len(),
        };
        let preprocessing =
            Preprocessing { features: scale.clone(), targets: scale, ..Preprocessing::default() };
        Ok(Loaded { training, validation, test, preprocessing, sizes })
    }

    /// Windows `[n, width, 1]` and the `horizon` values after each, `[n, horizon]`.
    fn windows(&self, values: &[f32], width: usize, horizon: usize, stride: usize) -> Result<Dataset> {
        let whole = width.saturating_add(horizon);
        if values.len() < whole {
            let values = values.len();
            let message = format!("{width} values and {horizon} after them do not fit in a part of {values}");
            return Err(self.error(&["data", "window"], message));
        }
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for begin in (0..=values.len() - whole).step_by(stride) {
            features.extend_from_slice(&values[begin..begin + width]);
            targets.extend_from_slice(&values[begin + width..begin + whole]);
        }
        let rows = targets.len() / horizon;
        Dataset::new(Array::f32(&[rows, width, 1], features)?, Array::f32(&[rows, horizon], targets)?)
    }

    /// Sequences of a text. Its vocabulary is that of the whole file, so that no part has an unknown
    /// character.
    fn text(&self, task: &Language, path: &str) -> Result<Loaded> {
        let read = |path: &str| self.reading("path", text::read(self.path(path)));
        let all = read(path)?;
        let vocabulary = Vocabulary::of(&all);
        let ids = vocabulary.encode(&all)?;
        let of_file = |path: &str| {
            let ids = vocabulary.encode(&read(path)?);
            ids.map_err(|error| self.error(&["data", "split"], format!("{path}: {error}")))
        };
        let (train, validation, test) = match self.split() {
            Split::File(split) => {
                let (train, validation) = match &split.validation {
                    Part::Share(share) => {
                        let border = ((1.0 - share) * ids.len() as f64).round() as usize;
                        (ids[..border].to_vec(), (border < ids.len()).then(|| ids[border..].to_vec()))
                    }
                    Part::File(path) => (ids, Some(of_file(path)?)),
                };
                (train, validation, split.test.as_deref().map(of_file).transpose()?)
            }
            split => {
                let [train, validation, test] = self.counts(&split, ids.len())?;
                let part = |from: usize, count: usize| (count > 0).then(|| ids[from..from + count].to_vec());
                (ids[..train].to_vec(), part(train, validation), part(train + validation, test))
            }
        };
        let sequences = |ids: Vec<i32>| self.sequences(&ids, task, &vocabulary);
        let training = sequences(train)?;
        let (validation, test) = (validation.map(sequences).transpose()?, test.map(sequences).transpose()?);
        let characters = vocabulary.characters();
        let sizes = Sizes {
            features: vec![task.sequence_length],
            dtype: DType::I32,
            outputs: characters.len(),
            vocabulary: Some(characters.len()),
            rows: training.len(),
        };
        let preprocessing = Preprocessing {
            classes: characters.iter().map(char::to_string).collect(),
            vocabulary: Some(characters.iter().collect()),
            ..Preprocessing::default()
        };
        Ok(Loaded { training, validation, test, preprocessing, sizes })
    }

    /// Sequences `[n, length]`, and the character behind each `[n]`, or behind each place `[n, length]`.
    fn sequences(&self, ids: &[i32], task: &Language, vocabulary: &Vocabulary) -> Result<Dataset> {
        let length = task.sequence_length;
        if ids.len() <= length {
            let message = format!("{length} characters and the next do not fit in a part of {}", ids.len());
            return Err(self.error(&["data", "sequence_length"], message));
        }
        let (mut features, mut targets) = (Vec::new(), Vec::new());
        for begin in (0..ids.len() - length).step_by(task.stride) {
            let end = begin + length;
            features.extend_from_slice(&ids[begin..end]);
            match task.predict {
                Predict::Next => targets.push(ids[end]),
                Predict::Every => targets.extend_from_slice(&ids[begin + 1..=end]),
            }
        }
        let rows = features.len() / length;
        let sizes: &[usize] = match task.predict {
            Predict::Next => &[rows],
            Predict::Every => &[rows, length],
        };
        Dataset::new(Array::i32(&[rows, length], features)?, Array::i32(sizes, targets)?)?
            .with_classes(vocabulary.characters().iter().map(char::to_string).collect())
    }
}
