use anygrad_nn as nn;

use super::{Build, Built, Site, boxed};
use crate::schema::{ABOVE_0, SHARE, SIZE, section};

section! {
    /// Each channel to mean 0 and variance 1 over the batch, and running means for evaluation.
    BatchNorm {
        /// The axis of the channels.
        axis: isize = 1,
        /// How much of the running mean and variance stays each step; PyTorch's momentum is 1 minus this.
        momentum: f64 = 0.99 => SHARE,
        /// What keeps the divisor from 0; PyTorch's is 1e-5.
        eps | epsilon: f64 = 1e-3 => ABOVE_0,
        /// Whether the running variance is that of a sample, as in PyTorch.
        sample_variance: bool = false,
        /// Whether the result is multiplied by a learned scale.
        scale: bool = true,
        /// Whether a learned bias is added.
        bias | center: bool = true,
    }
}

impl Build for BatchNorm {
    fn build(&self, _site: &Site) -> Built {
        let layer = nn::BatchNorm::new().axis(self.axis).momentum(self.momentum).eps(self.eps);
        boxed(layer.sample_variance(self.sample_variance).scale(self.scale).bias(self.bias))
    }
}

section! {
    /// Each row to mean 0 and variance 1 over the last axis, or more of them.
    LayerNorm {
        /// The first of the axes that are normalized together.
        axis: isize = -1,
        /// What keeps the divisor from 0; PyTorch's is 1e-5.
        eps | epsilon: f64 = 1e-3 => ABOVE_0,
        /// Whether the result is multiplied by a learned scale.
        scale: bool = true,
        /// Whether a learned bias is added.
        bias | center: bool = true,
    }
}

impl LayerNorm {
    pub(super) fn layer(&self) -> nn::LayerNorm {
        nn::LayerNorm::new().axis(self.axis).eps(self.eps).scale(self.scale).bias(self.bias)
    }
}

impl Build for LayerNorm {
    fn build(&self, _site: &Site) -> Built {
        boxed(self.layer())
    }
}

section! {
    /// Each row to mean square 1 over the last axis, or more of them.
    RmsNorm {
        /// The first of the axes that are normalized together.
        axis: isize = -1,
        /// What keeps the divisor from 0.
        eps | epsilon: f64 = 1e-6 => ABOVE_0,
        /// Whether the result is multiplied by a learned scale.
        scale: bool = true,
    }
}

impl Build for RmsNorm {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::RmsNorm::new().axis(self.axis).eps(self.eps).scale(self.scale))
    }
}

section! {
    /// Groups of channels of each example to mean 0 and variance 1.
    GroupNorm {
        /// How many groups, a divisor of the channels.
        groups | num_groups: usize => SIZE,
        /// What keeps the divisor from 0; PyTorch's is 1e-5.
        eps | epsilon: f64 = 1e-3 => ABOVE_0,
        /// Whether the result is multiplied by a learned scale.
        scale: bool = true,
        /// Whether a learned bias is added.
        bias | center: bool = true,
    }
}

impl Build for GroupNorm {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::GroupNorm::new(self.groups).eps(self.eps).scale(self.scale).bias(self.bias))
    }
}

section! {
    /// Each channel of each example to mean 0 and variance 1.
    InstanceNorm {
        /// What keeps the divisor from 0.
        eps | epsilon: f64 = 1e-5 => ABOVE_0,
        /// Whether the result is multiplied by a learned scale.
        scale: bool = true,
        /// Whether a learned bias is added.
        bias | center: bool = true,
    }
}

impl Build for InstanceNorm {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::InstanceNorm::new().eps(self.eps).scale(self.scale).bias(self.bias))
    }
}
