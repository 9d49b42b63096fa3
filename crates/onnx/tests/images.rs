//! Windows, images and borders: attributes, versions and limits, with results worked out by hand.

mod common;

use anygrad_onnx::proto::{AttributeProto, NodeProto};
use anygrad_onnx::{Data, Element, Host};
use common::*;

fn op(name: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    node(name, &[], &["y"], attributes)
}

/// The elements of one channel of one line.
fn line(numbers: &[f32]) -> Host {
    floats(&[1, 1, numbers.len()], numbers)
}

#[test]
fn convolutions_pad_by_themselves() {
    let conv = |attributes, want: &[f32]| {
        let inputs = [line(&[1.0, 2.0, 3.0, 4.0]), line(&[1.0, 1.0])];
        check("Conv", 11, op("Conv", attributes), &inputs, &[line(want)]);
    };
    conv(vec![text("auto_pad", "SAME_UPPER")], &[3.0, 5.0, 7.0, 4.0]);
    conv(vec![text("auto_pad", "SAME_LOWER")], &[1.0, 3.0, 5.0, 7.0]);
    conv(vec![text("auto_pad", "VALID")], &[3.0, 5.0, 7.0]);
    conv(vec![ints("pads", &[0, 1]), ints("strides", &[3])], &[3.0, 4.0]);
    let inputs = [line(&[1.0, 2.0, 3.0]), line(&[1.0, 1.0])];
    refused(11, op("Conv", vec![ints("kernel_shape", &[3])]), &inputs, "kernel_shape is [3]");
    refused(11, op("Conv", vec![ints("pads", &[1])]), &inputs, "2 numbers were expected");
    refused(11, op("Conv", vec![ints("pads", &[-1, 0])]), &inputs, "a pad is -1");
    refused(11, op("Conv", vec![text("auto_pad", "HALF")]), &inputs, "auto_pad is \"HALF\"");
}

#[test]
fn transposed_convolutions_cut_and_add_at_both_ends() {
    // 1 10 100 and, two further, twice as much: 1 10 102 20 200.
    let way_back = |attributes: Vec<AttributeProto>, want: &[f32]| {
        let attributes = [vec![ints("strides", &[2])], attributes].concat();
        let inputs = [line(&[1.0, 2.0]), line(&[1.0, 10.0, 100.0])];
        let what = format!("{attributes:?}");
        check(&what, 11, op("ConvTranspose", attributes), &inputs, &[line(want)]);
    };
    way_back(vec![], &[1.0, 10.0, 102.0, 20.0, 200.0]);
    way_back(vec![ints("pads", &[1, 1])], &[10.0, 102.0, 20.0]);
    way_back(vec![ints("pads", &[1, 1]), ints("output_padding", &[1])], &[10.0, 102.0, 20.0, 200.0]);
    way_back(vec![ints("output_padding", &[1])], &[1.0, 10.0, 102.0, 20.0, 200.0, 0.0]);
    // An odd element is cut in front unless the upper end is asked for.
    way_back(vec![ints("output_shape", &[4])], &[10.0, 102.0, 20.0, 200.0]);
    let upper = || text("auto_pad", "SAME_UPPER");
    way_back(vec![ints("output_shape", &[1, 1, 4]), upper()], &[1.0, 10.0, 102.0, 20.0]);
    way_back(vec![upper()], &[1.0, 10.0, 102.0, 20.0]);
    way_back(vec![text("auto_pad", "SAME_LOWER")], &[10.0, 102.0, 20.0, 200.0]);
    way_back(vec![ints("output_shape", &[7])], &[1.0, 10.0, 102.0, 20.0, 200.0, 0.0, 0.0]);
    let inputs = [line(&[1.0]), line(&[1.0])];
    refused(11, op("ConvTranspose", vec![ints("output_shape", &[0])]), &inputs, "an output of size 0");
}

#[test]
fn poolings() {
    let pool = |name: &str, attributes: Vec<AttributeProto>, x: &[f32], want: &[f32]| {
        let attributes = [vec![ints("kernel_shape", &[2])], attributes].concat();
        check(name, 19, op(name, attributes), &[line(x)], &[line(want)]);
    };
    let (pads, twice) = (|| ints("pads", &[1, 0]), || ints("strides", &[2]));
    pool("AveragePool", vec![pads()], &[1.0, 2.0, 3.0], &[1.0, 1.5, 2.5]);
    pool("AveragePool", vec![pads(), int("count_include_pad", 1)], &[1.0, 2.0, 3.0], &[0.5, 1.5, 2.5]);
    let five = [1.0, 2.0, 3.0, 4.0, 5.0];
    pool("MaxPool", vec![twice()], &five, &[2.0, 4.0]);
    pool("MaxPool", vec![twice(), int("ceil_mode", 1)], &five, &[2.0, 4.0, 5.0]);
    // Padding that is worked out leaves nothing to round up.
    pool("MaxPool", vec![twice(), int("ceil_mode", 1), text("auto_pad", "VALID")], &five, &[2.0, 4.0]);
    pool("LpPool", vec![int("p", 1)], &[1.0, -2.0, 3.0], &[3.0, 5.0]);
    let bytes = |numbers: &[i64]| whole(Element::Uint8, &[1, 1, numbers.len()], numbers);
    let wide = op("MaxPool", vec![ints("kernel_shape", &[2])]);
    check("MaxPool of UINT8", 12, wide, &[bytes(&[3, 255, 7])], &[bytes(&[255, 255])]);
    refused(12, op("MaxPool", vec![]), &[line(&[1.0])], "kernel_shape is missing");
}

#[test]
fn places_of_the_largest() {
    let x = floats(&[2, 1, 2, 3], &[1.0, 5.0, 2.0, 6.0, 3.0, 4.0, 0.0, 9.0, 0.0, 0.0, 0.0, 1.0]);
    for (order, places) in [(0, [3, 1, 7, 7]), (1, [1, 2, 8, 8])] {
        let attributes = vec![ints("kernel_shape", &[2, 2]), int("storage_order", order)];
        let pool = node("MaxPool", &[], &["y", "places"], attributes);
        let want =
            [floats(&[2, 1, 1, 2], &[6.0, 5.0, 9.0, 9.0]), whole(Element::Int64, &[2, 1, 1, 2], &places)];
        check("MaxPool", 12, pool, std::slice::from_ref(&x), &want);
    }
    let back = || op("MaxUnpool", vec![ints("kernel_shape", &[2]), ints("strides", &[2])]);
    let (x, places) = (line(&[7.0, 8.0]), whole(Element::Int64, &[1, 1, 2], &[1, 2]));
    check("MaxUnpool", 11, back(), &[x.clone(), places.clone()], &[line(&[0.0, 7.0, 8.0, 0.0])]);
    let sized = |size: i64| [x.clone(), places.clone(), longs(&[1, 1, size])];
    check("MaxUnpool", 11, back(), &sized(6), &[line(&[0.0, 7.0, 8.0, 0.0, 0.0, 0.0])]);
    refused(11, back(), &sized(3), "the windows imply [4]");
}

#[test]
fn resizing() {
    let x = floats(&[1, 1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    // Version 10: an axis that shrinks takes the element above, one that grows the one below.
    let scales = floats(&[4], &[1.0, 1.0, 2.0, 0.6]);
    let want = floats(&[1, 1, 4, 2], &[1.0, 3.0, 1.0, 3.0, 5.0, 7.0, 5.0, 7.0]);
    check("version 10", 10, op("Resize", vec![]), &[x.clone(), scales], &[want]);
    // Scales are multiplied in 32 bits: 10 times 0.7 is 7.
    let ten: Vec<f32> = (0..10).map(|i| i as f32).collect();
    let nearest = vec![text("coordinate_transformation_mode", "asymmetric"), text("nearest_mode", "floor")];
    let inputs = [floats(&[10], &ten), floats(&[0], &[]), floats(&[1], &[0.7])];
    let want = floats(&[7], &[0.0, 1.0, 2.0, 4.0, 5.0, 7.0, 8.0]);
    check("scales", 13, op("Resize", nearest), &inputs, &[want]);
    let linear = vec![text("mode", "linear"), text("coordinate_transformation_mode", "align_corners")];
    let mut resize =
        model(19, graph(vec![node("Resize", &["x", "", "", "sizes"], &["y"], linear)], &["x"], &["y"]));
    if let Some(graph) = &mut resize.graph {
        graph.initializer.push(anygrad_onnx::encode("sizes", &longs(&[4])));
    }
    let got = run(resize, &[("x", whole(Element::Uint8, &[2], &[0, 255]))]).unwrap();
    assert_eq!(got, [anygrad_onnx::Item::Tensor(whole(Element::Uint8, &[4], &[0, 85, 170, 255]))]);
    refused(13, op("Resize", vec![]), &[x, floats(&[0], &[]), floats(&[1], &[2.0])], "1 scales for 4 axes");
}

#[test]
fn sizes_that_keep_proportions() {
    for (policy, sizes) in [("not_larger", [1, 1, 1, 2]), ("not_smaller", [1, 1, 2, 4])] {
        let attributes = vec![text("keep_aspect_ratio_policy", policy), ints("axes", &[2, 3])];
        let mut proto = model(
            19,
            graph(vec![node("Resize", &["x", "", "", "sizes"], &["y"], attributes)], &["x"], &["y"]),
        );
        if let Some(graph) = &mut proto.graph {
            graph.initializer.push(anygrad_onnx::encode("sizes", &longs(&[2, 2])));
        }
        let got = run(proto, &[("x", floats(&[1, 1, 2, 4], &[1.0; 8]))]).unwrap();
        let want = floats(&sizes, &vec![1.0; sizes.iter().product()]);
        assert_eq!(got, [anygrad_onnx::Item::Tensor(want)], "{policy}");
    }
}

#[test]
fn borders() {
    let pad = |mode: &str, pads: &[i64], want: &[f32]| {
        let inputs = [floats(&[3], &[1.0, 2.0, 3.0]), longs(pads), floats(&[], &[9.0])];
        check(mode, 19, op("Pad", vec![text("mode", mode)]), &inputs, &[floats(&[want.len()], want)]);
    };
    pad("constant", &[-1, 2], &[2.0, 3.0, 9.0, 9.0]);
    pad("constant", &[-3, 2], &[9.0, 9.0]);
    pad("constant", &[-4, 3], &[9.0, 9.0]);
    pad("wrap", &[1, 2], &[3.0, 1.0, 2.0, 3.0, 1.0, 2.0]);
    pad("edge", &[2, -1], &[1.0, 1.0, 1.0, 2.0]);
    pad("reflect", &[2, 0], &[3.0, 2.0, 1.0, 2.0, 3.0]);
    let old = op("Pad", vec![ints("pads", &[0, 1]), float("value", 4.0)]);
    check("version 2", 10, old, &[floats(&[1], &[1.0])], &[floats(&[2], &[1.0, 4.0])]);
    let truth = whole(Element::Bool, &[2], &[1, 1]);
    check(
        "Pad of BOOL",
        13,
        op("Pad", vec![]),
        &[truth, longs(&[1, 0])],
        &[whole(Element::Bool, &[3], &[0, 1, 1])],
    );
    let one = floats(&[1], &[1.0]);
    refused(13, op("Pad", vec![]), &[one.clone(), longs(&[1])], "1 pads for 1 axes");
    refused(13, op("Pad", vec![]), &[one.clone(), longs(&[i64::MAX, 5])], "is given");
    refused(13, op("Pad", vec![text("mode", "edge")]), &[one, longs(&[-1, 2])], "of no elements");
    let middle = |sizes: &[i64], want: &[f32]| {
        let inputs = [floats(&[4], &[1.0, 2.0, 3.0, 4.0]), longs(sizes)];
        check("CenterCropPad", 18, op("CenterCropPad", vec![]), &inputs, &[floats(&[want.len()], want)]);
    };
    middle(&[1], &[2.0]);
    middle(&[7], &[0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
}

#[test]
fn samples_between_pixels() {
    let sample = |mode: &str, padding: &str, want: &[f32]| {
        // Along the last axis: pixels 0, 1, 1.5, 5, and far away; the first axis has one pixel.
        let places = [-1.0, 0.0, 0.5, 4.0, f32::INFINITY];
        let grid: Vec<f32> = places.iter().flat_map(|&place| [place, 0.0]).collect();
        let attributes = vec![text("mode", mode), text("padding_mode", padding), int("align_corners", 1)];
        let inputs = [floats(&[1, 1, 1, 3], &[1.0, 2.0, 4.0]), floats(&[1, 1, 5, 2], &grid)];
        check(padding, 20, op("GridSample", attributes), &inputs, &[floats(&[1, 1, 1, 5], want)]);
    };
    sample("linear", "zeros", &[1.0, 2.0, 3.0, 0.0, 0.0]);
    sample("linear", "border", &[1.0, 2.0, 3.0, 4.0, 4.0]);
    // Halves go to the even pixel.
    sample("nearest", "border", &[1.0, 2.0, 4.0, 4.0, 4.0]);
    let mirrored = vec![text("padding_mode", "reflection"), int("align_corners", 1)];
    let inputs = [floats(&[1, 1, 1, 3], &[1.0, 2.0, 4.0]), floats(&[1, 1, 2, 2], &[4.0, 0.0, -3.0, 0.0])];
    check("reflection", 20, op("GridSample", mirrored), &inputs, &[floats(&[1, 1, 1, 2], &[2.0, 4.0])]);
}

#[test]
fn regions() {
    // Pixels that tell their column.
    let image = floats(&[1, 1, 4, 4], &[0.0, 1.0, 2.0, 3.0].repeat(4));
    let whole_image = [image.clone(), floats(&[1, 4], &[0.0, 0.0, 4.0, 4.0]), longs(&[0])];
    let align = |attributes: Vec<AttributeProto>| {
        op("RoiAlign", [vec![int("output_height", 1), int("output_width", 2)], attributes].concat())
    };
    let want = floats(&[1, 1, 1, 2], &[0.5, 2.5]);
    check("RoiAlign", 16, align(vec![]), &whole_image, std::slice::from_ref(&want));
    check("two samples", 16, align(vec![int("sampling_ratio", 2)]), &whole_image, &[want]);
    // Two regions with other numbers of samples.
    let two = [image.clone(), floats(&[2, 4], &[0.0, 0.0, 4.0, 4.0, 0.5, 0.5, 2.5, 2.5]), longs(&[0, 0])];
    let want = floats(&[2, 1, 1, 2], &[0.5, 2.5, 0.5, 1.5]);
    check("two regions", 16, align(vec![]), &two, &[want]);
    let pool = op("MaxRoiPool", vec![ints("pooled_shape", &[1, 2])]);
    let inputs = [image.clone(), floats(&[1, 5], &[0.0, 0.0, 0.0, 2.0, 3.0])];
    check("MaxRoiPool", 1, pool.clone(), &inputs, &[floats(&[1, 1, 1, 2], &[1.0, 2.0])]);
    refused(1, pool, &[image, floats(&[1, 5], &[3.0, 0.0, 0.0, 2.0, 3.0])], "a region of image 3 of 1");
}

#[test]
fn boxes_without_overlap() {
    let boxes = floats(&[1, 3, 4], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.5, 1.0, 1.5, 0.0, 2.0, 1.0, 3.0]);
    let scores = floats(&[1, 1, 3], &[0.5, 0.9, 0.7]);
    // The first and the second box have a third of their union in common.
    let chosen = |most: i64, overlap: f32, lowest: f32, want: &[i64]| {
        let limits = [longs(&[most]), floats(&[1], &[overlap]), floats(&[1], &[lowest])];
        let inputs = [vec![boxes.clone(), scores.clone()], limits.to_vec()].concat();
        let rows: Vec<i64> = want.iter().flat_map(|&index| [0, 0, index]).collect();
        let want = Host::new(Element::Int64, &[want.len(), 3], Data::Int(rows)).unwrap();
        check("NonMaxSuppression", 11, op("NonMaxSuppression", vec![]), &inputs, &[want]);
    };
    chosen(9, 0.3, 0.0, &[1, 2]);
    chosen(9, 0.4, 0.0, &[1, 2, 0]);
    chosen(9, 0.4, 0.6, &[1, 2]);
    chosen(1, 0.4, 0.0, &[1]);
    chosen(0, 0.4, 0.0, &[]);
}

#[test]
fn what_is_out_of_range_says_why() {
    let bytes = whole(Element::Uint8, &[2], &[1, 2]);
    refused(20, op("ImageDecoder", vec![]), &[bytes], "give it the pixels");
    let inputs = [floats(&[1, 1, 1, 1, 1, 1], &[1.0]), floats(&[1, 1, 1, 1, 1, 1], &[1.0])];
    refused(11, op("Conv", vec![]), &inputs, "windows along 4 axes");
}

#[test]
fn numbers_from_files_are_checked() {
    let (x, weight) = (line(&[1.0, 2.0, 3.0]), line(&[1.0, 1.0]));
    let inputs = [x.clone(), weight.clone()];
    let largest = i64::MAX;
    let fails = |opset: i64, name: &str, attributes: Vec<AttributeProto>, inputs: &[Host]| {
        for given in [true, false] {
            let node = op(name, attributes.clone());
            assert!(node_outputs(opset, node, inputs, given).is_err(), "{name} {attributes:?}");
        }
    };
    for conv in ["Conv", "ConvTranspose"] {
        fails(11, conv, vec![int("group", 0)], &inputs);
        fails(11, conv, vec![int("group", largest)], &inputs);
        fails(11, conv, vec![ints("pads", &[largest, largest])], &inputs);
        fails(11, conv, vec![ints("dilations", &[largest])], &inputs);
        fails(11, conv, vec![ints("strides", &[0])], &inputs);
    }
    fails(11, "ConvTranspose", vec![ints("strides", &[largest]), text("auto_pad", "SAME_UPPER")], &inputs);
    fails(11, "ConvTranspose", vec![ints("output_padding", &[i64::MIN])], &inputs);
    for pool in ["MaxPool", "AveragePool", "LpPool"] {
        fails(19, pool, vec![ints("kernel_shape", &[largest])], std::slice::from_ref(&x));
        let wide = vec![ints("kernel_shape", &[2]), ints("pads", &[largest, 0])];
        fails(19, pool, wide, std::slice::from_ref(&x));
    }
    fails(13, "Resize", vec![], &[x.clone(), floats(&[0], &[]), floats(&[3], &[1.0, 1.0, 1e30])]);
    fails(13, "Resize", vec![], &[x.clone(), floats(&[0], &[]), floats(&[3], &[1.0, 1.0, f32::NAN])]);
    let pads = longs(&[0, 0, 0, largest, largest, largest]);
    fails(13, "Pad", vec![], &[x.clone(), pads]);
    fails(13, "Pad", vec![text("mode", "wrap")], &[x.clone(), longs(&[0, 0, 0, 0, 0, 1 << 30])]);
    fails(13, "DepthToSpace", vec![int("blocksize", largest)], &[floats(&[1, 4, 1, 1], &[1.0; 4])]);
    let image = floats(&[1, 1, 1, 1], &[1.0]);
    let sizes = vec![int("output_height", largest), int("output_width", largest)];
    fails(16, "RoiAlign", sizes, &[image.clone(), floats(&[1, 4], &[0.0; 4]), longs(&[0])]);
    let ratio = vec![int("sampling_ratio", largest)];
    fails(16, "RoiAlign", ratio, &[image.clone(), floats(&[1, 4], &[0.0; 4]), longs(&[0])]);
    fails(16, "RoiAlign", vec![], &[image.clone(), floats(&[1, 4], &[0.0, 0.0, 1e30, 1e30]), longs(&[0])]);
    fails(16, "RoiAlign", vec![], &[image.clone(), floats(&[], &[0.0]), longs(&[0])]);
    fails(
        1,
        "MaxRoiPool",
        vec![ints("pooled_shape", &[largest, largest])],
        &[image, floats(&[1, 5], &[0.0; 5])],
    );
    fails(20, "AffineGrid", vec![], &[floats(&[1, 2, 3], &[0.0; 6]), longs(&[1, 1, largest, largest])]);
    let columns = [floats(&[1, 1, 1], &[1.0]), longs(&[largest, largest]), longs(&[1, 1])];
    fails(18, "Col2Im", vec![], &columns);
    let mel = [long(largest), long(largest), long(1), floats(&[], &[0.0]), floats(&[], &[1.0])];
    fails(17, "MelWeightMatrix", vec![], &mel);
    fails(
        17,
        "MelWeightMatrix",
        vec![],
        &[long(2), long(8), long(9000), floats(&[], &[4000.0]), floats(&[], &[1.0])],
    );
    fails(17, "DFT", vec![int("axis", largest)], std::slice::from_ref(&x));
    fails(17, "STFT", vec![], &[floats(&[1, 4, 1], &[0.0; 4]), long(largest), floats(&[9], &[0.0; 9])]);
}
