//! What can be planned for a batch.

use std::cell::RefCell;

use anygrad_core::{Error, Result};
use anygrad_data::Dataset;
use anygrad_gpu::Session;
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::{FitOptions, Outline, TestPart, Trainer};
use anygrad_plan::{Circumstances, Forecast, Rehearsal, largest};
use anygrad_recipe::data::Task;
use anygrad_recipe::{Loaded, Recipe, Sizes};

use super::Target;
use crate::assemble::trainer_of;

/// Something that can be planned for a batch.
pub trait Source {
    /// What it is, as `cnn.toml: training`.
    fn name(&self) -> String;

    /// The batch unless one is asked for.
    fn batch(&self) -> usize;

    /// The largest batch that makes sense, if there is one.
    fn most(&self) -> Option<usize>;

    /// What it takes with batches of so many rows.
    ///
    /// # Errors
    /// The batch makes no sense, or a value does not fit the target's limits.
    fn forecast(&mut self, batch: usize, target: &Target) -> Result<Forecast>;

    /// The largest batch that fits the target, none where not even 1 row does.
    ///
    /// # Errors
    /// The source cannot be planned with any batch.
    fn largest(&mut self, target: &Target) -> Result<Option<usize>> {
        let most = self.most().unwrap_or(MOST);
        largest(most, |batch| match self.forecast(batch, target) {
            Ok(forecast) => Ok(target.memory.as_ref().is_none_or(|m| forecast.total() <= m.value)),
            Err(error) if error.is_unsupported() => Ok(false),
            Err(error) => Err(error),
        })
    }
}

/// With larger batches nobody predicts.
const MOST: usize = 1 << 20;

/// The training of a recipe.
pub struct Training {
    name: String,
    trainer: Trainer,
    options: FitOptions,
    outline: Outline,
}

impl Training {
    /// That of a recipe with its data, which tell the sizes.
    ///
    /// # Errors
    /// The model does not fit the data.
    pub fn new(name: &str, recipe: &Recipe, loaded: &Loaded) -> Result<Self> {
        let made = trainer_of(recipe, &Session::interpreter(), &loaded.sizes)?;
        let outline = outline(recipe, loaded);
        Ok(Training {
            name: format!("{name}: training"),
            trainer: made.trainer,
            options: made.options,
            outline,
        })
    }
}

/// The sizes of what a run of a recipe goes through.
pub(crate) fn outline(recipe: &Recipe, loaded: &Loaded) -> Outline {
    let row = |array: &anygrad_core::Array| array.shape().iter().skip(1).copied().collect();
    let Loaded { training, validation, test, .. } = loaded;
    Outline {
        features: row(training.features()),
        features_dtype: training.features().dtype(),
        targets: row(training.targets()),
        targets_dtype: training.targets().dtype(),
        rows: training.len(),
        validation: validation.as_ref().map(Dataset::len),
        test: test.as_ref().map(|test| TestPart {
            rows: test.len(),
            predicts: !matches!(recipe.settings().data.task, Task::Language(_)),
        }),
    }
}

impl Source for Training {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn batch(&self) -> usize {
        self.options.batch_size
    }

    fn most(&self) -> Option<usize> {
        Some(self.outline.rows)
    }

    fn forecast(&mut self, batch: usize, target: &Target) -> Result<Forecast> {
        let options = FitOptions { batch_size: batch, ..self.options.clone() };
        let roofline = target.roofline.as_ref().map(|known| known.value);
        self.trainer.forecast(&self.outline, &options, &target.caps, roofline)
    }

    fn largest(&mut self, target: &Target) -> Result<Option<usize>> {
        let memory = target.memory.as_ref().map(|known| known.value);
        self.trainer.largest_batch(&self.outline, &self.options, &target.caps, memory)
    }
}

/// Predictions by the model of a recipe.
pub struct Prediction {
    name: String,
    trainer: Trainer,
    batch: usize,
    sizes: Sizes,
}

impl Prediction {
    /// Those of a recipe with the sizes of its data.
    ///
    /// # Errors
    /// The model does not fit the data.
    pub fn new(name: &str, recipe: &Recipe, sizes: &Sizes) -> Result<Self> {
        let made = trainer_of(recipe, &Session::interpreter(), sizes)?;
        let batch = made.options.batch_size;
        Ok(Prediction {
            name: format!("{name}: prediction"),
            trainer: made.trainer,
            batch,
            sizes: sizes.clone(),
        })
    }
}

impl Source for Prediction {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn most(&self) -> Option<usize> {
        None
    }

    fn forecast(&mut self, batch: usize, target: &Target) -> Result<Forecast> {
        let roofline = target.roofline.as_ref().map(|known| known.value);
        let Sizes { features, dtype, .. } = &self.sizes;
        self.trainer.forecast_prediction(features, *dtype, batch, &target.caps, roofline)
    }
}

/// One run of a graph that a function builds for a batch.
pub struct Inference<F> {
    name: String,
    build: RefCell<F>,
}

impl<F> Inference<F>
where
    F: for<'g> FnMut(&'g Graph, usize) -> Result<Vec<Tensor<'g>>>,
{
    /// A model by its name, and what builds it for so many rows and gives its outputs.
    pub fn new(name: &str, build: F) -> Self {
        Inference { name: format!("{name}: inference"), build: RefCell::new(build) }
    }
}

impl<F> Source for Inference<F>
where
    F: for<'g> FnMut(&'g Graph, usize) -> Result<Vec<Tensor<'g>>>,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn batch(&self) -> usize {
        1
    }

    fn most(&self) -> Option<usize> {
        None
    }

    fn forecast(&mut self, batch: usize, target: &Target) -> Result<Forecast> {
        if batch == 0 {
            return Err(Error::input("batches of 0 rows: at least 1"));
        }
        let graph = Graph::new();
        let outputs = self.build.get_mut()(&graph, batch)?;
        let mut rehearsal = Rehearsal::new(target.caps.clone());
        for (name, id) in graph.named_values() {
            if matches!(graph.origin(id), anygrad_graph::Origin::State(_)) {
                rehearsal.tell(&name, anygrad_plan::Purpose::Parameters);
            }
        }
        let program = rehearsal.compile(
            &format!("inference, {batch} rows"),
            &graph,
            &outputs,
            anygrad_plan::Options::default(),
        )?;
        rehearsal.mark_ready();
        rehearsal.run(program)?;
        let roofline = target.roofline.as_ref().map(|known| known.value);
        let update = [(program, 1)];
        Ok(rehearsal.forecast(&Circumstances {
            batch,
            update: &update,
            roofline,
            ..Circumstances::default()
        }))
    }
}
