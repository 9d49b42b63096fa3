//! Lowering to the kernels for images with channels last, of one group: on GPUs, and on software adapters
//! with subgroups of 8.
//!
//! A pixel's channels are whole vec4s whatever the width of the image is, so that nothing is loaded one by
//! one. On software adapters loads are the cost; on GPUs it is what workgroups stage for each other.

use anygrad_core::{Caps, Result, Shape};
use anygrad_shaders::{self as shaders, ConvPixelsParams, ConvPixelsSumParams, Kernel};

use super::geometry::Geometry;
use super::lower::{flat, pair};
use super::rows;
use crate::{Arrangement, Dispatch, Kernels, Layout, Lowering, Meta, Operand, workgroups};

/// Workgroups that keep the cores of a processor busy, with room to even out, and those of a GPU.
const BUSY_CORES: usize = 64;
const BUSY_GPU: usize = 256;

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
    /// `conv_terms` divides the number of a term by floats, exactly up to here; a tile goes past the last.
    const MOST_TERMS: usize = (1 << 20) - 256;
    let (depth, channels) = product.channels(conv);
    let iterations = conv.kernel.iter().product::<usize>().saturating_mul(depth + 1).saturating_add(32);
    (!caps.is_cpu() || caps.fixed_subgroup() == Some(8))
        && conv.axes == 2
        && conv.groups == 1
        && depth > 0
        && channels > 0
        && channels.is_multiple_of(4)
        && iterations <= MOST_TERMS.min(caps.max_iterations as usize)
}

/// A kernel, and how much of the result one of its workgroups makes: pixels, or rows of the weight, by
/// channels.
#[derive(Clone, Copy)]
struct Tile {
    kernel: &'static Kernel,
    rows: usize,
    columns: usize,
}

impl Tile {
    const fn new(kernel: &'static Kernel, rows: usize, columns: usize) -> Self {
        Tile { kernel, rows, columns }
    }

    fn count(&self, rows: usize, columns: usize) -> usize {
        rows.div_ceil(self.rows) * columns.div_ceil(self.columns)
    }
}

/// The tiles of an image in the order in which they are worth trying, that of the rule first.
fn tiles(conv: &Geometry, product: Product, caps: &Caps) -> Vec<Tile> {
    const LARGE: Tile = Tile::new(&shaders::CONV_BLOCK_128X128, 128, 128);
    const SMALL: Tile = Tile::new(&shaders::CONV_BLOCK_64X64, 64, 64);
    let (depth, channels) = product.channels(conv);
    let few = !depth.is_multiple_of(4);
    if caps.is_cpu() {
        return match (few, channels > 32) {
            (true, _) => vec![Tile::new(&shaders::CONV_PIXELS_FEW, 32, 32)],
            (_, false) => vec![Tile::new(&shaders::CONV_PIXELS_32X32, 32, 32)],
            _ => vec![
                Tile::new(&shaders::CONV_PIXELS_32X64, 32, 64),
                Tile::new(&shaders::CONV_PIXELS_32X32, 32, 32),
            ],
        };
    }
    if few {
        return vec![Tile::new(&shaders::CONV_BLOCK_FEW, 128, 64)];
    }
    let to = if product == Product::InputGradient { conv.input } else { conv.output };
    let pixels = conv.batch * to.iter().product::<usize>();
    match channels > 64 {
        true if LARGE.count(pixels, channels) >= BUSY_GPU / 2 => vec![LARGE, SMALL],
        true => vec![SMALL, LARGE],
        false => vec![SMALL],
    }
}

/// The same for a weight.
fn weight_tiles(conv: &Geometry, caps: &Caps) -> Vec<Tile> {
    const LARGE: Tile = Tile::new(&shaders::CONV_BLOCK_WEIGHT_128X128, 128, 128);
    const MIDDLE: Tile = Tile::new(&shaders::CONV_BLOCK_WEIGHT_128X64, 128, 64);
    const SMALL: Tile = Tile::new(&shaders::CONV_BLOCK_WEIGHT_64X64, 64, 64);
    let few = !conv.in_channels.is_multiple_of(4);
    if caps.is_cpu() {
        return match (few, conv.out_channels > 32) {
            (true, _) => vec![Tile::new(&shaders::CONV_PIXELS_WEIGHT_FEW, 16, 32)],
            (_, false) => vec![Tile::new(&shaders::CONV_PIXELS_WEIGHT_32X32, 32, 32)],
            _ => vec![
                Tile::new(&shaders::CONV_PIXELS_WEIGHT_32X64, 32, 64),
                Tile::new(&shaders::CONV_PIXELS_WEIGHT_32X32, 32, 32),
            ],
        };
    }
    let rows = conv.in_channels * conv.kernel.iter().product::<usize>();
    match (few, rows > 64, conv.out_channels > 64) {
        (true, ..) => vec![Tile::new(&shaders::CONV_BLOCK_WEIGHT_FEW, 64, 64)],
        (_, true, true) => vec![LARGE, MIDDLE, SMALL],
        (_, true, false) => vec![MIDDLE, SMALL],
        _ => vec![SMALL],
    }
}

fn params(conv: &Geometry, product: Product, tile: Tile) -> ConvPixelsParams {
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
        column_blocks: channels.div_ceil(tile.columns) as u32,
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

/// All ways to make y from x, or dx from dy; that of the rule first.
pub(super) fn images(conv: &Geometry, product: Product, caps: &Caps) -> Vec<Lowering> {
    tiles(conv, product, caps).into_iter().map(|tile| image(conv, product, tile)).collect()
}

fn image(conv: &Geometry, product: Product, tile: Tile) -> Lowering {
    let input_gradient = product == Product::InputGradient;
    let along_depth = input_gradient && product.channels(conv).0.is_multiple_of(4);
    let mut params = params(conv, product, tile);
    let mut overrides = overrides(conv, input_gradient);
    let mut classes = 1;
    if tile.kernel.overrides.contains(&"APART") {
        // Where the stride leaves out pixels, those of one remainder have the same taps.
        let stride = flat(conv.stride);
        let apart = input_gradient && stride != [1, 1] && flat(conv.dilation) == [1, 1];
        overrides.push(("APART", f64::from(u8::from(apart))));
        if apart {
            classes = stride[0] * stride[1];
            let [height, width] = flat(conv.input);
            params.pixels = (conv.batch * height.div_ceil(stride[0]) * width.div_ceil(stride[1])) as u32;
        }
    }
    if tile.kernel.overrides.contains(&"W_ALONG_DEPTH") {
        overrides.push(("W_ALONG_DEPTH", f64::from(u8::from(along_depth))));
    }
    Kernels::one(Dispatch {
        kernel: tile.kernel,
        overrides,
        workgroups: workgroups(classes * tile.count(params.pixels as usize, params.channels as usize)),
        params: params.bytes(),
        bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
    })
}

/// All ways to make dw from x and dy, and the gradient of a bias; that of the rule first.
///
/// # Errors
/// Too many elements to address.
pub(super) fn weight_gradients(conv: &Geometry, bias: bool, caps: &Caps) -> Result<Vec<Lowering>> {
    weight_tiles(conv, caps).into_iter().map(|tile| weight_gradient(conv, bias, tile, caps)).collect()
}

fn weight_gradient(conv: &Geometry, bias: bool, tile: Tile, caps: &Caps) -> Result<Lowering> {
    let (depth, channels) = (conv.in_channels, conv.out_channels);
    let taps: usize = conv.kernel.iter().product();
    let few = !depth.is_multiple_of(4);
    let mut params = params(conv, Product::WeightGradient, tile);
    // On software adapters a workgroup has one tap, where there are more than a few channels.
    let (taps_apart, rows, busy) = match caps.is_cpu() {
        true if few => (1, taps * depth, BUSY_CORES),
        true => (taps, depth, BUSY_CORES),
        false => (1, taps * depth + usize::from(bias), BUSY_GPU),
    };
    let row_blocks = rows.div_ceil(tile.rows);
    let blocks = row_blocks * params.column_blocks as usize * taps_apart;
    let pixels = params.pixels as usize;
    let parts = busy.div_ceil(blocks).min(pixels.div_ceil(256)).max(pixels.div_ceil(MOST_PIXELS)).max(1);
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
                kernel: tile.kernel,
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
