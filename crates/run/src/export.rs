//! A trained model as an ONNX model.

use std::collections::BTreeMap;

use anygrad_core::{Array, Error, Result};
use anygrad_data::{Layout, Scaling};
use anygrad_graph::Tensor;
use anygrad_nn::{Mode, Role, Scope};
use anygrad_onnx::export::{self, Batch, ExportOptions};
use anygrad_onnx::proto::ModelProto;

use crate::Saved;
use crate::predict::{Form, form};

/// What an exported model takes and gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Whether features come scaled already; otherwise the model scales them itself, as they stand in the data.
    pub prepared: bool,
    /// Whether it gives what the last layer makes; otherwise what [`Saved::predict`] tells: probabilities, and
    /// numbers in the units of the data.
    pub logits: bool,
    /// The rows of a batch.
    pub batch: Batch,
}

/// The name of the input.
const FEATURES: &str = "features";

impl Saved {
    /// The parameters of the model by their names, running means and variances among them.
    ///
    /// # Errors
    /// The device failed.
    pub async fn parameters(&mut self) -> Result<BTreeMap<String, Array>> {
        self.trainer.build(&self.sizes.features, self.sizes.dtype)?;
        let names: Vec<String> = self.trainer.parameters().map(|parameter| parameter.name.clone()).collect();
        let mut parameters = BTreeMap::new();
        for name in names {
            let array = self.trainer.read_parameter(&name).await?;
            parameters.insert(name, array);
        }
        Ok(parameters)
    }

    /// The model in ONNX: from `features` to `probabilities` or to a `prediction`, with the names of the classes
    /// in its metadata.
    ///
    /// # Errors
    /// An operator of the model cannot be said in ONNX, or the device failed.
    pub async fn onnx(&mut self, exported: Exported) -> Result<ModelProto> {
        let parameters = self.parameters().await?;
        export::export(exported.batch, &parameters, &self.describe()?, |graph, rows| {
            let sizes = [&[rows], &self.sizes.features[..]].concat();
            let mut x = graph.input(FEATURES, &sizes, self.sizes.dtype);
            if let (false, Some(scale)) = (exported.prepared, &self.preprocessing.features) {
                let [shift, width] = beside(x, scale)?;
                x = (x - shift) / width;
            }
            let mut scope = Scope::new(graph, Mode::Evaluate, 0);
            let y = scope.model(self.trainer.model(), x);
            graph.check()?;
            if let Some(state) = scope.parameters().iter().find(|state| state.role == Role::Carried) {
                let message = "is kept from batch to batch, which a model in ONNX cannot do";
                return Err(Error::unsupported(format!("the state {:?} {message}", state.name)));
            }
            let (name, y) = match (exported.logits, form(&self.loss)) {
                (true, _) | (false, Form::Scores) => ("scores", y),
                (false, Form::Softmax) => ("probabilities", y.softmax(-1)),
                (false, Form::Sigmoid) => ("probabilities", y.sigmoid()),
                (false, Form::Logarithms) => ("probabilities", y.exp()),
                (false, Form::Shares) => match &self.preprocessing.targets {
                    Some(scale) => {
                        let [shift, width] = beside(y, scale)?;
                        ("prediction", y * width + shift)
                    }
                    None if self.preprocessing.classes.is_empty() => ("prediction", y),
                    None => ("probabilities", y),
                },
            };
            Ok(vec![(name.to_owned(), y)])
        })
    }

    fn describe(&self) -> Result<ExportOptions> {
        let json = |value: &Vec<String>| {
            serde_json::to_string(value).map_err(|error| Error::internal(format!("JSON: {error}")))
        };
        let mut metadata = Vec::new();
        let lists = [
            ("classes", self.preprocessing.classes.clone()),
            ("columns", self.preprocessing.feature_names()),
        ];
        for (key, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            metadata.push(((*key).to_owned(), json(list)?));
        }
        if let Some(vocabulary) = &self.preprocessing.vocabulary {
            metadata.push(("vocabulary".to_owned(), vocabulary.clone()));
        }
        Ok(ExportOptions { metadata, ..ExportOptions::default() })
    }
}

/// The numbers of a scale as they stand beside a tensor.
fn beside<'g>(x: Tensor<'g>, scale: &Scaling) -> Result<[Tensor<'g>; 2]> {
    let (layout, shift, width) = scale.numbers();
    let shape = x.shape();
    let (columns, behind) = match layout {
        Layout::Last => (shape.last().copied(), 0),
        Layout::Channels => (shape.get(1).copied(), shape.rank().saturating_sub(2)),
    };
    if columns != Some(shift.len()) {
        return Err(Error::shape(format!("a scale of {} columns for {shape}", shift.len())));
    }
    let sizes = [&[shift.len()], &vec![1; behind][..]].concat();
    let number = |numbers: Vec<f32>| Ok(x.graph().constant(Array::f32(&sizes, numbers)?));
    Ok([number(shift)?, number(width)?])
}
