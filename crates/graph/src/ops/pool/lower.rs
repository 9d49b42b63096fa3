use anygrad_core::{Caps, DType, Error, Result};
use anygrad_shaders::{self as shaders, Kernel};

use super::window::Windows;
use super::{Divisor, IndexBase};
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

/// The kernel that finds the largest elements.
fn largest(windows: &Windows) -> &'static Kernel {
    if side_by_side(windows) { &shaders::MAX_POOL_2 } else { &shaders::MAX_POOL }
}

/// Whether all windows are 2 x 2, touch, and hold no padding: the common case, without loops.
pub(super) fn side_by_side(windows: &Windows) -> bool {
    let pool = &windows.pool;
    (pool.kernel, pool.stride, pool.dilation) == ([2; 2], [2; 2], [1; 2])
        && pool.padding.map(|[before, _]| before) == [0; 2]
        && (0..2).all(|axis| 2 * windows.output[axis] <= windows.input[axis])
}

/// Whether such windows leave out no row and no column.
fn covers(windows: &Windows) -> bool {
    side_by_side(windows) && (0..2).all(|axis| 2 * windows.output[axis] == windows.input[axis])
}

/// A kernel for windows that cover the image, over `count` results in groups of four.
fn even(windows: &Windows, kernel: &'static Kernel, bindings: Vec<Operand>, count: usize) -> Lowering {
    let groups = count.div_ceil(4);
    Kernels::one(Dispatch {
        kernel,
        overrides: vec![("COLUMNS", windows.output[1] as f64)],
        params: shaders::MaxPoolEvenParams { groups: groups as u32 }.bytes(),
        bindings,
        workgroups: workgroups(groups.div_ceil(GROUP)),
    })
}

fn outputs(windows: &Windows) -> usize {
    windows.batch * windows.channels * windows.output[0] * windows.output[1]
}

fn inputs(windows: &Windows) -> usize {
    windows.batch * windows.channels * windows.input[0] * windows.input[1]
}

fn dispatch(
    windows: &Windows,
    kernel: &'static Kernel,
    params: Vec<u8>,
    bindings: Vec<Operand>,
    mut overrides: Vec<(&'static str, f64)>,
    invocations: usize,
) -> Dispatch {
    let ([stride_y, stride_x], [dilation_y, dilation_x]) = (windows.pool.stride, windows.pool.dilation);
    overrides.extend([
        ("STRIDE_Y", stride_y as f64),
        ("STRIDE_X", stride_x as f64),
        ("DILATION_Y", dilation_y as f64),
        ("DILATION_X", dilation_x as f64),
    ]);
    Dispatch { kernel, overrides, params, bindings, workgroups: workgroups(invocations.div_ceil(GROUP)) }
}

/// y = the largest element of x.
pub(super) fn max(windows: &Windows, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    if covers(windows) {
        let bindings = vec![Operand::Input(0), Operand::Output(0)];
        return Ok(even(windows, &shaders::MAX_POOL_EVEN, bindings, outputs(windows)));
    }
    let bindings = vec![Operand::Input(0), Operand::Input(0), Operand::Output(0)];
    let params = params!(MaxPoolParams, windows);
    Ok(Kernels::one(dispatch(
        windows,
        largest(windows),
        params,
        bindings,
        vec![("SELECT", 0.0)],
        outputs(windows),
    )))
}

/// y = the element of z where the largest of x stands.
pub(super) fn max_select(windows: &Windows, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    let bindings = vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)];
    let params = params!(MaxPoolParams, windows);
    Ok(Kernels::one(dispatch(
        windows,
        largest(windows),
        params,
        bindings,
        vec![("SELECT", 1.0)],
        outputs(windows),
    )))
}

/// The winners of all windows first; then each pixel of x asks the windows that cover it.
pub(super) fn max_gradient(windows: &Windows, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    if covers(windows) {
        let bindings = vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)];
        return Ok(even(windows, &shaders::MAX_POOL_GRAD_EVEN, bindings, inputs(windows)));
    }
    if side_by_side(windows) {
        let windows_and_rest = windows.input.map(|size| size.div_ceil(2)).iter().product::<usize>();
        return Ok(Kernels::one(dispatch(
            windows,
            &shaders::MAX_POOL_GRAD_2,
            params!(MaxPoolGrad2Params, windows),
            vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            Vec::new(),
            windows.batch * windows.channels * windows_and_rest,
        )));
    }
    let winners = Meta { shape: windows.output()?.shape, dtype: DType::U32 };
    Ok(Lowering::Kernels(Kernels {
        scratch: vec![winners],
        dispatches: vec![
            find_winners(windows, Operand::Scratch(0), IndexBase::Tensor),
            dispatch(
                windows,
                &shaders::MAX_POOL_GRAD,
                params!(MaxPoolGradParams, windows),
                vec![Operand::Scratch(0), Operand::Input(1), Operand::Output(0)],
                Vec::new(),
                inputs(windows),
            ),
        ],
    }))
}

/// Where the largest element of x stands.
pub(super) fn max_indices(windows: &Windows, base: IndexBase, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    Ok(Kernels::one(find_winners(windows, Operand::Output(0), base)))
}

fn find_winners(windows: &Windows, to: Operand, base: IndexBase) -> Dispatch {
    dispatch(
        windows,
        &shaders::MAX_POOL_WINNER,
        params!(MaxPoolWinnerParams, windows),
        vec![Operand::Input(0), to],
        vec![("IN_PLANE", f64::from(u8::from(base == IndexBase::Channel)))],
        outputs(windows),
    )
}

fn divided_by(divisor: Divisor) -> Vec<(&'static str, f64)> {
    let flag = |is: bool| f64::from(u8::from(is));
    vec![("INCLUDE_PADDING", flag(divisor == Divisor::Padded)), ("SUM", flag(divisor == Divisor::One))]
}

/// y = the mean of x.
pub(super) fn average(windows: &Windows, divisor: Divisor, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    Ok(Kernels::one(dispatch(
        windows,
        &shaders::AVG_POOL,
        params!(AvgPoolParams, windows),
        vec![Operand::Input(0), Operand::Output(0)],
        divided_by(divisor),
        outputs(windows),
    )))
}

/// dx = the sum of dy / count over the windows that cover a pixel.
pub(super) fn average_gradient(windows: &Windows, divisor: Divisor, caps: &Caps) -> Result<Lowering> {
    check(windows, caps)?;
    Ok(Kernels::one(dispatch(
        windows,
        &shaders::AVG_POOL_GRAD,
        params!(AvgPoolGradParams, windows),
        vec![Operand::Input(0), Operand::Output(0)],
        divided_by(divisor),
        inputs(windows),
    )))
}
