use anygrad_core::{Caps, DType, Error, Result};
use anygrad_shaders::{self as shaders, Kernel};

use super::window::Windows;
use crate::{Dispatch, Kernels, Lowering, Meta, Operand, workgroups};

/// Invocations in a workgroup of the pooling kernels.
const GROUP: usize = 64;

fn pair(sizes: [usize; 2]) -> [u32; 2] {
    sizes.map(|size| size as u32)
}

/// The parameters that all pooling kernels share, by the generated struct of one of them.
macro_rules! params {
    ($params:ident, $windows:expr) => {{
        let pool = &$windows.pool;
        shaders::$params {
            in_size: pair($windows.input),
            out_size: pair($windows.output),
            kernel: pair(pool.kernel),
            stride: pair(pool.stride),
            dilation: pair(pool.dilation),
            before: pair(pool.padding.map(|[before, _]| before)),
            after: pair(pool.padding.map(|[_, after]| after)),
            planes: ($windows.batch * $windows.channels) as u32,
        }
        .bytes()
    }};
}

/// # Errors
/// A window has more elements than one invocation can go through, or a pixel more windows.
fn check(windows: &Windows, caps: &Caps) -> Result<()> {
    let pool = &windows.pool;
    let covering = |axis: usize| {
        let span = (pool.kernel[axis] - 1).saturating_mul(pool.dilation[axis]);
        (span / pool.stride[axis] + 1).min(windows.output[axis])
    };
    for [rows, columns] in [pool.kernel, [covering(0), covering(1)]] {
        // Both loops count.
        if rows.saturating_mul(columns + 1) > caps.max_iterations as usize {
            return Err(Error::unsupported(format!(
                "{rows} x {columns} elements to go through exceed the {} loop iterations of {caps}",
                caps.max_iterations
            )));
        }
    }
    Ok(())
}

fn outputs(windows: &Windows) -> usize {
    windows.batch * windows.channels * windows.output[0] * windows.output[1]
}

fn inputs(windows: &Windows) -> usize {
    windows.batch * windows.channels * windows.input[0] * windows.input[1]
}

fn dispatch(
    kernel: &'static Kernel,
    params: Vec<u8>,
    bindings: Vec<Operand>,
    overrides: Vec<(&'static str, f64)>,
    invocations: usize,
) -> Dispatch {
    Dispatch { kernel, overrides, params, bindings, workgroups: workgroups(invocations.div_ceil(GROUP)) }
}

/// y = the largest element of x.
pub(super) fn max(windows: &Windows, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    let bindings = vec![Operand::Input(0), Operand::Input(0), Operand::Output(0)];
    let params = params!(MaxPoolParams, windows);
    Ok(Kernels::one(dispatch(&shaders::MAX_POOL, params, bindings, vec![("SELECT", 0.0)], outputs(windows))))
}

/// y = the element of z where the largest of x stands.
pub(super) fn max_select(windows: &Windows, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    let bindings = vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)];
    let params = params!(MaxPoolParams, windows);
    Ok(Kernels::one(dispatch(&shaders::MAX_POOL, params, bindings, vec![("SELECT", 1.0)], outputs(windows))))
}

/// The winners of all windows first; then each pixel of x asks the windows that cover it.
pub(super) fn max_gradient(windows: &Windows, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    let winners = Meta { shape: windows.output()?.shape, dtype: DType::U32 };
    Ok(Lowering::Kernels(Kernels {
        scratch: vec![winners],
        dispatches: vec![
            dispatch(
                &shaders::MAX_POOL_WINNER,
                params!(MaxPoolWinnerParams, windows),
                vec![Operand::Input(0), Operand::Scratch(0)],
                Vec::new(),
                outputs(windows),
            ),
            dispatch(
                &shaders::MAX_POOL_GRAD,
                params!(MaxPoolGradParams, windows),
                vec![Operand::Scratch(0), Operand::Input(1), Operand::Output(0)],
                Vec::new(),
                inputs(windows),
            ),
        ],
    }))
}

/// y = the mean of x.
pub(super) fn average(windows: &Windows, count_include_pad: bool, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    Ok(Kernels::one(dispatch(
        &shaders::AVG_POOL,
        params!(AvgPoolParams, windows),
        vec![Operand::Input(0), Operand::Output(0)],
        vec![("INCLUDE_PADDING", f64::from(u8::from(count_include_pad)))],
        outputs(windows),
    )))
}

/// dx = the sum of dy / count over the windows that cover a pixel.
pub(super) fn average_gradient(windows: &Windows, count_include_pad: bool, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    Ok(Kernels::one(dispatch(
        &shaders::AVG_POOL_GRAD,
        params!(AvgPoolGradParams, windows),
        vec![Operand::Input(0), Operand::Output(0)],
        vec![("INCLUDE_PADDING", f64::from(u8::from(count_include_pad)))],
        inputs(windows),
    )))
}
