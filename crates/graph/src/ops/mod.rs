//! The operators, one file each: formula, the user's methods, the rules, the cases.
//!
//! To add one, write its file and name it twice here.

mod activation;
mod argmax;
mod attention;
mod batch_norm;
mod by_formula;
mod concat;
mod conv;
mod ctc;
mod detach;
mod dropout;
mod gather;
mod layer_norm;
mod local_response_norm;
mod matmul;
mod optimizer;
mod pad;
mod pad_mode;
mod pointwise;
mod pool;
mod recurrent;
mod reduce;
mod resize;
mod reverse_sequence;
mod rotary;
mod rows;
mod scatter;
mod shuffle;
mod slice;
mod softmax;
mod taps;
mod unfold;
mod view;

pub use attention::{Attention, AttentionDropout};
pub use batch_norm::BatchNorm;
pub use conv::Conv;
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
        ctc::cases(),
        detach::cases(),
        dropout::cases(),
        gather::cases(),
        layer_norm::cases(),
        local_response_norm::cases(),
        matmul::cases(),
        optimizer::cases(),
        pad::cases(),
        pad_mode::cases(),
        pointwise::cases(),
        pool::cases(),
        recurrent::cases(),
        reduce::cases(),
        resize::cases(),
        reverse_sequence::cases(),
        rotary::cases(),
        scatter::cases(),
        shuffle::cases(),
        slice::cases(),
        softmax::cases(),
        taps::cases(),
        unfold::cases(),
        view::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
