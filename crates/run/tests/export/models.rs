//! Models of all layers and of all recipes, untrained, for any number of rows.

use std::collections::BTreeMap;
use std::path::Path;

use anygrad_core::{Array, DType, Random};
use anygrad_gpu::Session;
use anygrad_graph::ops::{PadMode, Resize, Rotary};
use anygrad_nn::{
    Activation, AdaptiveAvgPool, AvgPool, BatchNorm, Conv1d, Conv2d, Conv3d, ConvTranspose2d, Dense,
    Embedding, Flatten, GlobalAvgPool, GlobalMaxPool, GroupNorm, Gru, InstanceNorm, Layer, LayerNorm, Loss,
    LpPool, Lstm, MaxPool, Merge, Mode, MultiHeadAttention, Optimizer, Padding, PixelShuffle,
    PositionEmbedding, Reshape, RmsNorm, Scope, Sequential, Sgd, SimpleRnn, Trainer, TransformerBlock,
    Upsample,
};
use anygrad_onnx::export::{Batch, ExportOptions, export};
use anygrad_recipe::{Recipe, Sizes};
use pollster::block_on;

use crate::python;

/// A model, the sizes of its rows, and what their numbers stay below where they are whole.
struct Try {
    name: String,
    model: Box<dyn Layer>,
    row: Vec<usize>,
    below: Option<usize>,
}

fn tried(name: &str, row: &[usize], model: impl Layer + 'static) -> Try {
    Try { name: name.into(), model: Box::new(model), row: row.to_vec(), below: None }
}

fn whole(name: &str, row: &[usize], below: usize, model: impl Layer + 'static) -> Try {
    Try { below: Some(below), ..tried(name, row, model) }
}

fn images() -> Vec<Try> {
    let conv = || Conv2d::new(6, 3);
    vec![
        tried("norms", &[3, 9, 8], {
            let model =
                Sequential::new().add(conv().padding(Padding::Same).bias(false)).add(BatchNorm::new());
            model
                .add(Activation::Relu)
                .add(conv().stride(2).dilation(2))
                .add(BatchNorm::pytorch().scale(false))
        }),
        tried(
            "group_norm",
            &[4, 7, 6],
            Sequential::new().add(GroupNorm::new(2)).add(conv()).add(InstanceNorm::new()),
        ),
        tried("pools", &[2, 12, 11], {
            let model =
                Sequential::new().add(MaxPool::<2>::new(2)).add(conv().groups(2).padding(Padding::all(1)));
            model.add(AvgPool::<2>::new(3).stride(2).padding(Padding::Same)).add(LpPool::<2>::new(2))
        }),
        tried(
            "adaptive",
            &[2, 7, 10],
            Sequential::new().add(AdaptiveAvgPool::<2>::new([3, 4])).add(GlobalMaxPool),
        ),
        tried("global", &[5, 6, 6], Sequential::new().add(conv()).add(GlobalAvgPool).add(Dense::new(3))),
        tried("transposed", &[3, 5, 4], {
            let up = ConvTranspose2d::new(8, [3, 2]).stride(2).padding(Padding::all(1));
            Sequential::new().add(up).add(PixelShuffle::new(2))
        }),
        tried("upsampled", &[2, 4, 5], {
            let model =
                Sequential::new().add(Upsample::<2>::new(2)).add(conv().padding_mode(PadMode::Reflect));
            model
                .add(Upsample::<2>::new(3).resize(Resize::linear()))
                .add(Upsample::<2>::new(2).resize(Resize::cubic()))
        }),
        tried(
            "lines",
            &[3, 20],
            Sequential::new().add(Conv1d::new(4, 5).padding(Padding::Same)).add(Flatten),
        ),
        tried(
            "volumes",
            &[2, 5, 6, 4],
            Sequential::new().add(Conv3d::new(3, 2)).add(MaxPool::<3>::new(2)).add(Flatten),
        ),
        tried(
            "reshaped",
            &[24],
            Sequential::new().add(Reshape::new(&[2, 3, 4])).add(BatchNorm::new().axis(-1)),
        ),
    ]
}

fn sequences() -> Vec<Try> {
    let row = [7, 3];
    vec![
        tried("lstm", &row, Sequential::new().add(Lstm::new(5).return_sequences(true)).add(Lstm::new(6))),
        tried("lstm_peepholes", &row, Lstm::new(5).peepholes(true).bias(false)),
        tried("lstm_both_ways", &row, Lstm::new(5).num_layers(2).bidirectional().return_sequences(true)),
        tried("gru_both_ways", &row, Gru::new(6).num_layers(2).merge(Merge::Sum)),
        tried("gru_before", &row, Gru::new(5).reset_after(false).go_backwards(true).return_sequences(true)),
        tried(
            "rnn",
            &row,
            Sequential::new().add(SimpleRnn::new(4).relu().return_sequences(true)).add(SimpleRnn::new(3)),
        ),
        whole("transformer", &[10], 30, {
            let model = Sequential::new().add(Embedding::new(30, 8)).add(PositionEmbedding::new(12));
            model.add(TransformerBlock::new(2).causal(true)).add(LayerNorm::new()).add(Dense::new(30))
        }),
        whole("rotary", &[9], 20, {
            let attention =
                MultiHeadAttention::new(4).kv_heads(2).rotary(Rotary::HalfSplit, 1e4).causal(true);
            let model = Sequential::new().add(Embedding::new(20, 16)).add(RmsNorm::new()).add(attention);
            model.add(TransformerBlock::new(2).activation(Activation::GeluTanh)).add(RmsNorm::new())
        }),
        tried(
            "softmax_of_rows",
            &[4, 6],
            Sequential::new().add(Dense::new(5).activation(Activation::Softmax)),
        ),
    ]
}

fn activations() -> Vec<Try> {
    use Activation as A;
    let all = [
        A::Relu,
        A::Relu6,
        A::LeakyRelu(0.2),
        A::Elu(0.7),
        A::Selu,
        A::Gelu,
        A::GeluTanh,
        A::Silu,
        A::Sigmoid,
        A::HardSigmoid,
        A::Tanh,
        A::Softplus,
        A::Mish,
        A::Softsign,
        A::LogSigmoid,
        A::HardSwish,
        A::HardTanh,
        A::Celu(1.3),
        A::SoftShrink(0.3),
        A::HardShrink(0.3),
        A::TanhShrink,
        A::Threshold(0.1, -1.0),
        A::SquarePlus(4.0),
        A::SparsePlus,
        A::SparseSigmoid,
        A::Exponential,
        A::Sparsemax,
        A::LogSoftmax,
    ];
    let model = |activation: &A| {
        let name = format!("{activation:?}").to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_");
        tried(&name, &[6], Sequential::new().add(Dense::new(9).activation(*activation)))
    };
    all.iter().map(model).collect()
}

/// The models of the recipes, with the sizes that their data give.
fn recipes() -> Vec<Try> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let known: &[(&str, &[usize], usize, Option<usize>)] = &[
        ("airline", &[12, 1], 1, None),
        ("char_lstm", &[64], 30, Some(30)),
        ("cnn", &[1, 28, 28], 10, None),
        ("dense", &[4], 3, None),
        ("iris", &[4], 3, None),
        ("linear_regression", &[1], 1, None),
        ("logistic_regression", &[2], 1, None),
        ("lstm", &[24, 1], 1, None),
        ("mnist", &[1, 28, 28], 10, None),
        ("pima", &[8], 1, None),
        ("shakespeare", &[64], 65, Some(65)),
        ("temperatures", &[14, 1], 1, None),
        ("transformer", &[64], 30, Some(30)),
    ];
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_string_lossy().strip_suffix(".toml").map(str::to_owned)
        })
        .collect();
    names.sort();
    assert_eq!(names, known.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
    let model = |(name, row, outputs, vocabulary): &(&str, &[usize], usize, Option<usize>)| {
        let recipe = Recipe::read(folder.join(format!("{name}.toml")), &[]).unwrap();
        let dtype = if vocabulary.is_some() { DType::I32 } else { DType::F32 };
        let sizes =
            Sizes { features: row.to_vec(), dtype, outputs: *outputs, vocabulary: *vocabulary, rows: 1000 };
        let model = Box::new(recipe.build(&sizes).unwrap().model);
        Try { name: format!("recipe_{name}"), model, row: row.to_vec(), below: *vocabulary }
    };
    known.iter().map(model).collect()
}

/// Exports a model and writes it with inputs and what we make of them; the operators of the model.
fn written(one: Try, folder: &Path) -> Vec<String> {
    let Try { name, model, row, below } = one;
    let dtype = if below.is_some() { DType::I32 } else { DType::F32 };
    let optimizer: Box<dyn Optimizer> = Box::new(Sgd::new(0.1));
    let mut trainer = Trainer::new(Session::interpreter(), model, Loss::MeanSquaredError, optimizer);
    trainer.build(&row, dtype).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut random = Random::new(5);
    let mut values = BTreeMap::new();
    let parameters: Vec<_> = trainer.parameters().cloned().collect();
    for parameter in parameters {
        let start = block_on(trainer.read_parameter(&parameter.name)).unwrap();
        // Biases and running means other than their starts; variances stay above 0.
        let moved = start.to_f64().into_iter().map(|x| x + random.between(0.0, 0.3)).collect::<Vec<_>>();
        let array = Array::from_f64(start.shape(), start.dtype(), &moved);
        trainer.write_parameter(&parameter.name, &array).unwrap();
        values.insert(parameter.name, array);
    }
    let rows = 5;
    let sizes = [&[rows], &row[..]].concat();
    let count = sizes.iter().product::<usize>();
    let x = match below {
        Some(below) => Array::i32(&sizes, (0..count).map(|_| random.below(below) as i32).collect::<Vec<_>>()),
        None => Array::f32(&sizes, (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>()),
    };
    let x = x.unwrap();
    let y = block_on(trainer.predict(&x, rows)).unwrap();
    let model = export(Batch::Any, &values, &ExportOptions::default(), |graph, rows| {
        let x = graph.input("x", &[&[rows], &row[..]].concat(), dtype);
        Ok(vec![("y".to_owned(), Scope::new(graph, Mode::Evaluate, 0).model(trainer.model(), x))])
    });
    let model = model.unwrap_or_else(|error| panic!("{name}: {error}"));
    // Runtimes have approximations of their own for exp, tanh and erf, and sum up in other orders.
    python::write(&folder.join(&name), &model, &[("x".into(), x)], &[("y".into(), y)], (1e-4, 1e-4));
    model.graph.unwrap().node.iter().map(|node| node.op_type().to_owned()).collect()
}

#[test]
fn onnxruntime_makes_the_same_of_all_models() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<Try> = [images(), sequences(), activations(), recipes()].into_iter().flatten().collect();
    let count = all.len();
    let mut operators = BTreeMap::new();
    for one in all {
        operators.insert(one.name.clone(), written(one, folder.path()));
    }
    // Layers are the operators that people look for.
    let has = |name: &str, wanted: &[&str]| assert_eq!(operators[name], wanted, "{name}");
    has("norms", &["Conv", "BatchNormalization", "Relu", "Conv", "BatchNormalization"]);
    has("pools", &["MaxPool", "Conv", "AveragePool", "LpPool"]);
    has("global", &["Conv", "ReduceMean", "Reshape", "Gemm"]);
    has("recipe_iris", &["Gemm", "Relu", "Gemm"]);
    let cnn = ["Conv", "Relu", "MaxPool", "Conv", "Relu", "MaxPool", "Reshape", "Gemm", "Relu", "Gemm"];
    has("recipe_cnn", &cnn);
    has("recipe_temperatures", &["Transpose", "GRU", "Squeeze", "Gemm"]);
    assert_eq!(operators["lstm_both_ways"].iter().filter(|name| *name == "LSTM").count(), 4);
    assert!(
        !operators["lstm_both_ways"].iter().any(|name| name == "Slice"),
        "{:?}",
        operators["lstm_both_ways"]
    );
    let Some(python) = python::interpreter() else { return };
    let (checked, wrong) = python::check(&python, folder.path());
    assert_eq!(checked, count);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
