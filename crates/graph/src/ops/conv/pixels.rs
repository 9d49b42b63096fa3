//! Lowering to the kernels for images with channels last: software adapters, subgroups of 8, one group.
//!
//! There loads are the cost, and a pixel's channels are whole vec4s whatever the width of the image is.

use anygrad_core::{Caps, Result, Shape};
use anygrad_shaders::{self as shaders, ConvPixelsParams, ConvPixelsSumParams};

use super::geometry::Geometry;
use super::lower::{flat, pair};
use super::rows;
use crate::{Arrangement, Dispatch, Kernels, Layout, Lowering, Meta, Operand, workgroups};

/// Pixels of one workgroup forwards, and rows of the weight in its gradient.
const ROWS: usize = 32;
/// The same where there are few channels.
const ROWS_OF_FEW: usize = 16;

/// Workgroups that keep the cores of a processor busy, with room to even out.
const BUSY_CORES: usize = 64;

/// The largest number of pixels that one invocation adds up: the error grows with it.
const MOST_PIXELS: usize = 1 << 14;

/// A convolution as a product of matrices: from one image to another, or both to the weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Forward,
    InputGradient,
    WeightGradient,
}

impl Product {
    /// Channels of what is read, and of what is made (of dy, for the weight gradient).
    fn channels(self, conv: &Geometry) -> (usize, usize) {
        match self {
            Product::InputGradient => (conv.out_channels, conv.in_channels),
            _ => (conv.in_channels, conv.out_channels),
        }
    }
}

/// Whether an operand was given as images with channels last: see [`arrange`].
pub(super) fn stands(image: &Layout) -> bool {
    image.meta.shape.rank() == 4 && image.is_channels_last()
}

/// The operands with channels last, where that pays.
pub(super) fn arrange(
    conv: &Geometry,
    product: Product,
    x: &[Layout],
    y: &[Meta],
    caps: &Caps,
) -> Option<Arrangement> {
    let images = if product == Product::WeightGradient { x } else { &x[..1] };
    // What is so already stays so. Rows of whole vec4s are read as fast where they stand.
    let given = images.iter().any(|image| !image.is_contiguous() && stands(image));
    let wide = conv.in_channels.min(conv.out_channels) >= 16
        && rows::fits(conv, caps)
        && [conv.input[2], conv.output[2]].iter().all(|width| width.is_multiple_of(4));
    let last = |layout: &Layout| Layout::channels_last(layout.meta);
    // One pixel of one channel cannot tell how it stands.
    if !fits(conv, product, caps) || (wide && !given) || !stands(&last(&x[0])) {
        return None;
    }
    if product == Product::WeightGradient {
        let inputs = x.iter().map(last).collect();
        let outputs = y.iter().map(|meta| Layout::contiguous(*meta)).collect();
        return Some(Arrangement { inputs, outputs });
    }
    // Forwards [taps, in, out]; backwards the same, read along `out`, where that is whole vec4s.
    let along_depth = product == Product::InputGradient && conv.out_channels.is_multiple_of(4);
    let order = match product == Product::Forward || along_depth {
        true => [2, 3, 1, 0],
        false => [2, 3, 0, 1],
    };
    let inputs = vec![last(&x[0]), Layout::in_order(x[1].meta, &order)];
    Some(Arrangement { inputs, outputs: vec![Layout::channels_last(y[0])] })
}

/// Whether the kernels can run.
fn fits(conv: &Geometry, product: Product, caps: &Caps) -> bool {
    let (depth, channels) = product.channels(conv);
    let iterations = conv.kernel.iter().product::<usize>().saturating_mul(depth + 1).saturating_add(ROWS);
    caps.is_cpu()
        && caps.fixed_subgroup() == Some(8)
        && conv.axes == 2
        && conv.groups == 1
        && depth > 0
        && channels > 0
        && channels.is_multiple_of(4)
        && iterations <= caps.max_iterations as usize
}

fn params(conv: &Geometry, product: Product, vectors: usize) -> ConvPixelsParams {
    let (depth, channels) = product.channels(conv);
    let (from, to) = match product {
        Product::InputGradient => (conv.output, conv.input),
        _ => (conv.input, conv.output),
    };
    ConvPixelsParams {
        from_size: pair(from),
        to_size: pair(to),
        kernel: pair(conv.kernel),
        dilation: pair(conv.dilation),
        before: pair(conv.before),
        depth: depth as u32,
        channels: channels as u32,
        pixels: (conv.batch * to.iter().product::<usize>()) as u32,
        column_blocks: channels.div_ceil(32 * vectors) as u32,
        row_blocks: 1,
        parts: 1,
        pixels_per_part: 0,
    }
}

fn overrides(conv: &Geometry, input_gradient: bool) -> Vec<(&'static str, f64)> {
    let [stride_y, stride_x] = flat(conv.stride);
    vec![
        ("INPUT_GRADIENT", f64::from(u8::from(input_gradient))),
        ("STRIDE_Y", stride_y as f64),
        ("STRIDE_X", stride_x as f64),
    ]
}

/// In blocks of how many times 32 channels an operator can be computed, by rule first.
fn vectors(conv: &Geometry, product: Product) -> &'static [usize] {
    let (depth, channels) = product.channels(conv);
    match (depth.is_multiple_of(4), channels > 32) {
        (true, true) => &[2, 1],
        _ => &[1],
    }
}

/// All ways to make y from x, or dx from dy; that of the rule first.
pub(super) fn images(conv: &Geometry, product: Product) -> Vec<Lowering> {
    vectors(conv, product).iter().map(|&vectors| image(conv, product, vectors)).collect()
}

fn image(conv: &Geometry, product: Product, vectors: usize) -> Lowering {
    let input_gradient = product == Product::InputGradient;
    let few = !product.channels(conv).0.is_multiple_of(4);
    let params = params(conv, product, vectors);
    let mut overrides = overrides(conv, input_gradient);
    if !few {
        overrides.push(("W_ALONG_DEPTH", f64::from(u8::from(input_gradient))));
    }
    Kernels::one(Dispatch {
        kernel: match (few, vectors) {
            (true, _) => &shaders::CONV_PIXELS_FEW,
            (_, 1) => &shaders::CONV_PIXELS_32X32,
            _ => &shaders::CONV_PIXELS_32X64,
        },
        overrides,
        workgroups: workgroups((params.pixels as usize).div_ceil(ROWS) * params.column_blocks as usize),
        params: params.bytes(),
        bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
    })
}

/// All ways to make dw from x and dy, and the gradient of a bias; that of the rule first.
///
/// # Errors
/// Too many elements to address.
pub(super) fn weight_gradients(conv: &Geometry, bias: bool) -> Result<Vec<Lowering>> {
    let vectors = vectors(conv, Product::WeightGradient).iter();
    vectors.map(|&vectors| weight_gradient(conv, bias, vectors)).collect()
}

fn weight_gradient(conv: &Geometry, bias: bool, vectors: usize) -> Result<Lowering> {
    let (depth, channels) = (conv.in_channels, conv.out_channels);
    let taps: usize = conv.kernel.iter().product();
    let few = !depth.is_multiple_of(4);
    let mut params = params(conv, Product::WeightGradient, vectors);
    let row_blocks = if few { (taps * depth).div_ceil(ROWS_OF_FEW) } else { depth.div_ceil(ROWS) };
    let blocks = row_blocks * params.column_blocks as usize * if few { 1 } else { taps };
    let pixels = params.pixels as usize;
    let parts =
        BUSY_CORES.div_ceil(blocks).min(pixels.div_ceil(256)).max(pixels.div_ceil(MOST_PIXELS)).max(1);
    let pixels_per_part = pixels.div_ceil(parts).next_multiple_of(4).max(4);
    let parts = pixels.div_ceil(pixels_per_part).max(1);
    params.row_blocks = row_blocks as u32;
    params.parts = parts as u32;
    params.pixels_per_part = pixels_per_part as u32;
    let rows = taps * depth + 1;
    Ok(Lowering::Kernels(Kernels {
        scratch: vec![Meta::f32(Shape::new(&[parts, rows, channels])?), Meta::f32(Shape::new(&[channels])?)],
        dispatches: vec![
            Dispatch {
                kernel: match (few, vectors) {
                    (true, _) => &shaders::CONV_PIXELS_WEIGHT_FEW,
                    (_, 1) => &shaders::CONV_PIXELS_WEIGHT_32X32,
                    _ => &shaders::CONV_PIXELS_WEIGHT_32X64,
                },
                overrides: overrides(conv, false),
                params: params.bytes(),
                bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Scratch(0)],
                workgroups: workgroups(blocks * parts),
            },
            Dispatch {
                kernel: &shaders::CONV_PIXELS_SUM,
                overrides: Vec::new(),
                params: ConvPixelsSumParams {
                    depth: depth as u32,
                    taps: taps as u32,
                    channels: channels as u32 / 4,
                    parts: parts as u32,
                }
                .bytes(),
                bindings: vec![
                    Operand::Scratch(0),
                    Operand::Output(0),
                    if bias { Operand::Output(1) } else { Operand::Scratch(1) },
                ],
                workgroups: workgroups((rows * channels / 4).div_ceil(64)),
            },
        ],
    }))
}
