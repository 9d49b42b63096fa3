//! Every layer and every argument of one reaches the engine: the graph of a recipe is that of the same
//! layers by hand.

use anygrad_core::DType;
use anygrad_graph::ops::{PadMode, Resize, Rotary};
use anygrad_graph::{Graph, Origin};
use anygrad_nn::{self as nn, Activation, Init, Layer, Merge, Mode, Padding, Scope};
use anygrad_recipe::{Recipe, Sizes};

/// A model in training mode: nodes with their operators and inputs, shapes, states and how they start.
pub fn told(model: &dyn Layer, features: &[usize], dtype: DType) -> String {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Train, 7);
    let x = graph.input("features", &[&[2], features].concat(), dtype);
    let y = scope.model(model, x);
    let total = scope.penalized(y.sum_all());
    graph.check().unwrap();
    let mut text = format!("{} {}\n", y.shape(), total.id().index());
    for id in graph.ids() {
        match graph.origin(id) {
            Origin::Node(..) => {}
            other => text += &format!("{} {} {other:?}\n", id.index(), graph.meta(id)),
        }
    }
    for node in graph.nodes() {
        text += &format!("{:?} = {:?} of {:?} in {:?}\n", node.outputs, node.op, node.inputs, node.label);
    }
    for parameter in scope.parameters() {
        text += &format!("{parameter:?}\n");
    }
    text
}

/// The model of a recipe that has nothing but layers; the last ones make what the task takes.
fn of_recipe(layer: &str, features: &[usize], dtype: DType, outputs: usize) -> String {
    let text = format!(
        "model = [{layer}, \"flatten\", {{ type = \"dense\", units = \"outputs\" }}]\n\
         [data]\nformat = \"npy\"\nfeatures = \"x\"\ntargets = \"y\"\ntask = \"regression\"\n\
         [training]\nmetrics = []"
    );
    let recipe = Recipe::parse(&text, "recipe.toml").unwrap();
    let sizes = Sizes { features: features.to_vec(), dtype, outputs, vocabulary: Some(9), rows: 100 };
    told(&recipe.build(&sizes).unwrap().model, features, dtype)
}

fn by_hand(layer: impl Layer + 'static, features: &[usize], dtype: DType, outputs: usize) -> String {
    let model = nn::Sequential::new().add(layer).add(nn::Flatten).add(nn::Dense::new(outputs));
    told(&model, features, dtype)
}

/// Lines of `features: layer by hand, layer of the recipe` that must be the same graph.
macro_rules! same {
    ($($features:expr => $hand:expr, $layer:literal;)*) => {$(
        let (features, dtype): (&[usize], DType) = $features;
        let (got, wanted) = (of_recipe($layer, features, dtype, 3), by_hand($hand, features, dtype, 3));
        assert_eq!(got, wanted, "{}", $layer);
    )*};
}

const F: DType = DType::F32;

#[test]
fn dense_layers_and_functions() {
    let row: (&[usize], DType) = (&[4], F);
    same! {
        row => nn::Dense::new(5), "{ type = \"dense\", units = 5 }";
        row => nn::Dense::new(5).bias(false).activation(Activation::LeakyRelu(0.2)),
            "{ type = \"Linear\", out_features = 5, use_bias = false, activation = { type = \"leaky_relu\", negative_slope = 0.2 } }";
        row => nn::Dense::new(3).kernel_init(Init::HeNormal).bias_init(Init::Constant(0.5)).named("first"),
            "{ type = \"dense\", units = \"outputs\", kernel_initializer = \"he_normal\", bias_init = { type = \"constant\", value = 0.5 }, name = \"first\" }";
        row => nn::Dense::new(9).kernel_l1(0.1).kernel_l2(0.2),
            "{ type = \"dense\", units = \"vocabulary\", kernel_l1 = 0.1, kernel_l2 = 0.2 }";
        row => nn::Dense::new(5).pytorch_init(), "{ type = \"dense\", units = 5, pytorch_init = true }";
        row => Activation::Threshold(0.1, 20.0),
            "{ type = \"activation\", activation = { type = \"threshold\", threshold = 0.1, value = 20 } }";
        row => nn::Dropout::new(0.25), "{ type = \"dropout\", p = 0.25 }";
        row => nn::Dropout::new(0.5), "\"Dropout\"";
        (&[6], DType::I32) => nn::Embedding::new(9, 4).init(Init::Normal(0.0, 1.0)).named("words"),
            "{ type = \"embedding\", num_embeddings = \"vocabulary\", embedding_dim = 4, init = { type = \"normal\", deviation = 1 }, name = \"words\" }";
        row => nn::Reshape::new(&[2, 2]), "{ type = \"reshape\", target_shape = [2, 2] }";
    }
}

#[test]
fn windows() {
    let line: (&[usize], _) = (&[4, 9], F);
    let image: (&[usize], _) = (&[4, 9, 8], F);
    let volume: (&[usize], _) = (&[4, 5, 6, 7], F);
    same! {
        line => nn::Conv1d::new(6, 3).stride(2).padding(Padding::Same),
            "{ type = \"Conv1D\", filters = 6, kernel_size = 3, strides = 2, padding = \"same\" }";
        image => nn::Conv2d::new(6, [3, 2]).dilation([1, 2]).groups(2).padding(Padding::Explicit([[1, 1], [0, 2]])),
            "{ type = \"conv2d\", out_channels = 6, kernel_size = [3, 2], dilation_rate = [1, 2], groups = 2, padding = [1, [0, 2]] }";
        image => nn::Conv2d::new(6, 3).padding(Padding::all(1)).padding_mode(PadMode::Reflect).activation(Activation::Relu),
            "{ type = \"conv2d\", filters = 6, kernel_size = 3, padding = 1, padding_mode = \"reflect\", activation = \"relu\" }";
        volume => nn::Conv3d::new(2, 3).bias(false), "{ type = \"conv3d\", filters = 2, kernel_size = 3, bias = false }";
        line => nn::ConvTranspose1d::new(2, 3), "{ type = \"conv_transpose1d\", filters = 2, kernel_size = 3 }";
        image => nn::ConvTranspose2d::new(2, 3).stride(2).padding(Padding::Same).output_padding(1),
            "{ type = \"Conv2DTranspose\", filters = 2, kernel_size = 3, stride = 2, padding = \"same\", output_padding = 1 }";
        volume => nn::ConvTranspose3d::new(2, 2).stride(2), "{ type = \"conv_transpose3d\", filters = 2, kernel_size = 2, stride = 2 }";
        line => nn::MaxPool1d::new(2), "\"max_pool1d\"";
        image => nn::MaxPool2d::new(3).stride(2).padding(Padding::all(1)).ceil_mode(true),
            "{ type = \"MaxPooling2D\", pool_size = 3, strides = 2, padding = 1, ceil_mode = true }";
        volume => nn::MaxPool3d::new([1, 2, 2]), "{ type = \"max_pool3d\", kernel_size = [1, 2, 2] }";
        line => nn::AvgPool1d::new(3), "{ type = \"avg_pool1d\", pool_size = 3 }";
        image => nn::AvgPool2d::new(2).padding(Padding::all(1)).count_include_pad(true),
            "{ type = \"avg_pool2d\", padding = 1, count_include_pad = true }";
        volume => nn::AvgPool3d::new(2), "\"AveragePooling3D\"";
        line => nn::LpPool1d::new(2).power(3.0), "{ type = \"lp_pool1d\", norm_type = 3 }";
        image => nn::LpPool2d::new(2), "\"lp_pool2d\"";
        line => nn::AdaptiveAvgPool1d::new(2), "{ type = \"adaptive_avg_pool1d\", output_size = 2 }";
        image => nn::AdaptiveAvgPool2d::new([2, 3]), "{ type = \"adaptive_avg_pool2d\", output_size = [2, 3] }";
        volume => nn::AdaptiveAvgPool3d::new(2), "{ type = \"adaptive_avg_pool3d\", output_size = 2 }";
        line => nn::AdaptiveMaxPool1d::new(2), "{ type = \"adaptive_max_pool1d\", output_size = 2 }";
        image => nn::AdaptiveMaxPool2d::new(2), "{ type = \"adaptive_max_pool2d\", output_size = 2 }";
        volume => nn::AdaptiveMaxPool3d::new(2), "{ type = \"adaptive_max_pool3d\", output_size = 2 }";
        image => nn::GlobalAvgPool, "\"GlobalAveragePooling2D\"";
        image => nn::GlobalMaxPool, "\"global_max_pool\"";
        line => nn::Pad1d::all(2).value(0.5), "{ type = \"pad1d\", padding = 2, value = 0.5 }";
        image => nn::Pad2d::new([[1, 2], [0, 3]]).mode(PadMode::Edge),
            "{ type = \"pad2d\", padding = [[1, 2], [0, 3]], mode = \"replicate\" }";
        volume => nn::Pad3d::all(1), "{ type = \"ZeroPadding3D\", padding = 1 }";
        line => nn::Upsample1d::new(3), "{ type = \"upsample1d\", size = 3 }";
        image => nn::Upsample2d::new([2, 3]).resize(Resize::linear()),
            "{ type = \"UpSampling2D\", size = [2, 3], interpolation = \"bilinear\" }";
        image => nn::Upsample2d::new(2).resize(Resize::cubic()), "{ type = \"upsample2d\", mode = \"bicubic\" }";
        volume => nn::Upsample3d::new(2), "\"upsample3d\"";
        image => nn::PixelShuffle::new(2), "{ type = \"pixel_shuffle\", upscale_factor = 2 }";
        (&[1, 4, 6], F) => nn::PixelUnshuffle::new(2), "{ type = \"pixel_unshuffle\", factor = 2 }";
        image => nn::ChannelShuffle::new(2), "{ type = \"channel_shuffle\", groups = 2 }";
    }
}

#[test]
fn norms() {
    let image: (&[usize], _) = (&[4, 6, 6], F);
    same! {
        image => nn::BatchNorm::new(), "\"BatchNormalization\"";
        image => nn::BatchNorm::pytorch(),
            "{ type = \"batch_norm2d\", momentum = 0.9, eps = 1e-5, sample_variance = true }";
        image => nn::BatchNorm::new().axis(-1).scale(false).bias(false),
            "{ type = \"batch_norm\", axis = -1, scale = false, center = false }";
        image => nn::LayerNorm::new().axis(1).eps(1e-5).bias(false),
            "{ type = \"layer_norm\", axis = 1, epsilon = 1e-5, bias = false }";
        image => nn::RmsNorm::new().scale(false), "{ type = \"rms_norm\", scale = false }";
        image => nn::GroupNorm::new(2).scale(false), "{ type = \"group_norm\", num_groups = 2, scale = false }";
        image => nn::InstanceNorm::new().eps(1e-3), "{ type = \"instance_norm2d\", eps = 1e-3 }";
    }
}

#[test]
fn sequences() {
    let times: (&[usize], _) = (&[5, 8], F);
    same! {
        times => nn::SimpleRnn::new(4).relu(), "{ type = \"rnn\", units = 4, nonlinearity = \"relu\" }";
        times => nn::Gru::new(4).reset_after(false).go_backwards(true).bias(false),
            "{ type = \"GRU\", hidden_size = 4, reset_after = false, go_backwards = true, bias = false }";
        times => nn::Lstm::new(4).num_layers(2).bidirectional().dropout(0.2).return_sequences(true),
            "{ type = \"LSTM\", units = 4, num_layers = 2, bidirectional = true, dropout = 0.2, return_sequences = true }";
        times => nn::Lstm::new(4).merge(Merge::Average).peepholes(true).unit_forget_bias(false).stateful(true),
            "{ type = \"lstm\", units = 4, bidirectional = true, merge_mode = \"ave\", peepholes = true, unit_forget_bias = false, stateful = true }";
        times => nn::Lstm::new(4).kernel_init(Init::HeUniform).recurrent_init(Init::Orthogonal(0.5)).named("reader"),
            "{ type = \"lstm\", units = 4, kernel_init = \"he_uniform\", recurrent_init = { type = \"orthogonal\", gain = 0.5 }, name = \"reader\" }";
        times => nn::MultiHeadAttention::new(2), "{ type = \"multi_head_attention\", num_heads = 2 }";
        times => nn::MultiHeadAttention::new(4).kv_heads(2).key_dim(6).causal(true).bias(false).dropout(0.1)
            .rotary(Rotary::Interleaved, 500.0).kernel_init(Init::LecunNormal).named("attention"),
            "{ type = \"multi_head_attention\", num_heads = 4, kv_heads = 2, key_dim = 6, causal = true, bias = false, dropout = 0.1, rotary = \"interleaved\", rotary_base = 500, kernel_init = \"lecun_normal\", name = \"attention\" }";
        times => nn::PositionEmbedding::new(7).init(Init::Zeros), "{ type = \"position_embedding\", max_len = 7, init = \"zeros\" }";
        times => nn::TransformerBlock::new(2), "{ type = \"transformer_block\", num_heads = 2 }";
        times => nn::TransformerBlock::new(2).causal(true).hidden(12).activation(Activation::Relu).dropout(0.3)
            .norm(nn::LayerNorm::new()),
            "{ type = \"transformer_block\", num_heads = 2, causal = true, hidden = 12, activation = \"relu\", block_dropout = 0.3, norm = {} }";
    }
}

#[test]
fn layers_of_layers() {
    struct Around;
    impl Layer for Around {
        fn name(&self) -> String {
            "residual".into()
        }
        fn forward<'g>(
            &self,
            scope: &mut Scope<'g>,
            x: anygrad_graph::Tensor<'g>,
        ) -> anygrad_graph::Tensor<'g> {
            let inner = nn::Sequential::new().add(nn::Dense::new(4).activation(Activation::Relu));
            let y = scope.layer(&inner, x);
            y + scope.layer(&nn::Dense::new(4), x)
        }
    }
    let row: (&[usize], _) = (&[6], F);
    let part = || nn::Sequential::new().add(nn::Dense::new(4)).named("encoder");
    same! {
        row => Around,
            "{ type = \"residual\", layers = [{ type = \"dense\", units = 4, activation = \"relu\" }], shortcut = [{ type = \"dense\", units = 4 }] }";
        row => part(), "{ type = \"sequential\", name = \"encoder\", layers = [{ type = \"dense\", units = 4 }] }";
    }
}

#[test]
fn penalties_of_the_recipe_are_those_of_kernels_that_name_none() {
    let text = "model = [{ type = \"dense\", units = 4 }, { type = \"dense\", units = 1, kernel_l2 = 0 }]\n\
                [data]\nformat = \"csv\"\npath = \"x\"\ntask = \"regression\"\n[regularization]\nl2 = 0.5";
    let recipe = Recipe::parse(text, "recipe.toml").unwrap();
    let sizes = Sizes { features: vec![3], dtype: F, outputs: 1, vocabulary: None, rows: 100 };
    let hand = nn::Sequential::new().add(nn::Dense::new(4).kernel_l2(0.5)).add(nn::Dense::new(1));
    assert_eq!(told(&recipe.build(&sizes).unwrap().model, &[3], F), told(&hand, &[3], F));
}
