//! Convolutions.

use anygrad::graph::{Tensor, ops::Conv};

use super::{channels_first, channels_last};
use crate::expression::Expression;

pub fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let (x, w) = (|| e.input("x"), || e.input("w"));
    let y = match e.op() {
        "conv1d" => {
            let (stride, pads, dilation) = (e.sizes("strides"), e.sizes("pads"), e.sizes("dilations"));
            let groups = e.integer("group") as usize;
            with_bias(e, x().conv1d(w(), stride[0], [pads[0], pads[1]], dilation[0], groups))
        }
        "conv2d" if e.text("layout") == "NHWC" => {
            // HWIO to OIHW.
            let w = w().permute(&[3, 2, 0, 1]);
            channels_last(with_bias(e, channels_first(x()).conv2d(w, conv(e))))
        }
        "conv2d" => with_bias(e, x().conv2d(w(), conv(e))),
        "conv2d_transpose" => {
            with_bias(e, x().conv_transpose2d(w(), conv(e), pair(&e.sizes("output_padding"))))
        }
        _ => return None,
    };
    Some(vec![y])
}

fn conv(e: &Expression<'_>) -> Conv {
    Conv {
        stride: pair(&e.sizes("strides")),
        padding: padding(&e.sizes("pads")),
        dilation: pair(&e.sizes("dilations")),
        groups: e.integer("group") as usize,
    }
}

pub fn pair(sizes: &[usize]) -> [usize; 2] {
    [sizes[0], sizes[1]]
}

/// From the begin of each axis, then the end of each, to begin and end of each.
pub fn padding(pads: &[usize]) -> [[usize; 2]; 2] {
    [[pads[0], pads[2]], [pads[1], pads[3]]]
}

/// Adds the bias, if there is one, along the axis of the channels, the second.
fn with_bias<'g>(e: &Expression<'g>, y: Tensor<'g>) -> Tensor<'g> {
    let Some(bias) = e.optional("b") else { return y };
    let mut sizes = vec![1; y.shape().rank()];
    sizes[1] = bias.shape()[0];
    y + bias.reshape(&sizes)
}
