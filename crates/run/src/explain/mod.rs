//! What the predictions of a trained recipe rest on: numbers, pictures, and whether they add up.

mod draw;
mod importance;
mod input;
mod text;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use anygrad_core::{Array, Error, Result};
use anygrad_explain::{Attribution, Explainer, GradCamOptions, IntegratedGradients, Occlusion, Target};
use anygrad_plot::Picture;
use anygrad_recipe::{Recipe, Task};

use crate::{Assembly, Table};
use input::Rows;

pub use anygrad_explain::SmoothGrad;
pub use text::{TextExplanation, TextQuestion, explain_text};

/// How a prediction is explained; `docs/interpretability.md` says what each can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The gradient of the output.
    Saliency,
    /// The same, times the input.
    GradientTimesInput,
    /// The mean gradient on the way from zeros, times the input.
    Integrated,
    /// The mean gradient about the input, over noise.
    SmoothGrad,
    /// What is lost when a part is hidden.
    Occlusion,
    /// Which regions the last convolution found.
    GradCam,
    /// Which columns of a table the model needs.
    Permutation,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 7] = [
        Method::Saliency,
        Method::GradientTimesInput,
        Method::Integrated,
        Method::SmoothGrad,
        Method::Occlusion,
        Method::GradCam,
        Method::Permutation,
    ];

    /// As in a command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Saliency => "saliency",
            Method::GradientTimesInput => "gradient_x_input",
            Method::Integrated => "integrated",
            Method::SmoothGrad => "smooth_grad",
            Method::Occlusion => "occlusion",
            Method::GradCam => "grad_cam",
            Method::Permutation => "permutation",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Method::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let names = Method::ALL.map(Method::name).join(", ");
            Error::input(format!("there is no method {name:?}; there is {names}"))
        })
    }
}

/// What is to be explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// How.
    pub method: Method,
    /// Which rows, counted from 0; fewer where there are fewer. Permutations take all rows.
    pub rows: Range<usize>,
    /// Which output; the largest where there are classes, else the first.
    pub output: Option<usize>,
    /// Samples, noise and seed of `smooth_grad`.
    pub smooth: SmoothGrad,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Every number: of permutations a line for each column, else one for each element of each row.
    pub numbers: Table,
    /// What is to be read: outputs, sums, scores.
    pub lines: Vec<String>,
    /// Pictures by the names of their files.
    pub pictures: Vec<(String, Picture)>,
}

/// Explains a trained model on the rows of a file, which is read as the recipe reads its own; on the test part of
/// the recipe where none is given, else on its validation part, else on the training part.
///
/// # Errors
/// The recipe is of the task language, the file does not fit it, the method does not fit the model, there are no such
/// rows or outputs, or the device failed.
pub async fn explain(
    recipe: &Recipe,
    assembly: &Assembly,
    file: Option<&Path>,
    question: &Question,
) -> Result<Explanation> {
    let task = &recipe.settings().data.task;
    if matches!(task, Task::Language(_)) {
        return Err(Error::input("models of the task language explain a text: give a prompt"));
    }
    let with_targets = question.method == Method::Permutation;
    let rows = Rows::read(&assembly.loaded, file, with_targets)?;
    let explainer = Explainer::of(&assembly.trainer);
    if with_targets {
        return importance::explain(recipe, &explainer, &rows).await;
    }
    let chosen: Vec<usize> = question.rows.clone().take_while(|&row| row < rows.len()).collect();
    if chosen.is_empty() {
        let Range { start, end } = question.rows;
        return Err(Error::input(format!("rows {start}..{end}: {} has {} rows", rows.source, rows.len())));
    }
    let x = rows.features.take_rows(&chosen)?;
    let target = match (question.output, task) {
        (Some(output), _) => Target::Output(output),
        (None, Task::Multiclass(_)) => Target::Predicted,
        (None, _) => Target::Output(0),
    };
    let mut lines = vec![format!("{} of {} rows of {}", question.method, chosen.len(), rows.source)];
    let found = match question.method {
        Method::Saliency => explainer.saliency(&x, &target).await?,
        Method::GradientTimesInput => explainer.gradient_times_input(&x, &target).await?,
        Method::Integrated => {
            let found = explainer.integrated_gradients(&x, &target, &IntegratedGradients::default()).await?;
            for (row, sum) in chosen.iter().zip(&found.rows) {
                let holds = if sum.holds() { "holds" } else { "does not hold: believe it less" };
                let (difference, tolerance) = (sum.difference, sum.tolerance);
                lines.push(format!(
                    "row {row}: attributions add up to {:.5} of {difference:.5}, within {tolerance:.5}: {holds}",
                    sum.sum
                ));
            }
            found.attribution
        }
        Method::SmoothGrad => {
            let SmoothGrad { samples, noise, seed } = question.smooth;
            lines.push(format!(
                "mean of {samples} gradients, noise of {noise} of each row's range, seed {seed}"
            ));
            explainer.smooth_grad(&x, &target, &question.smooth).await?
        }
        Method::Occlusion => explainer.occlusion(&x, &target, &windows(&x)).await?,
        Method::GradCam => {
            let cam = explainer.grad_cam(&x, &target, &GradCamOptions::default()).await?;
            lines.push(format!("regions of {}", cam.layer));
            // A map is of places, for all channels; it is drawn over the image as it is.
            Attribution { values: cam.map, targets: cam.targets, outputs: cam.outputs }
        }
        Method::Permutation => return Err(Error::internal("permutations are of all rows")),
    };
    let classes = &assembly.loaded.preprocessing.classes;
    let named = |output: usize| match (task, classes.get(output)) {
        (Task::Multiclass(_), Some(class)) => format!("class {class:?}"),
        _ => format!("output {output}"),
    };
    for (at, row) in chosen.iter().enumerate() {
        lines.push(format!("row {row}: {} is {:.5}", named(found.targets[at]), found.outputs[at]));
    }
    Ok(Explanation {
        numbers: numbers(&rows, &x, &found, &chosen)?,
        lines,
        pictures: draw::pictures(&rows, &x, &found, &chosen, question.method, &named)?,
    })
}

/// Single columns of a table, eighths of a window, sixths of an image in each direction.
fn windows(x: &Array) -> Occlusion {
    match x.shape()[1..] {
        [width, columns] => Occlusion::new(&[(width / 8).max(1), columns]).stride(&[1, columns]),
        [channels, height, width] => {
            let side = |size: usize| (size / 6).max(1);
            let stride = |size: usize| side(size).div_ceil(2);
            Occlusion::new(&[channels, side(height), side(width)]).stride(&[
                channels,
                stride(height),
                stride(width),
            ])
        }
        ref others => Occlusion::new(&vec![1; others.len()]),
    }
}

/// A line for each number of each row.
fn numbers(rows: &Rows, x: &Array, found: &Attribution, chosen: &[usize]) -> Result<Table> {
    let headings = ["row", "output", "place", "value", "attribution"].map(str::to_owned).to_vec();
    let mut lines = Vec::new();
    for (at, row) in chosen.iter().enumerate() {
        let map = found.row(at)?;
        let values = x.take_rows(&[at])?;
        // A map of places alone has no value of one channel beside it.
        let with_values = map.shape().elements() == values.shape().elements();
        for (element, attribution) in map.as_f32()?.iter().enumerate() {
            let value = if with_values { values.as_f32()?[element].to_string() } else { String::new() };
            let place = match with_values && map.shape().rank() == 1 {
                true => rows.columns[element].clone(),
                false => place(&map.shape().index_of(element)),
            };
            let output = found.targets[at].to_string();
            lines.push(vec![row.to_string(), output, place, value, attribution.to_string()]);
        }
    }
    Ok(Table { headings, rows: lines })
}

fn place(index: &[usize]) -> String {
    index.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")
}
