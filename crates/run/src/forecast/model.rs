//! Models of ONNX files, as they are or trained further.

use anygrad_core::{DType, Error, Result};
use anygrad_gpu::Session;
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::{Adam, FitOptions, Loss, Outline, Trainer};
use anygrad_onnx::{Dim, Element, Model, Pretrained};
use anygrad_plan::Forecast;

use super::{Inference, Source, Target};

/// Open axes of a model: sizes by name. Open first axes are the batch.
type Dims = Vec<(String, usize)>;

/// The sizes of each input for so many rows.
fn sizes(model: &Model, dims: &Dims, rows: usize) -> Result<Vec<(String, DType, Vec<usize>)>> {
    let mut inputs = Vec::new();
    for port in model.inputs() {
        let Some(dtype) = port.element.and_then(Element::dtype) else {
            return Err(Error::unsupported(format!("the input {:?} is no tensor of numbers", port.name)));
        };
        let mut sizes = Vec::new();
        for (axis, dim) in port.dims.iter().flatten().enumerate() {
            let named = |name: &String| dims.iter().find(|(known, _)| known == name).map(|(_, size)| *size);
            sizes.push(match dim {
                Dim::Fixed(size) => *size,
                Dim::Named(name) => named(name).unwrap_or(if axis == 0 { rows } else { 1 }),
                Dim::Unknown if axis == 0 => rows,
                Dim::Unknown => 1,
            });
        }
        inputs.push((port.name, dtype, sizes));
    }
    Ok(inputs)
}

/// The first axis of the model's inputs, where it is fixed.
fn fixed_batch(model: &Model) -> Option<usize> {
    let first = |dims: &Vec<Dim>| match dims.first() {
        Some(Dim::Fixed(size)) => Some(*size),
        _ => None,
    };
    model.inputs().iter().find_map(|port| port.dims.as_ref().and_then(first))
}

type Build = Box<dyn for<'g> FnMut(&'g Graph, usize) -> Result<Vec<Tensor<'g>>>>;

/// One run of a model.
pub struct ModelInference {
    inference: Inference<Build>,
    fixed: Option<usize>,
}

impl ModelInference {
    /// That of a model by its name; open axes other than the batch have these sizes, or 1.
    pub fn new(name: &str, model: Model, dims: Dims) -> Self {
        let fixed = fixed_batch(&model);
        let build: Build = Box::new(move |graph, rows| outputs(&model, &dims, graph, rows));
        ModelInference { inference: Inference::new(name, build), fixed }
    }
}

fn outputs<'g>(model: &Model, dims: &Dims, graph: &'g Graph, rows: usize) -> Result<Vec<Tensor<'g>>> {
    let sizes = sizes(model, dims, rows)?;
    let inputs: Vec<_> =
        sizes.iter().map(|(name, dtype, sizes)| (name.as_str(), graph.input(name, sizes, *dtype))).collect();
    graph.check()?;
    Ok(model.import(graph, &inputs)?.into_iter().map(|(_, output)| output).collect())
}

impl Source for ModelInference {
    fn name(&self) -> String {
        self.inference.name()
    }

    fn batch(&self) -> usize {
        self.fixed.unwrap_or(1)
    }

    fn most(&self) -> Option<usize> {
        self.fixed
    }

    fn forecast(&mut self, batch: usize, target: &Target) -> Result<Forecast> {
        check_batch(self.fixed, batch)?;
        self.inference.forecast(batch, target)
    }
}

fn check_batch(fixed: Option<usize>, batch: usize) -> Result<()> {
    match fixed {
        Some(fixed) if fixed != batch => {
            Err(Error::unsupported(format!("batches of {batch} rows: the model takes {fixed} and no other")))
        }
        _ => Ok(()),
    }
}

/// A training of a model that goes on from its parameters: by the mean squared error to targets of its output's
/// shape, with Adam. Another loss takes about as much.
pub struct ModelTraining {
    name: String,
    trainer: Trainer,
    fixed: Option<usize>,
    features: Vec<usize>,
    features_dtype: DType,
    targets: Vec<usize>,
}

impl ModelTraining {
    /// That of a model by its name, with sizes as for [`ModelInference::new`].
    ///
    /// # Errors
    /// The model has several inputs, or cannot be made a graph.
    pub fn new(name: &str, model: Model, dims: &Dims) -> Result<Self> {
        let fixed = fixed_batch(&model);
        let rows = fixed.unwrap_or(1);
        let (_, features_dtype, features) = match sizes(&model, dims, rows)?.as_slice() {
            [input] => input.clone(),
            inputs => {
                return Err(Error::unsupported(format!(
                    "a model with {} inputs is not trained",
                    inputs.len()
                )));
            }
        };
        let graph = Graph::new();
        let output = outputs(&model, dims, &graph, rows)?;
        let targets = output.first().map_or_else(Vec::new, |y| y.shape().iter().skip(1).copied().collect());
        let trainer =
            Trainer::new(Session::interpreter(), Pretrained::new(model)?, Loss::mse(), Adam::new(1e-3));
        let features = features.into_iter().skip(1).collect();
        Ok(ModelTraining {
            name: format!("{name}: training by Adam"),
            trainer,
            fixed,
            features,
            features_dtype,
            targets,
        })
    }
}

impl Source for ModelTraining {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn batch(&self) -> usize {
        self.fixed.unwrap_or(1)
    }

    fn most(&self) -> Option<usize> {
        self.fixed
    }

    fn forecast(&mut self, batch: usize, target: &Target) -> Result<Forecast> {
        check_batch(self.fixed, batch)?;
        let outline = Outline {
            features: self.features.clone(),
            features_dtype: self.features_dtype,
            targets: self.targets.clone(),
            targets_dtype: DType::F32,
            rows: batch,
            validation: None,
            test: None,
        };
        let options = FitOptions { batch_size: batch, ..FitOptions::default() };
        let roofline = target.roofline.as_ref().map(|known| known.value);
        self.trainer.forecast(&outline, &options, &target.caps, roofline)
    }
}
