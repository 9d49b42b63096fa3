//! What keys of a recipe ask of each other.

use anygrad_core::Result;
use anygrad_nn::{Loss, Metric};

use crate::data::{Normalize, Source, Split, TARGET, Task};
use crate::loss::label_smoothing;
use crate::metric::{is_figure, serves};
use crate::recipe::{Recipe, task_of};
use crate::schema::closest;
use crate::training::Precision;

/// What sums of shares, as 0.7 + 0.2 + 0.1, can be off by.
const ROUNDING: f64 = 1e-9;

/// Checks what no key can tell alone.
pub(crate) fn check(recipe: &Recipe) -> Result<()> {
    if recipe.settings().model.is_empty() {
        return Err(recipe.error(&["model"], "there are no layers: takes at least one"));
    }
    data(recipe)?;
    split(recipe)?;
    loss(recipe)?;
    figures(recipe)?;
    let training = &recipe.settings().training;
    if training.precision != Precision::F32 {
        let message = "values of a training are f32 for now: take \"f32\"";
        return Err(recipe.error(&["training", "precision"], message));
    }
    Ok(())
}

fn data(recipe: &Recipe) -> Result<()> {
    let data = &recipe.settings().data;
    let task = data.task.form();
    let tasks: &[&str] = match &data.source {
        Source::Csv(_) => &["regression", "binary", "multiclass", "forecasting"],
        Source::Npy(_) | Source::Npz(_) => &["regression", "binary", "multiclass"],
        Source::Idx(_) => &["multiclass"],
        Source::Images(_) => &["binary", "multiclass"],
        Source::Text(_) => &["language"],
        Source::Generated(generated) => &[task_of(generated.set)],
    };
    if !tasks.contains(&task) {
        let what = match &data.source {
            Source::Generated(_) => "this generated set".to_owned(),
            source => format!("the format {}", source.form()),
        };
        let message = format!("{what} does not serve {task}: it takes {}", tasks.join(", "));
        return Err(recipe.error(&["data", "task"], message));
    }
    if let (Source::Csv(csv), Task::Multiclass(_)) = (&data.source, &data.task)
        && let Some(count) = csv.target.as_ref().map(|names| names.0.len()).filter(|&count| count > 1)
    {
        let message = format!("{count} columns: multiclass takes one, binary and regression take several");
        return Err(recipe.error(&["data", recipe.spelled(&TARGET)], message));
    }
    if data.normalize != Normalize::None && matches!(data.task, Task::Language(_)) {
        let message = "characters are numbers of rows of a table: they are not normalized";
        return Err(recipe.error(&["data", "normalize"], message));
    }
    if data.normalize_targets && !matches!(data.task, Task::Regression(_)) {
        let message = format!("is for the task regression, this is {task}");
        return Err(recipe.error(&["data", "normalize_targets"], message));
    }
    Ok(())
}

fn split(recipe: &Recipe) -> Result<()> {
    let data = &recipe.settings().data;
    let (split, task) = (recipe.split(), data.task.form());
    let refused = match (&split, &data.source) {
        (Split::Fraction(_) | Split::Stratified(_) | Split::Column(_), _) if data.task.is_in_time() => {
            Some(format!("rows of {task} overlap with those beside them: split by time or by file"))
        }
        (Split::Stratified(_), _) if !data.task.is_of_classes() => {
            Some(format!("{task} has no classes: split by fraction"))
        }
        (Split::Column(_), source) if !matches!(source, Source::Csv(_)) => {
            Some(format!("{} has no columns with names: take csv", source.form()))
        }
        (Split::Stratified(_), Source::Csv(csv)) if csv.target.as_ref().is_some_and(|t| t.0.len() > 1) => {
            Some("several targets have no classes in common: split by fraction".to_owned())
        }
        (Split::File(_), Source::Generated(_)) => Some("what is generated has no files".to_owned()),
        (Split::File(file), Source::Idx(_)) if file.test.is_some() => {
            Some("the test part of an idx folder is its own: leave `test` out".to_owned())
        }
        _ => None,
    };
    if let Some(why) = refused {
        return Err(recipe.error(&["data", "split"], why));
    }
    let Some(shares) = split.shares() else { return Ok(()) };
    let sum = shares.train + shares.validation + shares.test;
    if sum > 1.0 + ROUNDING {
        let message = format!("train, validation and test are {sum} together: at most 1");
        return Err(recipe.error(&["data", "split"], message));
    }
    Ok(())
}

/// The losses of a task, by what they take for targets.
fn fits(task: &Task, loss: &Loss) -> bool {
    match task {
        Task::Regression(_) | Task::Forecasting(_) => !loss.takes_classes(),
        Task::Binary(_) => matches!(
            loss,
            Loss::BinaryCrossEntropy { .. }
                | Loss::BinaryFocal { .. }
                | Loss::Hinge
                | Loss::SquaredHinge
                | Loss::MeanSquaredError
                | Loss::MeanAbsoluteError
        ),
        Task::Multiclass(_) => {
            loss.takes_classes()
                || matches!(
                    loss,
                    Loss::CrossEntropy { .. }
                        | Loss::Focal { .. }
                        | Loss::CategoricalHinge
                        | Loss::KullbackLeibler
                        | Loss::BinaryCrossEntropy { .. }
                        | Loss::BinaryFocal { .. }
                        | Loss::MeanSquaredError
                )
        }
        Task::Language(_) => loss.takes_classes(),
    }
}

fn loss(recipe: &Recipe) -> Result<()> {
    let task = &recipe.settings().data.task;
    if !fits(task, recipe.loss()) {
        let usual = match task {
            Task::Regression(_) | Task::Forecasting(_) => "mse",
            Task::Binary(_) => "binary_cross_entropy",
            Task::Multiclass(_) | Task::Language(_) => "cross_entropy",
        };
        let message = format!("this loss does not serve the task {}: take {usual}", task.form());
        return Err(recipe.error(&["loss"], message));
    }
    let augmentation = &recipe.settings().regularization.augmentation;
    if matches!(task, Task::Language(_)) && !augmentation.is_none() {
        let message = "characters are numbers of rows of a table: they are not changed";
        return Err(recipe.error(&["regularization", "augmentation"], message));
    }
    if augmentation.mixup > 0.0 && recipe.loss().takes_classes() {
        let message = "makes shares of classes: take the loss categorical_cross_entropy";
        return Err(recipe.error(&["regularization", "augmentation", "mixup"], message));
    }
    let smoothing = recipe.settings().regularization.label_smoothing;
    if smoothing > 0.0 {
        let path = ["regularization", "label_smoothing"];
        match label_smoothing(&mut recipe.loss().clone()) {
            None => return Err(recipe.error(&path, "the loss has no labels to smooth")),
            Some(own) if *own > 0.0 => {
                let message =
                    format!("the loss has a label smoothing of its own, {own}: give one of the two");
                return Err(recipe.error(&path, message));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Metrics, and the one that early stopping watches.
fn figures(recipe: &Recipe) -> Result<()> {
    let task = &recipe.settings().data.task;
    for (i, metric) in recipe.metrics().iter().enumerate() {
        let path = ["training", "metrics", &i.to_string()];
        if !serves(metric, task) {
            let message = format!("`{}` does not serve the task {}", metric.name(), task.form());
            return Err(recipe.error(&path, message));
        }
        if recipe.metrics()[..i].iter().any(|other| other.name() == metric.name()) {
            return Err(recipe.error(&path, format!("`{}` is there twice", metric.name())));
        }
    }
    let Some(stopping) = &recipe.settings().training.early_stopping else { return Ok(()) };
    let path = ["training", "early_stopping", "monitor"];
    let monitor = stopping.monitor.as_str();
    let (figure, of_validation) = match monitor.strip_prefix("validation_") {
        Some(figure) => (figure, true),
        None => (monitor, false),
    };
    let figures = recipe.metrics().iter().filter(|metric| is_figure(metric)).map(Metric::name);
    let known: Vec<String> = ["loss".to_owned()].into_iter().chain(figures).collect();
    if !known.iter().any(|name| name == figure) {
        let both = |name: &String| [name.clone(), format!("validation_{name}")];
        let known: Vec<String> = known.iter().flat_map(both).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("no figure is called `{monitor}`: {}", closest(monitor, &known));
        return Err(recipe.error(&path, message));
    }
    if of_validation && !recipe.split().has_validation() {
        let message = format!("`{monitor}` needs a validation part, which data.split leaves out");
        return Err(recipe.error(&path, message));
    }
    Ok(())
}
