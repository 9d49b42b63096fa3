//! Graphs inside of nodes, functions, names, and runs in stages.

mod common;

use anygrad_onnx::proto::{AttributeType, FunctionProto, NodeProto, OperatorSetIdProto};
use anygrad_onnx::{Data, Element, Host, Item};
use common::*;

fn truth(bit: i64) -> Host {
    whole(Element::Bool, &[], &[bit])
}

fn tensor_of(item: &Item) -> &Host {
    match item {
        Item::Tensor(host) => host,
        other => panic!("{other:?} is no tensor"),
    }
}

fn constant(name: &str, host: &Host) -> NodeProto {
    node("Constant", &[], &[name], vec![tensor("value", host)])
}

/// x doubled as long as its sum is below 20; the values on the way are stacked.
fn doubling() -> anygrad_onnx::proto::ModelProto {
    let inner = graph(
        vec![
            node("Add", &["v", "v"], &["doubled"], vec![]),
            node("ReduceSumHere", &["doubled"], &["sum"], vec![]),
            node("Less", &["sum", "limit"], &["again"], vec![]),
        ],
        &["i", "c", "v"],
        &["again", "doubled", "doubled"],
    );
    let outer = graph(
        vec![
            constant("limit", &floats(&[], &[20.0])),
            node("Loop", &["", "", "x"], &["last", "all"], vec![body("body", inner)]),
        ],
        &["x"],
        &["last", "all"],
    );
    let mut model = model(13, outer);
    // The sum as a product, so that no other operator is needed.
    let sum = FunctionProto {
        name: Some("ReduceSumHere".into()),
        input: vec!["x".into()],
        output: vec!["y".into()],
        node: vec![
            constant("ones", &floats(&[2], &[1.0, 1.0])),
            node("MatMul", &["x", "ones"], &["y"], vec![]),
        ],
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
        ..FunctionProto::default()
    };
    model.functions.push(sum);
    model
}

#[test]
fn a_loop_goes_on_as_long_as_the_device_says() {
    let mut runner = runner(doubling()).unwrap();
    for (x, want, rounds) in
        [([1.0, 2.0], [8.0, 16.0], 3), ([9.0, 9.0], [18.0, 18.0], 1), ([1.0, 2.0], [8.0, 16.0], 3)]
    {
        let outputs = run_on(&mut runner, &[("x", floats(&[2], &x))]).unwrap();
        assert_eq!(tensor_of(&outputs[0]), &floats(&[2], &want));
        assert_eq!(tensor_of(&outputs[1]).sizes(), [rounds, 2]);
    }
}

#[test]
fn loops_with_known_rounds() {
    let inner = graph(
        vec![node("Add", &["v", "i"], &["next"], vec![]), node("Identity", &["c"], &["again"], vec![])],
        &["i", "c", "v"],
        &["again", "next", "v"],
    );
    let mut inner_typed = inner.clone();
    inner_typed.output[2] = port("v", Element::Int64, &[]);
    for (rounds, last, all) in [(4, 16, vec![10, 10, 11, 13]), (0, 10, vec![]), (-3, 10, vec![])] {
        let outer = graph(
            vec![node("Loop", &["m", "", "x"], &["last", "all"], vec![body("body", inner_typed.clone())])],
            &["m", "x"],
            &["last", "all"],
        );
        let outputs = run(model(13, outer), &[("m", long(rounds)), ("x", long(10))]).unwrap();
        assert_eq!((tensor_of(&outputs[0]), tensor_of(&outputs[1])), (&long(last), &longs(&all)));
    }
    let outer = graph(
        vec![node("Loop", &["m", "", "x"], &["last"], vec![body("body", inner)])],
        &["m", "x"],
        &["last"],
    );
    let error = run(model(13, outer), &[("m", long(i64::MAX)), ("x", long(10))]).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("rounds"), "{error}");
}

#[test]
fn plans_are_kept_for_shapes_and_conditions() {
    let then = graph(vec![node("Add", &["x", "x"], &["y"], vec![])], &[], &["y"]);
    let otherwise = graph(vec![node("Neg", &["x"], &["y"], vec![])], &[], &["y"]);
    let outer = graph(
        vec![
            constant("zero", &floats(&[], &[0.0])),
            node("Squeeze", &["x"], &["all"], vec![]),
            node("GatherElements", &["x", "first"], &["one"], vec![]),
            node("Squeeze", &["one"], &["scalar"], vec![]),
            node("Less", &["zero", "scalar"], &["is_positive"], vec![]),
            node(
                "If",
                &["is_positive"],
                &["y"],
                vec![body("then_branch", then), body("else_branch", otherwise)],
            ),
        ],
        &["x"],
        &["y", "all"],
    );
    let mut proto = model(13, outer);
    proto.graph.as_mut().unwrap().initializer = vec![anygrad_onnx::encode("first", &longs(&[0]))];
    let mut runner = runner(proto).unwrap();
    let mut plans = Vec::new();
    for x in [
        vec![1.0, 2.0],
        vec![3.0, -4.0],
        vec![-1.0, 2.0],
        vec![1.0, 2.0, 3.0],
        vec![5.0, 6.0],
        vec![-5.0, 6.0],
    ] {
        let want: Vec<f32> = x.iter().map(|&v| if x[0] > 0.0 { v + v } else { -v }).collect();
        let outputs = run_on(&mut runner, &[("x", floats(&[x.len()], &x))]).unwrap();
        assert_eq!(tensor_of(&outputs[0]), &floats(&[x.len()], &want));
        plans.push(runner.plans());
    }
    // One for the condition, one for each branch; the same again for another size.
    assert_eq!(plans, [2, 2, 3, 5, 5, 5]);
}

#[test]
fn numbers_in_the_middle_decide_a_shape() {
    let nodes = vec![
        node("Add", &["x", "x"], &["twice"], vec![]),
        node("NonZero", &["twice"], &["places"], vec![]),
        node("Squeeze", &["places"], &["flat"], vec![ints("axes", &[0])]),
        node("Gather", &["twice", "flat"], &["kept"], vec![]),
        node("Shape", &["kept"], &["size"], vec![]),
        node("Mul", &["kept", "kept"], &["y"], vec![]),
    ];
    let mut runner = runner(model(12, graph(nodes, &["x"], &["y", "size", "x", "y"]))).unwrap();
    for (x, want) in
        [(vec![1.0, 0.0, 2.0], vec![4.0, 16.0]), (vec![0.0, 3.0], vec![36.0]), (vec![0.0, 0.0], vec![])]
    {
        let outputs = run_on(&mut runner, &[("x", floats(&[x.len()], &x))]).unwrap();
        let want = floats(&[want.len()], &want);
        assert_eq!(tensor_of(&outputs[0]), &want);
        assert_eq!(tensor_of(&outputs[1]), &longs(&[want.len() as i64]));
        // An input may be an output, and an output may be one twice.
        assert_eq!(tensor_of(&outputs[2]), &floats(&[x.len()], &x));
        assert_eq!(tensor_of(&outputs[3]), &want);
    }
}

#[test]
fn plans_are_kept_for_what_the_host_makes_of_numbers() {
    let nodes = |from: &str| {
        vec![
            node("Add", &["x", "x"], &["twice"], vec![]),
            node("NonZero", &[from], &["places"], vec![]),
            node("Squeeze", &["places"], &["flat"], vec![ints("axes", &[0])]),
            node("Gather", &["twice", "flat"], &["kept"], vec![]),
            node("Mul", &["kept", "kept"], &["y"], vec![]),
        ]
    };
    // Of a value in between, and of a large input.
    for from in ["twice", "x"] {
        let mut runner = runner(model(12, graph(nodes(from), &["x"], &["y"]))).unwrap();
        let mut plans = Vec::new();
        for (a, b) in [(5, 6), (100, 1999), (7, 7), (0, 1)] {
            let mut x = vec![0.0; 2000];
            (x[a], x[b]) = (1.0, 3.0);
            let outputs = run_on(&mut runner, &[("x", floats(&[2000], &x))]).unwrap();
            let want: &[f32] = if a == b { &[36.0] } else { &[4.0, 36.0] };
            assert_eq!(tensor_of(&outputs[0]), &floats(&[want.len()], want));
            plans.push(runner.plans());
        }
        // The numbers differ, the shapes come again.
        let first = plans[0];
        assert_eq!(plans, [first, first, first + 1, first + 1], "{from}");
    }
}

#[test]
fn exact_numbers_reach_the_host_whatever_was_computed_before() {
    // The condition makes a second stage, in which the bits of x are read: they must not have been on a device.
    let bits = vec![int("to", i64::from(Element::Int64.number()))];
    let branch = graph(vec![node("BitCast", &["x"], &["y"], bits)], &[], &["y"]);
    let nodes = vec![
        node("Less", &["a", "b"], &["c"], vec![]),
        node("If", &["c"], &["y"], vec![body("then_branch", branch.clone()), body("else_branch", branch)]),
    ];
    let double = Host::new(Element::Double, &[1], Data::F64(vec![0.1])).unwrap();
    let inputs = [("x", double), ("a", floats(&[], &[0.0])), ("b", floats(&[], &[1.0]))];
    let outputs = run(model(26, graph(nodes, &["x", "a", "b"], &["y"])), &inputs).unwrap();
    assert_eq!(tensor_of(&outputs[0]), &longs(&[0x3FB9_9999_9999_999A]));
}

#[test]
fn scans() {
    // Sums of a row so far, from the end.
    let inner = graph(vec![node("Add", &["s", "x"], &["next"], vec![])], &["s", "x"], &["next", "next"]);
    let attributes =
        |more: Vec<_>| [vec![int("num_scan_inputs", 1), body("body", inner.clone())], more].concat();
    let more = vec![
        ints("scan_input_axes", &[-1]),
        ints("scan_input_directions", &[1]),
        ints("scan_output_axes", &[-1]),
        ints("scan_output_directions", &[1]),
    ];
    let outputs = |attributes| node("Scan", &[], &["last", "all"], attributes);
    let rows = floats(&[2, 3], &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    let zero = floats(&[2], &[0.0, 0.0]);
    check(
        "backwards",
        9,
        outputs(attributes(more)),
        &[zero, rows],
        &[floats(&[2], &[6.0, 60.0]), floats(&[2, 3], &[6.0, 5.0, 3.0, 60.0, 50.0, 30.0])],
    );
    // Version 8: samples of a batch, each as long as it says.
    let inputs =
        [longs(&[1, 3]), floats(&[2], &[0.0, 0.0]), floats(&[2, 3], &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0])];
    check(
        "samples",
        8,
        outputs(attributes(vec![])),
        &inputs,
        &[floats(&[2], &[1.0, 60.0]), floats(&[2, 3], &[1.0, 0.0, 0.0, 10.0, 30.0, 60.0])],
    );
}

#[test]
fn names_inside_hide_those_around() {
    let inner = graph(
        vec![node("Add", &["w", "w"], &["x"], vec![]), node("Add", &["x", "x"], &["y"], vec![])],
        &[],
        &["y"],
    );
    let nodes = vec![
        node("If", &["c"], &["z"], vec![body("then_branch", inner.clone()), body("else_branch", inner)]),
        node("Add", &["z", "x"], &["out"], vec![]),
    ];
    let mut proto = model(13, graph(nodes, &["c", "x"], &["out"]));
    proto.graph.as_mut().unwrap().initializer = vec![anygrad_onnx::encode("w", &floats(&[1], &[1.0]))];
    let outputs = run(proto, &[("c", truth(1)), ("x", floats(&[1], &[10.0]))]).unwrap();
    assert_eq!(tensor_of(&outputs[0]), &floats(&[1], &[14.0]));
}

#[test]
fn functions_take_attributes_and_leave_inputs_out() {
    let import = vec![
        OperatorSetIdProto { domain: None, version: Some(13) },
        OperatorSetIdProto { domain: Some("own".into()), version: Some(1) },
    ];
    let own = |name: &str, inputs: &[&str], nodes: Vec<NodeProto>| FunctionProto {
        name: Some(name.into()),
        domain: Some("own".into()),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec!["y".into()],
        attribute: vec!["way".into()],
        attribute_proto: vec![int("along", 0)],
        node: nodes,
        opset_import: import.clone(),
        ..FunctionProto::default()
    };
    let call = |op: &str, inputs: &[&str], output: &str, attributes| NodeProto {
        domain: Some("own".into()),
        ..node(op, inputs, &[output], attributes)
    };
    // `inner` joins along its attribute `along`, `outer` hands its `way` on under that name.
    let inner = own(
        "inner",
        &["a", "b"],
        vec![node("Concat", &["a", "a"], &["y"], vec![outer("axis", "along", AttributeType::Int)])],
    );
    let outside = own(
        "outside",
        &["x", "slope"],
        vec![
            call("inner", &["x", ""], "j", vec![outer("along", "way", AttributeType::Int)]),
            // The low end of the clip is left out by the call.
            node("Slice", &["j", "zero", "two", "slope"], &["y"], vec![]),
        ],
    );
    let mut outside = outside;
    outside.node.insert(0, constant("zero", &longs(&[0])));
    outside.node.insert(1, constant("two", &longs(&[1])));
    let nodes = vec![
        call("inner", &["x"], "a", vec![]),
        call("inner", &["x"], "b", vec![int("along", 1)]),
        call("outside", &["x"], "c", vec![int("way", 1)]),
    ];
    let mut proto = model(13, graph(nodes, &["x"], &["a", "b", "c"]));
    proto.opset_import = import.clone();
    proto.functions = vec![inner, outside];
    let outputs = run(proto.clone(), &[("x", floats(&[1, 1], &[5.0]))]).unwrap();
    let sizes: Vec<&[usize]> = outputs.iter().map(|item| tensor_of(item).sizes()).collect();
    assert_eq!(sizes, [&[2, 1][..], &[1, 2], &[1, 2]]);
    // A function does not see the model's names.
    proto.functions[0].node[0].input[0] = "w".into();
    proto.graph.as_mut().unwrap().initializer = vec![anygrad_onnx::encode("w", &floats(&[1, 1], &[1.0]))];
    let error = run(proto, &[("x", floats(&[1, 1], &[5.0]))]).unwrap_err().to_string();
    assert!(error.contains("function \"inner\"") && error.contains("\"w\""), "{error}");
}

#[test]
fn sequences() {
    let nodes = vec![
        node("SequenceConstruct", &["x", "x"], &["two"], vec![]),
        node("Add", &["x", "x"], &["more"], vec![]),
        node("SequenceInsert", &["two", "more", "front"], &["three"], vec![]),
        node("SequenceErase", &["three"], &["back"], vec![]),
        node("SequenceLength", &["back"], &["length"], vec![]),
        node("SequenceAt", &["back", "front"], &["first"], vec![]),
        node("ConcatFromSequence", &["back"], &["all"], vec![int("axis", -1), int("new_axis", 1)]),
        node("Optional", &[], &["none"], vec![]),
        node("OptionalHasElement", &["none"], &["has"], vec![]),
    ];
    let mut proto = model(18, graph(nodes, &["x"], &["length", "first", "all", "has", "none", "back"]));
    proto.graph.as_mut().unwrap().initializer = vec![anygrad_onnx::encode("front", &long(-2))];
    let x = floats(&[2], &[1.0, 2.0]);
    let outputs = run(proto, &[("x", x.clone())]).unwrap();
    let more = floats(&[2], &[2.0, 4.0]);
    let want: Vec<Item> = vec![
        long(2).into(),
        more.clone().into(),
        floats(&[2, 2], &[2.0, 1.0, 4.0, 2.0]).into(),
        truth(0).into(),
        Item::Nothing,
        Item::Sequence(vec![more.into(), x.into()]),
    ];
    assert_eq!(outputs, want);
}
