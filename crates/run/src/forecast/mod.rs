//! What a training or a model will take, before a device is touched: the command `anygrad plan`.
//!
//! A [`Source`] is something that can be planned for a batch: [`Training`] and [`Prediction`] of a recipe,
//! [`Inference`] of any graph, [`ModelInference`] and [`ModelTraining`] of an ONNX file. A [`Target`] is whose limits hold. [`plan`] puts both together as a [`Planned`],
//! plain data that is shown as text or as one page of HTML.

mod chart;
mod model;
mod page;
mod source;
mod target;
mod text;

use anygrad_core::Result;
use anygrad_plan::Forecast;
use serde::Serialize;

pub use model::{ModelInference, ModelTraining};
pub(crate) use source::outline;
pub use source::{Inference, Prediction, Source, Training};
pub use target::{Known, Target};

/// A forecast, and what it is compared with.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// What was planned.
    pub source: String,
    /// For what.
    pub target: Target,
    /// What it takes.
    pub forecast: Forecast,
    /// Whether it fits the memory, where that is known. What does not fit the adapter's limits is no forecast.
    pub fits: Option<bool>,
    /// The largest batch that fits, where it was asked for; none where not even 1 row does.
    pub max_batch: Option<Option<usize>>,
    /// The model cannot be planned with a larger batch, as there are no more rows.
    pub most: Option<usize>,
}

/// Plans a source for a target.
///
/// # Errors
/// The batch does not fit the source, or a value does not fit the target's limits.
pub fn plan(source: &mut dyn Source, target: &Target, batch: Option<usize>, search: bool) -> Result<Planned> {
    let max_batch = if search { Some(source.largest(target)?) } else { None };
    // With a search it is the batch that was found, unless one was asked for.
    let batch = batch.or(max_batch.flatten()).unwrap_or_else(|| source.batch());
    let forecast = match source.forecast(batch, target) {
        Err(error) if error.is_unsupported() && !search => {
            let fitting = source.largest(target)?;
            return Err(match fitting {
                Some(fitting) => error.context(format!("batches of {fitting} rows would fit")),
                None => error.context("not even batches of 1 row would fit"),
            });
        }
        other => other?,
    };
    let fits = target.memory.as_ref().map(|memory| forecast.total() <= memory.value);
    let mut planned = Planned {
        source: source.name(),
        target: target.clone(),
        forecast,
        fits,
        max_batch,
        most: source.most(),
    };
    planned.warn();
    Ok(planned)
}

/// From this share of the memory on, other programs may make the difference.
const CLOSE: f64 = 0.9;

impl Planned {
    fn warn(&mut self) {
        let Some(memory) = &self.target.memory else { return };
        let total = self.forecast.total();
        if total <= memory.value && total as f64 > CLOSE * memory.value as f64 {
            self.forecast.warnings.push(format!(
                "{} % of the memory is taken: other programs may need the rest",
                (100.0 * total as f64 / memory.value as f64).round()
            ));
        }
    }
}

/// Bytes as a person reads them: `12.3 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    match unit {
        "bytes" => format!("{bytes} bytes"),
        _ if value < 9.995 => format!("{value:.2} {unit}"),
        _ if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// A count in three digits: `1.23 G`.
pub(crate) fn short(count: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    match UNITS.iter().find(|(step, _)| count >= 0.9995 * step) {
        None => format!("{count:.0} "),
        Some((step, unit)) => {
            let value = count / step;
            let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
            format!("{value:.digits$}{unit}")
        }
    }
}

/// Seconds in three digits: `3.21 ms`.
pub(crate) fn seconds(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (1e3 * s, "ms"),
        s => (1e6 * s, "us"),
    };
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits() {
        let shown = [0, 1023, 1024, 10_239, 1 << 20, 12_345_678, 999 << 20, 3 << 30].map(bytes);
        let wanted =
            ["0 bytes", "1023 bytes", "1.00 KiB", "10.0 KiB", "1.00 MiB", "11.8 MiB", "999 MiB", "3.00 GiB"];
        assert_eq!(shown, wanted);
        assert_eq!([0.0, 12.0, 1234.0, 5.6e9].map(short), ["0 ", "12 ", "1.23 k", "5.60 G"]);
        assert_eq!([2.5, 0.012, 3.4e-6].map(seconds), ["2.50 s", "12.0 ms", "3.40 us"]);
    }
}
