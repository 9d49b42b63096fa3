//! Attributions as pictures: bars for a table, a marked series, a map beside an image.

use anygrad_core::{Array, Error, Result};
use anygrad_explain::Attribution;
use anygrad_plot::{Bars, HeatMap, MarkedSeries, Panel, Picture};

use super::Method;
use super::input::Rows;

/// A picture for each row.
pub(super) fn pictures(
    rows: &Rows,
    x: &Array,
    found: &Attribution,
    chosen: &[usize],
    method: Method,
    named: &dyn Fn(usize) -> String,
) -> Result<Vec<(String, Picture)>> {
    let of_row = |(at, row): (usize, &usize)| {
        let title = format!("{method}: row {row}, {}", named(found.targets[at]));
        let value = x.take_rows(&[at])?.reshape(&x.shape()[1..])?;
        let panel = panel(&title, method, rows, &value, &found.row(at)?)?;
        Ok((format!("{method}_{row}.png"), Picture::of(panel)))
    };
    chosen.iter().enumerate().map(of_row).collect()
}

fn panel(title: &str, method: Method, rows: &Rows, value: &Array, map: &Array) -> Result<Panel> {
    let legend = match method {
        Method::Saliency | Method::SmoothGrad => "gradient",
        Method::Occlusion => "what is lost",
        Method::GradCam => "weight",
        _ => "attribution",
    };
    match value.shape()[..] {
        [_] => {
            let cells = rows.columns.iter().zip(value.as_f32()?).zip(map.as_f32()?);
            let bars = cells.fold(Bars::new(title, legend), |bars, ((name, value), share)| {
                bars.bar(format!("{name} = {value:.3}"), f64::from(*share))
            });
            Ok(bars.sorted_by_size().into())
        }
        [steps, columns] => {
            let column = |array: &Array, column: usize| -> Result<Vec<f32>> {
                let numbers = array.as_f32()?;
                // Grad-CAM has one number for each step, of all columns.
                let width = (numbers.len() / steps.max(1)).max(1);
                Ok(numbers.iter().skip(column.min(width - 1)).step_by(width).copied().collect())
            };
            let first = 1 - steps as i64;
            let mut series = MarkedSeries::new(title, legend).starting_at(first);
            for at in 0..columns {
                let name = if columns == 1 { "value" } else { &rows.columns[at] };
                series = series.series(name, &column(value, at)?, &column(map, at)?)?;
            }
            Ok(series.into())
        }
        [_, _, _] => Ok(HeatMap::new(title, legend, value, map)?.overlaid().into()),
        ref others => Err(Error::unsupported(format!("a picture of rows {others:?}"))),
    }
}
