//! Looking for faults of a model: gradients against differences, and the first NaN or infinity.

use anygrad_core::{Array, Error, Result};
use anygrad_gpu::NonFinite;
use anygrad_graph::{GradientOptions, GradientReport, Graph, Origin, Tensor, check_gradients};

use super::programs::{Built, FEATURES, Kind, TARGETS};
use super::{Trainer, data};
use crate::{Role, minimize};

impl Trainer {
    /// Compares the gradients of all trainable parameters, as they stand, with central differences of the
    /// loss on a batch, in double precision on the interpreter: for layers and losses of one's own, and
    /// to see which parameters learn nothing. Take few rows and small layers; each element that is tried
    /// takes two runs of the model. Nothing is changed.
    ///
    /// # Errors
    /// The batch does not fit the model, or the device failed.
    pub async fn check_gradients(
        &mut self,
        features: &Array,
        targets: &Array,
        options: &GradientOptions,
    ) -> Result<GradientReport> {
        self.check_pair((features, targets))?;
        let rows = data::rows(features);
        self.prepare(Kind::Train, rows)?;
        let graph = Graph::new();
        let Built { scope, total, .. } = self.forward(&graph, Kind::Train, rows)?;
        let Some((loss, _)) = total else { return Err(Error::internal("a batch has no loss")) };
        let mut values =
            vec![(FEATURES.to_string(), features.clone()), (TARGETS.to_string(), targets.clone())];
        for (name, id) in graph.named_values() {
            if matches!(graph.origin(id), Origin::State(_)) {
                let value = self.session.read_state(&name).await?;
                values.push((name, value));
            }
        }
        let learned = scope.parameters().iter().filter(|p| p.role == Role::Trainable);
        let parameters: Vec<Tensor<'_>> = learned.filter_map(|p| graph.find(&p.name)).collect();
        check_gradients(&graph, loss, &parameters, &values, options)
    }

    /// Runs one training step on a batch, operator by operator without fusion, and finds the first that
    /// makes a NaN or an infinity: in the model, in its gradients, or in the optimizer. `None` when all
    /// numbers are finite. Parameters and optimizer state keep their values.
    ///
    /// # Errors
    /// The batch does not fit the model, or the device failed.
    pub async fn find_nonfinite(&mut self, features: &Array, targets: &Array) -> Result<Option<NonFinite>> {
        self.check_pair((features, targets))?;
        let rows = data::rows(features);
        self.prepare(Kind::Train, rows)?;
        let graph = Graph::new();
        let Built { mut scope, total, .. } = self.forward(&graph, Kind::Train, rows)?;
        let Some((loss, _)) = total else { return Err(Error::internal("a batch has no loss")) };
        minimize(&mut scope, &*self.optimizer, loss);
        let inputs = [(FEATURES.to_string(), features.clone()), (TARGETS.to_string(), targets.clone())];
        self.session.find_nonfinite(&graph, &[loss], &inputs).await
    }
}
