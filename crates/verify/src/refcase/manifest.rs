//! The files of the format, as they are written.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path};

use anygrad_core::{DType, Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A line of the index.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// Group and name.
    pub id: String,
    /// The operator.
    pub op: String,
    /// What sort of case it is.
    #[serde(default)]
    pub kind: Kind,
}

/// What a case compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The outputs of an expression, and its gradients.
    #[default]
    Op,
    /// The parameters after each step of an update rule.
    Optimizer,
    /// Some elements of outputs too large for a file.
    Sampled,
    /// The losses of a training.
    Trajectory,
}

#[derive(Deserialize)]
struct Index {
    format: String,
    cases: Vec<Entry>,
}

#[derive(Deserialize)]
pub(crate) struct Manifest {
    pub op: String,
    #[serde(default)]
    pub kind: Kind,
    #[serde(default)]
    pub attrs: HashMap<String, Value>,
    #[serde(default)]
    pub notes: String,
    #[serde(default)]
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub outputs: Vec<Expected>,
    #[serde(default)]
    pub grads: Vec<Expected>,
    /// Update rules: how many steps, of how many parameters.
    #[serde(default)]
    pub steps: u64,
    #[serde(default)]
    pub n_params: u64,
    /// Trainings: what the parameters are at first, and the loss of each step.
    #[serde(default)]
    pub weights: Vec<Weight>,
    #[serde(default)]
    pub loss64: Vec<f64>,
}

#[derive(Deserialize)]
pub(crate) struct Input {
    pub name: String,
    /// The key of its elements, unless a formula gives them.
    pub tensor: Option<String>,
    pub dtype: Elements,
    pub shape: Vec<usize>,
    #[serde(flatten)]
    pub formula: Formula,
}

/// The words of the format for the dtypes of inputs.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Elements {
    F32,
    I32,
    Bool,
}

impl From<Elements> for DType {
    fn from(elements: Elements) -> DType {
        match elements {
            Elements::F32 => DType::F32,
            Elements::I32 => DType::I32,
            Elements::Bool => DType::Bool,
        }
    }
}

/// What is wanted of an output or of a gradient.
#[derive(Deserialize)]
pub(crate) struct Expected {
    /// The name of the output, or of the input.
    #[serde(alias = "input")]
    pub name: String,
    /// The key of the wanted elements.
    pub tensor: String,
    pub shape: Vec<usize>,
    pub rtol: f64,
    pub atol: f64,
    /// Where the gradient that flows into this output comes from, if one does.
    pub upstream: Option<Upstream>,
    /// The key of the places that are compared, if not all are.
    pub index: Option<String>,
    pub sum: Option<f64>,
    pub abs_sum: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Upstream {
    Tensor(String),
    Formula(Formula),
}

#[derive(Default, Deserialize)]
pub(crate) struct Formula {
    pub formula: Option<String>,
    #[serde(default)]
    pub seed: u32,
    #[serde(default)]
    pub scale: f64,
    #[serde(default, rename = "mod")]
    pub choices: u32,
}

#[derive(Deserialize)]
pub(crate) struct Weight {
    pub index: usize,
    pub tensor: String,
    #[serde(default = "yes")]
    pub trainable: bool,
}

fn yes() -> bool {
    true
}

/// The list of cases.
pub(crate) fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let path = folder.join("index.json");
    let index: Index = parse(&path)?;
    if index.format != "refcase/1" {
        return Err(Error::input(format!(
            "{}: the format is {:?}, not refcase/1",
            path.display(),
            index.format
        )));
    }
    for entry in &index.cases {
        if !Path::new(&entry.id).components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(Error::input(format!("{}: {:?} leads out of the folder", path.display(), entry.id)));
        }
    }
    Ok(index.cases)
}

/// A JSON file.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|error| Error::input(format!("{}: {error}", path.display())))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::input(format!("{}: {error}", path.display())))
}
