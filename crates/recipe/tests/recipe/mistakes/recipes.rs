//! One mistake in a good recipe for each row.

use anygrad_core::DType;
use anygrad_recipe::{Recipe, Sizes};

use super::{GOOD, all_told};

fn mnist() -> Sizes {
    Sizes { features: vec![1, 28, 28], dtype: DType::F32, outputs: 10, vocabulary: None, rows: 1000 }
}

/// What is wrong with the recipe once `from` is `to`: on reading, or on building for MNIST.
fn mistake(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the recipe");
    let recipe = Recipe::parse(&GOOD.replacen(from, to, 1), "r.toml");
    match recipe.and_then(|recipe| recipe.build(&mnist()).map(drop)) {
        Ok(()) => "nothing".to_owned(),
        Err(error) => {
            assert!(error.is_input(), "{error:?}");
            error.to_string()
        }
    }
}

#[test]
fn each_mistake_in_a_recipe_is_told_with_its_line_its_key_and_what_would_be_right() {
    assert_eq!(mistake("epochs = 5", "epochs = 6"), "nothing");
    let rows: &[(&str, &str, &str)] = &[
        // Not TOML.
        ("epochs = 5", "epochs 5", "line 22: not TOML: key with no value, expected `=`"),
        ("[training]", "[training", "line 21: not TOML: unclosed table, expected `]`"),
        ("epochs = 5", "epochs = 5\nepochs = 6", "line 23: not TOML: duplicate key"),
        (
            "epochs = 5",
            "epochs = 9223372036854775808",
            "line 22: training.epochs: 9223372036854775808 has more than 63 bits",
        ),
        (
            "epochs = 5",
            "epochs = 2026-11-26",
            "line 22: training.epochs: 2026-11-26 is a date, which no key takes: text stands in quotes",
        ),
        // Unknown keys.
        ("epochs = 5", "epoch = 5", "line 22: training: unknown key `epoch`: did you mean `epochs`?"),
        ("[training]", "[trainig]", "line 21: unknown key `trainig`: did you mean `training`?"),
        ("path =", "pth =", "line 13: data: unknown key `pth`: did you mean `path`?"),
        (
            "path =",
            "window = 3\npath =",
            "line 13: data: unknown key `window`: there are split, normalize, normalize_targets, format, path, task",
        ),
        (
            "lr = 0.001",
            "learning_rte = 0.001",
            "line 8: optimizer: unknown key `learning_rte`: did you mean `learning_rate`?",
        ),
        (
            "filters = 8",
            "units = 8",
            "line 2: model.0: unknown key `units`: there are type, filters, out_channels, kernel_size, stride, strides, padding, padding_mode, dilation, dilation_rate, groups, activation, bias, use_bias, kernel_init, kernel_initializer, bias_init, bias_initializer, pytorch_init, kernel_l1, kernel_l2, name",
        ),
        (
            "shift = 2",
            "shfit = 2",
            "line 19: regularization.augmentation: unknown key `shfit`: did you mean `shift`?",
        ),
        (
            "patience = 3",
            "patience = 3, delta = 1",
            "line 26: training.early_stopping: unknown key `delta`: there are monitor, patience, min_delta, restore_best, restore_best_weights",
        ),
        // Keys that are missing, or there twice.
        ("path = \"mnist\"", "", "line 11: data: the key `path` is missing: it takes text in quotes"),
        (
            "format = \"idx\"",
            "",
            "line 11: data: the key `format` is missing: it takes a format: one of csv, idx, text, images, npy, npz, generated",
        ),
        (
            "task = \"multiclass\"",
            "",
            "line 11: data: the key `task` is missing: it takes a task: one of regression, binary, multiclass, forecasting, language",
        ),
        (
            "kernel_size = 3, ",
            "",
            "line 2: model.0: the key `kernel_size` is missing: it takes a whole number, or a list of 2",
        ),
        (
            "type = \"conv2d\", ",
            "",
            "line 2: model.0: the key `type` is missing: it takes a layer: one of dense, activation, dropout, embedding, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, max_pool1d, max_pool2d, max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, lp_pool1d, lp_pool2d, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d, global_avg_pool, global_max_pool, pad1d, pad2d, pad3d, upsample1d, upsample2d, upsample3d, pixel_shuffle, pixel_unshuffle, channel_shuffle, flatten, reshape, batch_norm, layer_norm, rms_norm, group_norm, instance_norm, simple_rnn, gru, lstm, multi_head_attention, position_embedding, transformer_block, pretrained, residual, sequential",
        ),
        (
            "filters = 8",
            "filters = 8, out_channels = 8",
            "line 2: model.0: `filters` and `out_channels` are two names of one key",
        ),
        (
            "{ type = \"norm\", limit = 1.0 }",
            "\"norm\"",
            "line 24: training.clip: the key `limit` is missing: it takes a number",
        ),
        // Values of the wrong kind.
        (
            "epochs = 5",
            "epochs = \"five\"",
            "line 22: training.epochs: \"five\" is text: takes a whole number",
        ),
        ("epochs = 5", "epochs = 2.5", "line 22: training.epochs: 2.5 is a number: takes a whole number"),
        ("lr = 0.001", "lr = true", "line 8: optimizer.lr: true is a truth value: takes a number"),
        ("lr = 0.001", "lr = nan", "line 8: optimizer.lr: NaN is not finite"),
        ("path = \"mnist\"", "path = 7", "line 13: data.path: 7 is a whole number: takes text in quotes"),
        ("path = \"mnist\"", "path = \"\"", "line 13: data.path: the text is empty"),
        (
            "kernel_size = 3",
            "kernel_size = [3, 3, 3]",
            "line 2: model.0.kernel_size: a list of 3 stands here: takes a whole number, or a list of 2",
        ),
        (
            "kernel_size = 3",
            "kernel_size = [3, \"x\"]",
            "line 2: model.0.kernel_size.1: \"x\" is text: takes a whole number",
        ),
        (
            "kernel_size = 3",
            "kernel_size = 3, padding = \"full\"",
            "line 2: model.0.padding: \"full\" is text: takes \"valid\", \"same\", a whole number, a list of 2, or 2 pairs of what stands before and behind",
        ),
        (
            "units = \"outputs\"",
            "units = \"all\"",
            "line 5: model.3.units: \"all\" is text: takes a whole number, \"outputs\" (as many as there are classes or target numbers) or \"vocabulary\"",
        ),
        (
            "\"flatten\",",
            "[\"flatten\"],",
            "line 4: model.2: a list of 1 stands here: takes a layer by its name, or a table of its keys",
        ),
        (
            "[\"accuracy\"]",
            "\"accuracy\"",
            "line 25: training.metrics: \"accuracy\" is text: takes a list, each of it a metric",
        ),
        (
            "schedule = \"cosine\"",
            "schedule = { type = \"cosine\", decay_steps = \"3 weeks\" }",
            "line 9: schedule.decay_steps: \"3 weeks\" is text: takes a number of steps, or text as \"3 epochs\"",
        ),
        // Numbers out of range.
        (
            "epochs = 5",
            "epochs = 0",
            "line 22: training.epochs: 0 is out of range: takes a whole number, 1 or more",
        ),
        ("epochs = 5", "epochs = -5", "line 22: training.epochs: -5 is out of range: takes a whole number"),
        ("lr = 0.001", "lr = 0", "line 8: optimizer.lr: 0 is out of range: takes a number, above 0"),
        (
            "lr = 0.001",
            "lr = 0.1, beta_1 = 1.0",
            "line 8: optimizer.beta_1: 1 is out of range: takes a number, 0 up to, not including, 1",
        ),
        ("filters = 8", "filters = 0", "line 2: model.0.filters: 0 is out of range: takes 1 to 16777216"),
        (
            "kernel_size = 3",
            "kernel_size = [3, 0]",
            "line 2: model.0.kernel_size: 0 is out of range: takes a whole number, or a list of 2, 1 to 16777216",
        ),
        (
            "train = 0.8",
            "train = 0.9",
            "line 15: data.split: train, validation and test are 1.1 together: at most 1",
        ),
        (
            "validation = 0.1",
            "validation = 1.5",
            "line 15: data.split.validation: 1.5 is out of range: takes a number, 0 to 1",
        ),
        // Unknown words.
        ("\"flatten\"", "\"flaten\"", "line 4: model.2: unknown layer `flaten`: did you mean `flatten`?"),
        (
            "\"relu\"",
            "\"rule\"",
            "line 2: model.0.activation: unknown activation `rule`: did you mean `relu`?",
        ),
        (
            "\"cross_entropy\"",
            "\"entropy\"",
            "line 7: loss: unknown loss `entropy`: there are mse, mae, huber, smooth_l1, log_cosh, poisson, hinge, squared_hinge, categorical_hinge, kl_divergence, kl_div_log, cosine_similarity, binary_cross_entropy, binary_focal, categorical_cross_entropy, cross_entropy, negative_log_likelihood, focal",
        ),
        (
            "type = \"adam\"",
            "type = \"adan\"",
            "line 8: optimizer: unknown optimizer `adan`: did you mean `adam`?",
        ),
        (
            "type = \"adam\"",
            "type = 3",
            "line 8: optimizer.type: 3 is a whole number: takes the name of an optimizer, in quotes",
        ),
        (
            "\"idx\"",
            "\"parquet\"",
            "line 12: data: unknown format `parquet`: there are csv, idx, text, images, npy, npz, generated",
        ),
        // Keys that do not go together.
        (
            "\"multiclass\"",
            "\"regression\"",
            "line 14: data.task: the format idx does not serve regression: it takes multiclass",
        ),
        (
            "\"cross_entropy\"",
            "\"huber\"",
            "line 7: loss: this loss does not serve the task multiclass: take cross_entropy",
        ),
        (
            "[\"accuracy\"]",
            "[\"accuracy\", \"rmse\"]",
            "line 25: training.metrics.1: `rmse` does not serve the task multiclass",
        ),
        (
            "[\"accuracy\"]",
            "[\"accuracy\", \"accuracy\"]",
            "line 25: training.metrics.1: `accuracy` is there twice",
        ),
        (
            "patience = 3",
            "monitor = \"validation_acuracy\"",
            "line 26: training.early_stopping.monitor: no figure is called `validation_acuracy`: did you mean `validation_accuracy`?",
        ),
        (
            "validation = 0.1",
            "validation = 0",
            "line 26: training.early_stopping.monitor: `validation_loss` needs a validation part, which data.split leaves out",
        ),
        ("l2 = 0.0001", "label_smoothing = 0.1\nl1 = 0", "nothing"),
        (
            "loss = \"cross_entropy\"",
            "loss = \"nll_loss\"\nregularization.label_smoothing = 0.1",
            "line 18: not TOML: duplicate key",
        ),
        (
            "[training]",
            "[training]\nprecision = \"f16\"",
            "line 22: training.precision: values of a training are f32 for now: take \"f32\"",
        ),
        (
            "[training]",
            "[training]\nrecompute = 1",
            "line 22: training.recompute: 1 is a whole number: takes `\"none\"`, `\"cheap\"`, `\"layers\"`, `\"auto\"` or a number of segments from 2",
        ),
        (
            "[training]",
            "[training]\nmemory = \"2 gb\"",
            "line 22: training.memory: \"2 gb\" is text: takes a number of bytes, as `\"2 GiB\"` or `\"500 MB\"`",
        ),
        // Shapes.
        (
            "\"flatten\",",
            "",
            "line 5: model.2: the model makes [n, 8, 13, 10], the task multiclass takes [n, 10]",
        ),
        (
            "\"conv2d\"",
            "\"conv1d\"",
            "line 2: model.0: conv1d: conv1d takes [n, channels, width], [2, 1, 28, 28] was given",
        ),
        (
            "kernel_size = 3",
            "kernel_size = 3, groups = 3",
            "line 2: model.0: conv2d: conv2d: 1 channels and 8 filters in 3 groups",
        ),
        (
            "\"max_pool2d\",",
            "{ type = \"group_norm\", groups = 3 },",
            "line 3: model.1: group_norm: 8 channels do not make 3 groups",
        ),
        (
            "\"max_pool2d\",",
            "{ type = \"residual\", layers = [\n\"flatten\",\n{ type = \"dense\", units = 4 }] },",
            "line 3: model.1: residual: [2, 4] of the layers and [2, 8, 26, 26] of the way around them differ",
        ),
        (
            "\"max_pool2d\",",
            "{ type = \"residual\", layers = [\n\"flatten\",\n{ type = \"reshape\", sizes = [7] }] },",
            "line 5: model.1.layers.1: reshape: [2, 5408] has 10816 elements, [2, 7] has 14",
        ),
        (
            "units = \"outputs\"",
            "units = 7",
            "line 5: model.3: the model makes [n, 7], the task multiclass takes [n, 10]",
        ),
        (
            "units = \"outputs\"",
            "units = \"vocabulary\"",
            "line 5: model.3: \"vocabulary\" is known for the task language only: give a number",
        ),
        (
            "\"cross_entropy\"",
            "{ type = \"cross_entropy\", class_weights = [1, 2] }",
            "line 7: loss: loss: 2 class_weights, the predictions' last axis has 10",
        ),
        (
            "batch_size = 64",
            "batch_size = 1001",
            "line 23: training.batch_size: 1001 of 1000 rows of the training part",
        ),
        (
            "schedule = \"cosine\"",
            "schedule = { type = \"piecewise\", boundaries = [10, 5], values = [1, 2, 3] }",
            "line 9: schedule: boundaries: [10, 5] steps do not rise",
        ),
        (
            "[\"accuracy\"]",
            "[\"f1\"]",
            "line 25: training.metrics.0: `f1` is of one of two classes, there are 10: take f1_macro",
        ),
        // Metrics, parts and changes of rows.
        (
            "[\"accuracy\"]",
            "[\"acuracy\"]",
            "line 25: training.metrics.0: unknown metric `acuracy`: did you mean `accuracy`?",
        ),
        (
            "[\"accuracy\"]",
            "[\"top_0_accuracy\"]",
            "line 25: training.metrics.0: unknown metric `top_0_accuracy`: there are accuracy, binary_accuracy, top_k, precision, recall, f1, roc_auc, pr_auc, per_class, confusion_matrix, log_loss, perplexity, mae, mse, rmse, r2, mape",
        ),
        (
            "[\"accuracy\"]",
            "[{ type = \"top_k\", k = 0 }]",
            "line 25: training.metrics.0.k: 0 is out of range: takes a whole number, 1 to 16777216",
        ),
        (
            "[\"accuracy\"]",
            "[{ type = \"f1\", average = \"mean\" }]",
            "line 25: training.metrics.0.average: \"mean\" is text: there are binary, macro, micro, weighted",
        ),
        (
            "[\"accuracy\"]",
            "[{ type = \"f1\", avg = \"macro\" }]",
            "line 25: training.metrics.0: unknown key `avg`: there are type, average",
        ),
        (
            "[\"accuracy\"]",
            "[{ k = 3 }]",
            "line 25: training.metrics.0: the key `type` is missing: it takes the name of a metric",
        ),
        (
            "patience = 3",
            "monitor = \"validation_f1\"",
            "line 26: training.early_stopping.monitor: no figure is called `validation_f1`: did you mean `validation_loss`?",
        ),
        (
            "by = \"fraction\", train = 0.8, validation = 0.1, test = 0.1",
            "by = \"column\", column = \"part\", validation = \"v\"",
            "line 15: data.split: idx has no columns with names: take csv",
        ),
        (
            "shift = 2",
            "shift = 29",
            "line 19: regularization.augmentation: step 0 of the augmentation, Shift { pixels: 29 }: 29 pixels are more than the 28 of a side",
        ),
        (
            "shift = 2",
            "rotation = 400",
            "line 19: regularization.augmentation: step 0 of the augmentation, Rotate { degrees: 400.0 }: degrees is 400, not from 0 to 360",
        ),
        (
            "shift = 2",
            "mixup = 0.2",
            "line 19: regularization.augmentation.mixup: makes shares of classes: take the loss categorical_cross_entropy",
        ),
        (
            "    \"max_pool2d\",\n    \"flatten\",\n    { type = \"dense\", units = \"outputs\" },\n]",
            "]\nmodel_ = 3",
            "line 4: unknown key `model_`: did you mean `model`?",
        ),
    ];
    all_told(rows.iter().map(|(from, to, wanted)| {
        let wanted = if *wanted == "nothing" { (*wanted).to_owned() } else { format!("r.toml: {wanted}") };
        (*to, wanted, mistake(from, to))
    }));
}
