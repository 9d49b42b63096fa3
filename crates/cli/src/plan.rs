//! `anygrad plan RECIPE` and `anygrad plan MODEL.onnx`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::gpu::Choice;
use anygrad::onnx::Model;
use anygrad::recipe::Recipe;
use anygrad::run::forecast::{ModelInference, ModelTraining, Prediction, Source, Target, Training, plan};
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to plan: the file of a recipe, whose data are read for their sizes; or a model, an ONNX file
    #[arg(value_name = "RECIPE|MODEL")]
    source: PathBuf,
    /// Rows of a batch; the recipe's own unless given, 1 for a model
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Plan a training, as for a recipe unless told otherwise; a model is trained further by Adam
    #[arg(long, conflicts_with = "inference")]
    training: bool,
    /// Plan predictions, as for a model unless told otherwise
    #[arg(long)]
    inference: bool,
    /// Whose limits hold: webgpu, which every browser guarantees; mobile, for phones; or a TOML file
    #[arg(long, value_name = "LIMITS", default_value = "webgpu", conflicts_with = "adapter")]
    limits: String,
    /// Plan for an adapter of this machine: a number, `software`, or a part of its name. It is asked for its
    /// limits, and not opened
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// The memory there is, as 8GiB or in bytes: WebGPU does not tell it
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// Find the largest batch that fits
    #[arg(long)]
    max_batch: bool,
    /// A setting in the place of the recipe's: training.epochs=3, model.0.units=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The size of an axis that a model leaves open, other than the batch [default: 1]
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = crate::models::dim)]
    dims: Vec<(String, usize)>,
    /// Write a page with the memory over the steps as a chart
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the plan as JSON
    #[arg(long)]
    json: bool,
}

/// Exit code 1 where it does not fit.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut target = match &arguments.adapter {
        Some(adapter) => Target::adapter(&Choice::from(adapter.clone()))?,
        None => Target::named(&arguments.limits)?,
    };
    if let Some(bytes) = arguments.memory {
        target = target.with_memory(bytes, "--memory");
    }
    let mut source = source(arguments)?;
    let planned = plan(&mut *source, &target, arguments.batch, arguments.max_batch)?;
    if let Some(path) = &arguments.html {
        output::file(path, &planned.html()?)?;
    }
    match arguments.json {
        true => output::line(output::json(&planned)?)?,
        false => output::line(planned.to_string().trim_end())?,
    }
    Ok(ExitCode::from(u8::from(planned.fits == Some(false))))
}

fn source(arguments: &Arguments) -> Result<Box<dyn Source>> {
    let name = arguments.source.display().to_string();
    if arguments.source.extension().is_some_and(|extension| extension == "onnx") {
        let model = Model::load(&arguments.source)?;
        crate::models::sizes(&model, &arguments.dims)?;
        return Ok(match arguments.training {
            true => Box::new(ModelTraining::new(&name, model, &arguments.dims)?),
            false => Box::new(ModelInference::new(&name, model, arguments.dims.clone())),
        });
    }
    let recipe = Recipe::read(&arguments.source, &arguments.set)?;
    let loaded = recipe.load()?;
    Ok(match arguments.inference {
        true => Box::new(Prediction::new(&name, &recipe, &loaded.sizes)?),
        false => Box::new(Training::new(&name, &recipe, &loaded)?),
    })
}

/// Bytes as `8GiB`, `500 MB` or `1048576`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 9] = [
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("tib", 1_099_511_627_776.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("tb", 1e12),
        ("b", 1.0),
    ];
    let lower = text.trim().to_lowercase();
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((&lower, 1.0));
    match number.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number * factor < 1e18 => Ok((number * factor) as u64),
        _ => Err("takes bytes, as 1048576, 500MB or 8GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_in_their_units() {
        let read =
            ["1048576", "8GiB", "1.5 gib", "500MB", "12 b", "3k", "-1GB", "inf", "", "nanMB"].map(size);
        let wanted = [Some(1 << 20), Some(8 << 30), Some(3 << 29), Some(500_000_000), Some(12)];
        assert_eq!(read[..5].iter().map(|r| r.clone().ok()).collect::<Vec<_>>(), wanted);
        assert!(read[5..].iter().all(Result::is_err), "{read:?}");
    }
}
