use anygrad_core::{Caps, Error, Result, Shape};
use anygrad_shaders::{self as shaders, ConvDirectParams, ConvDirectWeightParams, ReduceParams};

use super::geometry::Geometry;
use super::rows;
use crate::ops::reduce::Reduction;
use crate::{Dispatch, Kernels, Lowering, Meta, Operand, workgroups};

/// Pixels, or columns of the weight, that one invocation of the direct kernels makes.
const PER_INVOCATION: usize = 4;

/// Workgroups that keep an adapter busy; below, the sum is cut into parts.
const BUSY: usize = 512;

/// Terms under which a part of a sum is not worth its dispatch.
const MIN_TERMS: usize = 256;

/// Parts of a sum that one invocation of the reduction adds up.
const MAX_PARTS: usize = 1024;

/// How a sum over `rows` rows of `row_terms` terms each is cut, when `busy` workgroups keep the adapter
/// busy and there are `blocks` per part: `(parts, rows per part)`.
///
/// # Errors
/// The parts would exceed the adapter's loop limit.
pub(super) fn cut(
    rows: usize,
    row_terms: usize,
    blocks: usize,
    busy: usize,
    caps: &Caps,
) -> Result<(usize, usize)> {
    // Both loops count: one iteration per row and one per term.
    let max_rows = caps.max_iterations as usize / (row_terms + 1);
    let wanted = busy.div_ceil(blocks.max(1)).min((rows * row_terms).div_ceil(MIN_TERMS)).max(1);
    let parts = wanted.max(rows.div_ceil(max_rows.max(1))).clamp(1, MAX_PARTS);
    let rows_per_part = rows.div_ceil(parts).max(1);
    if rows_per_part > max_rows {
        return Err(Error::unsupported(format!(
            "a sum of {rows} x {row_terms} terms in {parts} parts exceeds the {} loop iterations of {caps}",
            caps.max_iterations
        )));
    }
    Ok((rows.div_ceil(rows_per_part).max(1), rows_per_part))
}

/// Adds up the parts that the dispatches so far leave in the next scratch buffer, in a fixed order.
///
/// # Errors
/// Too many elements to address.
pub(super) fn add_parts(kernels: &mut Kernels, parts: usize, outputs: usize) -> Result<()> {
    let scratch = Operand::Scratch(kernels.scratch.len());
    kernels.scratch.push(Meta::f32(Shape::new(&[parts, outputs])?));
    kernels.dispatches.push(Dispatch {
        kernel: &shaders::REDUCE,
        overrides: vec![("KIND", 0.0)],
        params: ReduceParams {
            outputs: outputs as u32,
            middle: parts as u32,
            inner: outputs as u32,
            parts: 1,
            terms: parts as u32,
        }
        .bytes(),
        bindings: vec![scratch, Operand::Output(0)],
        workgroups: workgroups(outputs.div_ceil(64)),
    });
    Ok(())
}

/// Invocations in a workgroup of a direct kernel that makes `places` pixels or columns, and whether
/// they are one subgroup that shares its loads.
fn direct_group(places: usize, caps: &Caps) -> (usize, bool) {
    if caps.is_cpu() && caps.fixed_subgroup() == Some(8) {
        return (8, true);
    }
    // Enough for the widest subgroup of a GPU; small images and kernels leave none idle.
    (places.div_ceil(PER_INVOCATION).next_power_of_two().clamp(8, 64), false)
}

/// Height and width.
pub(super) fn flat([_, height, width]: [usize; 3]) -> [usize; 2] {
    [height, width]
}

/// Height and width, as kernels take them.
pub(super) fn pair(sizes: [usize; 3]) -> [u32; 2] {
    flat(sizes).map(|size| size as u32)
}

pub(super) fn forward(conv: &Geometry, caps: &Caps) -> Result<Lowering> {
    if rows::fits(conv, caps) && conv.out_channels > 1 && conv.in_channels > 0 {
        return rows::image(conv, false);
    }
    image(conv, false, caps)
}

pub(super) fn input_gradient(conv: &Geometry, caps: &Caps) -> Result<Lowering> {
    // One channel out of sixteen would be worth its work.
    if rows::fits(conv, caps) && conv.in_channels > 1 {
        return rows::image(conv, true);
    }
    image(conv, true, caps)
}

/// The direct kernel that makes y from x, or dx from dy.
fn image(conv: &Geometry, input_gradient: bool, caps: &Caps) -> Result<Lowering> {
    let taps: usize = conv.kernel.iter().product();
    let forward = (conv.in_channels, conv.out_channels, conv.input, conv.output);
    let (depth, channels, from_size, to_size) =
        if input_gradient { (forward.1, forward.0, forward.3, forward.2) } else { forward };
    let (out_step, in_step) = (conv.in_channels * taps, taps);
    let (a_channel, a_depth) = if input_gradient { (in_step, out_step) } else { (out_step, in_step) };
    let pixels = conv.batch * to_size.iter().product::<usize>();
    let (group, shuffle) = direct_group(pixels, caps);
    let kernel = if channels < 3 {
        &shaders::CONV_DIRECT_DEPTHWISE
    } else if shuffle {
        &shaders::CONV_DIRECT_SHUFFLE
    } else {
        &shaders::CONV_DIRECT
    };
    let channel_blocks = channels.div_ceil(if channels < 3 { 1 } else { 8 });
    let pixel_blocks = pixels.div_ceil(group * PER_INVOCATION);
    let blocks = conv.groups * channel_blocks * pixel_blocks;
    let (parts, rows_per_part) =
        cut(depth * conv.kernel[0] * conv.kernel[1], conv.kernel[2], blocks, BUSY, caps)?;
    let outputs = pixels * conv.groups * channels;
    let mut kernels = Kernels::default();
    kernels.dispatches.push(Dispatch {
        kernel,
        overrides: vec![
            ("GROUP", group as f64),
            ("INPUT_GRADIENT", f64::from(u8::from(input_gradient))),
            ("SOLID", f64::from(u8::from(!conv.is_flat()))),
            ("STRIDE_Z", conv.stride[0] as f64),
            ("STRIDE_Y", conv.stride[1] as f64),
            ("STRIDE_X", conv.stride[2] as f64),
        ],
        params: ConvDirectParams {
            from_size: pair(from_size),
            to_size: pair(to_size),
            kernel: pair(conv.kernel),
            dilation: pair(conv.dilation),
            before: pair(conv.before),
            groups: conv.groups as u32,
            channels: channels as u32,
            depth: depth as u32,
            pixels: pixels as u32,
            channel_blocks: channel_blocks as u32,
            pixel_blocks: pixel_blocks as u32,
            parts: parts as u32,
            rows_per_part: rows_per_part as u32,
            a_group: (conv.out_channels * out_step) as u32,
            a_channel: a_channel as u32,
            a_depth: a_depth as u32,
            from_planes: from_size[0] as u32,
            to_planes: to_size[0] as u32,
            kernel_planes: conv.kernel[0] as u32,
            dilation_z: conv.dilation[0] as u32,
            before_z: conv.before[0] as u32,
        }
        .bytes(),
        bindings: vec![
            Operand::Input(1),
            Operand::Input(0),
            if parts > 1 { Operand::Scratch(0) } else { Operand::Output(0) },
        ],
        workgroups: workgroups(blocks * parts),
    });
    if parts > 1 {
        add_parts(&mut kernels, parts, outputs)?;
    }
    Ok(Lowering::Kernels(kernels))
}

/// dw, and the sums of dy over each channel by reductions of their own.
pub(super) fn weight_and_bias_gradient(conv: &Geometry, bias: bool, caps: &Caps) -> Result<Lowering> {
    let mut lowering = weight_gradient(conv, caps)?;
    if let (true, Lowering::Kernels(kernels)) = (bias, &mut lowering) {
        let channels = conv.groups * conv.out_channels;
        let images = Operand::Scratch(kernels.scratch.len());
        kernels.scratch.push(Meta::f32(Shape::new(&[conv.batch, channels])?));
        let pixels = conv.output.iter().product();
        let ends = [Operand::Input(1), images];
        Reduction::SUM.passes(kernels, [conv.batch * channels, pixels, 1], ends, caps)?;
        let ends = [images, Operand::Output(1)];
        Reduction::SUM.passes(kernels, [1, conv.batch, channels], ends, caps)?;
    }
    Ok(lowering)
}

fn weight_gradient(conv: &Geometry, caps: &Caps) -> Result<Lowering> {
    if rows::fits(conv, caps) && conv.in_channels > 0 && conv.out_channels > 2 {
        return rows::weight_gradient(conv, caps);
    }
    let columns = conv.in_channels * conv.kernel.iter().product::<usize>();
    let (group, shuffle) = direct_group(columns, caps);
    let kernel = if conv.out_channels < 3 {
        &shaders::CONV_DIRECT_WEIGHT_DEPTHWISE
    } else if shuffle {
        &shaders::CONV_DIRECT_WEIGHT_SHUFFLE
    } else {
        &shaders::CONV_DIRECT_WEIGHT
    };
    let channel_blocks = conv.out_channels.div_ceil(if conv.out_channels < 3 { 1 } else { 8 });
    let column_blocks = columns.div_ceil(group * PER_INVOCATION);
    let blocks = conv.groups * channel_blocks * column_blocks;
    let rows = conv.batch * conv.output[0] * conv.output[1];
    let (parts, rows_per_part) = cut(rows, conv.output[2], blocks, BUSY, caps)?;
    let outputs = conv.groups * conv.out_channels * columns;
    let mut kernels = Kernels::default();
    kernels.dispatches.push(Dispatch {
        kernel,
        overrides: vec![("GROUP", group as f64), ("SOLID", f64::from(u8::from(!conv.is_flat())))],
        params: ConvDirectWeightParams {
            in_size: pair(conv.input),
            out_size: pair(conv.output),
            kernel: pair(conv.kernel),
            stride: pair(conv.stride),
            dilation: pair(conv.dilation),
            before: pair(conv.before),
            groups: conv.groups as u32,
            in_channels: conv.in_channels as u32,
            out_channels: conv.out_channels as u32,
            channel_blocks: channel_blocks as u32,
            columns: columns as u32,
            column_blocks: column_blocks as u32,
            rows: rows as u32,
            parts: parts as u32,
            rows_per_part: rows_per_part as u32,
            in_planes: conv.input[0] as u32,
            out_planes: conv.output[0] as u32,
            kernel_planes: conv.kernel[0] as u32,
            stride_z: conv.stride[0] as u32,
            dilation_z: conv.dilation[0] as u32,
            before_z: conv.before[0] as u32,
        }
        .bytes(),
        bindings: vec![
            Operand::Input(1),
            Operand::Input(0),
            if parts > 1 { Operand::Scratch(0) } else { Operand::Output(0) },
        ],
        workgroups: workgroups(blocks * parts),
    });
    if parts > 1 {
        add_parts(&mut kernels, parts, outputs)?;
    }
    Ok(Lowering::Kernels(kernels))
}
