//! What several nodes make together, in the words of the method that made them.

use std::panic::Location;
use std::sync::Arc;

use crate::{Attributes, Graph, Tensor, ValueId};

/// A method of tensors that made several nodes: its name, its arguments and what came out. Nodes alone would not
/// tell an LSTM or a normalization. What runs or differentiates a graph looks at its nodes only.
#[derive(Clone, Debug)]
pub struct Composite {
    /// The name of the method.
    pub name: &'static str,
    /// Its settings.
    pub attributes: Attributes,
    /// The tensors that it was given, by their names.
    pub inputs: Vec<(&'static str, ValueId)>,
    /// What it made, by their names.
    pub outputs: Vec<(&'static str, ValueId)>,
    /// The line of the model that asked for it.
    pub place: &'static Location<'static>,
    /// The part of the model that it was made in.
    pub label: Option<Arc<str>>,
}

impl Composite {
    /// An input by its name.
    pub fn input(&self, name: &str) -> Option<ValueId> {
        self.inputs.iter().find(|(known, _)| *known == name).map(|(_, id)| *id)
    }
}

/// What `Tensor::composed` takes as inputs and outputs.
pub(crate) type Named<'a, 'g> = &'a [(&'static str, Option<Tensor<'g>>)];

impl Graph {
    /// Notes that a method made these outputs of these inputs. Nothing is noted of a mistake, nor where an output
    /// is one of the inputs.
    #[track_caller]
    pub(crate) fn compose(
        &self,
        name: &'static str,
        attributes: Attributes,
        inputs: Named<'_, '_>,
        outputs: Named<'_, '_>,
    ) {
        let ids = |named: Named<'_, '_>| -> Vec<(&'static str, ValueId)> {
            named.iter().filter_map(|(name, tensor)| tensor.map(|tensor| (*name, tensor.id()))).collect()
        };
        let (inputs, outputs) = (ids(inputs), ids(outputs));
        let mut all = inputs.iter().chain(&outputs);
        let is_input = |id: &ValueId| inputs.iter().any(|(_, input)| input == id);
        if all.any(|(_, id)| *id == ValueId::POISON) || outputs.iter().any(|(_, id)| is_input(id)) {
            return;
        }
        self.note(|label| Composite { name, attributes, inputs, outputs, place: Location::caller(), label });
    }
}

impl<'g> Tensor<'g> {
    /// Notes that a method made this of these inputs.
    #[track_caller]
    pub(crate) fn composed(
        self,
        name: &'static str,
        attributes: Attributes,
        inputs: Named<'_, 'g>,
    ) -> Tensor<'g> {
        self.graph().compose(name, attributes, inputs, &[("y", Some(self))]);
        self
    }
}

#[cfg(test)]
mod tests {
    use anygrad_core::DType;

    use super::*;

    #[test]
    fn methods_note_what_they_made() {
        let graph = Graph::new();
        let x = graph.input("x", &[2, 3, 4], DType::F32);
        let [kernel, recurrent] = [graph.state("k", &[4, 20]), graph.state("r", &[5, 20])];
        let lstm = graph.labelled("lstm", || x.lstm(kernel, recurrent, None, None));
        let y = lstm.sequence.softmax(0).hard_swish();
        graph.gradients(y.sum_all(), &[x]);
        let composites = graph.composites();
        let names: Vec<&str> = composites.iter().map(|composite| composite.name).collect();
        // Those of gradients are none, and what is inside another comes first.
        assert_eq!(names, ["recurrent", "softmax", "hard_sigmoid", "hard_swish"]);
        let layer = &composites[0];
        assert_eq!(
            (layer.attributes.text("cell").ok(), layer.label.as_deref()),
            (Some("lstm"), Some("lstm"))
        );
        assert_eq!((layer.input("kernel"), layer.input("bias")), (Some(kernel.id()), None));
        assert_eq!(layer.outputs[0], ("sequence", lstm.sequence.id()));
        assert!(layer.place.file().ends_with("composite.rs"));
        assert_eq!(composites[3].outputs, [("y", y.id())]);
        assert!(layer.attributes.int("cell").unwrap_err().to_string().contains("wanted is a whole number"));

        // Nothing is noted of a mistake, nor of what stays as it is.
        let before = graph.composites().len();
        x.narrow(0, 5..9).softmax(-1);
        x.mean(&[], true).mean(&[7], true);
        assert_eq!(graph.composites().len(), before + 1);
    }
}
