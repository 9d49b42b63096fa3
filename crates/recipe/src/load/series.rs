//! Windows of a series.

use anygrad_core::{Array, Result};
use anygrad_data::series::Windows;
use anygrad_data::{Encoder, MinMax, MissingReport, Scaling, Standardizer, Table, generate, split};

use super::table::format;
use super::{Cut, Loaded, in_order};
use crate::data::{Csv, Forecasting, Part, Shares, Source, Split, TARGET};
use crate::preprocessing::Preprocessing;
use crate::reader::Reader;
use crate::recipe::Recipe;

/// A series `[t, k]`, oldest row first.
struct Series {
    rows: Array,
    /// The columns that are predicted.
    targets: Vec<usize>,
    reader: Option<Reader>,
    missing: Option<MissingReport>,
}

impl Recipe {
    /// Windows of a series.
    pub(super) fn series(&self, task: &Forecasting, source: &Source) -> Result<Loaded> {
        let windows = Windows { width: task.window, horizon: task.horizon, stride: task.stride };
        let split = self.split();
        let shares = in_order(&split);
        let series = match source {
            Source::Csv(csv) => self.series_of_table(csv, &shares, windows)?,
            _ => self.generated_series(source)?,
        };
        let length = series.rows.shape()[0];
        let (whole, shares) = (&shares, self.shares_in_folds(&shares, length)?);
        let [training, ..] = self.dealt(&shares, |shares| split::in_order(length, shares))?;
        let scale = self.scale(&series.rows.take_rows(&training)?)?;

        let parts = |shares: &Shares| {
            let given = [shares.train, shares.validation, shares.test];
            let present: Vec<f64> = given.into_iter().filter(|&share| share > 0.0).collect();
            let parts = windows.split(&series.rows, &series.targets, &present);
            let mut parts = self.reading("window", parts)?.into_iter();
            Ok(given.map(|share| if share > 0.0 { parts.next() } else { None }))
        };
        let [training, mut validation, mut test] = parts(&shares)?;
        if shares != *whole {
            [.., test] = parts(whole)?;
        }
        let training = training.ok_or_else(|| self.error(&["data", "split"], "no row is to be learned"))?;
        if let (Split::File(file), Some(reader)) = (&split, &series.reader) {
            let read = |key: &str, path: &str| {
                let part = reader.labelled(&self.path(path), None);
                part.map_err(|error| self.error(&["data", "split", key], error))
            };
            if let Part::File(path) = &file.validation {
                validation = Some(read("validation", path)?);
            }
            test = file.test.as_ref().map(|path| read("test", path)).transpose()?;
        }
        let outputs = task.horizon * series.targets.len();
        let preprocessing = Preprocessing {
            targets: scale.as_ref().map(|scale| of_columns(scale, &series.targets, task.horizon)),
            features: scale,
            reader: series.reader,
            ..Preprocessing::default()
        };
        let cut = Cut { training, validation, test, missing: series.missing };
        self.finished(cut, preprocessing, outputs)
    }

    fn series_of_table(&self, csv: &Csv, shares: &Shares, windows: Windows) -> Result<Series> {
        let table = self.reading("path", Table::join(self.tables(csv)?))?;
        let spec = self.spec(csv, &table)?;
        let predicted = self.targets(csv, &spec, &table)?;
        let (mut table, missing) = self.without_gaps(csv, &spec, &table)?;
        if let Some(time) = &csv.time {
            table = self.reading("time", table.sorted_by(&time.0))?;
        }
        let shares = self.shares_in_folds(shares, table.rows())?;
        let [training, ..] = self.dealt(&shares, |shares| split::in_order(table.rows(), shares))?;
        let encoder = self.reading("path", Encoder::fit(&table, &spec, &training))?;
        let rows = self.reading("path", encoder.features(&table))?;
        let names = encoder.feature_names();
        let place = |target: &String| {
            names.iter().position(|name| name == target).ok_or_else(|| {
                let message = format!("column {target:?} is none of the numbers of the series");
                self.error(&["data", self.spelled(&TARGET)], message)
            })
        };
        let targets = predicted.iter().map(place).collect::<Result<Vec<usize>>>()?;
        let time = csv.time.as_ref().map(|time| time.0.clone());
        let reader = Reader::Series { table: format(csv), time, encoder, targets: targets.clone(), windows };
        Ok(Series { rows, targets, reader: Some(reader), missing })
    }

    fn generated_series(&self, source: &Source) -> Result<Series> {
        let Source::Generated(made) = source else {
            return Err(self.error(&["data", "format"], "holds no series: take csv"));
        };
        let values = self.reading("rows", generate::sine_series(made.rows, self.settings().training.seed))?;
        let rows = Array::f32(&[values.len(), 1], values)?;
        Ok(Series { rows, targets: vec![0], reader: None, missing: None })
    }
}

/// The scale of what windows predict: that of some columns, for each step of the horizon.
fn of_columns(scale: &Scaling, columns: &[usize], horizon: usize) -> Scaling {
    let picked = |learned: &[f32]| {
        let one: Vec<f32> = columns.iter().filter_map(|&column| learned.get(column).copied()).collect();
        one.repeat(horizon)
    };
    match scale {
        Scaling::Standardize(Standardizer { layout, mean, deviation }) => {
            Scaling::Standardize(Standardizer {
                layout: *layout,
                mean: picked(mean),
                deviation: picked(deviation),
            })
        }
        Scaling::MinMax(MinMax { layout, low, high }) => {
            Scaling::MinMax(MinMax { layout: *layout, low: picked(low), high: picked(high) })
        }
    }
}
