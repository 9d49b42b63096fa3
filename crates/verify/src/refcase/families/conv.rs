//! Convolutions.

use anygrad_graph::{Tensor, ops::Conv};

use super::{channels_first, channels_last};
use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let (x, w) = (|| e.input("x"), || e.input("w"));
    let y = match e.op() {
        "conv1d" => {
            let ([stride], [dilation]) = (e.sizes_of("strides"), e.sizes_of("dilations"));
            with_bias(e, x().conv1d(w(), stride, e.sizes_of("pads"), dilation, e.count("group")))
        }
        "conv2d" if e.text("layout") == "NHWC" => {
            // HWIO to OIHW.
            let w = w().permute(&[3, 2, 0, 1]);
            channels_last(with_bias(e, channels_first(x()).conv2d(w, conv(e))))
        }
        "conv2d" => with_bias(e, x().conv2d(w(), conv(e))),
        "conv2d_transpose" => with_bias(e, x().conv_transpose2d(w(), conv(e), e.sizes_of("output_padding"))),
        _ => return None,
    };
    Some(vec![y])
}

fn conv(e: &Expression<'_>) -> Conv {
    Conv {
        stride: e.sizes_of("strides"),
        padding: padding(e.sizes_of("pads")),
        dilation: e.sizes_of("dilations"),
        groups: e.count("group"),
    }
}

/// From the begin of each axis, then the end of each, to begin and end of each.
pub(crate) fn padding(pads: [usize; 4]) -> [[usize; 2]; 2] {
    [[pads[0], pads[2]], [pads[1], pads[3]]]
}

/// Adds the bias, if there is one, along the axis of the channels, the second.
fn with_bias<'g>(e: &Expression<'g>, y: Tensor<'g>) -> Tensor<'g> {
    let Some(bias) = e.optional("b") else { return y };
    let ones = vec![1; y.shape().rank().saturating_sub(2)];
    y + bias.reshape(&[&[bias.shape().elements()], &ones[..]].concat())
}
