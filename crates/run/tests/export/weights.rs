//! Parameters as safetensors, under the names of other libraries, and back.

use std::collections::BTreeMap;

use anygrad_core::{Array, DType, Random};
use anygrad_gpu::Session;
use anygrad_nn::{
    BatchNorm, Conv2d, ConvTranspose2d, Dense, Embedding, Exchange, Flatten, Gru, Layer, LayerNorm, Library,
    Loss, Lstm, MultiHeadAttention, Sequential, Sgd, SimpleRnn, Trainer,
};
use anygrad_run::load_weights;
use anygrad_store::Checkpoint;
use pollster::block_on;

fn images() -> Sequential {
    let model =
        Sequential::new().add(Conv2d::new(4, 3)).add(BatchNorm::new()).add(ConvTranspose2d::new(2, 2));
    model.add(Flatten).add(Dense::new(5)).add(Dense::new(3))
}

fn sequences() -> Sequential {
    let model =
        Sequential::new().add(Embedding::new(11, 6)).add(MultiHeadAttention::new(2)).add(LayerNorm::new());
    let model = model.add(Lstm::new(4).num_layers(2).bidirectional().return_sequences(true));
    model.add(Gru::new(3).return_sequences(true)).add(SimpleRnn::new(2))
}

/// A model with parameters of which no two are equal.
fn trainer(model: Sequential, row: &[usize], dtype: DType) -> (Trainer, BTreeMap<String, Array>) {
    let mut trainer = Trainer::new(Session::interpreter(), model, Loss::MeanSquaredError, Sgd::new(0.1));
    trainer.build(row, dtype).unwrap();
    let mut random = Random::new(3);
    let parameters: Vec<_> = trainer.parameters().cloned().collect();
    let mut ours = BTreeMap::new();
    for parameter in parameters {
        let numbers: Vec<f64> = (0..parameter.shape.elements()).map(|_| random.between(0.1, 1.0)).collect();
        let array = Array::from_f64(parameter.shape, DType::F32, &numbers);
        trainer.write_parameter(&parameter.name, &array).unwrap();
        ours.insert(parameter.name, array);
    }
    (trainer, ours)
}

fn listed(theirs: &BTreeMap<String, Array>) -> Vec<String> {
    theirs.iter().map(|(name, array)| format!("{name} {}", array.shape())).collect()
}

fn exchange(model: &dyn Layer, row: &[usize], dtype: DType, library: Library) -> Exchange {
    Exchange::of(model, row, dtype, library).unwrap()
}

#[test]
fn images_have_the_names_of_pytorch_and_keras() {
    let (trainer, ours) = trainer(images(), &[3, 6, 6], DType::F32);
    let give = |library| exchange(trainer.model(), &[3, 6, 6], DType::F32, library).give(&ours).unwrap();
    let theirs = give(Library::PyTorch);
    let wanted = [
        "batch_norm.bias [4]",
        "batch_norm.running_mean [4]",
        "batch_norm.running_var [4]",
        "batch_norm.weight [4]",
        "conv2d.bias [4]",
        "conv2d.weight [4, 3, 3, 3]",
        "conv_transpose2d.bias [2]",
        "conv_transpose2d.weight [4, 2, 2, 2]",
        "dense.bias [5]",
        "dense.weight [5, 50]",
        "dense_1.bias [3]",
        "dense_1.weight [3, 5]",
    ];
    assert_eq!(listed(&theirs), wanted);
    let (kernel, weight) =
        (ours["dense_1.kernel"].as_f32().unwrap(), theirs["dense_1.weight"].as_f32().unwrap());
    assert!((0..5).all(|i| (0..3).all(|o| weight[o * 5 + i] == kernel[i * 3 + o])));

    let theirs = give(Library::Keras);
    let wanted = [
        "batch_norm/beta [4]",
        "batch_norm/gamma [4]",
        "batch_norm/moving_mean [4]",
        "batch_norm/moving_variance [4]",
        "conv2d/bias [4]",
        "conv2d/kernel [3, 3, 3, 4]",
        "conv_transpose2d/bias [2]",
        "conv_transpose2d/kernel [2, 2, 2, 4]",
        "dense/bias [5]",
        "dense/kernel [50, 5]",
        "dense_1/bias [3]",
        "dense_1/kernel [5, 3]",
    ];
    assert_eq!(listed(&theirs), wanted);
    // [out, in, h, w] as [h, w, in, out]
    let (kernel, theirs) =
        (ours["conv2d.kernel"].as_f32().unwrap(), theirs["conv2d/kernel"].as_f32().unwrap());
    assert_eq!(theirs[((2 * 3 + 1) * 3 + 2) * 4 + 3], kernel[((3 * 3 + 2) * 3 + 2) * 3 + 1]);
}

#[test]
fn sequences_have_the_names_of_pytorch_and_keras() {
    let (trainer, ours) = trainer(sequences(), &[5], DType::I32);
    let give = |library| exchange(trainer.model(), &[5], DType::I32, library).give(&ours).unwrap();
    let theirs = listed(&give(Library::PyTorch));
    for wanted in [
        "embedding.weight [11, 6]",
        "multi_head_attention.in_proj_weight [18, 6]",
        "multi_head_attention.in_proj_bias [18]",
        "multi_head_attention.out_proj.weight [6, 6]",
        "multi_head_attention.out_proj.bias [6]",
        "layer_norm.weight [6]",
        "lstm.weight_ih_l0 [16, 6]",
        "lstm.weight_hh_l0_reverse [16, 4]",
        "lstm.weight_ih_l1 [16, 8]",
        "lstm.bias_hh_l1_reverse [16]",
        "gru.weight_ih_l0 [9, 8]",
        "gru.bias_hh_l0 [9]",
        "simple_rnn.weight_hh_l0 [2, 2]",
    ] {
        assert!(theirs.iter().any(|line| line == wanted), "{wanted} in {theirs:?}");
    }
    assert_eq!(theirs.len(), 1 + 4 + 2 + 16 + 4 + 4);
    let theirs = listed(&give(Library::Keras));
    for wanted in [
        "embedding/embeddings [11, 6]",
        "multi_head_attention/query/kernel [6, 2, 3]",
        "multi_head_attention/value/bias [2, 3]",
        "multi_head_attention/attention_output/kernel [2, 3, 6]",
        "layer_norm/gamma [6]",
        "gru/gru_cell/bias [2, 9]",
        "simple_rnn/simple_rnn_cell/recurrent_kernel [2, 2]",
    ] {
        assert!(theirs.iter().any(|line| line == wanted), "{wanted} in {theirs:?}");
    }
}

#[test]
fn what_goes_out_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for (make, row, dtype) in
        [(images as fn() -> Sequential, vec![3, 6, 6], DType::F32), (sequences, vec![5], DType::I32)]
    {
        for library in [Library::Anygrad, Library::PyTorch, Library::Keras] {
            let (one, ours) = trainer(make(), &row, dtype);
            let theirs = exchange(one.model(), &row, dtype, library).give(&ours).unwrap();
            let path = folder.path().join(format!("{library}.safetensors"));
            let bytes = Checkpoint { tensors: theirs, meta: serde_json::Value::Null }.to_bytes().unwrap();
            std::fs::write(&path, bytes).unwrap();
            let mut other =
                Trainer::new(Session::interpreter(), make(), Loss::MeanSquaredError, Sgd::new(0.1));
            load_weights(&mut other, (&row, dtype), &path, library).unwrap();
            for (name, array) in &ours {
                let back = block_on(other.read_parameter(name)).unwrap();
                // Of two biases that a layer adds, only their sum is left, and the second is 0.
                assert_eq!(&back, array, "{library} {name}");
            }
        }
    }
    let mut other = Trainer::new(Session::interpreter(), images(), Loss::MeanSquaredError, Sgd::new(0.1));
    let path = folder.path().join("pytorch.safetensors");
    let error = load_weights(&mut other, (&[3, 6, 6], DType::F32), &path, Library::PyTorch).unwrap_err();
    assert!(error.to_string().contains("there is no parameter \"conv2d.weight\""), "{error}");
    let gru = Sequential::new().add(Gru::new(3).reset_after(false));
    let error = Exchange::of(&gru, &[5, 2], DType::F32, Library::PyTorch).unwrap();
    let (_, ours) = trainer(gru, &[5, 2], DType::F32);
    assert!(error.give(&ours).unwrap_err().is_unsupported());
}
