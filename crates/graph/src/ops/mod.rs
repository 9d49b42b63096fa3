//! The operators, one file each: formula, the user's methods, the rules, the cases.
//!
//! To add one, write its file and name it twice here.
//!
//! Operators compute in `f32`. One that is given 16-bit floats (`f16`, `bf16`) reads them as `f32`, and
//! its result is rounded to the nearest number of their dtype. Where floats of several dtypes meet,
//! the result is `f32`; a number beside a tensor takes its dtype. Gradients have the dtype of the
//! value. `half.rs` holds the conversions, which fuse with what stands before and behind them.

mod activation;
mod argmax;
mod attention;
mod batch_norm;
mod by_formula;
mod concat;
mod conv;
mod cross_entropy;
mod ctc;
mod detach;
mod diagonal;
mod dropout;
mod einsum;
mod gather;
mod half;
mod index;
mod itself;
mod layer_norm;
mod local_response_norm;
mod matmul;
mod optimizer;
mod pad;
mod pad_mode;
mod places;
mod pointwise;
mod pool;
mod range;
mod recurrent;
mod reduce;
mod resize;
mod reverse_sequence;
mod rotary;
mod rows;
mod scan;
mod scatter;
mod scatter_reduce;
mod shuffle;
mod slice;
mod softmax;
mod sort;
mod statistics;
mod taps;
mod unfold;
mod view;

pub use attention::{Attention, AttentionDropout};
pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use cross_entropy::{ClassLosses, CrossEntropy};
pub(crate) use half::{convert, promote};
pub use index::ScatterReduction;
pub use optimizer::{
    Adadelta, Adagrad, Adam, Adamax, Convention, Lion, Nadam, RmsProp, Sgd, UpdateRule, WeightDecay,
};
pub use pad_mode::PadMode;
pub use pool::{IndexBase, Pool};
pub use recurrent::{Activation, LstmOutput, Recurrent, RecurrentCell, RecurrentOutput};
pub use resize::{Coordinates, Interpolation, Resize, Rounding};
pub use rotary::Rotary;
pub use shuffle::BlockOrder;

use crate::Case;

/// The cases of every operator: what gradient check, conformance tests and `verify` run.
pub fn cases() -> Vec<Case> {
    [
        activation::cases(),
        argmax::cases(),
        attention::cases(),
        batch_norm::cases(),
        concat::cases(),
        conv::cases(),
        cross_entropy::cases(),
        ctc::cases(),
        detach::cases(),
        diagonal::cases(),
        dropout::cases(),
        einsum::cases(),
        gather::cases(),
        half::cases(),
        index::cases(),
        layer_norm::cases(),
        local_response_norm::cases(),
        matmul::cases(),
        optimizer::cases(),
        pad::cases(),
        pad_mode::cases(),
        places::cases(),
        pointwise::cases(),
        pool::cases(),
        range::cases(),
        recurrent::cases(),
        reduce::cases(),
        resize::cases(),
        reverse_sequence::cases(),
        rotary::cases(),
        scan::cases(),
        scatter::cases(),
        scatter_reduce::cases(),
        shuffle::cases(),
        slice::cases(),
        softmax::cases(),
        sort::cases(),
        statistics::cases(),
        taps::cases(),
        unfold::cases(),
        view::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
