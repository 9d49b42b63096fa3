//! Gradients of an output with respect to its row: at the row, or means over points about it.

use anygrad_core::{Array, DType, Error, Random, Result};
use anygrad_graph::Tensor;

use crate::explainer::{TARGET, X, check, check_floats, parts, targets_of};
use crate::{Attribution, Explainer, Target};

/// How [`Explainer::smooth_grad`] averages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothGrad {
    /// Gradients per row.
    pub samples: usize,
    /// The standard deviation of the noise, as a share of the row's largest minus its smallest element.
    pub noise: f64,
    /// The same seed gives the same noise. Every row meets the same draws, whatever rows are beside it.
    pub seed: u64,
}

impl Default for SmoothGrad {
    /// 50 samples, noise of 0.15: within what the paper advises.
    fn default() -> Self {
        SmoothGrad { samples: 50, noise: 0.15, seed: 0 }
    }
}

/// The points at which gradients of a row are taken.
pub(crate) enum Points<'a> {
    /// The row itself.
    Row,
    /// Between baselines, as many as rows, and rows: the middles of so many equal steps.
    Path { baselines: &'a Array, steps: usize },
    /// About the row, by noise of a standard deviation per row.
    Noise { samples: usize, seed: u64, deviations: Vec<f32> },
}

const BASELINE: &str = "explain.baseline";
const WEIGHT: &str = "explain.weight";
const ALONG: &str = "explain.along";
const NOISE: &str = "explain.noise";
const DEVIATION: &str = "explain.deviation";

impl Points<'_> {
    fn count(&self) -> usize {
        match self {
            Points::Row => 1,
            Points::Path { steps, .. } => *steps,
            Points::Noise { samples, .. } => *samples,
        }
    }

    /// The points `[rows, points, elements]` of rows x `[rows, 1, elements]`.
    fn build<'g>(&self, x: Tensor<'g>, points: usize) -> Tensor<'g> {
        let graph = x.graph();
        let [rows, _, elements] = [x.shape()[0], 1, x.shape()[2]];
        match self {
            Points::Row => x,
            Points::Path { .. } => {
                let baseline = graph.input(BASELINE, &[rows, 1, elements], DType::F32);
                baseline + graph.input(ALONG, &[1, points, 1], DType::F32) * (x - baseline)
            }
            Points::Noise { .. } => {
                let noise = graph.input(NOISE, &[1, points, elements], DType::F32);
                x + graph.input(DEVIATION, &[rows, 1, 1], DType::F32) * noise
            }
        }
    }

    /// What [`Points::build`] reads for these rows: name and value.
    fn of_rows(&self, rows: &[usize]) -> Result<Option<(&'static str, Array)>> {
        Ok(match self {
            Points::Row => None,
            Points::Path { baselines, .. } => {
                let elements = baselines.shape().elements() / baselines.shape()[0];
                Some((BASELINE, baselines.take_rows(rows)?.reshape(&[rows.len(), 1, elements])?))
            }
            Points::Noise { deviations, .. } => {
                let deviations: Vec<f32> = rows.iter().map(|&row| deviations[row]).collect();
                Some((DEVIATION, Array::f32(&[rows.len(), 1, 1], deviations)?))
            }
        })
    }

    /// What [`Points::build`] reads for these points: name and value.
    fn of_points(&self, points: &[usize], elements: usize) -> Result<Option<(&'static str, Array)>> {
        Ok(match self {
            Points::Row => None,
            Points::Path { steps, .. } => {
                let along = |&point: &usize| ((point as f64 + 0.5) / *steps as f64) as f32;
                let along: Vec<f32> = points.iter().map(along).collect();
                Some((ALONG, Array::f32(&[1, points.len(), 1], along)?))
            }
            Points::Noise { seed, .. } => {
                let mut noise = Vec::with_capacity(points.len() * elements);
                for &point in points {
                    let mut random = Random::stream(*seed, point as u64);
                    noise.extend((0..elements).map(|_| random.normal() as f32));
                }
                Some((NOISE, Array::f32(&[1, points.len(), elements], noise)?))
            }
        })
    }
}

impl Explainer<'_> {
    /// The gradient of the output with respect to each element of its row (Simonyan, Vedaldi and
    /// Zisserman 2013). x: `[n, ...]`, `f32`.
    ///
    /// # Errors
    /// The rows do not fit the model or are no floats, the target does not exist, or the device failed.
    pub async fn saliency(&self, x: &Array, target: &Target) -> Result<Attribution> {
        check_floats(x)?;
        let (targets, outputs) = self.resolve(x, target).await?;
        let gradients = self.mean_gradients(x, &targets, &Points::Row).await?;
        Ok(Attribution { values: Array::from_f64(x.shape(), DType::F32, &gradients), targets, outputs })
    }

    /// The gradient times the row itself, element by element: the share of each in a model that is linear
    /// and without a bias (Shrikumar et al. 2016).
    ///
    /// # Errors
    /// As [`Explainer::saliency`].
    pub async fn gradient_times_input(&self, x: &Array, target: &Target) -> Result<Attribution> {
        let mut attribution = self.saliency(x, target).await?;
        attribution.values = product(&attribution.values, x)?;
        Ok(attribution)
    }

    /// The mean of gradients at the row with normal noise added (Smilkov et al. 2017): less of what
    /// changes from point to point.
    ///
    /// # Errors
    /// As [`Explainer::saliency`]; no samples; noise that is negative or no number.
    pub async fn smooth_grad(&self, x: &Array, target: &Target, how: &SmoothGrad) -> Result<Attribution> {
        let rows = check_floats(x)?;
        if how.samples == 0 || !(how.noise >= 0.0 && how.noise.is_finite()) {
            return Err(Error::input(format!(
                "SmoothGrad of {} samples and noise of {}: wanted at least one sample, and noise from 0",
                how.samples, how.noise
            )));
        }
        let (targets, outputs) = self.resolve(x, target).await?;
        let width = x.shape().elements() / rows;
        let deviation = |row: &[f32]| {
            let (low, high) = row.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
            (how.noise * (f64::from(high) - f64::from(low))) as f32
        };
        let deviations = x.as_f32()?.chunks(width).map(deviation).collect();
        let points = Points::Noise { samples: how.samples, seed: how.seed, deviations };
        let means = self.mean_gradients(x, &targets, &points).await?;
        Ok(Attribution { values: Array::from_f64(x.shape(), DType::F32, &means), targets, outputs })
    }

    /// The gradient of the output with respect to what a layer makes of the row, as that of an embedding:
    /// the way to ask about rows of indices. Names are those of [`Explainer::layers`].
    ///
    /// # Errors
    /// As [`Explainer::saliency`], or there is no such layer.
    pub async fn saliency_of(&self, layer: &str, x: &Array, target: &Target) -> Result<Attribution> {
        self.at_layer(layer, x, target, |_, slope| slope).await
    }

    /// The gradient with respect to what a layer makes of the row, times that, element by element.
    ///
    /// # Errors
    /// As [`Explainer::saliency_of`].
    pub async fn gradient_times_activation(
        &self,
        layer: &str,
        x: &Array,
        target: &Target,
    ) -> Result<Attribution> {
        self.at_layer(layer, x, target, |activation, slope| activation * slope).await
    }

    async fn at_layer(
        &self,
        layer: &str,
        x: &Array,
        target: &Target,
        make: impl for<'g> Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
    ) -> Result<Attribution> {
        let rows = check(x)?;
        let (targets, outputs) = self.resolve(x, target).await?;
        let batch = self.batch.min(rows);
        let mut shape = None;
        let mut program = self.compile(&[x], |scope| {
            let graph = scope.graph();
            let y = self.build(scope, graph.input(X, &x.shape().with(0, batch), x.dtype()));
            let chosen = self.chosen(y, graph.input(TARGET, &[batch], DType::I32));
            let activation = named(scope, layer);
            shape = Some(activation.shape());
            let slope = graph.gradients(chosen.sum_all(), &[activation])[0];
            vec![make(activation, slope).cast(DType::F32)]
        })?;
        let mut numbers = Vec::new();
        for part in parts(rows, batch) {
            let padded = part.padded(batch);
            program.write(X, &x.take_rows(&padded)?)?;
            program.write(TARGET, &targets_of(&targets, &padded)?)?;
            program.run()?;
            let values = program.read(0).await?;
            numbers.extend_from_slice(&values.as_f32()?[..values.shape().elements() / batch * part.len()]);
        }
        let shape = shape.ok_or_else(|| Error::internal("a layer without a shape"))?;
        Ok(Attribution { values: Array::f32(&shape.with(0, rows), numbers)?, targets, outputs })
    }

    /// The mean over the points of each row of the gradient of its target: `[n, ...]`, row-major. Rows and
    /// points run in batches; sums within a batch on the device, over batches in double precision.
    pub(crate) async fn mean_gradients(
        &self,
        x: &Array,
        targets: &[usize],
        points: &Points<'_>,
    ) -> Result<Vec<f64>> {
        let (rows, count) = (x.shape()[0], points.count());
        let elements = x.shape().elements() / rows;
        let at_once = count.min(self.batch);
        let batch = (self.batch / at_once).clamp(1, rows);
        let mut program = self.compile(&[x], |scope| {
            let graph = scope.graph();
            let x_rows = graph.input(X, &[batch, 1, elements], DType::F32);
            let all = points.build(x_rows, at_once);
            let all = all.reshape(&[&[batch * at_once], &x.shape()[1..]].concat());
            let y = self.build(scope, all);
            let targets = graph.input(TARGET, &[batch], DType::I32);
            let targets = targets.reshape(&[batch, 1]).broadcast_to(&[batch, at_once]);
            let chosen = self.chosen(y, targets.reshape(&[batch * at_once]));
            let slopes = graph.gradients(chosen.sum_all(), &[all])[0].reshape(&[batch, at_once, elements]);
            let weights = graph.input(WEIGHT, &[at_once, 1], DType::F32);
            // A select, so that a gradient without a weight does not count even where it is infinite.
            vec![weights.gt(0.0).select(slopes * weights, 0.0).sum(&[1], false)]
        })?;
        let mut sums = vec![0.0; rows * elements];
        for part in parts(rows, batch) {
            let padded = part.padded(batch);
            program.write(X, &x.take_rows(&padded)?.reshape(&[batch, 1, elements])?)?;
            program.write(TARGET, &targets_of(targets, &padded)?)?;
            if let Some((name, array)) = points.of_rows(&padded)? {
                program.write(name, &array)?;
            }
            for some in parts(count, at_once) {
                if let Some((name, array)) = points.of_points(&some.padded(at_once), elements)? {
                    program.write(name, &array)?;
                }
                let weight = |point: usize| if point < some.len() { 1.0 / count as f32 } else { 0.0 };
                let weights: Vec<f32> = (0..at_once).map(weight).collect();
                program.write(WEIGHT, &Array::f32(&[at_once, 1], weights)?)?;
                program.run()?;
                let found = program.read(0).await?;
                let sums = &mut sums[part.first * elements..part.end * elements];
                sums.iter_mut().zip(found.as_f32()?).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        }
        Ok(sums)
    }
}

/// What the layer of this path made, or a mistake that names those there are.
pub(crate) fn named<'g>(scope: &anygrad_nn::Scope<'g>, layer: &str) -> Tensor<'g> {
    match scope.outputs().iter().find(|(name, _)| name == layer) {
        Some((_, activation)) => *activation,
        None => {
            let names: Vec<&str> = scope.outputs().iter().map(|(name, _)| name.as_str()).collect();
            scope.fail(Error::input(format!("there is no layer {layer:?} among {}", names.join(", "))))
        }
    }
}

fn product(a: &Array, b: &Array) -> Result<Array> {
    let products: Vec<f32> = a.as_f32()?.iter().zip(b.as_f32()?).map(|(a, b)| a * b).collect();
    Array::f32(&a.shape(), products)
}
