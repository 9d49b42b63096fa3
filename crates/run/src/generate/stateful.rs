//! Models whose layers keep their state from batch to batch.

use anygrad_core::{Array, Result};
use anygrad_nn::Trainer;
use anygrad_recipe::{Layer, Recipe, Sizes};

use super::{Writer, at};

/// Whether a layer of the recipe keeps its state.
pub(super) fn has_state(recipe: &Recipe) -> bool {
    any_has(&recipe.settings().model)
}

fn any_has(layers: &[Layer]) -> bool {
    layers.iter().any(|layer| match layer {
        Layer::SimpleRnn(layer) => layer.options.stateful,
        Layer::Gru(layer) => layer.options.stateful,
        Layer::Lstm(layer) => layer.options.stateful,
        Layer::Residual(layer) => any_has(&layer.layers) || any_has(&layer.shortcut),
        Layer::Sequential(layer) => any_has(&layer.layers),
        _ => false,
    })
}

/// The model for sequences of one character, which it sees once each.
pub(super) struct Carried {
    trainer: Trainer,
    seen: usize,
}

impl Carried {
    /// With the parameters of the trained model, before the first character.
    pub(super) async fn new(model: &Writer<'_>) -> Result<Self> {
        let trained = &*model.trainer;
        let recipe = model.recipe.with(&["data.sequence_length=1".to_owned(), "data.stride=1".to_owned()])?;
        let sizes = Sizes { features: vec![1], ..model.sizes.clone() };
        let parts = recipe.build(&sizes)?;
        let session = trained.session();
        let own = session.excluding(&session.caps().excluded);
        let mut trainer = Trainer::new(own, parts.model, parts.loss, parts.optimizer);
        trainer.build(&sizes.features, sizes.dtype)?;
        let names: Vec<String> = trained.parameters().map(|parameter| parameter.name.clone()).collect();
        for name in names {
            trainer.write_parameter(&name, &trained.read_parameter(&name).await?)?;
        }
        trainer.reset_states()?;
        Ok(Carried { trainer, seen: 0 })
    }

    /// The logits behind all characters: those that the model has not seen go through it.
    pub(super) async fn next(&mut self, ids: &[i32]) -> Result<Vec<f32>> {
        let mut logits = None;
        for &id in &ids[self.seen..] {
            logits = Some(self.trainer.predict(&Array::i32(&[1, 1], [id])?, 1).await?);
        }
        self.seen = ids.len();
        let logits =
            logits.ok_or_else(|| anygrad_core::Error::internal("a state without a new character"))?;
        at(&logits, 0)
    }
}
