//! The expressions, one file per family of operators. A family gives the outputs in the order of the
//! manifest, and None for an operator that it does not know.

mod attention;
mod clip;
mod conv;
mod loss;
mod matmul;
mod norm;
mod pointwise;
mod pool;
mod recurrent;
mod reduce;
mod shape;

use anygrad_graph::Tensor;

use crate::refcase::expression::Expression;

type Family = for<'g> fn(&Expression<'g>) -> Option<Vec<Tensor<'g>>>;

pub(crate) const ALL: &[Family] = &[
    attention::build,
    clip::build,
    conv::build,
    loss::build,
    matmul::build,
    norm::build,
    pointwise::build,
    pool::build,
    recurrent::build,
    reduce::build,
    shape::build,
];

/// From `[n, h, w, c]` to `[n, c, h, w]`.
pub(crate) fn channels_first(x: Tensor<'_>) -> Tensor<'_> {
    x.permute(&[0, 3, 1, 2])
}

/// From `[n, c, h, w]` to `[n, h, w, c]`.
pub(crate) fn channels_last(x: Tensor<'_>) -> Tensor<'_> {
    x.permute(&[0, 2, 3, 1])
}
