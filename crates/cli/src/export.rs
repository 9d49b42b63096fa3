//! `anygrad export`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad::nn::Library;
use anygrad::onnx::export::{Batch, save};
use anygrad::run::Exported;
use clap::{Args, ValueEnum};

use crate::evaluate::Model;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: Model,
    /// Where the model goes; `.onnx` and `.safetensors` tell the format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The format, where the name of the file does not tell it
    #[arg(long)]
    format: Option<Format>,
    /// Whose names and layouts the parameters of a safetensors file have: anygrad, pytorch or keras
    #[arg(long, value_name = "LIBRARY")]
    keys: Option<Library>,
    /// The ONNX model takes features that are scaled already
    #[arg(long)]
    prepared: bool,
    /// The ONNX model gives what its last layer makes, in place of probabilities or numbers in the units of the data
    #[arg(long)]
    logits: bool,
    /// The rows of a batch of the ONNX model; any number unless given
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The whole model.
    Onnx,
    /// Its parameters.
    Safetensors,
}

impl Format {
    fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => Ok(Format::Onnx),
            Some("safetensors") => Ok(Format::Safetensors),
            _ => {
                let message = "the name tells no format: end it in .onnx or .safetensors, or give --format";
                Err(Error::input(format!("{}: {message}", path.display())))
            }
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let format = arguments.format.map_or_else(|| Format::of(&arguments.output), Ok)?;
    let for_onnx = arguments.prepared || arguments.logits || arguments.rows.is_some();
    match format {
        Format::Onnx if arguments.keys.is_some() => {
            return Err(Error::input(
                "--keys is for safetensors: an ONNX model has the names of its own parameters",
            ));
        }
        Format::Safetensors if for_onnx => {
            return Err(Error::input(
                "--prepared, --logits and --rows are for ONNX: safetensors hold parameters alone",
            ));
        }
        _ => {}
    }
    let mut saved = arguments.model.open()?;
    let path = &arguments.output;
    match format {
        Format::Onnx => {
            let batch = arguments.rows.map_or(Batch::Any, Batch::Of);
            let exported = Exported { prepared: arguments.prepared, logits: arguments.logits, batch };
            save(pollster::block_on(saved.onnx(exported))?, path)?;
        }
        Format::Safetensors => {
            pollster::block_on(saved.save_weights(path, arguments.keys.unwrap_or_default()))?;
        }
    }
    let from = saved.checkpoint.file_name().unwrap_or_default().to_string_lossy();
    output::line(format_args!("{}: the model of {from}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
