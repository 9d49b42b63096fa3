//! Grad-CAM: which regions the last convolution found for an output.

use anygrad_core::{Array, DType, Error, Result};
use anygrad_graph::Tensor;
use anygrad_graph::ops::Resize;
use anygrad_nn::Scope;

use crate::explainer::{TARGET, X, check, parts, targets_of};
use crate::gradients::named;
use crate::{Explainer, Target};

/// What [`Explainer::grad_cam`] looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GradCamOptions {
    /// The layer whose activation `[n, channels, ...]` is weighed, by its path as [`Explainer::layers`]
    /// gives it. The last convolution, with its activation function, where none is named.
    pub layer: Option<String>,
}

/// Maps of which regions speak for an output.
#[derive(Clone, Debug, PartialEq)]
pub struct GradCam {
    /// `[n, ...]`, the places of the activation. Numbers from 0.
    pub regions: Array,
    /// The same, resized linearly to the places of the input.
    pub map: Array,
    /// The path of the layer.
    pub layer: String,
    /// The output of each row that was explained.
    pub targets: Vec<usize>,
    /// Its value.
    pub outputs: Vec<f32>,
}

impl GradCam {
    /// The map of one row over its input, without the axis of rows.
    ///
    /// # Errors
    /// There is no such row.
    pub fn row(&self, row: usize) -> Result<Array> {
        self.map.take_rows(&[row])?.reshape(&self.map.shape()[1..])
    }
}

impl Explainer<'_> {
    /// relu(sum over channels of w A): A is the activation of a layer, w the mean of the output's gradient
    /// over the channel's places (Selvaraju et al. 2017). x: `[n, channels, ...]`, images, lines or
    /// volumes.
    ///
    /// # Errors
    /// The rows do not fit the model, the target or the layer does not exist, its activation has no places,
    /// or the device failed.
    pub async fn grad_cam(&self, x: &Array, target: &Target, how: &GradCamOptions) -> Result<GradCam> {
        let rows = check(x)?;
        let (targets, outputs) = self.resolve(x, target).await?;
        let batch = self.batch.min(rows);
        let (mut layer, mut shapes) = (String::new(), None);
        let mut program = self.compile(&[x], |scope| {
            let graph = scope.graph();
            let y = self.build(scope, graph.input(X, &x.shape().with(0, batch), x.dtype()));
            let chosen = self.chosen(y, graph.input(TARGET, &[batch], DType::I32));
            let (name, activation) = match &how.layer {
                Some(layer) => (layer.clone(), named(scope, layer)),
                None => last_convolution(scope),
            };
            layer = name;
            let (regions, map) = cam(chosen, activation, &x.shape());
            shapes = Some((regions.shape(), map.shape()));
            vec![regions, map]
        })?;
        let mut numbers = [Vec::new(), Vec::new()];
        for part in parts(rows, batch) {
            let padded = part.padded(batch);
            program.write(X, &x.take_rows(&padded)?)?;
            program.write(TARGET, &targets_of(&targets, &padded)?)?;
            program.run()?;
            for (output, numbers) in numbers.iter_mut().enumerate() {
                let maps = program.read(output).await?;
                numbers.extend_from_slice(&maps.as_f32()?[..maps.shape().elements() / batch * part.len()]);
            }
        }
        let (regions, map) = shapes.ok_or_else(|| Error::internal("maps without a shape"))?;
        let [region_numbers, map_numbers] = numbers;
        Ok(GradCam {
            regions: Array::f32(&regions.with(0, rows), region_numbers)?,
            map: Array::f32(&map.with(0, rows), map_numbers)?,
            layer,
            targets,
            outputs,
        })
    }
}

/// The map over the activation's places, `[n, ...]`, and over those of x `[n, channels, ...]`.
fn cam<'g>(chosen: Tensor<'g>, activation: Tensor<'g>, x: &[usize]) -> (Tensor<'g>, Tensor<'g>) {
    if let Some(mistake) = [chosen, activation].into_iter().find(|tensor| tensor.is_poison()) {
        return (mistake, mistake);
    }
    let rank = activation.shape().rank();
    if !(3..=5).contains(&rank) || rank != x.len() || !activation.dtype().is_float() {
        let mistake = activation.fail(Error::shape(format!(
            "Grad-CAM of an activation {} of rows {x:?}: wanted are [n, channels, places...] of both, with one to \
             three axes of places",
            activation.meta()
        )));
        return (mistake, mistake);
    }
    // Of the activation itself: no gradient would reach a copy of another dtype.
    let slope = chosen.graph().gradients(chosen.sum_all(), &[activation])[0];
    let [activation, slope] = [activation, slope].map(|x| x.cast(DType::F32));
    let places: Vec<isize> = (2..rank as isize).collect();
    let weights = slope.mean(&places, true);
    let regions = (weights * activation).sum(&[1], true).relu();
    let map = regions.resize(&x[2..], Resize::linear());
    (regions.squeeze(1), map.squeeze(1))
}

/// The last convolution of the model with what follows it in its layer, as bias and activation function:
/// its path and its activation.
fn last_convolution<'g>(scope: &Scope<'g>) -> (String, Tensor<'g>) {
    let graph = scope.graph();
    let nodes = graph.nodes();
    let is_convolution = |name: &str| matches!(name, "conv1d" | "conv2d" | "conv3d");
    let found = nodes.iter().rposition(|node| !node.backward && is_convolution(node.op.name()));
    let Some(place) = found else {
        let mistake = scope.fail(Error::input(
            "Grad-CAM: the model has no convolution; name the layer whose activation is to be weighed",
        ));
        return (String::new(), mistake);
    };
    let label = &nodes[place].label;
    let mut activation = graph.tensor(nodes[place].outputs[0]);
    // A later node of the same layer that makes the same shape of it is a part of its activation.
    for node in &nodes[place + 1..] {
        let y = graph.tensor(node.outputs[0]);
        let continues = node.inputs.contains(&activation.id()) && y.meta() == activation.meta();
        if continues && !node.backward && node.label == *label {
            activation = y;
        }
    }
    (label.as_deref().unwrap_or("the last convolution").to_owned(), activation)
}
