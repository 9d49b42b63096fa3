//! Permutation importance of the columns of a table.

use anygrad_core::{Array, Error, Result};
use anygrad_explain::{Explainer, Permutation, score};
use anygrad_nn::Loss;
use anygrad_plot::{Bars, Picture};
use anygrad_recipe::{Recipe, Task};

use super::Explanation;
use super::input::Rows;
use crate::Table;

pub(super) async fn explain(recipe: &Recipe, explainer: &Explainer<'_>, rows: &Rows) -> Result<Explanation> {
    let shape = rows.features.shape();
    if shape.rank() != 2 {
        let message = format!("permutations are of the columns of a table, rows here are {:?}", &shape[1..]);
        return Err(Error::input(message));
    }
    let Some(targets) = &rows.targets else {
        return Err(Error::input(format!("permutations need targets, {} has none", rows.source)));
    };
    let (name, score) = score_of(recipe);
    let how = Permutation { seed: recipe.settings().training.seed, ..Permutation::default() };
    let found = explainer.permutation_importance(&rows.features, targets, &*score, &how).await?;
    let mut lines =
        vec![format!("permutation of {} rows of {}: {name} {:.5}", rows.len(), rows.source, found.score)];
    let headings = ["column", "loss", "deviation"].map(str::to_owned).to_vec();
    let mut numbers = Table { headings, rows: Vec::new() };
    let mut bars = Bars::new("Permutation importance", &format!("loss of {name}"));
    for (column, change) in rows.columns.iter().zip(&found.columns) {
        lines.push(format!("{column}: {:.5} ± {:.5}", change.mean, change.deviation));
        numbers.rows.push(vec![column.clone(), change.mean.to_string(), change.deviation.to_string()]);
        bars = bars.bar_with_deviation(column, change.mean, change.deviation);
    }
    let pictures = vec![("permutation.png".to_owned(), Picture::of(bars.sorted()))];
    Ok(Explanation { numbers, lines, pictures })
}

type Score = Box<dyn Fn(&Array, &Array) -> Result<f64>>;

/// What is lost: the accuracy of classes, R^2 of numbers.
fn score_of(recipe: &Recipe) -> (&'static str, Score) {
    match recipe.settings().data.task {
        Task::Multiclass(_) => ("accuracy", Box::new(accuracy)),
        Task::Binary(_) => {
            let is_probability = matches!(
                recipe.loss(),
                Loss::BinaryCrossEntropy { from_logits: false, .. }
                    | Loss::BinaryFocal { from_logits: false, .. }
            );
            let border = if is_probability { 0.5 } else { 0.0 };
            ("accuracy", Box::new(move |outputs, targets| right_sides(outputs, targets, border)))
        }
        _ => ("R^2", Box::new(score::r_squared)),
    }
}

fn accuracy(outputs: &Array, targets: &Array) -> Result<f64> {
    let (shape, numbers) = (targets.shape(), targets.to_f64());
    if shape.rank() == 1 {
        return score::accuracy(outputs, targets);
    }
    // Shares of classes: the largest is the class.
    let class = |row: &[f64]| {
        let most = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
        most.map_or(0, |(class, _)| class as i32)
    };
    let width = numbers.len() / shape[0].max(1);
    let classes: Vec<i32> = numbers.chunks(width.max(1)).map(class).collect();
    score::accuracy(outputs, &Array::i32(&[shape[0]], classes)?)
}

/// The share of outputs on the targets' side of a border; targets are yes above 1/2.
fn right_sides(outputs: &Array, targets: &Array, border: f64) -> Result<f64> {
    let (outputs, targets) = (outputs.to_f64(), targets.to_f64());
    if outputs.len() != targets.len() || outputs.is_empty() {
        return Err(Error::shape(format!("{} outputs for {} targets", outputs.len(), targets.len())));
    }
    let right = outputs.iter().zip(&targets).filter(|(y, t)| (**y > border) == (**t > 0.5)).count();
    Ok(right as f64 / targets.len() as f64)
}
