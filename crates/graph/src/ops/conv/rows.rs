//! Lowering to the kernels for software adapters: 3x3, stride 1, one group, subgroups of 8.

use anygrad_core::{Caps, Result, Shape};
use anygrad_shaders::{self as shaders, ConvPackParams, ConvPadParams, ConvRowsParams, ConvRowsWeightParams};

use super::geometry::Geometry;
use super::lower::{add_parts, cut, flat, pair};
use crate::{Dispatch, Kernels, Lowering, Meta, Operand, workgroups};

/// Channels that one workgroup of the kernel makes, and vec4s of weights that it reads for each
/// channel of the input.
const CHANNELS: usize = 16;
const WEIGHT_QUADS: usize = 40;

/// Workgroups that keep the cores of a processor busy, with room to even out.
const BUSY_CORES: usize = 64;

/// Whether the kernels of this file can run, and pay.
pub(super) fn fits(conv: &Geometry, caps: &Caps) -> bool {
    // Padded copies of x and y: up to three rows and seven columns more, and four bytes an element.
    let [rows, columns] = [1, 2].map(|axis| conv.input[axis].max(conv.output[axis]));
    let channels = conv.in_channels.max(conv.out_channels);
    let padded_bytes = 4 * (conv.batch * channels * (rows + 3) * (columns + 7)) as u64;
    padded_bytes <= caps.max_binding_bytes
        && caps.is_cpu()
        && caps.fixed_subgroup() == Some(8)
        && conv.groups == 1
        && conv.is_flat()
        && flat(conv.kernel) == [3, 3]
        && flat(conv.stride) == [1, 1]
        && flat(conv.dilation) == [1, 1]
}

/// A dispatch of `conv_pad`: `planes` images of `size` with zeros around them, in `rows` of `quads` vec4s.
pub(super) fn pad(
    planes: usize,
    size: [usize; 3],
    before: [u32; 2],
    [rows, quads]: [usize; 2],
    from: Operand,
    to: Operand,
) -> Dispatch {
    Dispatch {
        kernel: &shaders::CONV_PAD,
        overrides: vec![("ROWS", rows as f64), ("QUADS", quads as f64)],
        params: ConvPadParams { in_size: pair(size), before, planes: planes as u32 }.bytes(),
        bindings: vec![from, to],
        workgroups: workgroups((planes * rows * quads).div_ceil(64)),
    }
}

/// y from x, or dx from dy.
///
/// # Errors
/// Too many elements to address.
pub(super) fn image(conv: &Geometry, input_gradient: bool) -> Result<Lowering> {
    let (depth, channels, from_size, to_size, before) = if input_gradient {
        // dx[i] = sum over j of dy[i + before - j] w[j] = sum over k of dy[i + k - (2 - before)] w[2 - k]
        let before = pair(conv.before).map(|before| 2u32.wrapping_sub(before));
        (conv.out_channels, conv.in_channels, conv.output, conv.input, before)
    } else {
        (conv.in_channels, conv.out_channels, conv.input, conv.output, pair(conv.before))
    };
    let (pairs, out_quads) = (to_size[1].div_ceil(2), to_size[2].div_ceil(4));
    let (rows, quads) = (2 * pairs + 2, out_quads + 1);
    let blocks = channels.div_ceil(CHANNELS);
    let places = pairs * out_quads;
    let packed = depth * blocks * WEIGHT_QUADS * 4;
    // Padded by one pixel, rows of whole vec4s are read where they stand.
    let same = before == [1; 2] && from_size == to_size && to_size[2].is_multiple_of(4);
    let (rows, quads) = if same { (to_size[1], out_quads) } else { (rows, quads) };
    let mut kernels = Kernels { scratch: vec![Meta::f32(Shape::new(&[packed])?)], dispatches: vec![] };
    let from = if same { Operand::Input(0) } else { Operand::Scratch(1) };
    if !same {
        kernels.scratch.push(Meta::f32(Shape::new(&[conv.batch * depth, rows, 4 * quads])?));
        let planes = conv.batch * depth;
        kernels.dispatches.push(pad(planes, from_size, before, [rows, quads], Operand::Input(0), from));
    }
    kernels.dispatches.extend([
        Dispatch {
            kernel: &shaders::CONV_PACK,
            overrides: vec![("INPUT_GRADIENT", f64::from(u8::from(input_gradient)))],
            params: ConvPackParams { channels: channels as u32, depth: depth as u32, blocks: blocks as u32 }
                .bytes(),
            bindings: vec![Operand::Input(1), Operand::Scratch(0)],
            workgroups: workgroups(packed.div_ceil(64)),
        },
        Dispatch {
            kernel: if to_size[2] % 4 == 0 { &shaders::CONV_ROWS_VEC4 } else { &shaders::CONV_ROWS },
            overrides: vec![("SAME", f64::from(u8::from(same)))],
            params: ConvRowsParams {
                out_size: pair(to_size),
                channels: channels as u32,
                depth: depth as u32,
                blocks: blocks as u32,
                batch: conv.batch as u32,
                quads: quads as u32,
                plane: (rows * quads) as u32,
                places: places as u32,
                place_blocks: places.div_ceil(8) as u32,
                out_quads: out_quads as u32,
            }
            .bytes(),
            bindings: vec![from, Operand::Scratch(0), Operand::Output(0)],
            workgroups: workgroups(conv.batch * blocks * places.div_ceil(8)),
        },
    ]);
    Ok(Lowering::Kernels(kernels))
}

/// dw from x and dy.
///
/// # Errors
/// Too many elements to address, or a sum too long for the adapter's loops.
pub(super) fn weight_gradient(conv: &Geometry, caps: &Caps) -> Result<Lowering> {
    /// Output channels of one workgroup, in `conv_rows_weight.wgsl`.
    const OUT_CHANNELS: usize = 32;
    let (kernel, in_channels) = match conv.in_channels {
        1 => (&shaders::CONV_ROWS_WEIGHT_1, 1),
        2..=15 => (&shaders::CONV_ROWS_WEIGHT_4, 4),
        _ => (&shaders::CONV_ROWS_WEIGHT_8, 8),
    };
    let [out_rows, out_width] = flat(conv.output);
    let dy_quads = out_width.div_ceil(4);
    let x_size = [out_rows + 2, dy_quads + 1];
    let in_blocks = conv.in_channels.div_ceil(in_channels);
    let out_blocks = conv.out_channels.div_ceil(OUT_CHANNELS);
    let rows = conv.batch * out_rows;
    let (parts, rows_per_part) = cut(rows, dy_quads, in_blocks * out_blocks, BUSY_CORES, caps)?;
    let outputs = conv.out_channels * conv.in_channels * 9;
    let (x_planes, dy_planes) = (conv.batch * conv.in_channels, conv.batch * conv.out_channels);
    let mut kernels = Kernels {
        scratch: vec![Meta::f32(Shape::new(&[x_planes, x_size[0], 4 * x_size[1]])?)],
        dispatches: vec![pad(
            x_planes,
            conv.input,
            pair(conv.before),
            x_size,
            Operand::Input(0),
            Operand::Scratch(0),
        )],
    };
    let mut dy = Operand::Input(1);
    if !out_width.is_multiple_of(4) {
        dy = Operand::Scratch(1);
        kernels.scratch.push(Meta::f32(Shape::new(&[dy_planes, out_rows, 4 * dy_quads])?));
        let size = [out_rows, dy_quads];
        kernels.dispatches.push(pad(dy_planes, conv.output, [0; 2], size, Operand::Input(1), dy));
    }
    let sums = if parts > 1 { Operand::Scratch(kernels.scratch.len()) } else { Operand::Output(0) };
    kernels.dispatches.push(Dispatch {
        kernel,
        overrides: Vec::new(),
        params: ConvRowsWeightParams {
            in_channels: conv.in_channels as u32,
            out_channels: conv.out_channels as u32,
            in_blocks: in_blocks as u32,
            out_blocks: out_blocks as u32,
            out_rows: out_rows as u32,
            quads: x_size[1] as u32,
            dy_quads: dy_quads as u32,
            rows: rows as u32,
            parts: parts as u32,
            rows_per_part: rows_per_part as u32,
        }
        .bytes(),
        bindings: vec![Operand::Scratch(0), dy, sums],
        workgroups: workgroups(parts * in_blocks * out_blocks),
    });
    if parts > 1 {
        add_parts(&mut kernels, parts, outputs)?;
    }
    Ok(Lowering::Kernels(kernels))
}
