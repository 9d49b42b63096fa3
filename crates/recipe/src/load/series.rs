//! Windows of a series.

use anygrad_core::{Array, DType, Result};
use anygrad_data::{Dataset, generate};

use super::Loaded;
use crate::build::Sizes;
use crate::data::{Part, Source, Split, Task};
use crate::preprocessing::Preprocessing;
use crate::recipe::Recipe;

impl Recipe {
    /// Windows of a series.
    pub(super) fn series(&self) -> Result<Loaded> {
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
}
