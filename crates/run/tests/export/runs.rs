//! Trained runs.

use std::fs;
use std::path::{Path, PathBuf};

use anygrad_core::Array;
use anygrad_data::{load_mnist, read_idx};
use anygrad_gpu::{Choice, Session};
use anygrad_nn::Silent;
use anygrad_onnx::export::Batch;
use anygrad_onnx::proto::{DimensionValue, ModelProto, TypeValue};
use anygrad_recipe::Recipe;
use anygrad_run::{Exported, RunOptions, Saved, Which, train};
use anygrad_store::Keys;
use pollster::block_on;

use crate::{common, python};

fn software() -> Session {
    block_on(Session::open_or_interpreter(&Choice::from_env_or(Choice::Software))).unwrap()
}

fn trained(recipe: &Recipe, folder: &Path) -> Saved {
    let session = software();
    block_on(train(recipe, &session, folder, RunOptions::default(), &mut Silent)).unwrap();
    Saved::open(folder, &session, Which::Best, Keys::default(), None).unwrap()
}

/// The sizes of the first output, 0 where they are any.
fn output(model: &ModelProto) -> (String, Vec<i64>) {
    let info = &model.graph.as_ref().unwrap().output[0];
    let Some(TypeValue::Tensor(tensor)) = &info.r#type.as_ref().unwrap().value else { panic!("no tensor") };
    let size = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(size)) => *size,
        _ => 0,
    };
    (info.name().to_owned(), tensor.shape.as_ref().unwrap().dim.iter().map(|dim| size(&dim.value)).collect())
}

/// A table as predict takes it, as numbers.
fn rows(path: &Path) -> Array {
    let text = fs::read_to_string(path).unwrap();
    let numbers: Vec<f32> = text
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').take(2).map(|cell| cell.parse().unwrap()).collect::<Vec<f32>>())
        .collect();
    Array::f32(&[numbers.len() / 2, 2], numbers).unwrap()
}

#[test]
fn a_run_is_exported_as_it_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = common::read(&common::table(folder.path(), 8, 2));
    let mut saved = trained(&recipe, &folder.path().join("run"));
    let file = folder.path().join("rows.csv");
    let table = block_on(saved.predict(&file)).unwrap();
    let cells =
        |row: &Vec<String>| row[1..].iter().map(|cell| cell.parse::<f32>().unwrap()).collect::<Vec<_>>();
    let shares: Vec<f32> = table.rows.iter().flat_map(cells).collect();
    let shares = Array::f32(&[60, 3], shares).unwrap();

    let model = block_on(saved.onnx(Exported::default())).unwrap();
    assert_eq!(output(&model), ("probabilities".to_owned(), vec![0, 3]));
    let note =
        |key: &str| model.metadata_props.iter().find(|entry| entry.key() == key).map(|entry| entry.value());
    assert_eq!(note("classes"), Some(r#"["sun","rain","snow, wet"]"#));
    assert_eq!(note("columns"), Some(r#"["a","b"]"#));
    let operators: Vec<&str> = model.graph.as_ref().unwrap().node.iter().map(|node| node.op_type()).collect();
    assert_eq!(operators, ["Sub", "Div", "Gemm", "Relu", "Gemm", "Softmax"]);

    let exported = Exported { prepared: true, logits: true, batch: Batch::Of(60) };
    let other = block_on(saved.onnx(exported)).unwrap();
    assert_eq!(output(&other), ("scores".to_owned(), vec![60, 3]));
    let scaled = saved.features(&file).unwrap();
    let logits = block_on(saved.trainer.predict(&scaled, 60)).unwrap();

    let models = folder.path().join("models");
    let written = |name: &str, model: &ModelProto, x: &Array, (output, y): (&str, &Array)| {
        let (x, y) = (("features".to_owned(), x.clone()), (output.to_owned(), y.clone()));
        python::write(&models.join(name), model, &[x], &[y], (1e-5, 1e-5));
    };
    written("raw", &model, &rows(&file), ("probabilities", &shares));
    written("prepared", &other, &scaled, ("scores", &logits));
    let Some(python) = python::interpreter() else { return };
    assert_eq!(python::check(&python, &models), (2, Vec::new()));
}

#[test]
fn states_that_are_kept_from_batch_to_batch_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = r#"
        model = [{ type = "gru", units = 4, stateful = true }, { type = "dense", units = "outputs" }]
        data = { format = "generated", set = "sine", rows = 60, task = "forecasting", window = 6 }
        training = { epochs = 1, batch_size = 8, shuffle = false }
    "#;
    let path = folder.path().join("stateful.toml");
    fs::write(&path, recipe).unwrap();
    let mut saved = trained(&common::read(&path), &folder.path().join("run"));
    let error = block_on(saved.onnx(Exported::default())).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    assert!(error.to_string().contains("gru.hidden_of_13"), "{error}");
}

/// A folder in the form of MNIST of images that are there: those up to `train`, and `test` behind them.
fn mnist(data: &Path, folder: &Path, train: usize, test: usize) -> PathBuf {
    let idx = |name: &str, dims: &[usize], bytes: &[u8]| {
        let mut file = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|&size| file.extend((size as u32).to_be_bytes()));
        file.extend(bytes);
        fs::write(folder.join(name), file).unwrap();
    };
    fs::create_dir_all(folder).unwrap();
    let bytes = |name: &str| -> Vec<u8> {
        let array = read_idx(data.join(name)).unwrap();
        array.to_f64().into_iter().map(|value| value as u8).collect()
    };
    let (images, labels) = (bytes("t10k-images-idx3-ubyte.gz"), bytes("t10k-labels-idx1-ubyte.gz"));
    for (part, from, count) in [("train", 0, train), ("t10k", train, test)] {
        let (images, labels) = (&images[from * 784..(from + count) * 784], &labels[from..from + count]);
        idx(&format!("{part}-images-idx3-ubyte"), &[count, 28, 28], images);
        idx(&format!("{part}-labels-idx1-ubyte"), &[count], labels);
    }
    folder.to_owned()
}

#[test]
fn a_trained_cnn_gives_the_classes_of_mnist_in_onnxruntime() {
    let Some(shared) = std::env::var_os("ANYGRAD_SHARED") else {
        println!("NOT RUN: set ANYGRAD_SHARED to a folder with data/mnist");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = mnist(&PathBuf::from(shared).join("data/mnist"), &folder.path().join("mnist"), 2000, 1000);
    // The model of the recipe "cnn", on these images.
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/cnn.toml")).unwrap();
    let data_of =
        format!("[data]\nformat = \"idx\"\npath = {:?}\ntask = \"multiclass\"\n", data.display().to_string());
    let model = text.split("\n[data]\n").next().unwrap();
    let training = "[training]\nepochs = 2\nbatch_size = 32\nseed = 1\n";
    let path = folder.path().join("cnn.toml");
    fs::write(&path, format!("{model}\n{data_of}{training}")).unwrap();
    let recipe = common::read(&path);
    let mut saved = trained(&recipe, &folder.path().join("run"));
    let test = load_mnist(&data).unwrap().test.unwrap();
    let (images, labels) = (test.features().clone(), test.targets().clone());
    let table = block_on(saved.predict_rows(&images)).unwrap();
    let classes: Vec<i32> = table.rows.iter().map(|row| row[0].parse().unwrap()).collect();
    let right =
        classes.iter().zip(labels.to_f64()).filter(|(class, label)| f64::from(**class) == *label).count();
    assert!(right > 800, "{right} of 1000 are right after two epochs");

    let mut model = block_on(saved.onnx(Exported::default())).unwrap();
    // The class beside the probabilities: what must be the same.
    let graph = model.graph.as_mut().unwrap();
    graph.node.extend(python::class_of("probabilities", "class"));
    graph.output = vec![python::whole_output("class")];
    let models = folder.path().join("models");
    let wanted = Array::i32(&[1000], classes).unwrap();
    python::write(
        &models.join("mnist"),
        &model,
        &[("features".into(), images)],
        &[("class".into(), wanted)],
        (0.0, 0.0),
    );
    let Some(python) = python::interpreter() else { return };
    assert_eq!(python::check(&python, &models), (1, Vec::new()));
}
