use anygrad_graph::Tensor;

/// A limit for gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Every element between minus this and this.
    Value(f64),
    /// Every gradient tensor g of Euclidean length |g| to at most this length: g c / max(|g|, c).
    Norm(f64),
    /// All gradients together to at most this length, as if they were one vector.
    GlobalNorm(f64),
}

impl Clip {
    /// The gradients within the limit, in the same order.
    #[track_caller]
    pub fn apply<'g>(&self, gradients: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let within = |g: Tensor<'g>, norm: Tensor<'g>, limit: f64| g * (limit / norm.maximum(limit));
        match *self {
            Clip::Value(limit) => gradients.iter().map(|g| g.clip(-limit, limit)).collect(),
            Clip::Norm(limit) => {
                gradients.iter().map(|&g| within(g, g.square().sum_all().sqrt(), limit)).collect()
            }
            Clip::GlobalNorm(limit) => {
                let squares = gradients.iter().map(|g| g.square().sum_all());
                match squares.reduce(|sum, square| sum + square) {
                    Some(sum) => gradients.iter().map(|&g| within(g, sum.sqrt(), limit)).collect(),
                    None => Vec::new(),
                }
            }
        }
    }
}
