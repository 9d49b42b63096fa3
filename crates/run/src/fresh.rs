//! New data for a trained model, in the format of its recipe.

use std::path::Path;

use anygrad_core::{Array, DType, Error, Result};
use anygrad_data::{Dataset, Format, Header, Table, load_mnist};
use anygrad_recipe::data::{Csv, Header as RecipeHeader, Source, Task};

use crate::Saved;

impl Saved {
    /// Features of new data, as the model takes them. Targets may be there, and are not looked at.
    ///
    /// # Errors
    /// The file cannot be read, has other columns than the model was trained on, or a cell that is no
    /// number; the recipe's format is one of which no rows can be given.
    pub fn features(&self, path: &Path) -> Result<Array> {
        let data = &self.recipe.settings().data;
        let features = match (&data.source, &data.task) {
            (Source::Csv(csv), Task::Forecasting(task)) => {
                let table = read(csv, path)?;
                let column = match csv.target.as_ref().map(|names| &names.0[..]) {
                    Some([name, ..]) => table.column(name)?,
                    _ => table.names().len() - 1,
                };
                let values = table.numbers(column)?;
                return self.windows(&values, task.window, task.stride, path);
            }
            (Source::Csv(csv), _) => self.table(csv, path)?,
            (Source::Idx(_), _) => {
                let mnist = load_mnist(path)?;
                mnist.test.unwrap_or(mnist.train).features().clone()
            }
            (source, _) => {
                let message = format!("new rows of the format {} cannot be read", source.form());
                return Err(Error::input(format!("{}: {message}", path.display())));
            }
        };
        let row = &features.shape()[1..];
        if row != &self.sizes.features[..] {
            return Err(Error::input(format!(
                "{}: rows of {row:?} numbers, the model was trained on rows of {:?}",
                path.display(),
                self.sizes.features
            )));
        }
        let scaled = self.preprocessing.apply(&features);
        scaled.map_err(|error| error.context(path.display()))
    }

    /// The columns of a table that are not dropped and not the target.
    fn table(&self, csv: &Csv, path: &Path) -> Result<Array> {
        let table = read(csv, path)?;
        let wanted = self.sizes.features.first().copied().unwrap_or(0);
        let mut columns: Vec<usize> = match &csv.inputs {
            Some(inputs) => inputs.0.iter().map(|name| table.column(name)).collect::<Result<_>>()?,
            None => (0..table.names().len()).collect(),
        };
        if let (Some(targets), None) = (&csv.target, &csv.inputs) {
            columns.retain(|&column| !targets.0.contains(&table.names()[column]));
        } else if csv.inputs.is_none() && columns.len() == wanted + 1 {
            // The target is the last unless it is named.
            columns.pop();
        }
        let numbers = columns.iter().map(|&column| table.numbers(column)).collect::<Result<Vec<_>>>()?;
        let rows = (0..table.rows()).flat_map(|row| numbers.iter().map(move |column| column[row]));
        Array::f32(&[table.rows(), columns.len()], rows.collect::<Vec<f32>>())
    }

    /// Every window of a series, the last too, whose future is not in the file.
    fn windows(&self, values: &[f32], width: usize, stride: usize, path: &Path) -> Result<Array> {
        if values.len() < width {
            let (found, path) = (values.len(), path.display());
            return Err(Error::input(format!("{path}: {found} values, a forecast sees {width}")));
        }
        let starts = (0..=values.len() - width).step_by(stride);
        let rows = starts.clone().count();
        let all: Vec<f32> = starts.flat_map(|begin| values[begin..begin + width].iter().copied()).collect();
        self.preprocessing.apply(&Array::f32(&[rows, width, 1], all)?)
    }

    /// New data with their targets, for figures: read as the recipe reads its own, in one part.
    ///
    /// # Errors
    /// Those of [`Recipe::load`](anygrad_recipe::Recipe::load); a class that the model does not know.
    pub fn labelled(&self, path: &Path) -> Result<Dataset> {
        let settings = &self.recipe.settings().data;
        let whole = std::path::absolute(path)
            .map_err(|error| Error::input(format!("{}: {error}", path.display())))?;
        let by = if settings.task.is_in_time() { "time" } else { "fraction" };
        let order = if by == "fraction" { ", shuffle = false" } else { "" };
        let mut sets = vec![
            format!("data.path={:?}", whole.display().to_string()),
            format!("data.split={{ by = \"{by}\", train = 1.0, validation = 0.0, test = 0.0{order} }}"),
            "data.normalize=none".to_owned(),
            "data.normalize_targets=false".to_owned(),
        ];
        if self.recipe.settings().training.early_stopping.is_some() {
            // There is one part, so nothing to watch.
            sets.push("training.early_stopping.monitor=loss".to_owned());
        }
        let read = self.recipe.with(&sets)?.load().map_err(|error| error.context(path.display()))?.training;
        let classes = read.classes().to_vec();
        let known = &self.preprocessing.classes;
        let read = read.map_features(|features| self.preprocessing.apply(features))?;
        if let Some(scale) = &self.preprocessing.targets {
            return read.map_targets(|targets| scale.apply(targets));
        }
        if classes.is_empty() || &classes == known {
            return Ok(read);
        }
        let number = |name: &String| {
            known.iter().position(|other| other == name).ok_or_else(|| {
                let known = known.join(", ");
                Error::input(format!("{}: the class {name:?} is none of {known}", path.display()))
            })
        };
        let numbers = classes.iter().map(number).collect::<Result<Vec<usize>>>()?;
        let read = read.map_targets(|targets| {
            let moved = targets.to_f64().into_iter().map(|class| numbers[class as usize]);
            match targets.dtype() {
                DType::I32 => Array::i32(&targets.shape(), moved.map(|c| c as i32).collect::<Vec<_>>()),
                _ => Array::f32(&targets.shape(), moved.map(|c| c as f32).collect::<Vec<_>>()),
            }
        })?;
        read.with_classes(known.clone())
    }
}

fn read(csv: &Csv, path: &Path) -> Result<Table> {
    let header = match csv.header {
        RecipeHeader::Auto => Header::Detect,
        RecipeHeader::Present => Header::Present,
        RecipeHeader::Absent => Header::Absent,
    };
    let table = Table::read(path, Format { header, separator: csv.separator })?;
    // What is not read may be missing in new data.
    let there = csv.drop.0.iter().map(String::as_str);
    let there: Vec<&str> = there.filter(|name| table.names().iter().any(|own| own == name)).collect();
    if there.is_empty() { Ok(table) } else { table.without(&there) }
}
