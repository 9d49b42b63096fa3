//! Pooling, over windows and over whole images.

use anygrad_graph::{Tensor, ops::Pool};

use super::conv::padding;
use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let x = || e.input("x");
    let y = match e.op() {
        "maxpool2d" => x().max_pool2d(pool(e)),
        "avgpool2d" => x().avg_pool2d(pool(e), e.flag("count_include_pad")),
        "maxpool1d" => {
            let ([size], [stride]) = (e.sizes_of("kernel_shape"), e.sizes_of("strides"));
            x().max_pool1d(Pool::new_1d(size, stride, e.sizes_of("pads"), 1, false))
        }
        "global_avgpool" => of_channels(e, x().global_avg_pool()),
        "global_maxpool" => of_channels(e, x().global_max_pool()),
        _ => return None,
    };
    Some(vec![y])
}

fn pool(e: &Expression<'_>) -> Pool {
    Pool {
        stride: e.sizes_of("strides"),
        padding: padding(e.sizes_of("pads")),
        ceil_mode: e.flag("ceil_mode"),
        ..Pool::new(e.sizes_of("kernel_shape"))
    }
}

/// With axes of one pixel, or without.
fn of_channels<'g>(e: &Expression<'g>, y: Tensor<'g>) -> Tensor<'g> {
    if e.flag("keepdims") { y } else { y.reshape(&y.shape()[..2]) }
}
