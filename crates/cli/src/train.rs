//! `anygrad train`

use std::path::Path;
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad_examples::PROGRAMS;
use anygrad_examples::options::Arguments as ProgramArguments;
use clap::Args;

use crate::{output, recipe};

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to train: a recipe, which is a file, or linear-regression, logistic-regression, cnn or lstm
    #[arg(value_name = "RECIPE", required_unless_present_any = ["resume", "print_recipe"])]
    program: Option<String>,
    #[command(flatten)]
    recipe: recipe::Arguments,
    #[command(flatten)]
    arguments: ProgramArguments,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    if let Some(kind) = &arguments.recipe.print_recipe {
        return recipe::print(kind);
    }
    match arguments.program.as_deref() {
        Some(program) if PROGRAMS.contains(&program) && !arguments.recipe.is_given() => {
            run_program(program, arguments.arguments)
        }
        Some(path) if Path::new(path).is_file() || path.ends_with(".toml") => {
            recipe::run(Some(Path::new(path)), &arguments.recipe, &arguments.arguments)
        }
        Some(other) => Err(Error::input(format!(
            "{other:?} is neither the file of a recipe nor a program, which is {}{}",
            PROGRAMS.join(", "),
            if arguments.recipe.is_given() { "; --run, --set and the like are for recipes" } else { "" }
        ))),
        None => recipe::run(None, &arguments.recipe, &arguments.arguments),
    }
}

fn run_program(program: &str, arguments: ProgramArguments) -> Result<ExitCode> {
    let options = anygrad_examples::defaults(program)?.with(arguments)?;
    let report = pollster::block_on(anygrad_examples::run(program, &options))?;
    if options.json {
        output::line(output::json(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
