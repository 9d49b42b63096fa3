//! y = scale (x - mean) / sqrt(variance + eps) + bias per channel (Ioffe, Szegedy 2015)
//!
//! With h = (x - mean) r, r = 1 / sqrt(variance + eps), over the n elements of a channel:
//! dbias = sum(dy), dscale = sum(dy h), dx = scale r (dy - dbias / n - h dscale / n).
//!
//! Reductions and pointwise functions do the work. The gradient is written out here, because the way
//! back through the reductions would take twice as many.

use anygrad_core::{DType, Error};

use super::itself::{Itself, WrittenOut};
use super::layer_norm::{Norm, check_eps};
use crate::{At, Attributes, Case, Fill, Grads, Tensor, Tolerance};

/// The gradient of a normalization. Inputs: y, x, mean, r, and scale and
/// bias where there are; all but the first two have size 1 along the axes.
#[derive(Debug)]
struct Standardized {
    axes: Vec<isize>,
    center: bool,
    scale: bool,
    bias: bool,
}

/// What [`Tensor::batch_norm`] makes.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'g> {
    /// The normalized elements, of the shape of x.
    pub y: Tensor<'g>,
    /// The mean of each channel, `[channels]`.
    pub mean: Tensor<'g>,
    /// The variance of each channel, `[channels]`, divided by the number of its elements n. PyTorch's
    /// running variance is that of a sample: n / (n - 1) times this one.
    pub variance: Tensor<'g>,
}

impl<'g> Tensor<'g> {
    /// Batch normalization in training: each channel, a position along `axis` (1 for `[n, c, ...]`),
    /// has mean 0 and variance 1 over all other axes, then times `scale`, plus `bias`, both `[channels]`.
    ///
    /// Mean and variance go into the running ones: running = momentum running + (1 - momentum) batch in
    /// Keras and ONNX, the other way round in PyTorch. Keras's `eps` is 1e-3, PyTorch's and ONNX's 1e-5.
    #[track_caller]
    pub fn batch_norm(
        self,
        axis: isize,
        scale: Option<Tensor<'g>>,
        bias: Option<Tensor<'g>>,
        eps: f64,
    ) -> BatchNorm<'g> {
        let [scale, bias] = match self.channels("batch_norm", axis, eps, [scale, bias]) {
            Ok(weights) => weights,
            Err(mistake) => return BatchNorm { y: mistake, mean: mistake, variance: mistake },
        };
        let rank = self.shape().rank() as isize;
        let kept = if axis < 0 { axis + rank } else { axis };
        let axes: Vec<isize> = (0..rank).filter(|&other| other != kept).collect();
        let channels = self.shape()[kept as usize];
        let (y, mean, variance) = standardized(self, &axes, Norm { center: true, eps }, scale, bias);
        BatchNorm { y, mean: mean.reshape(&[channels]), variance: variance.reshape(&[channels]) }
    }

    /// Batch normalization by given means and variances, `[channels]`: what evaluation does with the
    /// running ones.
    #[track_caller]
    pub fn batch_norm_inference(
        self,
        axis: isize,
        [mean, variance]: [Tensor<'g>; 2],
        scale: Option<Tensor<'g>>,
        bias: Option<Tensor<'g>>,
        eps: f64,
    ) -> Tensor<'g> {
        let given = [Some(mean), Some(variance), scale, bias];
        let [Some(mean), Some(variance), scale, bias] =
            (match self.channels("batch_norm_inference", axis, eps, given) {
                Ok(given) => given,
                Err(mistake) => return mistake,
            })
        else {
            return self;
        };
        let root = (variance + eps).rsqrt();
        let y = (self - mean) * scale.map_or(root, |scale| root * scale);
        let y = bias.map_or(y, |bias| y + bias);
        let attributes = Attributes::new().with("axis", axis).with("eps", eps);
        let [mean, variance, scale, bias] = given;
        let inputs =
            [("x", Some(self)), ("mean", mean), ("variance", variance), ("scale", scale), ("bias", bias)];
        y.composed("batch_norm_inference", attributes, &inputs)
    }

    /// Group normalization of x `[n, channels, ...]`: the channels in `groups` of neighbours, each group
    /// of an example normalized on its own, then times `scale`, plus `bias`, both `[channels]`
    /// (Wu, He 2018). Keras's `eps` is 1e-3, PyTorch's and ONNX's 1e-5.
    #[track_caller]
    pub fn group_norm(
        self,
        groups: usize,
        scale: Option<Tensor<'g>>,
        bias: Option<Tensor<'g>>,
        eps: f64,
    ) -> Tensor<'g> {
        let given = [scale, bias];
        let [scale, bias] = match self.channels("group_norm", 1, eps, given) {
            Ok(weights) => weights,
            Err(mistake) => return mistake,
        };
        let shape = self.shape();
        if groups == 0 || !shape[1].is_multiple_of(groups) {
            let message = format!("group_norm: {} channels do not make {groups} groups", shape[1]);
            return self.fail(Error::shape(message));
        }
        if shape.elements() == 0 {
            return self;
        }
        let rows = self.reshape(&[shape[0] * groups, shape.elements() / shape[0] / groups]);
        let mut y = rows.layer_norm(-1, None, None, eps).reshape(&shape);
        y = scale.map_or(y, |scale| y * scale);
        y = bias.map_or(y, |bias| y + bias);
        let attributes = Attributes::new().with("groups", groups).with("eps", eps);
        y.composed("group_norm", attributes, &[("x", Some(self)), ("scale", given[0]), ("bias", given[1])])
    }

    /// Instance normalization of x `[n, channels, ...]`: each channel of each example on its own
    /// (Ulyanov, Vedaldi, Lempitsky 2016).
    #[track_caller]
    pub fn instance_norm(self, scale: Option<Tensor<'g>>, bias: Option<Tensor<'g>>, eps: f64) -> Tensor<'g> {
        let channels = self.shape().get(1).copied().unwrap_or(1);
        let y = self.group_norm(channels.max(1), scale, bias, eps);
        let inputs = [("x", Some(self)), ("scale", scale), ("bias", bias)];
        y.composed("instance_norm", Attributes::new().with("eps", eps), &inputs)
    }

    /// What belongs to the channels along `axis`, spread over the axes of this: a mistake otherwise.
    #[track_caller]
    fn channels<const N: usize>(
        self,
        what: &str,
        axis: isize,
        eps: f64,
        given: [Option<Tensor<'g>>; N],
    ) -> Result<[Option<Tensor<'g>>; N], Tensor<'g>> {
        if let Some(mistake) = given.into_iter().flatten().chain([self]).find(|x| x.is_poison()) {
            return Err(mistake);
        }
        let shape = self.shape();
        let axis = match shape.axis(axis).and_then(|axis| check_eps(eps).map(|()| axis)) {
            Ok(axis) => axis,
            Err(error) => return Err(self.fail(error.context(what))),
        };
        let mut spread = vec![1; shape.rank()];
        spread[axis] = shape[axis];
        if let Some(other) = given.iter().flatten().find(|x| x.shape()[..] != [shape[axis]]) {
            let message =
                format!("{what}: {shape} has {} channels, {} was given for them", shape[axis], other.shape());
            return Err(self.fail(Error::shape(message)));
        }
        Ok(given.map(|x| x.map(|x| x.reshape(&spread))))
    }
}

/// x normalized over `axes`, and its mean and variance, of size 1 along them. Scale and bias have size 1
/// along them, too.
#[track_caller]
pub(super) fn standardized<'g>(
    x: Tensor<'g>,
    axes: &[isize],
    norm: Norm,
    scale: Option<Tensor<'g>>,
    bias: Option<Tensor<'g>>,
) -> (Tensor<'g>, Tensor<'g>, Tensor<'g>) {
    let mean = if norm.center { x.mean(axes, true) } else { x.sum(axes, true).zeros_like() };
    let centered = if norm.center { x - mean } else { x };
    // Squares of distances from the mean: a large mean cancels nothing.
    let variance = centered.square().mean(axes, true);
    let root = (variance + norm.eps).rsqrt();
    let mut y = centered * root;
    y = scale.map_or(y, |scale| y * scale);
    y = bias.map_or(y, |bias| y + bias);
    let op = Standardized {
        axes: axes.to_vec(),
        center: norm.center,
        scale: scale.is_some(),
        bias: bias.is_some(),
    };
    let inputs: Vec<Tensor<'g>> =
        [Some(y), Some(x), Some(mean), Some(root), scale, bias].into_iter().flatten().collect();
    (y.apply(Itself(op), &inputs), mean, variance)
}

impl WrittenOut for Standardized {
    const NAME: &'static str = "standardized";

    /// Through x alone: y, mean and r follow from it.
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (x, mean, root, dy) = (at.x[1], at.x[2], at.x[3], at.dy());
        let h = if self.center { (x - mean) * root } else { x * root };
        let share = root.shape().elements() as f64 / x.shape().elements() as f64;
        let total = dy.sum(&self.axes, true);
        let along = (dy * h).sum(&self.axes, true);
        let mut gradients = vec![None; at.x.len()];
        if at.wanted[1] {
            let centered = if self.center { dy - total * share } else { dy };
            let factor = if self.scale { root * at.x[4] } else { root };
            gradients[1] = Some((centered - h * (along * share)) * factor);
        }
        if self.scale && at.wanted[4] {
            gradients[4] = Some(along);
        }
        if self.bias && at.wanted[at.x.len() - 1] {
            gradients[at.x.len() - 1] = Some(total);
        }
        gradients
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let wide = || Fill::Uniform(-2.0, 3.0);
    let positive = || Fill::Uniform(0.5, 1.5);
    // Gradients are sums over a channel.
    let sums = |count: usize| Tolerance { relative: 2e-5, absolute: 4e-6 * (count as f64).sqrt() };
    for (sizes, axis) in [
        (&[1, 3][..], 1),
        (&[17, 5], -1),
        (&[65, 4], 1),
        (&[2, 6, 5, 3], 1),
        (&[2, 5, 3, 4], -1),
        (&[3, 2, 65], 1),
    ] {
        let channels = sizes[if axis < 0 { sizes.len() - 1 } else { axis as usize }];
        let count = sizes.iter().product::<usize>() / channels;
        let case = Case::many(format!("batch_norm axis {axis} of {sizes:?}"), move |x| {
            let norm = x[0].batch_norm(axis, Some(x[1]), Some(x[2]), 1e-3);
            vec![norm.y, norm.mean, norm.variance]
        });
        let case = case.filled(sizes, DType::F32, wide()).filled(&[channels], DType::F32, positive());
        cases.push(case.input(&[channels]).gradient_tolerance(sums(count.max(16))));
        let case = Case::new(format!("batch_norm_inference axis {axis} of {sizes:?}"), move |x| {
            x[0].batch_norm_inference(axis, [x[1], x[2]], Some(x[3]), Some(x[4]), 1e-3)
        });
        let case = case.filled(sizes, DType::F32, wide()).input(&[channels]);
        let case = case.filled(&[channels], DType::F32, positive()).input(&[channels]);
        cases.push(case.input(&[channels]).gradient_tolerance(sums(count.max(16))));
    }
    cases.push(
        Case::new("batch_norm alone", |x| x[0].batch_norm(1, None, None, 1e-5).y)
            .input(&[7, 3, 2])
            .gradient_tolerance(sums(14)),
    );
    // The mean is 100 times the deviation: sums up to 6400 round by up to 2.4e-4 at each of the last
    // terms, and an error of the mean shifts every result.
    let rounding = Tolerance { relative: 2e-5, absolute: 2e-4 };
    cases.push(
        Case::new("batch_norm far from zero", |x| x[0].batch_norm(1, None, None, 1e-3).y)
            .filled(&[64, 3], DType::F32, Fill::Uniform(98.0, 102.0))
            .tolerance(rounding)
            .gradient_tolerance(rounding),
    );
    for (sizes, groups) in
        [(&[2, 6, 5, 4][..], 2), (&[2, 6, 5, 4], 1), (&[3, 4, 7], 4), (&[2, 6], 3), (&[2, 4, 6, 6], 2)]
    {
        let channels = sizes[1];
        let case = Case::new(format!("group_norm {groups} of {sizes:?}"), move |x| {
            x[0].group_norm(groups, Some(x[1]), Some(x[2]), 1e-3)
        });
        let case = case.filled(sizes, DType::F32, wide()).filled(&[channels], DType::F32, positive());
        cases.push(case.input(&[channels]).gradient_tolerance(sums(64)));
    }
    let case = Case::new("instance_norm", |x| x[0].instance_norm(Some(x[1]), Some(x[2]), 1e-5));
    let case = case.filled(&[2, 3, 5, 7], DType::F32, wide()).filled(&[3], DType::F32, positive());
    cases.push(case.input(&[3]).gradient_tolerance(sums(70)));
    cases.push(Case::new("batch_norm of nothing", |x| x[0].batch_norm(1, None, None, 1e-5).y).input(&[3, 0]));
    cases
        .push(Case::new("group_norm of nothing", |x| x[0].group_norm(2, None, None, 1e-5)).input(&[0, 4, 3]));
    // The gradient of the gradient.
    cases.push(
        Case::many("batch_norm twice", |x| {
            let graph = x[0].graph();
            let y = x[0].batch_norm(1, Some(x[1]), Some(x[1]), 1e-2).y;
            graph.gradients((y * x[0].square()).sum_all(), &[x[0], x[1]])
        })
        .input(&[5, 3])
        .filled(&[3], DType::F32, positive())
        .gradient_tolerance(Tolerance { relative: 1e-4, absolute: 2e-5 }),
    );
    cases
}
