//! `anygrad run MODEL.onnx`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anygrad::core::{Error, Result};
use anygrad::gpu::{Choice, Session};
use anygrad::onnx::{Item, Model, Runner};
use clap::Args;
use pollster::block_on;

use super::values;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The model, an ONNX file
    model: PathBuf,
    /// An input: NAME=FILE.npy or NAME=FILE.pb; without NAME= for a model with one input
    #[arg(long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// Write each output to this folder: NAME.npy
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// A number, `software`, `cpu`, or a part of an adapter's name
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// Run so often, and tell the time of the fastest
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let model = Model::load(&arguments.model)?;
    let inputs = inputs(&model, &arguments.input)?;
    let choice = arguments.adapter.clone().map_or_else(Choice::from_env, Choice::from);
    let session = block_on(Session::open_or_interpreter(&choice))?;
    output::line(format_args!("Running {} on {}", arguments.model.display(), session.caps()))?;
    let mut runner = Runner::new(model, session)?;
    let given: Vec<(&str, Item)> = inputs.iter().map(|(name, item)| (name.as_str(), item.clone())).collect();
    let mut outputs = Vec::new();
    let mut fastest = f64::INFINITY;
    for _ in 0..arguments.repeat {
        let begin = Instant::now();
        outputs = block_on(runner.run(&given))?;
        fastest = fastest.min(begin.elapsed().as_secs_f64());
    }
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::input(error).context(format!("{}", folder.display())))?;
    }
    for (name, item) in &outputs {
        let place = match &arguments.output {
            Some(folder) => format!(" -> {}", folder.join(values::write(folder, name, item)?).display()),
            None => String::new(),
        };
        output::line(format_args!("{name}  {}{place}", values::describe(item)))?;
    }
    if arguments.repeat > 1 {
        let repeat = arguments.repeat;
        output::line(format_args!(
            "fastest of {repeat} runs, with copies to and from: {:.3} ms",
            fastest * 1e3
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Names and values of the inputs.
fn inputs(model: &Model, given: &[String]) -> Result<Vec<(String, Item)>> {
    let ports = model.inputs();
    let mut inputs: Vec<(String, Item)> = Vec::new();
    for text in given {
        // Names may hold `=`, and so may paths: the name is one of the model's.
        let named = ports
            .iter()
            .find_map(|port| Some((port.name.as_str(), text.strip_prefix(&port.name)?.strip_prefix('=')?)));
        let (name, file) = match (named, ports.as_slice()) {
            (Some(named), _) => named,
            (None, [port]) if !text.contains('=') => (port.name.as_str(), text.as_str()),
            _ => {
                let names: Vec<_> = ports.iter().map(|port| port.name.as_str()).collect();
                let text =
                    format!("--input {text}: NAME=FILE was expected, NAME one of {}", names.join(", "));
                return Err(Error::input(text));
            }
        };
        if inputs.iter().any(|(known, _)| known == name) {
            return Err(Error::input(format!("--input {text}: {name} is given twice")));
        }
        inputs.push((name.to_owned(), values::read(model, name, file.as_ref())?));
    }
    Ok(inputs)
}
