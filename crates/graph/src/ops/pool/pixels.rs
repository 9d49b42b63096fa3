//! Windows of 2 x 2 side by side in images with channels last: what convolutions on software adapters
//! leave, and whole vec4s whatever the width of the image is.

use anygrad_shaders::{self as shaders, Kernel, MaxPoolGradPixelsParams};

use super::lower::side_by_side;
use super::window::Windows;
use crate::{Arrangement, Dispatch, Kernels, Layout, Lowering, Meta, Operand, workgroups};

/// The operands as x stands, with channels last or row-major.
pub(super) fn arrange(windows: Option<Windows>, x: &[Layout], y: &[Meta]) -> Arrangement {
    let fits = |windows: Windows| side_by_side(&windows) && windows.channels.is_multiple_of(4);
    if !x[0].is_channels_last() || !windows.is_some_and(fits) {
        return Arrangement::row_major(x, y);
    }
    Arrangement {
        inputs: x.iter().map(|layout| Layout::channels_last(layout.meta)).collect(),
        outputs: y.iter().map(|meta| Layout::channels_last(*meta)).collect(),
    }
}

fn dispatch(
    windows: &Windows,
    kernel: &'static Kernel,
    [rows, columns]: [usize; 2],
    bindings: Vec<Operand>,
) -> Lowering {
    let channels = windows.channels / 4;
    let pair = |sizes: [usize; 2]| sizes.map(|size| size as u32);
    Kernels::one(Dispatch {
        kernel,
        overrides: vec![("CHANNELS", channels as f64), ("ROWS", rows as f64), ("COLUMNS", columns as f64)],
        params: MaxPoolGradPixelsParams {
            in_size: pair(windows.input),
            out_size: pair(windows.output),
            images: windows.batch as u32,
        }
        .bytes(),
        bindings,
        workgroups: workgroups((windows.batch * rows * columns * channels).div_ceil(64)),
    })
}

/// y = the largest element of x.
pub(super) fn max(windows: &Windows) -> Lowering {
    let bindings = vec![Operand::Input(0), Operand::Output(0)];
    dispatch(windows, &shaders::MAX_POOL_PIXELS, windows.output, bindings)
}

/// dx from x and dy.
pub(super) fn max_gradient(windows: &Windows) -> Lowering {
    let windows_and_rest = windows.input.map(|size| size.div_ceil(2));
    let bindings = vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)];
    dispatch(windows, &shaders::MAX_POOL_GRAD_PIXELS, windows_and_rest, bindings)
}
