//! Permutation importance: what a score loses when a column is shuffled.

use anygrad_core::{Array, DType, Error, Random, Result};

use crate::Explainer;
use crate::explainer::{X, check, parts};

/// How [`Explainer::permutation_importance`] shuffles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permutation {
    /// How often each column is shuffled.
    pub repeats: usize,
    /// The same seed gives the same orders; see [`permutation`].
    pub seed: u64,
    /// Whether a larger score is a better one: yes for an accuracy, no for an error.
    pub higher_is_better: bool,
}

impl Default for Permutation {
    /// 5 repeats of a score that is better when it is larger.
    fn default() -> Self {
        Permutation { repeats: 5, seed: 0, higher_is_better: true }
    }
}

/// How much each column matters.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The score of the data as they are.
    pub score: f64,
    /// What became of it for each column, in their order.
    pub columns: Vec<Change>,
}

/// What shuffling a column does.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// By how much the score is worse, for each repeat: above 0 if the column matters.
    pub losses: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with the number of repeats as the divisor, as scikit-learn has it.
    pub deviation: f64,
}

impl Change {
    fn of(losses: Vec<f64>) -> Self {
        let count = losses.len() as f64;
        let mean = losses.iter().sum::<f64>() / count;
        let deviation = (losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / count).sqrt();
        Change { losses, mean, deviation }
    }
}

/// The order in which a column's values are read for one repeat: a function of these numbers alone.
pub fn permutation(seed: u64, column: usize, repeat: usize, rows: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    Random::stream(seed, ((column as u64) << 32) ^ repeat as u64).shuffle(&mut order);
    order
}

const ORDER: &str = "explain.order";
const OWN: &str = "explain.own";
const COLUMN: &str = "explain.column";

impl Explainer<'_> {
    /// The score of the model's outputs, and what it loses when the values of one column come from other
    /// rows (Breiman 2001; Fisher, Rudin and Dominici 2019). Columns are those of the last axis: of a
    /// table `[n, columns]`, or of windows `[n, time, columns]`, where a whole series comes from another
    /// row. `score` is given all outputs `[n, ...]` and the targets; [`score`](crate::score) has some.
    ///
    /// # Errors
    /// The rows do not fit the model, targets and rows differ in number, there are no repeats, the score
    /// fails or is no number, or the device failed.
    pub async fn permutation_importance(
        &self,
        x: &Array,
        targets: &Array,
        score: &dyn Fn(&Array, &Array) -> Result<f64>,
        how: &Permutation,
    ) -> Result<Importance> {
        let rows = check(x)?;
        let shape = x.shape();
        let columns = if shape.rank() < 2 { 0 } else { shape[shape.rank() - 1] };
        if columns == 0 || targets.shape().first() != Some(&rows) || how.repeats == 0 {
            return Err(Error::input(format!(
                "permutation importance of rows {shape} with targets {} in {} repeats: wanted [n, ..., columns], \
                 n targets, at least one repeat",
                targets.shape(),
                how.repeats
            )));
        }
        let checked = |outputs: &Array| match score(outputs, targets)? {
            score if score.is_finite() => Ok(score),
            score => {
                Err(Error::input(format!("the score of the outputs is {score}, wanted a finite number")))
            }
        };
        let outputs = self.outputs(x).await?;
        let base = checked(&outputs)?;

        // Several shuffled tables at once where they are small.
        let variants: Vec<(usize, usize)> =
            (0..columns).flat_map(|column| (0..how.repeats).map(move |repeat| (column, repeat))).collect();
        let batch = self.batch.min(rows);
        let at_once = (self.batch / batch).clamp(1, variants.len());
        let others = shape.elements() / rows / columns;
        let mut program = self.compile(&[x], |scope| {
            let graph = scope.graph();
            let table = graph.input(X, &[rows, others * columns], x.dtype());
            let own = table.gather(0, graph.input(OWN, &[batch], DType::I32));
            let own = own.reshape(&[1, batch, others, columns]);
            let order = graph.input(ORDER, &[at_once * batch], DType::I32);
            let other = table.gather(0, order).reshape(&[at_once, batch, others, columns]);
            let column = graph.input(COLUMN, &[at_once, 1, 1, 1], DType::I32);
            let is_shuffled = column.eq(graph.arange(0.0, columns as f64, 1.0, DType::I32));
            let all = is_shuffled.select(other, own);
            vec![self.build(scope, all.reshape(&[&[at_once * batch], &shape[1..]].concat()))]
        })?;
        program.write(X, &x.clone().reshape(&[rows, others * columns])?)?;
        let width = outputs.shape().elements() / rows;
        let mut losses = vec![Vec::new(); columns];
        for some in parts(variants.len(), at_once) {
            let chosen: Vec<(usize, usize)> = some.padded(at_once).into_iter().map(|i| variants[i]).collect();
            let orders: Vec<Vec<usize>> =
                chosen.iter().map(|&(column, repeat)| permutation(how.seed, column, repeat, rows)).collect();
            let named: Vec<i32> = chosen.iter().map(|&(column, _)| column as i32).collect();
            program.write(COLUMN, &Array::i32(&[at_once, 1, 1, 1], named)?)?;
            let mut shuffled = vec![Vec::with_capacity(rows * width); some.len()];
            for part in parts(rows, batch) {
                let padded = part.padded(batch);
                let own: Vec<i32> = padded.iter().map(|&row| row as i32).collect();
                program.write(OWN, &Array::i32(&[batch], own)?)?;
                let order = orders.iter().flat_map(|order| padded.iter().map(|&row| order[row] as i32));
                program.write(ORDER, &Array::i32(&[at_once * batch], order.collect::<Vec<i32>>())?)?;
                program.run()?;
                let found = program.read(0).await?;
                let tables = found.as_f32()?.chunks(batch * width);
                for (numbers, table) in shuffled.iter_mut().zip(tables) {
                    numbers.extend_from_slice(&table[..part.len() * width]);
                }
            }
            for (numbers, &(column, _)) in shuffled.into_iter().zip(&chosen) {
                let score = checked(&Array::f32(&outputs.shape(), numbers)?)?;
                losses[column].push(if how.higher_is_better { base - score } else { score - base });
            }
        }
        Ok(Importance { score: base, columns: losses.into_iter().map(Change::of).collect() })
    }
}
