//! Tuning before training.

use anygrad_core::{Array, Context, Result};
use anygrad_gpu::TuneReport;
use anygrad_graph::Graph;

use super::programs::Kind;
use super::{Trainer, data};

impl Trainer {
    /// Measures in which ways the operators of a training step on so many rows run fastest on the
    /// adapter, takes these from now on, and keeps them for later sessions; see
    /// [`Session::tune`](anygrad_gpu::Session::tune). Features and targets tell the shapes; parameters
    /// and optimizer state stay as they are.
    ///
    /// Another way may round differently: tune before training, not in the middle.
    ///
    /// # Errors
    /// The data do not fit the model, the batch is 0, the device failed, or what was found cannot be
    /// written.
    pub async fn tune(&mut self, features: &Array, targets: &Array, batch_size: usize) -> Result<TuneReport> {
        self.check_pair((features, targets))?;
        let rows = data::batch_within(batch_size, data::rows(features))?;
        let graph = Graph::new();
        let built = self.forward(&graph, Kind::Train, rows)?;
        let (_, outputs) = self.finish(Kind::Train, rows, built);
        let report =
            self.session.tune(&graph, &outputs).await.context(|| format!("batches of {rows} rows"))?;
        // They were compiled by other choices.
        self.programs.clear();
        Ok(report)
    }
}
