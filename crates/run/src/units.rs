//! Figures in the units of the targets.

use anygrad_core::Result;
use anygrad_data::Dataset;
use anygrad_gpu::Session;
use anygrad_nn::{Scores, Sequential, Sgd, Trainer};
use anygrad_recipe::Recipe;

use crate::Assembly;

/// The figures of a part whose targets were scaled, in the units of the targets; none where they were not. The loss is
/// without the penalties of the layers, which know no units.
pub(crate) async fn in_units(
    recipe: &Recipe,
    assembly: &mut Assembly,
    part: &Dataset,
) -> Result<Option<Scores>> {
    let Assembly { trainer, loaded, options } = assembly;
    let preprocessing = &loaded.preprocessing;
    if preprocessing.targets.is_none() {
        return Ok(None);
    }
    let made = preprocessing.invert(&trainer.predict(part.features(), options.batch_size).await?)?;
    let wanted = preprocessing.invert(part.targets())?;
    let parts = recipe.build(&loaded.sizes)?;
    // A model that hands on what was predicted.
    let mut same = Trainer::new(Session::interpreter(), Sequential::new(), parts.loss, Sgd::new(0.0))
        .metrics(&parts.metrics);
    same.evaluate((&made, &wanted), options.batch_size).await.map(Some)
}
