//! Pooling, over windows and over whole images.

use anygrad::graph::{Tensor, ops::Pool};

use super::conv::{padding, pair};
use crate::expression::Expression;

pub fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let x = || e.input("x");
    let y = match e.op() {
        "maxpool2d" => x().max_pool2d(pool(e)),
        "avgpool2d" => x().avg_pool2d(pool(e), e.flag("count_include_pad")),
        "maxpool1d" => {
            let pads = pair(&e.sizes("pads"));
            x().max_pool1d(Pool::new_1d(e.sizes("kernel_shape")[0], e.sizes("strides")[0], pads, 1, false))
        }
        "global_avgpool" => x().mean(&[2, 3], e.flag("keepdims")),
        "global_maxpool" => x().max(&[2, 3], e.flag("keepdims")),
        _ => return None,
    };
    Some(vec![y])
}

fn pool(e: &Expression<'_>) -> Pool {
    Pool {
        stride: pair(&e.sizes("strides")),
        padding: padding(&e.sizes("pads")),
        ceil_mode: e.flag("ceil_mode"),
        ..Pool::new(pair(&e.sizes("kernel_shape")))
    }
}
