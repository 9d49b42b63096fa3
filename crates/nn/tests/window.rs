//! Layers that slide a window, and those that give images other sizes: shapes and parameters, and the
//! operators they ask for.

use anygrad_core::DType;
use anygrad_graph::Graph;
use anygrad_graph::ops::{PadMode, Resize};
use anygrad_nn::{
    AdaptiveAvgPool2d, AdaptiveMaxPool3d, AvgPool1d, ChannelShuffle, Conv1d, Conv2d, Conv3d, ConvTranspose1d,
    ConvTranspose2d, ConvTranspose3d, GlobalAvgPool, GlobalMaxPool, Layer, LpPool2d, MaxPool2d, MaxPool3d,
    Mode, Pad1d, Pad2d, Padding, PixelShuffle, PixelUnshuffle, Scope, Upsample2d,
};

/// The shape that a layer makes of a shape, and those of its parameters; or its mistake.
fn shapes(layer: &dyn Layer, sizes: &[usize]) -> Result<(Vec<usize>, Vec<Vec<usize>>), String> {
    let graph = Graph::new();
    let x = graph.input("x", sizes, DType::F32);
    let mut scope = Scope::new(&graph, Mode::Train, 0);
    let y = scope.model(layer, x);
    let parameters: Vec<Vec<usize>> =
        scope.parameters().iter().map(|parameter| parameter.shape.to_vec()).collect();
    graph.check().map_err(|error| error.to_string())?;
    Ok((y.shape().to_vec(), parameters))
}

#[track_caller]
fn makes(layer: impl Layer, sizes: &[usize], y: &[usize], parameters: &[&[usize]]) {
    let want = (y.to_vec(), parameters.iter().map(|sizes| sizes.to_vec()).collect());
    assert_eq!(shapes(&layer, sizes), Ok(want));
}

#[test]
fn convolutions_of_every_number_of_axes() {
    makes(Conv1d::new(5, 3), &[2, 4, 9], &[2, 5, 7], &[&[5, 4, 3], &[5]]);
    makes(
        Conv1d::new(4, 3).stride(2).padding(Padding::Same).groups(4),
        &[2, 4, 9],
        &[2, 4, 5],
        &[&[4, 1, 3], &[4]],
    );
    makes(
        Conv2d::new(6, [3, 5]).padding(Padding::all(1)).bias(false),
        &[1, 2, 8, 8],
        &[1, 6, 8, 6],
        &[&[6, 2, 3, 5]],
    );
    let reflected = Conv2d::new(3, 3).padding(Padding::Same).padding_mode(PadMode::Reflect);
    makes(reflected, &[1, 2, 5, 6], &[1, 3, 5, 6], &[&[3, 2, 3, 3], &[3]]);
    let volumes = Conv3d::new(4, 3).stride([1, 2, 2]).padding(Padding::Explicit([[1, 1], [0, 1], [1, 0]]));
    makes(volumes, &[1, 2, 5, 8, 9], &[1, 4, 5, 4, 4], &[&[4, 2, 3, 3, 3], &[4]]);
    makes(Conv3d::new(4, 2).dilation(2), &[1, 1, 5, 5, 5], &[1, 4, 3, 3, 3], &[&[4, 1, 2, 2, 2], &[4]]);
}

#[test]
fn transposed_convolutions_grow() {
    makes(ConvTranspose1d::new(3, 4).stride(2), &[2, 5, 7], &[2, 3, 16], &[&[5, 3, 4], &[3]]);
    let doubled = ConvTranspose2d::new(6, 3).stride(2).padding(Padding::Same);
    makes(doubled.groups(2), &[1, 4, 5, 7], &[1, 6, 10, 14], &[&[4, 3, 3, 3], &[6]]);
    let padded = ConvTranspose2d::new(1, 3).stride(2).padding(Padding::all(1)).output_padding(1);
    makes(padded, &[1, 4, 5, 7], &[1, 1, 10, 14], &[&[4, 1, 3, 3], &[1]]);
    makes(
        ConvTranspose3d::new(2, 2).stride(2),
        &[1, 3, 2, 3, 4],
        &[1, 2, 4, 6, 8],
        &[&[3, 2, 2, 2, 2], &[2]],
    );
}

#[test]
fn pools() {
    makes(MaxPool2d::new(2), &[1, 3, 7, 8], &[1, 3, 3, 4], &[]);
    makes(MaxPool3d::new([1, 2, 2]).ceil_mode(true), &[1, 3, 5, 7, 8], &[1, 3, 5, 4, 4], &[]);
    makes(AvgPool1d::new(3).stride(2).padding(Padding::Same), &[1, 3, 9], &[1, 3, 5], &[]);
    makes(LpPool2d::new(3).power(3.0).stride(1), &[1, 3, 9, 9], &[1, 3, 7, 7], &[]);
    makes(AdaptiveAvgPool2d::new([3, 5]), &[1, 3, 7, 8], &[1, 3, 3, 5], &[]);
    makes(AdaptiveMaxPool3d::new(2), &[1, 3, 7, 8, 5], &[1, 3, 2, 2, 2], &[]);
    for sizes in [&[2, 3, 4][..], &[2, 3, 4, 5], &[2, 3, 4, 5, 6]] {
        makes(GlobalAvgPool, sizes, &[2, 3], &[]);
        makes(GlobalMaxPool, sizes, &[2, 3], &[]);
    }
}

#[test]
fn other_sizes() {
    makes(Pad1d::new([[2, 1]]).value(3.0), &[1, 2, 4], &[1, 2, 7], &[]);
    makes(Pad2d::all(3).mode(PadMode::Wrap), &[1, 2, 4, 5], &[1, 2, 10, 11], &[]);
    makes(Upsample2d::new(2), &[1, 2, 4, 5], &[1, 2, 8, 10], &[]);
    makes(Upsample2d::new([3, 1]).resize(Resize::cubic()), &[1, 2, 4, 5], &[1, 2, 12, 5], &[]);
    makes(PixelShuffle::new(2), &[1, 8, 4, 5], &[1, 2, 8, 10], &[]);
    makes(PixelUnshuffle::new(2), &[1, 2, 8, 10], &[1, 8, 4, 5], &[]);
    makes(ChannelShuffle::new(2), &[1, 8, 4, 5], &[1, 8, 4, 5], &[]);
}

#[test]
fn mistakes_say_which_layer_and_what_it_takes() {
    for (layer, sizes, part) in [
        (
            Box::new(Conv3d::new(4, 3)) as Box<dyn Layer>,
            &[1, 2, 5, 5][..],
            "conv3d takes [n, channels, depth, height, width], [1, 2, 5, 5]",
        ),
        (
            Box::new(Conv2d::new(4, 3).groups(2)),
            &[1, 3, 5, 5],
            "conv2d: 3 channels and 4 filters in 2 groups",
        ),
        (
            Box::new(ConvTranspose1d::new(3, 3).groups(2)),
            &[1, 4, 5],
            "conv_transpose1d: 4 channels and 3 filters in 2 groups",
        ),
        (Box::new(MaxPool3d::new(2)), &[1, 2, 5, 5], "max_pool3d: takes an input [n, c, d, h, w]"),
        (Box::new(Pad2d::all(5).mode(PadMode::Reflect)), &[1, 2, 5, 9], "at most 4 elements"),
        (Box::new(Upsample2d::new(0)), &[1, 2, 5, 9], "cannot become 0"),
        (Box::new(PixelShuffle::new(0)), &[1, 2, 5, 9], "the factor is 0"),
        (Box::new(GlobalAvgPool), &[1, 2], "global_avg_pool takes [n, c, sizes...]"),
    ] {
        let error = shapes(&layer, sizes).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}
