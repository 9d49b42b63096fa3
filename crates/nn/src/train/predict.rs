//! The model as it stands: predictions, and figures on other data.

use std::collections::VecDeque;
use std::ops::Range;

use anygrad_core::{Array, Result};
use anygrad_gpu::Pending;

use super::programs::Kind;
use super::{Scores, Trainer, data};
use crate::metrics::Known;

/// Predictions on their way: as many as a device has steps at hand.
const AHEAD: usize = 4;

/// The rows of each batch; the last one takes what is left.
fn batches(rows: usize, batch: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(batch.max(1)).map(move |first| first..rows.min(first + batch))
}

fn rows_of(array: &Array, rows: Range<usize>) -> Result<Array> {
    array.take_rows(&rows.collect::<Vec<_>>())
}

impl Trainer {
    /// Predictions `[n, ...]` for features `[n, ...]` of any number of rows, so many at a time.
    ///
    /// # Errors
    /// The features do not fit the model, a number is not finite, the batch is 0, or the device
    /// failed.
    pub async fn predict(&mut self, features: &Array, batch_size: usize) -> Result<Array> {
        let rows = data::rows(features);
        let batch = data::batch_within(batch_size, rows.max(1))?;
        self.check_row(features)?;
        self.prepare(Kind::Predict, batch)?;
        self.check_feature_numbers(features)?;
        let mut numbers = Vec::new();
        let mut coming: VecDeque<Pending> = VecDeque::new();
        for part in batches(rows, batch) {
            let count = part.len();
            self.prepare(Kind::Predict, count)?;
            self.run(Kind::Predict, &rows_of(features, part)?, None)?;
            coming.push_back(self.program(Kind::Predict, count)?.read_later(0)?);
            if coming.len() > AHEAD
                && let Some(first) = coming.pop_front()
            {
                numbers.extend_from_slice(first.take().await?.as_f32()?);
            }
        }
        for part in coming {
            numbers.extend_from_slice(part.take().await?.as_f32()?);
        }
        let row = self.predictions.map_or(Vec::new(), |shape| shape.to_vec());
        Array::f32(&[&[rows], row.as_slice()].concat(), numbers)
    }

    /// Loss and metrics on other data, so many rows at a time; nothing is learned.
    ///
    /// # Errors
    /// The data do not fit the model, a number is not finite, the batch is 0, or the device failed.
    pub async fn evaluate(&mut self, data: (&Array, &Array), batch_size: usize) -> Result<Scores> {
        let rows = data::rows(data.0);
        let batch = data::batch_within(batch_size, rows)?;
        self.check_pair(data)?;
        self.prepare(Kind::Evaluate, batch)?;
        self.check_numbers(data)?;
        let known = Known::of(&self.metrics, data.1);
        self.evaluate_checked(data, batch, &known).await
    }

    pub(super) async fn evaluate_checked(
        &mut self,
        (x, y): (&Array, &Array),
        batch: usize,
        known: &Known,
    ) -> Result<Scores> {
        let rows = data::rows(x);
        self.prepare(Kind::Evaluate, batch)?;
        self.reset_sums(Kind::Evaluate)?;
        for part in batches(rows, batch) {
            let (x, y) = (rows_of(x, part.clone())?, rows_of(y, part)?);
            self.prepare(Kind::Evaluate, data::rows(&x))?;
            self.run(Kind::Evaluate, &x, Some(&y))?;
            self.collect(Kind::Evaluate, &y)?;
            self.collecting(Kind::Evaluate).take(false).await?;
        }
        self.read_sums(Kind::Evaluate, rows, known).await
    }
}
