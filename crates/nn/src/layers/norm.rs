//! Normalizations. Scale and bias are the parameters `gamma` and `beta`, as in Keras.

use anygrad_core::{Error, Shape};
use anygrad_graph::Tensor;

use crate::{Init, Layer, Scope};

/// y = gamma (x - mean) / sqrt(variance + eps) + beta, per channel of `[n, channels, ...]`
/// (Ioffe, Szegedy 2015).
///
/// Training takes mean and variance from the batch and moves the running ones towards them, evaluation
/// takes the running ones. Keras's defaults: momentum 0.99, eps 1e-3, the variance of a population.
/// See [`BatchNorm::pytorch`] for those of PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm {
    axis: isize,
    momentum: f64,
    eps: f64,
    sample_variance: bool,
    scale: bool,
    bias: bool,
}

/// y = gamma (x - mean) / sqrt(variance + eps) + beta, over the last axis (Ba, Kiros, Hinton 2016), or
/// over more of them.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    axis: isize,
    eps: f64,
    scale: bool,
    bias: bool,
}

/// y = gamma x / sqrt(mean square + eps), over the last axis (Zhang, Sennrich 2019), or over more of them.
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm {
    axis: isize,
    eps: f64,
    scale: bool,
}

/// y = gamma (x - mean) / sqrt(variance + eps) + beta, over groups of neighbouring channels of each
/// example of `[n, channels, ...]` (Wu, He 2018).
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm {
    groups: usize,
    eps: f64,
    scale: bool,
    bias: bool,
}

/// y = gamma (x - mean) / sqrt(variance + eps) + beta, over each channel of each example of
/// `[n, channels, ...]` (Ulyanov, Vedaldi, Lempitsky 2016).
#[derive(Clone, Copy, Debug)]
pub struct InstanceNorm {
    eps: f64,
    scale: bool,
    bias: bool,
}

/// The builder methods that normalizations have in common.
macro_rules! norm_options {
    ($layer:ident) => {
        impl Default for $layer {
            fn default() -> Self {
                $layer::new()
            }
        }
        norm_options!(options $layer);
    };
    (options $layer:ident) => {
        impl $layer {
            /// What keeps the divisor from 0.
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            /// Whether the result is multiplied by a learned `gamma`; yes unless told otherwise.
            pub fn scale(mut self, scale: bool) -> Self {
                self.scale = scale;
                self
            }
        }
    };
    (bias $($layer:ident),*) => {$(
        impl $layer {
            /// Whether a learned `beta` is added; yes unless told otherwise.
            pub fn bias(mut self, bias: bool) -> Self {
                self.bias = bias;
                self
            }
        }
    )*};
    (axis $($layer:ident),*) => {$(
        impl $layer {
            /// The first of the axes that are normalized together; all behind it are, too.
            pub fn axis(mut self, axis: isize) -> Self {
                self.axis = axis;
                self
            }
        }
    )*};
}

norm_options!(BatchNorm);
norm_options!(LayerNorm);
norm_options!(RmsNorm);
norm_options!(InstanceNorm);
norm_options!(options GroupNorm);
norm_options!(bias BatchNorm, LayerNorm, GroupNorm, InstanceNorm);
norm_options!(axis LayerNorm, RmsNorm);

impl BatchNorm {
    /// With Keras's defaults, but for the channels, which are axis 1.
    pub fn new() -> Self {
        BatchNorm { axis: 1, momentum: 0.99, eps: 1e-3, sample_variance: false, scale: true, bias: true }
    }

    /// With PyTorch's defaults: its momentum of 0.1 is one of 0.9 here, eps is 1e-5, and the running
    /// variance is that of a sample.
    pub fn pytorch() -> Self {
        BatchNorm { momentum: 0.9, eps: 1e-5, sample_variance: true, ..BatchNorm::new() }
    }

    /// The axis of the channels, counted from the back when negative: 1 unless told otherwise, -1 in
    /// Keras.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// How much of the running mean and variance stays each step; PyTorch's momentum is 1 minus this.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether the running variance moves towards that of a sample, n / (n - 1) times the batch's, as in
    /// PyTorch; no unless told otherwise.
    pub fn sample_variance(mut self, sample_variance: bool) -> Self {
        self.sample_variance = sample_variance;
        self
    }
}

impl LayerNorm {
    /// Over the last axis, with Keras's eps of 1e-3; PyTorch's is 1e-5.
    pub fn new() -> Self {
        LayerNorm { axis: -1, eps: 1e-3, scale: true, bias: true }
    }
}

impl RmsNorm {
    /// Over the last axis, with Keras's eps of 1e-6.
    pub fn new() -> Self {
        RmsNorm { axis: -1, eps: 1e-6, scale: true }
    }
}

impl GroupNorm {
    /// With so many groups, a divisor of the channels, and Keras's eps of 1e-3; PyTorch's is 1e-5.
    pub fn new(groups: usize) -> Self {
        GroupNorm { groups, eps: 1e-3, scale: true, bias: true }
    }
}

impl InstanceNorm {
    /// With PyTorch's eps of 1e-5. PyTorch has neither scale nor bias unless told otherwise.
    pub fn new() -> Self {
        InstanceNorm { eps: 1e-5, scale: true, bias: true }
    }
}

/// Scale and bias, where they are wanted.
fn weights<'g>(scope: &mut Scope<'g>, sizes: &[usize], [scale, bias]: [bool; 2]) -> [Option<Tensor<'g>>; 2] {
    let scale = scale.then(|| scope.parameter("gamma", sizes, Init::Ones));
    [scale, bias.then(|| scope.parameter("beta", sizes, Init::Zeros))]
}

/// An axis of `[n, ...]` that is not the batch.
fn axis_of<'g>(scope: &Scope<'g>, x: Tensor<'g>, axis: isize) -> Result<usize, Tensor<'g>> {
    let shape = x.shape();
    match shape.axis(axis) {
        _ if x.is_poison() => Err(x),
        Ok(axis) if axis > 0 => Ok(axis),
        Ok(_) => Err(scope.fail(Error::shape(format!("axis {axis} of {shape} is the batch")))),
        Err(error) => Err(scope.fail(error)),
    }
}

/// The number of channels of `[n, channels, ...]`.
fn channels<'g>(scope: &Scope<'g>, x: Tensor<'g>) -> Result<usize, Tensor<'g>> {
    axis_of(scope, x, 1).map(|axis| x.shape()[axis])
}

impl Layer for BatchNorm {
    fn name(&self) -> String {
        "batch_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let axis = match axis_of(scope, x, self.axis) {
            Ok(axis) => axis,
            Err(mistake) => return mistake,
        };
        let channels = x.shape()[axis];
        let [gamma, beta] = weights(scope, &[channels], [self.scale, self.bias]);
        let moving_mean = scope.fixed("moving_mean", &[channels], Init::Zeros);
        let moving_variance = scope.fixed("moving_variance", &[channels], Init::Ones);
        if !scope.training() {
            return x.batch_norm_inference(self.axis, [moving_mean, moving_variance], gamma, beta, self.eps);
        }
        let batch = x.batch_norm(self.axis, gamma, beta, self.eps);
        let moved = |from: Tensor<'g>, to: Tensor<'g>| {
            scope.graph().update(from, from * self.momentum + to.detach() * (1.0 - self.momentum));
        };
        moved(moving_mean, batch.mean);
        let count = x.shape().elements() as f64 / channels.max(1) as f64;
        // A single element has no variance of a sample.
        let widened = if self.sample_variance { count / (count - 1.0).max(1.0) } else { 1.0 };
        moved(moving_variance, if widened == 1.0 { batch.variance } else { batch.variance * widened });
        batch.y
    }
}

impl Layer for LayerNorm {
    fn name(&self) -> String {
        "layer_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let sizes: Shape = x.shape();
        match axis_of(scope, x, self.axis) {
            Ok(axis) => {
                let [gamma, beta] = weights(scope, &sizes[axis..], [self.scale, self.bias]);
                x.layer_norm(self.axis, gamma, beta, self.eps)
            }
            Err(mistake) => mistake,
        }
    }
}

impl Layer for RmsNorm {
    fn name(&self) -> String {
        "rms_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let sizes: Shape = x.shape();
        match axis_of(scope, x, self.axis) {
            Ok(axis) => {
                let [gamma, _] = weights(scope, &sizes[axis..], [self.scale, false]);
                x.rms_norm(self.axis, gamma, self.eps)
            }
            Err(mistake) => mistake,
        }
    }
}

impl Layer for GroupNorm {
    fn name(&self) -> String {
        "group_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        match channels(scope, x) {
            Ok(channels) => {
                let [gamma, beta] = weights(scope, &[channels], [self.scale, self.bias]);
                x.group_norm(self.groups, gamma, beta, self.eps)
            }
            Err(mistake) => mistake,
        }
    }
}

impl Layer for InstanceNorm {
    fn name(&self) -> String {
        "instance_norm".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        match channels(scope, x) {
            Ok(channels) => {
                let [gamma, beta] = weights(scope, &[channels], [self.scale, self.bias]);
                x.instance_norm(gamma, beta, self.eps)
            }
            Err(mistake) => mistake,
        }
    }
}
