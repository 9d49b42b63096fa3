//! Losses that compare predictions with each other.

use anygrad_graph::Tensor;

/// max(-y (a - b) + margin, 0): a is to be above b by the margin where y is 1, below it where y is -1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarginRanking {
    /// By how much; 0 unless told otherwise.
    pub margin: f64,
}

impl MarginRanking {
    /// The losses, element by element; all three broadcast. [`Reduction`](super::Reduction) makes one
    /// number of them.
    #[track_caller]
    pub fn losses<'g>(&self, a: Tensor<'g>, b: Tensor<'g>, y: Tensor<'g>) -> Tensor<'g> {
        (self.margin - y * (a - b)).relu()
    }
}

/// max(d(anchor, positive) - d(anchor, negative) + margin, 0) with d the distance along the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMargin {
    /// By how much the negative is to be farther away than the positive.
    pub margin: f64,
    /// The distance is the p-norm of the difference, 1e-6 being added to each element of that, as PyTorch
    /// does to keep the gradient finite.
    pub p: f64,
    /// Whether the distance between positive and negative counts instead where it is smaller than that
    /// between anchor and negative (Balntas, Riba, Ponsa and Mikolajczyk, 2016).
    pub swap: bool,
}

impl Default for TripletMargin {
    /// A margin of 1 in Euclidean distance.
    fn default() -> Self {
        TripletMargin { margin: 1.0, p: 2.0, swap: false }
    }
}

impl TripletMargin {
    /// The losses `[n, ...]` of vectors `[n, ..., k]`. [`Reduction`](super::Reduction) makes one number of
    /// them.
    #[track_caller]
    pub fn losses<'g>(&self, anchor: Tensor<'g>, positive: Tensor<'g>, negative: Tensor<'g>) -> Tensor<'g> {
        let near = self.distance(anchor, positive);
        let mut far = self.distance(anchor, negative);
        if self.swap {
            far = far.minimum(self.distance(positive, negative));
        }
        (near - far + self.margin).relu()
    }

    #[track_caller]
    fn distance<'g>(&self, a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
        let difference = a - b + 1e-6;
        match self.p {
            1.0 => difference.abs().sum(&[-1], false),
            2.0 => difference.square().sum(&[-1], false).sqrt(),
            p => difference.abs().pow(p).sum(&[-1], false).pow(1.0 / p),
        }
    }
}
