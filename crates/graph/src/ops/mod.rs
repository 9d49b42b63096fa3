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
mod concat;
mod conv;
mod detach;
mod diagonal;
mod dropout;
mod einsum;
mod gather;
mod half;
mod index;
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

pub use conv::Conv;
pub(crate) use half::{convert, promote};
pub use index::ScatterReduction;
pub use optimizer::{Adagrad, Adam, Convention, RmsProp, Sgd, UpdateRule, WeightDecay};
pub use pad_mode::PadMode;
pub use pool::{IndexBase, Pool};
pub use recurrent::{Activation, LstmOutput, Recurrent, RecurrentCell, RecurrentOutput};
pub use resize::{Coordinates, Interpolation, Resize, Rounding};
pub use shuffle::BlockOrder;

use crate::Case;

/// The cases of every operator: what gradient check, conformance tests and `verify` run.
pub fn cases() -> Vec<Case> {
    [
        activation::cases(),
        argmax::cases(),
        concat::cases(),
        conv::cases(),
        detach::cases(),
        diagonal::cases(),
        dropout::cases(),
        einsum::cases(),
        gather::cases(),
        half::cases(),
        index::cases(),
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
