//! `anygrad explain`

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad::run::explain::{self, Method, Question, SmoothGrad, TextQuestion};
use clap::Args;

use crate::output;
use crate::protect::Reading;
use crate::validation::{Given, saved, trained};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a run, or a recipe, which is trained first
    run: PathBuf,
    /// Rows in the format of the recipe; the test part of the recipe without it
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The text behind which the next character is explained, of a language model
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["input", "rows", "target"])]
    prompt: Option<String>,
    /// Which next character; the likeliest without it
    #[arg(long, value_name = "CHARACTER", requires = "prompt")]
    next: Option<char>,
    /// How; integrated without it, saliency of a text
    #[arg(long, value_parser = Method::ALL.map(Method::name))]
    method: Option<String>,
    /// Gradients that smooth_grad takes the mean of
    #[arg(long, value_name = "N", default_value_t = SmoothGrad::default().samples)]
    samples: usize,
    /// The noise of smooth_grad: its standard deviation, as a share of a row's range
    #[arg(long, value_name = "SHARE", default_value_t = SmoothGrad::default().noise)]
    noise: f64,
    /// Which rows, counted from 0
    #[arg(long, value_name = "FROM..TO", default_value = "0..8", value_parser = rows)]
    rows: Range<usize>,
    /// Which output: the number of a class, or of a step; the predicted class, or the first, without it
    #[arg(long, value_name = "N")]
    target: Option<usize>,
    /// Where pictures and numbers go
    #[arg(long, value_name = "FOLDER", default_value = "explained")]
    output: PathBuf,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    given: Given,
}

fn rows(text: &str) -> std::result::Result<Range<usize>, String> {
    let ends = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    ends.filter(|rows| !rows.is_empty()).ok_or_else(|| "takes two numbers, as 0..8".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let named = |default: Method| arguments.method.as_ref().map_or(Ok(default), |name| name.parse());
    if let Some(prompt) = &arguments.prompt {
        let (prompt, next) = (prompt.clone(), arguments.next);
        return text(arguments, &TextQuestion { prompt, method: named(Method::Saliency)?, next });
    }
    let (run, sets) = (&arguments.run, &arguments.given.sets);
    let session = arguments.given.session()?;
    let (question, found) = pollster::block_on(async {
        let (recipe, assembly) = trained(run, sets, &arguments.reading, &session).await?;
        let smooth = SmoothGrad {
            samples: arguments.samples,
            noise: arguments.noise,
            seed: recipe.settings().training.seed,
        };
        let (method, rows) = (named(Method::Integrated)?, arguments.rows.clone());
        let question = Question { method, rows, output: arguments.target, smooth };
        let found = explain::explain(&recipe, &assembly, arguments.input.as_deref(), &question).await?;
        Ok::<_, Error>((question, found))
    })?;
    let folder = made(arguments)?;
    for (name, picture) in &found.pictures {
        anygrad_examples::files::write_whole(&folder.join(name), &picture.png()?)?;
    }
    output::file(&folder.join(format!("{}.csv", question.method)), &found.numbers.to_csv())?;
    found.lines.iter().try_for_each(output::line)?;
    let count = found.pictures.len();
    output::line(format_args!("{count} pictures and the numbers are in {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn text(arguments: &Arguments, question: &TextQuestion) -> Result<ExitCode> {
    let (run, sets, reading) = (&arguments.run, &arguments.given.sets, &arguments.reading);
    let session = arguments.given.session()?;
    let found = pollster::block_on(async {
        if run.is_dir() {
            let mut saved = saved(run, sets, reading, &session)?;
            return explain::explain_text(&mut saved, question).await;
        }
        let (recipe, mut assembly) = trained(run, sets, reading, &session).await?;
        explain::explain_text((&recipe, &mut assembly), question).await
    })?;
    let folder = made(arguments)?;
    let page = folder.join(format!("{}.html", question.method));
    output::file(&page, &found.page)?;
    output::file(&folder.join(format!("{}.csv", question.method)), &found.numbers.to_csv())?;
    found.lines.iter().try_for_each(output::line)?;
    output::line(format_args!("{} shows it, the numbers are beside it", page.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The folder for what is found.
fn made(arguments: &Arguments) -> Result<&PathBuf> {
    let folder = &arguments.output;
    let cannot = |error: std::io::Error| Error::input(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    Ok(folder)
}
