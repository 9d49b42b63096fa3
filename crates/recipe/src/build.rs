//! From a recipe and the sizes of its data to what trains.

use std::sync::{Arc, Mutex, PoisonError};

use anygrad_core::{DType, Error, Result, Shape};
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::{self as nn, Mode, Scope};

use crate::assembled::{Parts, augmentation};
use crate::data::{Predict, Task};
use crate::layers::{Layer, Site};
use crate::loss::label_smoothing;
use crate::metric;
use crate::recipe::Recipe;
use crate::schedule::Steps;

/// What a model has to know of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// One row of features, without the batch.
    pub features: Vec<usize>,
    /// `I32` for numbers of characters, otherwise `F32`.
    pub dtype: DType,
    /// Classes, target numbers, or characters.
    pub outputs: usize,
    /// The characters of a text.
    pub vocabulary: Option<usize>,
    /// Rows of the training part.
    pub rows: usize,
}

impl Recipe {
    /// The model and what trains it. The model is built once on a graph of its own, to find mistakes.
    ///
    /// # Errors
    /// A layer that does not fit what the one before it makes, or a last one that does not fit the task:
    /// the message names the layer's place in `model` and its line.
    pub fn build(&self, sizes: &Sizes) -> Result<Parts> {
        let settings = self.settings();
        let training = &settings.training;
        if training.batch_size > sizes.rows {
            let message = format!("{} of {} rows of the training part", training.batch_size, sizes.rows);
            return Err(self.error(&["training", "batch_size"], message));
        }
        let mut loss = self.loss().clone();
        if let (Some(own), true) = (label_smoothing(&mut loss), settings.regularization.label_smoothing > 0.0)
        {
            *own = settings.regularization.label_smoothing;
        }
        self.check_model(sizes, &loss)?;

        let batches = sizes.rows.div_ceil(training.batch_size);
        let per_epoch = batches.div_ceil(training.gradient_accumulation) as u64;
        let steps = Steps { per_epoch, total: per_epoch.saturating_mul(training.epochs as u64) };
        let schedule = match &settings.schedule {
            Some(schedule) => {
                let built = schedule.build(settings.optimizer.lr(), &steps);
                built.map_err(|why| self.error(&["schedule"], why))?
            }
            None => None,
        };
        self.check_metrics(sizes)?;
        self.check_augmentation(sizes)?;
        Ok(Parts {
            model: self.layers(sizes, None)?,
            loss,
            optimizer: settings.optimizer.build(training.clip),
            schedule,
            plateau: settings.schedule.as_ref().and_then(|schedule| schedule.plateau()),
            metrics: self.metrics().to_vec(),
            steps,
            training: training.clone(),
            augmentation: settings.regularization.augmentation.clone(),
        })
    }

    /// Whether there are as many classes as metrics want.
    fn check_metrics(&self, sizes: &Sizes) -> Result<()> {
        let task = &self.settings().data.task;
        if !matches!(task, Task::Multiclass(_) | Task::Language(_)) || sizes.outputs == 2 {
            return Ok(());
        }
        let Some(place) = self.metrics().iter().position(metric::is_of_two) else { return Ok(()) };
        let (name, classes) = (self.metrics()[place].name(), sizes.outputs);
        let message = format!("`{name}` is of one of two classes, there are {classes}: take {name}_macro");
        Err(self.error(&["training", "metrics", &place.to_string()], message))
    }

    /// Whether the changes of rows are such that the rows can be changed so.
    fn check_augmentation(&self, sizes: &Sizes) -> Result<()> {
        let Some(steps) = augmentation(&self.settings().regularization.augmentation, 0) else {
            return Ok(());
        };
        let shape = [&[sizes.rows], &sizes.features[..]].concat();
        let checked = match sizes.dtype {
            DType::F32 => steps.shape(&shape).map(drop),
            other => Err(Error::input(format!("features are {other}, which are not changed"))),
        };
        checked.map_err(|error| self.error(&["regularization", "augmentation"], error))
    }

    fn layers(&self, sizes: &Sizes, tracker: Option<&Tracker>) -> Result<nn::Sequential> {
        let regularization = &self.settings().regularization;
        let site = Site {
            folder: self.folder(),
            outputs: sizes.outputs,
            vocabulary: sizes.vocabulary,
            l1: regularization.l1,
            l2: regularization.l2,
        };
        in_a_row(&self.settings().model, "model", &site, tracker)
            .map_err(|(path, why)| self.error(&path.split('.').collect::<Vec<_>>(), why))
    }

    /// Builds the model and the loss on a graph that is thrown away.
    fn check_model(&self, sizes: &Sizes, loss: &nn::Loss) -> Result<()> {
        let tracker = Tracker::default();
        let model = self.layers(sizes, Some(&tracker))?;
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Train, 0);
        let x = graph.input("features", &[&[ROWS], &sizes.features[..]].concat(), sizes.dtype);
        let y = scope.model(&model, x);
        let last = || format!("model.{}", self.settings().model.len().saturating_sub(1));
        if let Err(error) = graph.check() {
            let path = tracker.failed().unwrap_or_else(last);
            let path: Vec<&str> = path.split('.').collect();
            return Err(self.error(&path, error.without_place()));
        }
        let task = &self.settings().data.task;
        let wanted = outputs(task, sizes);
        if y.shape()[..] != wanted[..] {
            let shown = |sizes: &[usize]| {
                let sizes: String = sizes.iter().skip(1).map(|size| format!(", {size}")).collect();
                format!("[n{sizes}]")
            };
            let (made, wanted, task) = (shown(&y.shape()), shown(&wanted), task.form());
            let message = format!("the model makes {made}, the task {task} takes {wanted}");
            return Err(self.error(&last().split('.').collect::<Vec<_>>(), message));
        }
        let (targets, dtype) = match loss.takes_classes() {
            true => (wanted[..wanted.len() - 1].to_vec(), DType::I32),
            false => (wanted, DType::F32),
        };
        loss.mean(y, graph.input("targets", &targets, dtype));
        graph.check().map_err(|error| self.error(&["loss"], error.without_place()))
    }
}

/// Rows of the batch on which a model is tried.
const ROWS: usize = 2;

/// The shape that the model has to make.
fn outputs(task: &Task, sizes: &Sizes) -> Vec<usize> {
    match task {
        Task::Language(language) if language.predict == Predict::Every => {
            vec![ROWS, language.sequence_length, sizes.outputs]
        }
        _ => vec![ROWS, sizes.outputs],
    }
}

/// Layers one after another; what is wrong comes with the path of the layer.
fn in_a_row(
    layers: &[Layer],
    path: &str,
    site: &Site,
    tracker: Option<&Tracker>,
) -> Result<nn::Sequential, (String, String)> {
    let mut model = nn::Sequential::new();
    for (i, layer) in layers.iter().enumerate() {
        let path = format!("{path}.{i}");
        let built: Box<dyn nn::Layer> = match (layer, layer.part()) {
            (_, Some(part)) => part.build(site).map_err(|why| (path.clone(), why))?,
            (Layer::Residual(residual), _) => Box::new(Skip {
                layers: in_a_row(&residual.layers, &format!("{path}.layers"), site, tracker)?,
                shortcut: in_a_row(&residual.shortcut, &format!("{path}.shortcut"), site, tracker)?,
            }),
            (Layer::Sequential(group), _) => {
                let inner = in_a_row(&group.layers, &format!("{path}.layers"), site, tracker)?;
                Box::new(match &group.name {
                    Some(name) => inner.named(name.clone()),
                    None => inner,
                })
            }
            (other, None) => return Err((path, format!("{} cannot be built", other.form()))),
        };
        model = match tracker {
            Some(tracker) => model.add(Tracked { layer: built, path, tracker: tracker.clone() }),
            None => model.add(built),
        };
    }
    Ok(model)
}

/// x' + y, with x' of a way around the layers.
struct Skip {
    layers: nn::Sequential,
    shortcut: nn::Sequential,
}

impl nn::Layer for Skip {
    fn name(&self) -> String {
        "residual".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let y = scope.layer(&self.layers, x);
        let around = scope.layer(&self.shortcut, x);
        if y.is_poison() || around.is_poison() {
            return if y.is_poison() { y } else { around };
        }
        // A sum that broadcasts would hide a mistake.
        let [made, kept]: [Shape; 2] = [y.shape(), around.shape()];
        if made != kept {
            let message = format!("{made} of the layers and {kept} of the way around them differ");
            return scope.fail(Error::shape(message));
        }
        y + around
    }
}

/// The first layer that failed, innermost first.
#[derive(Clone, Default)]
struct Tracker(Arc<Mutex<Option<String>>>);

impl Tracker {
    fn failed(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, path: &str) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert_with(|| path.to_owned());
    }
}

/// A layer that tells the tracker when it fails.
struct Tracked {
    layer: Box<dyn nn::Layer>,
    path: String,
    tracker: Tracker,
}

impl nn::Layer for Tracked {
    fn name(&self) -> String {
        self.layer.name()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let y = self.layer.forward(scope, x);
        if y.is_poison() {
            self.tracker.note(&self.path);
        }
        y
    }
}
