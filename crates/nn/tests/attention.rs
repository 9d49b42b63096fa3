//! Attention and normalization as layers, on the interpreter.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, DType};
use anygrad_gpu::Session;
use anygrad_graph::{Graph, Interpreter, Precision};
use anygrad_nn::{
    Adam, BatchNorm, Dense, Embedding, FitOptions, GroupNorm, Lambda, Layer, LayerNorm, Loss, Mode,
    MultiHeadAttention, PositionEmbedding, RmsNorm, Scope, Sequential, Silent, Trainer, TransformerBlock,
};
use pollster::block_on;

/// Numbers between -1 and 1 that differ.
fn numbers(count: usize, step: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * step) % 97) as f32 / 48.5 - 1.0).collect()
}

/// What a model that is built on inputs x (and c) makes of them, with every parameter set from its name.
fn run(
    inputs: &[(&str, Array)],
    build: impl for<'g> Fn(&mut Scope<'g>, &'g Graph) -> anygrad_graph::Tensor<'g>,
) -> Result<Vec<f64>, String> {
    let graph = Graph::new();
    for (name, array) in inputs {
        graph.input(name, &array.shape(), array.dtype());
    }
    let mut scope = Scope::new(&graph, Mode::Evaluate, 1);
    let y = build(&mut scope, &graph);
    let mut cpu = Interpreter::new(Precision::F64);
    inputs.iter().for_each(|(name, array)| cpu.write(name, array));
    for (place, parameter) in scope.parameters().iter().enumerate() {
        let values = Array::f32(&parameter.shape, numbers(parameter.shape.elements(), 5 + place)).unwrap();
        cpu.write(&parameter.name, &values);
    }
    let results = cpu.run_values(&graph, &[y.id()]).map_err(|error| error.to_string())?;
    Ok(results[0].data.clone())
}

fn f32(sizes: &[usize], step: usize) -> Array {
    Array::f32(sizes, numbers(sizes.iter().product(), step)).unwrap()
}

#[test]
fn a_causal_layer_does_not_see_the_future() {
    let layer = MultiHeadAttention::new(2).causal(true);
    let model =
        |x: Array| run(&[("x", x)], |scope, graph| scope.layer(&layer, graph.find("x").unwrap())).unwrap();
    let x = numbers(2 * 5 * 4, 31);
    let mut changed = x.clone();
    // The last time of the first row.
    changed[16..20].fill(3.0);
    let (y, z) = (model(Array::f32(&[2, 5, 4], x).unwrap()), model(Array::f32(&[2, 5, 4], changed).unwrap()));
    assert_eq!(y[..16], z[..16]);
    assert_ne!(y[16..20], z[16..20]);
    assert_eq!(y[20..], z[20..]);
}

#[test]
fn what_a_mask_hides_does_not_matter() {
    let layer = MultiHeadAttention::new(4).kv_heads(2).key_dim(3);
    let model = |context: Array| {
        let mask = Array::from_f64(anygrad_core::Shape::new(&[1, 3]).unwrap(), DType::Bool, &[1.0, 0.0, 1.0]);
        run(&[("x", f32(&[1, 2, 8], 31)), ("c", context), ("mask", mask)], |scope, graph| {
            let [x, c, mask] = ["x", "c", "mask"].map(|name| graph.find(name).unwrap());
            scope.within("cross", |scope| (layer.attend(scope, x, Some(c), Some(mask)), ())).0
        })
        .unwrap()
    };
    let context = numbers(3 * 6, 17);
    let mut changed = context.clone();
    changed[6..12].fill(-2.0);
    let array = |numbers: Vec<f32>| Array::f32(&[1, 3, 6], numbers).unwrap();
    assert_eq!(model(array(context)), model(array(changed)));
}

#[test]
fn parameters_have_their_shapes() {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Train, 1);
    let x = graph.input("x", &[2, 5, 8], DType::F32);
    let block = TransformerBlock::new(4).attention(MultiHeadAttention::new(4).kv_heads(1).bias(false));
    scope.layer(&block, x);
    graph.check().unwrap();
    let list: Vec<String> = scope.parameters().iter().map(|p| format!("{} {}", p.name, p.shape)).collect();
    let want = [
        "transformer_block.layer_norm.gamma [8]",
        "transformer_block.layer_norm.beta [8]",
        "transformer_block.multi_head_attention.query_kernel [8, 8]",
        "transformer_block.multi_head_attention.key_kernel [8, 2]",
        "transformer_block.multi_head_attention.value_kernel [8, 2]",
        "transformer_block.multi_head_attention.output_kernel [8, 8]",
        "transformer_block.layer_norm_1.gamma [8]",
        "transformer_block.layer_norm_1.beta [8]",
        "transformer_block.dense.kernel [8, 32]",
        "transformer_block.dense.bias [32]",
        "transformer_block.dense_1.kernel [32, 8]",
        "transformer_block.dense_1.bias [8]",
    ];
    assert_eq!(list, want);
}

#[test]
fn a_running_variance_is_of_a_population_or_of_a_sample() {
    for (layer, factor) in [(BatchNorm::new(), 1.0), (BatchNorm::new().sample_variance(true), 4.0 / 3.0)] {
        let graph = Graph::new();
        let mut scope = Scope::new(&graph, Mode::Train, 1);
        let y = scope.layer(&layer.momentum(0.5), graph.input("x", &[4, 1], DType::F32));
        let mut cpu = Interpreter::new(Precision::F64);
        cpu.write("x", &Array::f32(&[4, 1], vec![1.0, 3.0, 5.0, 7.0]).unwrap());
        cpu.run(&graph, &[y]).unwrap();
        // From 0, half of the way to mean 4 and variance 5.
        let read = |name: &str| cpu.read(&format!("batch_norm.{name}")).unwrap().to_f64()[0];
        assert_eq!(read("moving_mean"), 2.0);
        assert!((read("moving_variance") - 2.5 * factor).abs() < 1e-6);
    }
}

#[test]
fn a_transformer_learns_which_word_came_first() {
    // Two words in either order: without places or attention the sentences are the same.
    let x: Vec<i32> = (0..8).flat_map(|row| if row % 2 == 0 { [0, 1] } else { [1, 0] }).collect();
    let x = Array::i32(&[8, 2], x).unwrap();
    let y = Array::i32(&[8], (0..8).map(|row| row % 2).collect::<Vec<_>>()).unwrap();
    let model = Sequential::new()
        .add(Embedding::new(2, 8))
        .add(PositionEmbedding::new(4))
        .add(TransformerBlock::new(2))
        .add(Lambda::new("mean", |_scope, x| x.mean(&[1], false)))
        .add(Dense::new(2));
    let mut trainer =
        Trainer::new(Session::interpreter(), model, Loss::sparse_cross_entropy(), Adam::new(0.02));
    let options = FitOptions { epochs: 40, batch_size: 8, ..FitOptions::default() };
    let history = block_on(trainer.fit((&x, &y), None, &options, &mut Silent)).unwrap();
    assert!(history.last_loss() < 0.05, "{}", history.last_loss());
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |layer: &dyn Layer, sizes: &[usize]| {
        run(&[("x", f32(sizes, 31))], |scope, graph| scope.layer(layer, graph.find("x").unwrap()))
            .unwrap_err()
    };
    let error = refused(&MultiHeadAttention::new(3), &[1, 2, 8]);
    assert!(error.contains("3 heads of queries and 3 of keys, of 2 numbers each, for 8 features"), "{error}");
    assert!(refused(&MultiHeadAttention::new(2), &[2, 8]).contains("[2, 8]"));
    assert!(refused(&GroupNorm::new(3), &[2, 8]).contains("8 channels do not make 3 groups"));
    assert!(refused(&LayerNorm::new().axis(0), &[2, 8]).contains("is the batch"));
    assert!(refused(&RmsNorm::new().axis(2), &[2, 8]).contains("axis 2 does not exist"));
    assert!(refused(&PositionEmbedding::new(3), &[2, 4, 8]).contains("positions up to 3"));
}
