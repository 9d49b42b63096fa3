//! Files that want to harm: every one gives an error, soon, and without the memory that it claims.
#![allow(clippy::unwrap_used, reason = "a mistake here is one of the test")]

mod common;

use std::time::{Duration, Instant};

use anygrad_core::Error;
use anygrad_gpu::Session;
use anygrad_onnx::proto::{
    DataLocation, ElementTypeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto,
    SparseTensorProto, StringStringEntryProto, TensorProto, TypeProto, TypeValue, ValueInfoProto,
};
use anygrad_onnx::{Element, Item, Model, Runner, encode};
use common::*;
use prost::Message as _;

/// That a model is refused within a second, when it is read or when it runs.
#[track_caller]
fn refused_soon(what: &str, proto: ModelProto, inputs: &[(&str, anygrad_onnx::Host)], says: &str) {
    let start = Instant::now();
    let error = match run(proto, inputs) {
        Ok(_) => panic!("{what} ran"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains(says), "{what}: {error}");
    assert!(start.elapsed() < Duration::from_secs(1), "{what} took {:?}", start.elapsed());
}

/// A model with most kinds of parts: weights, numbers for shapes, a loop, a branch, a function.
fn rich() -> ModelProto {
    let inner = graph(
        vec![node("Add", &["v", "w"], &["next"], vec![]), node("Identity", &["c"], &["again"], vec![])],
        &["i", "c", "v"],
        &["again", "next", "next"],
    );
    let branch = |op: &str| graph(vec![node(op, &["last"], &["r"], vec![])], &[], &["r"]);
    let nodes = vec![
        node("Loop", &["rounds", "", "x"], &["last", "all"], vec![body("body", inner)]),
        node(
            "If",
            &["flag"],
            &["chosen"],
            vec![body("then_branch", branch("Neg")), body("else_branch", branch("Identity"))],
        ),
        node("Slice", &["all", "start", "end"], &["part"], vec![]),
        node("Reshape", &["part", "shape"], &["flat"], vec![]),
        NodeProto { domain: Some("own".into()), ..node("twice", &["flat"], &["y"], vec![]) },
        node("Concat", &["chosen", "x"], &["z"], vec![int("axis", 0)]),
    ];
    let mut proto = model(13, graph(nodes, &[], &["y", "z"]));
    let main = proto.graph.as_mut().unwrap();
    main.input = vec![port("x", Element::Float, &[-1])];
    main.initializer = vec![
        encode("w", &floats(&[1], &[0.5])),
        encode("rounds", &long(3)),
        encode("flag", &whole(Element::Bool, &[], &[1])),
        encode("start", &longs(&[1])),
        encode("end", &longs(&[i64::MAX])),
        encode("shape", &longs(&[-1])),
    ];
    let import = vec![OperatorSetIdProto { domain: None, version: Some(13) }];
    proto.opset_import.push(OperatorSetIdProto { domain: Some("own".into()), version: Some(1) });
    proto.functions = vec![FunctionProto {
        name: Some("twice".into()),
        domain: Some("own".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![node("Add", &["a", "a"], &["b"], vec![])],
        opset_import: import,
        ..FunctionProto::default()
    }];
    proto
}

fn run_bytes(bytes: &[u8]) -> Result<Vec<(String, Item)>, Error> {
    let mut runner = Runner::new(Model::from_bytes(bytes)?, Session::interpreter())?;
    pollster::block_on(runner.run(&[("x", floats(&[2], &[1.0, 2.0]).into())]))
}

#[test]
fn torn_files() {
    let whole_file = rich().encode_to_vec();
    run_bytes(&whole_file).unwrap();
    for end in 0..whole_file.len() {
        // What is left of a file may be a smaller model; it never is these outputs.
        if let Ok(outputs) = run_bytes(&whole_file[..end]) {
            assert!(outputs.len() < 2, "the first {end} bytes ran");
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    let file = rich().encode_to_vec();
    let mut seed = 1u64;
    let mut next = || {
        // A generator of Marsaglia's: xorshift64.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut ran = 0;
    for _ in 0..1500 {
        let mut changed = file.clone();
        for _ in 0..1 + next() % 3 {
            let at = next() as usize % changed.len();
            changed[at] = next() as u8;
        }
        let start = Instant::now();
        ran += usize::from(run_bytes(&changed).is_ok());
        assert!(start.elapsed() < Duration::from_secs(5), "a changed file took {:?}", start.elapsed());
    }
    // Names and numbers may change; most changes must not be taken for the model.
    assert!(ran > 0 && ran < 1250, "{ran} of 1500 changed files ran");
}

#[test]
fn sizes_that_nobody_has() {
    let claim = |dims: &[i64]| TensorProto {
        dims: dims.to_vec(),
        data_type: Some(1),
        name: Some("w".into()),
        raw_data: Some(vec![0; 8]),
        ..TensorProto::default()
    };
    for (dims, says) in [
        (&[1 << 29][..], "takes 2147483648 bytes, raw_data has 8"),
        (&[i64::MAX], "more elements than can be addressed"),
        (&[1 << 33, 1 << 33], "more elements than can be addressed"),
        (&[0, 1 << 62, 1 << 62], "more elements than can be addressed"),
        (&[-1], "cannot have the size -1"),
        (&[i64::MIN, 2], "cannot have the size"),
    ] {
        let mut proto = model(13, graph(vec![node("Neg", &["w"], &["y"], vec![])], &[], &["y"]));
        proto.graph.as_mut().unwrap().initializer = vec![claim(dims)];
        refused_soon(&format!("{dims:?}"), proto, &[], says);
    }
    let x = [("x", floats(&[1], &[1.0]))];
    for (op, numbers, says) in [
        ("Expand", vec![1 << 33], "at most"),
        ("Expand", vec![i64::MAX, i64::MAX], "more elements than can be addressed"),
        ("Tile", vec![1 << 35], "at most"),
        ("Tile", vec![-1], "a size is -1"),
        ("Reshape", vec![i64::MAX, 2], "more elements than can be addressed"),
        ("Reshape", vec![-1, -1], "cannot be reshaped"),
    ] {
        let mut proto = model(13, graph(vec![node(op, &["x", "n"], &["y"], vec![])], &["x"], &["y"]));
        proto.graph.as_mut().unwrap().initializer = vec![encode("n", &longs(&numbers))];
        refused_soon(&format!("{op} {numbers:?}"), proto, &x, says);
    }
    let sparse = |dims: &[i64], index: i64| SparseTensorProto {
        values: Some(encode("w", &floats(&[1], &[1.0]))),
        indices: Some(encode("", &longs(&[index]))),
        dims: dims.to_vec(),
    };
    for (dims, index, says) in [
        (&[1 << 30][..], 0, "sparse tensor of 1073741824 elements"),
        (&[1 << 39], 0, "are filled up"),
        (&[4], 4, "index 4 of a sparse tensor"),
        (&[4], -1, "index -1 of a sparse tensor"),
    ] {
        let mut proto = model(13, graph(vec![node("Neg", &["w"], &["y"], vec![])], &[], &["y"]));
        proto.graph.as_mut().unwrap().sparse_initializer = vec![sparse(dims, index)];
        refused_soon(&format!("sparse {dims:?}"), proto, &[], says);
    }
    let mut proto = model(13, graph(vec![node("Neg", &["w"], &["y"], vec![])], &[], &["y"]));
    proto.graph.as_mut().unwrap().sparse_initializer = vec![sparse(&[3], 1)];
    assert_eq!(run(proto, &[]).unwrap(), vec![floats(&[3], &[0.0, -1.0, 0.0]).into()]);
}

#[test]
fn names_that_make_no_sense() {
    let neg = |from: &str, to: &str| node("Neg", &[from], &[to], vec![]);
    let x = [("x", floats(&[1], &[1.0]))];
    for (what, nodes, says) in [
        ("a cycle", vec![neg("b", "a"), neg("a", "b")], "has a cycle"),
        ("itself", vec![neg("b", "b")], "has a cycle"),
        ("twice", vec![neg("x", "b"), neg("x", "b")], "\"b\" is made twice"),
        ("an input", vec![neg("x", "b"), neg("b", "x")], "\"x\" is made twice"),
        ("nothing", vec![neg("x", "a")], "nothing makes the output \"b\""),
    ] {
        refused_soon(what, model(13, graph(nodes, &["x"], &["b"])), &x, says);
    }
    let function = |output: &str, nodes| FunctionProto {
        name: Some("f".into()),
        input: vec!["a".into()],
        output: vec![output.into()],
        node: nodes,
        ..FunctionProto::default()
    };
    for (what, functions, says) in [
        ("unmade", vec![function("b", vec![])], "nothing makes the output \"b\""),
        ("made twice", vec![function("b", vec![neg("a", "b"), neg("a", "b")])], "is made twice"),
        ("two of them", vec![function("a", vec![]), function("a", vec![])], "two functions"),
        ("recursive", vec![function("b", vec![node("f", &["a"], &["b"], vec![])])], "more than 64 deep"),
    ] {
        let mut proto = model(13, graph(vec![node("f", &["x"], &["b"], vec![])], &["x"], &["b"]));
        proto.functions = functions;
        refused_soon(what, proto, &x, says);
    }
}

#[test]
fn nesting_without_end_fits_a_small_stack() {
    let deep = || {
        // Graphs inside of graphs, by hand: the decoder's own limit is not met.
        let mut inner = graph(vec![node("Neg", &["x"], &["y"], vec![])], &[], &["y"]);
        for _ in 0..40 {
            let branches =
                vec![body("then_branch", inner.clone()), body("else_branch", graph(vec![], &[], &["x"]))];
            inner = graph(vec![node("If", &["c"], &["y"], branches)], &[], &["y"]);
        }
        inner.input = vec![untyped("x"), untyped("c")];
        let x = [("x", floats(&[1], &[1.0])), ("c", whole(Element::Bool, &[], &[1]))];
        refused_soon("deep graphs", model(13, inner.clone()), &x, "more than 32 deep");
        assert!(Model::from_bytes(&model(13, inner).encode_to_vec()).is_err());
        // Each function calls the next one twice: 2^60 nodes in a small file.
        let import = vec![OperatorSetIdProto { domain: None, version: Some(13) }];
        let functions = (0..60).map(|level| FunctionProto {
            name: Some(format!("f{level}")),
            input: vec!["a".into()],
            output: vec!["c".into()],
            node: match level {
                0 => vec![node("Neg", &["a"], &["c"], vec![])],
                _ => {
                    let below = format!("f{}", level - 1);
                    vec![node(&below, &["a"], &["b"], vec![]), node(&below, &["b"], &["c"], vec![])]
                }
            },
            opset_import: import.clone(),
            ..FunctionProto::default()
        });
        let mut proto = model(13, graph(vec![node("f59", &["x"], &["y"], vec![])], &["x"], &["y"]));
        proto.functions = functions.collect();
        let start = Instant::now();
        let error = run(proto, &[("x", floats(&[1], &[1.0]))]).unwrap_err().to_string();
        assert!(error.contains("written out"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        // Sequences of sequences of ...
        let mut kind = TypeProto::default();
        for _ in 0..90 {
            let sequence = ElementTypeProto { elem_type: Some(Box::new(kind)) };
            kind = TypeProto { value: Some(TypeValue::Sequence(Box::new(sequence))), ..TypeProto::default() };
        }
        let mut proto = model(13, graph(vec![], &[], &[]));
        let port = ValueInfoProto { name: Some("x".into()), r#type: Some(kind), ..ValueInfoProto::default() };
        proto.graph.as_mut().unwrap().input = vec![port];
        let _ = Model::from_bytes(&proto.encode_to_vec());
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(deep).unwrap();
    thread.join().unwrap();
}

fn external(location: &str, offset: &str, elements: i64) -> ModelProto {
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    let mut proto = model(13, graph(vec![node("Neg", &["w"], &["y"], vec![])], &[], &["y"]));
    proto.graph.as_mut().unwrap().initializer = vec![TensorProto {
        dims: vec![elements],
        data_type: Some(1),
        name: Some("w".into()),
        data_location: Some(DataLocation::External as i32),
        external_data: vec![entry("location", location), entry("offset", offset)],
        ..TensorProto::default()
    }];
    proto
}

#[cfg(unix)]
#[test]
fn data_beside_the_model() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(home.path().join("secret"), [0; 64]).unwrap();
    std::fs::write(folder.join("data"), [0; 64]).unwrap();
    std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("zero")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap();
    assert!(made.success());
    std::fs::create_dir(folder.join("inside")).unwrap();
    let path = folder.join("model.onnx");
    let load = |proto: ModelProto| {
        std::fs::write(&path, proto.encode_to_vec()).unwrap();
        let start = Instant::now();
        let model = Model::load(&path);
        assert!(start.elapsed() < Duration::from_secs(1));
        model
    };
    load(external("data", "32", 8)).unwrap();
    let secret = home.path().join("secret");
    for (location, offset, elements, says) in [
        ("../secret", "0", 4, "only a file inside"),
        (secret.to_str().unwrap(), "0", 4, "only a file inside"),
        ("inside/../../secret", "0", 4, "only a file inside"),
        ("link", "0", 4, "leads out of"),
        ("zero", "0", 4, "leads out of"),
        ("pipe", "0", 4, "no file"),
        ("inside", "0", 4, "no file"),
        ("", "0", 4, "only a file inside"),
        ("missing", "0", 4, "No such file"),
        ("data", "40", 8, "the file has 64"),
        ("data", "0", 1 << 38, "the file has 64"),
        ("data", "18446744073709551615", 8, "the file has 64"),
        ("data", "-1", 8, "no number"),
    ] {
        let error = load(external(location, offset, elements)).unwrap_err().to_string();
        assert!(error.contains(says), "{location:?}: {error}");
    }
    let error = Model::load(folder.join("pipe")).unwrap_err().to_string();
    assert!(error.contains("no file"), "{error}");
    // From memory there is no folder to look into.
    let error = Model::from_bytes(&external("data", "0", 4).encode_to_vec()).unwrap_err().to_string();
    assert!(error.contains("not loaded from a folder"), "{error}");
}

/// Files that `fuzz/` found, each of which once ended in a panic.
#[test]
fn what_fuzzing_found() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/finds");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        let Ok(model) = Model::from_bytes(&bytes) else { continue };
        let ports = model.inputs();
        let sizes: Vec<Vec<usize>> =
            ports.iter().map(|port| vec![2; port.dims.as_ref().map_or(0, Vec::len)]).collect();
        let inputs: Vec<(&str, &[usize])> =
            ports.iter().zip(&sizes).map(|(port, sizes)| (port.name.as_str(), sizes.as_slice())).collect();
        let _ = model.shapes(&inputs);
    }
    assert!(files > 0, "{folder} is empty");
}
