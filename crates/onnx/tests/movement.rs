//! Data movement and types: attributes, versions and limits that the official cases do not reach. Each node runs
//! twice: with inputs that come at run time, and with inputs that are known when the model is imported.
#![allow(clippy::cloned_ref_to_slice_refs, reason = "rows of a table look alike")]

mod common;

use anygrad_onnx::{Data, Element, Host};
use common::*;

fn op(name: &str, attributes: Vec<anygrad_onnx::proto::AttributeProto>) -> anygrad_onnx::proto::NodeProto {
    node(name, &[], &["y"], attributes)
}

#[test]
fn slices() {
    let x = floats(&[2, 4], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let cut = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64], sizes: &[usize], want: &[f32]| {
        let inputs = [x.clone(), longs(starts), longs(ends), longs(axes), longs(steps)];
        let want = [floats(sizes, want)];
        check(&format!("{starts:?} to {ends:?}"), 13, op("Slice", vec![]), &inputs, &want);
    };
    cut(&[-1], &[i64::MIN], &[-1], &[-2], &[2, 2], &[3.0, 1.0, 7.0, 5.0]);
    cut(&[1, 1], &[i64::MAX, -1], &[1, 0], &[1, 1], &[0, 3], &[]);
    cut(&[i64::MAX], &[i64::MIN], &[0], &[i64::MIN], &[1, 4], &[4.0, 5.0, 6.0, 7.0]);
    let old = op("Slice", vec![ints("starts", &[-1]), ints("ends", &[9]), ints("axes", &[0])]);
    check("version 1", 9, old, &[x.clone()], &[floats(&[1, 4], &[4.0, 5.0, 6.0, 7.0])]);
    refused(13, op("Slice", vec![]), &[x.clone(), longs(&[0]), longs(&[1]), longs(&[2])], "axis 2 of 2 axes");
    let twice = [x.clone(), longs(&[0, 0]), longs(&[1, 1]), longs(&[1, -1])];
    refused(13, op("Slice", vec![]), &twice, "axis 1 is cut twice");
    refused(
        13,
        op("Slice", vec![]),
        &[x.clone(), longs(&[0]), longs(&[1]), longs(&[0]), longs(&[0])],
        "step is 0",
    );
    refused(13, op("Slice", vec![]), &[x, longs(&[0, 1]), longs(&[1])], "2 starts, 1 ends");
}

#[test]
fn splits_and_joins() {
    let x = longs(&[1, 2, 3, 4, 5]);
    let parts = |attributes| node("Split", &[], &["a", "b"], attributes);
    let want = [longs(&[1, 2, 3]), longs(&[4, 5])];
    check("num_outputs", 18, parts(vec![int("num_outputs", 2)]), &[x.clone()], &want);
    check("attribute", 11, parts(vec![ints("split", &[3, 2])]), &[x.clone()], &want);
    check("input", 13, parts(vec![]), &[x.clone(), longs(&[3, 2])], &want);
    check("empty part", 13, parts(vec![]), &[x.clone(), longs(&[5, 0])], &[x.clone(), longs(&[])]);
    refused(13, parts(vec![]), &[x.clone()], "an axis of 5 in 2 equal parts");
    refused(13, parts(vec![]), &[x.clone(), longs(&[i64::MAX, i64::MAX])], "of an axis of 5");
    refused(18, parts(vec![int("num_outputs", i64::MAX)]), &[x.clone()], "parts for 2 outputs");
    // Exact in 64 bits where the numbers are known.
    let big = longs(&[1 << 40, -7]);
    let joined = node_outputs(13, op("Concat", vec![int("axis", 0)]), &[big.clone(), big.clone()], false);
    assert_eq!(joined.unwrap(), vec![longs(&[1 << 40, -7, 1 << 40, -7]).into()]);
    let nothing = [longs(&[]), x.clone(), longs(&[])];
    check("empty parts", 13, op("Concat", vec![int("axis", -1)]), &nothing, &[x.clone()]);
    refused(13, op("Concat", vec![]), &[x.clone()], "\"axis\" is missing");
    refused(13, op("Concat", vec![int("axis", 0)]), &[x, floats(&[1], &[1.0])], "FLOAT[1] along axis 0");
}

#[test]
fn shapes() {
    let x = whole(Element::Int64, &[2, 3], &[1, 2, 3, 4, 5, 6]);
    let turned = whole(Element::Int64, &[3, 2], &[1, 4, 2, 5, 3, 6]);
    check("turned", 13, op("Transpose", vec![]), &[x.clone()], &[turned]);
    let text = words(&[1, 2], &["a", "b"]);
    check("text", 13, op("Transpose", vec![ints("perm", &[1, 0])]), &[text], &[words(&[2, 1], &["a", "b"])]);
    refused(13, op("Transpose", vec![ints("perm", &[0, 0])]), &[x.clone()], "perm is [0, 0] of 2 axes");
    refused(13, op("Transpose", vec![ints("perm", &[0])]), &[x.clone()], "perm is [0] of 2 axes");
    let flat = longs(&[1, 2, 3, 4, 5, 6]);
    check("free", 13, op("Reshape", vec![]), &[x.clone(), longs(&[-1])], &[flat]);
    let kept = whole(Element::Int64, &[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
    check("kept", 13, op("Reshape", vec![]), &[x.clone(), longs(&[0, 1, -1])], &[kept]);
    let none = floats(&[0, 3], &[]);
    let zero = op("Reshape", vec![int("allowzero", 1)]);
    check("zero", 14, zero, &[none, longs(&[5, 0])], &[floats(&[5, 0], &[])]);
    refused(13, op("Reshape", vec![]), &[x.clone(), longs(&[4, -1])], "cannot be reshaped");
    refused(13, op("Reshape", vec![]), &[x, longs(&[1, 1, 0])], "keeps axis 2 of [2, 3]");
}

#[test]
fn gathers() {
    let x = floats(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let gather = |axis| op("Gather", vec![int("axis", axis)]);
    check("scalar", 13, gather(-1), &[x.clone(), long(-1)], &[floats(&[2], &[2.0, 5.0])]);
    check("nothing", 13, gather(0), &[x.clone(), longs(&[])], &[floats(&[0, 3], &[])]);
    let abc = words(&[3], &["a", "b", "c"]);
    check("text", 13, gather(0), &[abc, longs(&[2, 0])], &[words(&[2], &["c", "a"])]);
    let from_file = node_outputs(13, gather(1), &[x.clone(), longs(&[3])], false).unwrap_err().to_string();
    assert!(from_file.contains("index 3 of an axis of 3"), "{from_file}");
    refused(13, gather(0), &[floats(&[0, 3], &[]), longs(&[0])], "nothing can be picked from [0, 3]");
    let picked = whole(Element::Int64, &[2, 1], &[-1, 0]);
    check(
        "elements",
        13,
        op("GatherElements", vec![int("axis", 1)]),
        &[x.clone(), picked],
        &[floats(&[2, 1], &[2.0, 3.0])],
    );
    let pairs = whole(Element::Int64, &[2, 2], &[0, -1, 1, 0]);
    check("pairs", 13, op("GatherND", vec![]), &[x.clone(), pairs], &[floats(&[2], &[2.0, 3.0])]);
    let each = whole(Element::Int64, &[2, 1], &[2, -3]);
    check(
        "samples",
        13,
        op("GatherND", vec![int("batch_dims", 1)]),
        &[x.clone(), each.clone()],
        &[floats(&[2], &[2.0, 3.0])],
    );
    refused(13, op("GatherND", vec![int("batch_dims", 2)]), &[x, each], "behind 2 axes");
}

#[test]
fn scatters() {
    let x = longs(&[10, 20, 30]);
    let inputs = |element: Element| {
        let cast = |host: &Host| whole(element, host.sizes(), &host.to_i64());
        [cast(&x), longs(&[-1, 0, 2]), cast(&longs(&[1, 2, 3]))]
    };
    let scatter = |reduction: &str| op("ScatterElements", vec![text("reduction", reduction)]);
    for (reduction, want) in [
        ("none", [2, 20, 3]),
        ("add", [12, 20, 34]),
        ("mul", [20, 20, 90]),
        ("max", [10, 20, 30]),
        ("min", [2, 20, 1]),
    ] {
        for element in [Element::Int64, Element::Uint8, Element::Int32] {
            let want = whole(element, &[3], &want);
            check(&format!("{reduction} {element}"), 18, scatter(reduction), &inputs(element), &[want]);
        }
    }
    let wrapped = [whole(Element::Int8, &[1], &[100]), longs(&[0]), whole(Element::Int8, &[1], &[100])];
    check("wraps", 18, scatter("add"), &wrapped, &[whole(Element::Int8, &[1], &[-56])]);
    refused(18, scatter("mean"), &inputs(Element::Int64), "reduction is \"mean\"");
    let rows = [
        floats(&[3, 2], &[0.0; 6]),
        whole(Element::Int64, &[2, 1], &[2, -3]),
        floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]),
    ];
    check("rows", 18, op("ScatterND", vec![]), &rows, &[floats(&[3, 2], &[3.0, 4.0, 0.0, 0.0, 1.0, 2.0])]);
}

#[test]
fn casts() {
    let to = |element: Element| op("Cast", vec![int("to", i64::from(element.number()))]);
    let wide = whole(Element::Int32, &[4], &[-1, 200, 65_537, 128]);
    for (element, want) in [
        (Element::Uint8, [255, 200, 1, 128]),
        (Element::Int8, [-1, -56, 1, -128]),
        (Element::Uint16, [65_535, 200, 1, 128]),
        (Element::Bool, [1, 1, 1, 1]),
        (Element::Int64, [-1, 200, 65_537, 128]),
        (Element::Uint32, [4_294_967_295, 200, 65_537, 128]),
    ] {
        check(&format!("to {element}"), 13, to(element), &[wide.clone()], &[whole(element, &[4], &want)]);
    }
    let unsigned = whole(Element::Uint32, &[1], &[4_000_000_000]);
    check("widened", 13, to(Element::Int64), &[unsigned], &[longs(&[4_000_000_000])]);
    let written = words(&[4], &["1e3", "-INF", "NaN", " 7"]);
    let Ok(outputs) = node_outputs(13, to(Element::Float), &[written], true) else {
        panic!("no cast of text")
    };
    let anygrad_onnx::Item::Tensor(host) = &outputs[0] else { panic!("no tensor") };
    let numbers = host.to_f64();
    assert!(
        numbers[0] == 1000.0 && numbers[1] == f64::NEG_INFINITY && numbers[2].is_nan() && numbers[3] == 7.0
    );
    let numbers = floats(&[3], &[1.5, f32::INFINITY, -2.0]);
    check("to text", 13, to(Element::String), &[numbers], &[words(&[3], &["1.5", "INF", "-2"])]);
    refused(13, to(Element::Float), &[words(&[1], &["one"])], "is no number");
    refused(13, op("Cast", vec![int("to", 18)]), &[longs(&[1])], "FLOAT8E4M3FNUZ");
    refused(13, op("Cast", vec![int("to", 99)]), &[longs(&[1])], "type 99");
    check(
        "named",
        5,
        op("Cast", vec![text("to", "INT32")]),
        &[floats(&[1], &[-1.9])],
        &[whole(Element::Int32, &[1], &[-1])],
    );
}

#[test]
fn numbers_that_no_device_holds_are_refused() {
    let add = op("Add", vec![]);
    let big = longs(&[1, 1 << 31]);
    let error = node_outputs(13, add.clone(), &[big.clone(), longs(&[1])], true).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("element 1 is 2147483648"), "{error}");
    // Known ones keep 64 bits.
    let known = node_outputs(13, add.clone(), &[big, longs(&[1])], false).unwrap();
    assert_eq!(known, vec![longs(&[2, (1 << 31) + 1]).into()]);
    let double = |x: f64| Host::new(Element::Double, &[1], Data::F64(vec![x])).unwrap();
    let error = node_outputs(13, add.clone(), &[double(1e39), double(1.0)], true).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("element 0 is 1e39"), "{error}");
    let infinite = node_outputs(13, add, &[double(f64::INFINITY), double(1.0)], true).unwrap();
    assert_eq!(infinite, vec![double(f64::INFINITY).into()]);
}

#[test]
fn bits() {
    let shift = |way: &str| op("BitShift", vec![text("direction", way)]);
    let pair = |element, x: i64, by: i64| [whole(element, &[1], &[x]), whole(element, &[1], &[by])];
    for (element, way, x, by, want) in [
        (Element::Uint8, "LEFT", 255, 4, 240),
        (Element::Uint8, "RIGHT", 255, 8, 0),
        (Element::Int8, "LEFT", 1, 7, -128),
        (Element::Int8, "RIGHT", -128, 100, -1),
        (Element::Int64, "LEFT", 3, 40, 3 << 40),
        (Element::Int64, "RIGHT", 3 << 40, 40, 3),
        (Element::Uint64, "RIGHT", -1, 63, 1),
        (Element::Uint32, "LEFT", 1, 31, 1 << 31),
    ] {
        let want = [whole(element, &[1], &[want])];
        check(&format!("{x} {way} {by} {element}"), 11, shift(way), &pair(element, x, by), &want);
    }
    let many = [longs(&[1 << 40; 2000]), longs(&[1; 2000])];
    check("many", 11, shift("RIGHT"), &many, &[longs(&[1 << 39; 2000])]);
    let as_bits = |to: Element| op("BitCast", vec![int("to", i64::from(to.number()))]);
    let double = Host::new(Element::Double, &[1], Data::F64(vec![0.1])).unwrap();
    check("double", 26, as_bits(Element::Int64), &[double], &[longs(&[0x3FB9_9999_9999_999A])]);
    refused(26, as_bits(Element::Int8), &[longs(&[1])], "other bits");
}

#[test]
fn fills() {
    let sizes = longs(&[2, 2]);
    let value = tensor("value", &whole(Element::Uint64, &[1], &[-1]));
    let filled = whole(Element::Uint64, &[2, 2], &[-1; 4]);
    check("largest", 9, op("ConstantOfShape", vec![value]), &[sizes], &[filled]);
    check("scalar", 9, op("ConstantOfShape", vec![]), &[longs(&[])], &[floats(&[], &[0.0])]);
    check("empty", 9, op("ConstantOfShape", vec![]), &[longs(&[3, 0])], &[floats(&[3, 0], &[])]);
    for (name, inputs, says) in [
        ("ConstantOfShape", vec![longs(&[1 << 39])], "at most"),
        ("ConstantOfShape", vec![longs(&[1 << 62, 8])], "more elements than can be addressed"),
        ("ConstantOfShape", vec![longs(&[-1])], "a size is -1"),
        ("Expand", vec![floats(&[1], &[1.0]), longs(&[1 << 20, 1 << 15])], "at most"),
        ("Tile", vec![floats(&[1], &[1.0]), longs(&[i64::MAX])], "more elements than can be addressed"),
        ("Tile", vec![words(&[1], &["a"]), longs(&[1 << 30])], "are listed"),
        ("Range", vec![long(0), long(i64::MAX), long(1)], "are listed"),
        ("Range", vec![long(i64::MIN), long(i64::MAX), long(1)], "are listed"),
        ("Range", vec![long(0), long(1), long(0)], "step is 0"),
        ("Range", vec![floats(&[], &[0.0]), floats(&[], &[f32::INFINITY]), floats(&[], &[1.0])], "no range"),
    ] {
        refused(13, op(name, vec![]), &inputs, says);
    }
    check("down", 11, op("Range", vec![]), &[long(5), long(0), long(-2)], &[longs(&[5, 3, 1])]);
    check("none", 11, op("Range", vec![]), &[long(5), long(0), long(2)], &[longs(&[])]);
    let x = floats(&[2], &[1.0, 2.0]);
    check(
        "old tile",
        1,
        op("Tile", vec![]),
        &[x.clone(), longs(&[2]), longs(&[0])],
        &[floats(&[4], &[1.0, 2.0, 1.0, 2.0])],
    );
    let eye = op("EyeLike", vec![int("k", -1), int("dtype", i64::from(Element::Int8.number()))]);
    check("eye", 9, eye, &[floats(&[2, 2], &[0.0; 4])], &[whole(Element::Int8, &[2, 2], &[0, 0, 1, 0])]);
}

#[test]
fn choices() {
    let truth = |bits: &[i64]| whole(Element::Bool, &[bits.len()], bits);
    let (a, b) = (words(&[2], &["a", "b"]), words(&[1], &["c"]));
    check("text", 16, op("Where", vec![]), &[truth(&[1, 0]), a, b], &[words(&[2], &["a", "c"])]);
    let bools = [truth(&[1, 0]), truth(&[1, 1]), truth(&[0, 0])];
    check("truth", 16, op("Where", vec![]), &bools, &[truth(&[1, 0])]);
    let top = |attributes| node("TopK", &[], &["y", "places"], attributes);
    let x = whole(Element::Uint8, &[4], &[3, 200, 3, 7]);
    let want = [whole(Element::Uint8, &[2], &[3, 3]), longs(&[0, 2])];
    check("smallest", 11, top(vec![int("largest", 0)]), &[x.clone(), longs(&[2])], &want);
    let old = [floats(&[2], &[1.0, 2.0])];
    check("version 1", 9, top(vec![int("k", 1)]), &old, &[floats(&[1], &[2.0]), longs(&[1])]);
    refused(11, top(vec![]), &[x.clone(), longs(&[5])], "the first 5 of an axis of 4");
    let hot = [longs(&[-1, 9]), long(2), floats(&[2], &[0.5, 1.5])];
    check("one hot", 11, op("OneHot", vec![int("axis", 0)]), &hot, &[floats(&[2, 2], &[0.5, 0.5, 1.5, 0.5])]);
    let lower = op("Trilu", vec![int("upper", 0)]);
    let square = whole(Element::Bool, &[2, 2], &[1; 4]);
    check(
        "truth",
        14,
        lower,
        &[square, longs(&[0]).reshaped(&[]).unwrap()],
        &[whole(Element::Bool, &[2, 2], &[1, 0, 1, 1])],
    );
    let turned = op("ReverseSequence", vec![int("time_axis", 1), int("batch_axis", 0)]);
    let rows = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    check(
        "turned",
        10,
        turned,
        &[rows.clone(), longs(&[2, 3])],
        &[floats(&[2, 3], &[2.0, 1.0, 3.0, 6.0, 5.0, 4.0])],
    );
    check(
        "kept",
        9,
        op("Compress", vec![int("axis", -1)]),
        &[rows, truth(&[0, 1])],
        &[floats(&[2, 1], &[2.0, 5.0])],
    );
    let several = node("Unique", &[], &["y", "first", "inverse", "counts"], vec![int("sorted", 0)]);
    let want = [words(&[2], &["b", "a"]), longs(&[0, 1]), longs(&[0, 1, 0]), longs(&[2, 1])];
    check("unique text", 11, several, &[words(&[3], &["b", "a", "b"])], &want);
}

#[test]
fn attributes_of_another_kind_are_refused() {
    refused(
        13,
        op("Concat", vec![float("axis", 1.0)]),
        &[longs(&[1])],
        "\"axis\" holds Float, Int was expected",
    );
    refused(13, op("Cast", vec![text("to", "FLOAT")]), &[longs(&[1])], "holds String");
}
