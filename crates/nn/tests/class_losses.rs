//! Losses of classes, rankings and counts against numbers made by hand, against the backend tests of ONNX
//! 1.23, and their gradients against differences.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use anygrad_core::{Array, DType};
use anygrad_graph::{GradientOptions, Graph, Interpreter, Precision, Tensor, check_gradients};
use anygrad_nn::{Loss, MarginRanking, Reduction, TripletMargin};

fn input<'g>(graph: &'g Graph, sizes: &[usize], numbers: &[f64]) -> Tensor<'g> {
    let numbers: Vec<f32> = numbers.iter().map(|&x| x as f32).collect();
    graph.constant(Array::f32(sizes, numbers).unwrap())
}

fn run(graph: &Graph, tensor: Tensor<'_>) -> Vec<f64> {
    Interpreter::new(Precision::F64).run(graph, &[tensor]).unwrap()[0].to_f64()
}

#[track_caller]
fn near(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{got:?} {want:?}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= 1e-6 * w.abs().max(1e-2), "{got:?}, wanted {want:?}");
    }
}

/// Losses of two rows of two numbers.
#[track_caller]
fn two_rows(loss: Loss, predictions: [f64; 4], targets: [f64; 4], want: [f64; 2]) {
    let graph = Graph::new();
    let (p, t) = (input(&graph, &[2, 2], &predictions), input(&graph, &[2, 2], &targets));
    near(&run(&graph, loss.losses(p, t)), &want);
}

fn sparse(class_weights: &[f64], ignore_index: Option<i32>, label_smoothing: f64) -> Loss {
    let class_weights = class_weights.to_vec();
    Loss::SparseCrossEntropy { from_logits: true, label_smoothing, class_weights, ignore_index }
}

/// What ONNX's tests draw first: `np.random.rand` of seed 0.
const DRAWN: [f64; 30] = [
    0.548_813_521_862_03,
    0.715_189_337_730_407_7,
    0.602_763_354_778_289_8,
    0.544_883_191_585_540_8,
    0.423_654_794_692_993_16,
    0.645_894_110_202_789_3,
    0.437_587_201_595_306_4,
    0.891_772_985_458_374,
    0.963_662_743_568_420_4,
    0.383_441_507_816_314_7,
    0.791_725_039_482_116_7,
    0.528_894_901_275_634_8,
    0.568_044_543_266_296_4,
    0.925_596_654_415_130_6,
    0.071_036_055_684_089_66,
    0.087_129_302_322_864_53,
    0.020_218_396_559_357_643,
    0.832_619_845_867_157,
    0.778_156_757_354_736_3,
    0.870_012_164_115_905_8,
    0.978_618_323_802_948,
    0.799_158_573_150_634_8,
    0.461_479_365_825_653_1,
    0.780_529_201_030_731_2,
    0.118_274_427_950_382_23,
    0.639_921_009_540_557_9,
    0.143_353_283_405_303_96,
    0.944_668_889_045_715_3,
    0.521_848_320_960_998_5,
    0.414_661_943_912_506_1,
];

#[test]
fn class_numbers_as_in_onnx() {
    let graph = Graph::new();
    let classes = |sizes: &[usize], numbers: &[i32]| graph.constant(Array::i32(sizes, numbers).unwrap());
    let flat = input(&graph, &[3, 5], &DRAWN[..15]);
    let chosen = classes(&[3], &[1, 4, 3]);
    // test_nllloss_NC
    let nll = Loss::negative_log_likelihood();
    near(
        &run(&graph, nll.losses(flat, chosen)),
        &[-0.715_189_337_730_407_7, -0.383_441_507_816_314_7, -0.925_596_654_415_130_6],
    );
    // test_sce_none_log_prob, test_sce_mean, test_sce_sum_log_prob
    let cross_entropy =
        |reduction| run(&graph, Loss::sparse_cross_entropy().reduced(flat, chosen, None, reduction));
    near(
        &cross_entropy(Reduction::None),
        &[1.465_778_589_248_657_2, 1.917_613_863_945_007_3, 1.300_761_938_095_092_8],
    );
    near(&cross_entropy(Reduction::Mean), &[1.561_384_797_096_252_4]);
    near(&cross_entropy(Reduction::Sum), &[4.684_154_510_498_047]);
    // With weights and an index that is ignored; the classes stand on the second axis there.
    let deep = input(&graph, &[3, 5, 2], &DRAWN).permute(&[0, 2, 1]);
    let chosen = classes(&[3, 2], &[1, 3, 2, 4, 2, 0]);
    // test_nllloss_NCd1_weight_ii
    let class_weights = vec![
        0.018_789_799_883_961_678,
        0.617_635_488_510_131_8,
        0.612_095_713_615_417_5,
        0.616_934_001_445_770_3,
        0.943_748_056_888_580_3,
    ];
    let nll = Loss::NegativeLogLikelihood { class_weights, ignore_index: Some(1) };
    near(&run(&graph, nll.mean(deep, chosen)), &[-0.535_773_873_329_162_6]);
    // test_sce_mean_weight_ii_3d
    let loss = sparse(&[0.2, 0.3, 0.6, 0.1, 0.5], Some(1), 0.0);
    near(&run(&graph, loss.mean(deep, chosen)), &[1.788_368_344_306_945_8]);
}

#[test]
fn weights_of_classes_and_smoothing() {
    let graph = Graph::new();
    let logits = input(&graph, &[3, 2], &[0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
    let classes = graph.constant(Array::i32(&[3], vec![0, 1, 1]).unwrap());
    let (half, small, large) = (2f64.ln(), (1.0 + (-1f64).exp()).ln(), (1.0 + 1f64.exp()).ln());
    let weighted = sparse(&[3.0, 0.5], None, 0.0);
    near(&run(&graph, weighted.losses(logits, classes)), &[3.0 * half, 0.5 * large, 0.5 * small]);
    // By the weights of the three targets.
    let total = 3.0 * half + 0.5 * (large + small);
    near(&run(&graph, weighted.mean(logits, classes)), &[total / 4.0]);
    near(&run(&graph, weighted.reduced(logits, classes, None, Reduction::Sum)), &[total]);
    // As PyTorch: (1 - a) w[y] of the truth and a / classes w[c] of every class.
    let smoothed = sparse(&[3.0, 0.5], Some(0), 0.2);
    let row = |of_0: f64, of_1: f64| 0.8 * 0.5 * of_1 + 0.1 * (3.0 * of_0 + 0.5 * of_1);
    let (first, second) = (row(small, large), row(large, small));
    near(&run(&graph, smoothed.losses(logits, classes)), &[0.0, first, second]);
    near(&run(&graph, smoothed.mean(logits, classes)), &[first + second]);
    // Without weights it is what smoothed distributions give.
    let distributions = input(&graph, &[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    let dense = Loss::CrossEntropy { from_logits: true, label_smoothing: 0.2, class_weights: vec![] };
    near(
        &run(&graph, sparse(&[], None, 0.2).losses(logits, classes)),
        &run(&graph, dense.losses(logits, distributions)),
    );
    // Distributions with weights: each term by its class, the mean by the rows.
    let dense = Loss::CrossEntropy { from_logits: true, label_smoothing: 0.0, class_weights: vec![3.0, 0.5] };
    near(&run(&graph, dense.mean(logits, distributions)), &[total / 3.0]);
    // All ignored, or of no weight: nothing, not a NaN.
    let none = graph.constant(Array::i32(&[3], vec![-1; 3]).unwrap());
    near(&run(&graph, sparse(&[], Some(-1), 0.0).mean(logits, none)), &[0.0]);
    near(&run(&graph, sparse(&[0.0, 0.0], None, 0.0).mean(logits, classes)), &[0.0]);
}

#[test]
fn an_ignored_class_may_be_a_class_and_its_logits_anything() {
    let graph = Graph::new();
    let z = graph.state("z", &[2, 2]);
    let classes = graph.constant(Array::i32(&[2], vec![0, 1]).unwrap());
    let loss = sparse(&[], Some(0), 0.0).mean(z, classes);
    let slope = graph.gradients(loss, &[z])[0];
    let mut cpu = Interpreter::new(Precision::F64);
    cpu.write("z", &Array::f32(&[2, 2], vec![f32::NAN, 1.0, 0.0, 0.0]).unwrap());
    let results = cpu.run(&graph, &[loss]).unwrap();
    near(&results[0].to_f64(), &[2f64.ln()]);
    cpu.write("z", &Array::f32(&[2, 2], vec![5.0, 1.0, 0.0, 0.0]).unwrap());
    near(&cpu.run(&graph, &[slope]).unwrap()[0].to_f64(), &[0.0, 0.0, 0.5, -0.5]);
}

#[test]
fn weighted_means() {
    let graph = Graph::new();
    let (p, t) = (input(&graph, &[2, 2], &[1.0, 3.0, 2.0, 0.0]), input(&graph, &[2, 2], &[0.0; 4]));
    let weights = input(&graph, &[2], &[3.0, 0.5]);
    let mse = Loss::mse().reduced(p, t, Some(weights), Reduction::WeightedMean);
    near(&run(&graph, mse), &[16.0 / 3.5]);
    near(&run(&graph, Loss::mse().reduced(p, t, None, Reduction::WeightedMean)), &[3.5]);
    // One weight per row counts for each of its positions.
    let (p, t) = (input(&graph, &[2, 2, 1], &[1.0, 3.0, 2.0, 0.0]), input(&graph, &[2, 2, 1], &[0.0; 4]));
    let mse = Loss::mse().reduced(p, t, Some(weights), Reduction::WeightedMean);
    near(&run(&graph, mse), &[(3.0 * 10.0 + 0.5 * 4.0) / 7.0]);
    let logits = input(&graph, &[2, 2], &[0.0; 4]);
    let classes = graph.constant(Array::i32(&[2], vec![0, 1]).unwrap());
    let loss =
        sparse(&[1.0, 4.0], None, 0.0).reduced(logits, classes, Some(weights), Reduction::WeightedMean);
    near(&run(&graph, loss), &[2f64.ln()]);
}

#[test]
fn yes_and_no_with_weights_and_focus() {
    let softplus = |z: f64| z.exp().ln_1p();
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let z = [2.0, -1.0, 0.5, 0.0];
    let t = [1.0, 0.0, 0.0, 1.0];
    let bce = |weights: &[f64]| Loss::BinaryCrossEntropy {
        from_logits: true,
        label_smoothing: 0.0,
        pos_weight: weights.to_vec(),
    };
    let (a, b, c, d) = (softplus(-2.0), softplus(-1.0), softplus(0.5), softplus(0.0));
    two_rows(bce(&[3.0]), z, t, [(3.0 * a + b) / 2.0, (c + 3.0 * d) / 2.0]);
    two_rows(bce(&[2.0, 5.0]), z, t, [(2.0 * a + b) / 2.0, (c + 5.0 * d) / 2.0]);
    // What is missed: 1 - q of yes, q of no.
    let missed = [1.0 - sigmoid(2.0), sigmoid(-1.0), sigmoid(0.5), 0.5];
    let focal = |gamma: f64, alpha: Option<f64>| {
        let weight = |yes: bool| alpha.map_or(1.0, |alpha| if yes { alpha } else { 1.0 - alpha });
        let terms: Vec<f64> = [a, b, c, d]
            .iter()
            .zip(missed)
            .zip(t)
            .map(|((loss, missed), t)| weight(t == 1.0) * missed.powf(gamma) * loss)
            .collect();
        [(terms[0] + terms[1]) / 2.0, (terms[2] + terms[3]) / 2.0]
    };
    for gamma in [0.0, 0.5, 1.0, 2.0, 3.0] {
        for alpha in [None, Some(0.25)] {
            let loss = |from_logits| Loss::BinaryFocal { from_logits, gamma, alpha, label_smoothing: 0.0 };
            two_rows(loss(true), z, t, focal(gamma, alpha));
            two_rows(loss(false), z.map(sigmoid), t, focal(gamma, alpha));
        }
    }
    // Far out it keeps its digits: exp(-40) squared times exp(-40) would be 0 from 1 - q.
    let graph = Graph::new();
    let (z, t) = (input(&graph, &[1, 1], &[20.0]), input(&graph, &[1, 1], &[1.0]));
    near(&[run(&graph, Loss::binary_focal().losses(z, t))[0].ln()], &[-60.0]);
}

#[test]
fn focus_on_classes() {
    let softmax = |a: f64, b: f64| a.exp() / (a.exp() + b.exp());
    let (q, r) = (softmax(1.0, 0.0), softmax(-0.5, 0.5));
    let want = |q: f64| -0.25 * (1.0 - q).powi(2) * q.ln();
    two_rows(Loss::focal(), [1.0, 0.0, -0.5, 0.5], [1.0, 0.0, 1.0, 0.0], [want(q), want(r)]);
    let probabilities = Loss::Focal { from_logits: false, gamma: 2.0, alpha: 0.25, label_smoothing: 0.0 };
    two_rows(probabilities, [q, 1.0 - q, 2.0 * r, 2.0 - 2.0 * r], [1.0, 0.0, 1.0, 0.0], [want(q), want(r)]);
}

#[test]
fn hinges_counts_and_divergences() {
    two_rows(Loss::SquaredHinge, [0.5, -2.0, 3.0, 0.0], [1.0, 1.0, 1.0, -1.0], [(0.25 + 9.0) / 2.0, 0.5]);
    // The truth leads by 2, and by 1/2; where others are below 0, the truth counts against 0.
    two_rows(Loss::CategoricalHinge, [3.0, 1.0, 0.5, 1.0], [1.0, 0.0, 0.0, 1.0], [0.0, 0.5]);
    two_rows(Loss::CategoricalHinge, [0.25, -4.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.75, 1.0]);
    // Errors 1, 2, 0.5, 0 with the border at 2.
    let (p, t) = ([1.0, 2.0, 0.5, 4.0], [0.0, 4.0, 0.0, 4.0]);
    two_rows(Loss::SmoothL1 { beta: 2.0 }, p, t, [(0.25 + 1.0) / 2.0, 0.0625 / 2.0]);
    two_rows(Loss::SmoothL1 { beta: 0.0 }, p, t, [1.5, 0.25]);
    two_rows(
        Loss::Poisson { log_input: false },
        [1.0, 2.0, 0.5, 4.0],
        [0.0, 3.0, 1.0, 2.0],
        [(1.0 + 2.0 - 3.0 * (2.0 + 1e-7f64).ln()) / 2.0, (0.5 - 0.5f64.ln() + 4.0 - 2.0 * 4f64.ln()) / 2.0],
    );
    two_rows(
        Loss::Poisson { log_input: true },
        [0.0, 1.0, -1.0, 2.0],
        [0.0, 3.0, 1.0, 2.0],
        [(1.0 + 1f64.exp() - 3.0) / 2.0, ((-1f64).exp() + 1.0 + 2f64.exp() - 4.0) / 2.0],
    );
    let ln = f64::ln;
    let q = [ln(0.25), ln(0.75), ln(0.5), ln(0.5)];
    let want = [0.5 * ln(2.0) + 0.5 * ln(0.5 / 0.75), ln(2.0)];
    two_rows(Loss::KullbackLeiblerLog { log_target: false }, q, [0.5, 0.5, 1.0, 0.0], want);
    let want = [0.5 * ln(2.0) + 0.5 * ln(0.5 / 0.75), 0.9 * ln(1.8) + 0.1 * ln(0.2)];
    let logs = [ln(0.5), ln(0.5), ln(0.9), ln(0.1)];
    two_rows(Loss::KullbackLeiblerLog { log_target: true }, q, logs, want);
}

#[test]
fn rankings() {
    let graph = Graph::new();
    let (a, b) = (input(&graph, &[3], &[1.0, 2.0, 0.0]), input(&graph, &[3], &[0.5, 3.0, 0.25]));
    let y = input(&graph, &[3], &[1.0, 1.0, -1.0]);
    near(&run(&graph, MarginRanking::default().losses(a, b, y)), &[0.0, 1.0, 0.0]);
    near(&run(&graph, MarginRanking { margin: 1.0 }.losses(a, b, y)), &[0.5, 2.0, 0.75]);
    let anchor = input(&graph, &[2, 2], &[0.0, 0.0, 0.0, 0.0]);
    let positive = input(&graph, &[2, 2], &[3.0, 4.0, 1.0, 0.0]);
    let negative = input(&graph, &[2, 2], &[6.0, 8.0, 1.0, 0.5]);
    let triplet = TripletMargin::default();
    let close = |got: Vec<f64>, want: [f64; 2]| {
        // The 1e-6 that is added to each difference.
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 4e-6), "{got:?}, wanted {want:?}");
    };
    close(run(&graph, triplet.losses(anchor, positive, negative)), [0.0, 2.0 - 1.25f64.sqrt()]);
    let swapped = TripletMargin { swap: true, ..triplet };
    close(run(&graph, swapped.losses(anchor, positive, negative)), [1.0, 1.5]);
    let cubes = TripletMargin { p: 3.0, margin: 6.0, ..triplet };
    let cube_root = |x: f64| x.powf(1.0 / 3.0);
    let want = [6.0 - cube_root(91.0), 7.0 - cube_root(1.125)];
    close(run(&graph, cubes.losses(anchor, positive, negative)), want);
    let blocks = TripletMargin { p: 1.0, margin: 8.0, ..triplet };
    close(run(&graph, blocks.losses(anchor, positive, negative)), [1.0, 7.5]);
    near(&run(&graph, Reduction::Sum.apply(input(&graph, &[2], &[1.0, 2.0]))), &[3.0]);
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let refuse = |loss: Loss, targets: DType| {
        let graph = Graph::new();
        let p = graph.input("p", &[4, 3], DType::F32);
        let sizes: &[usize] = if targets == DType::I32 { &[4] } else { &[4, 3] };
        let loss = loss.mean(p, graph.input("t", sizes, targets));
        assert!(loss.is_poison());
        graph.check().unwrap_err().to_string()
    };
    let text = refuse(sparse(&[1.0, 2.0], None, 0.0), DType::I32);
    assert!(text.starts_with("loss: 2 class_weights, the predictions' last axis has 3"), "{text}");
    let pos_weight = vec![1.0; 4];
    let bce = Loss::BinaryCrossEntropy { from_logits: true, label_smoothing: 0.0, pos_weight };
    assert!(refuse(bce, DType::F32).starts_with("loss: 4 pos_weight"));
    let shape = anygrad_core::Shape::new(&[3]).unwrap();
    let counts = Array::f32(&[2], vec![0.0, -1.0]).unwrap();
    let error = Loss::Poisson { log_input: true }.check_targets(&counts, &shape).unwrap_err();
    assert_eq!(error.to_string(), "row 1: target -1, wanted a number from 0");
    let classes = Array::i32(&[2], vec![0, 3]).unwrap();
    assert!(Loss::negative_log_likelihood().check_targets(&classes, &shape).is_err());
}

#[test]
fn gradients_of_all_losses() {
    let weights = vec![0.5, 2.0, 1.0];
    let numbers = [0.31, 0.62, 0.17, 0.83, 0.44, 0.29, 0.71, 0.56, 0.93, 0.12, 0.38, 0.66];
    let values = |name: &str, shift: usize| {
        let numbers: Vec<f32> = (0..12).map(|i| numbers[(i * 5 + shift) % 12] as f32).collect();
        (name.to_string(), Array::f32(&[4, 3], numbers).unwrap())
    };
    let options = GradientOptions::default();
    for loss in common::losses_of_numbers() {
        let graph = Graph::new();
        let (p, t) = (graph.input("p", &[4, 3], DType::F32), graph.input("t", &[4, 3], DType::F32));
        let total = loss.mean(p, t) * 3.0;
        let report = check_gradients(&graph, total, &[p, t], &[values("p", 0), values("t", 4)], &options);
        let report = report.unwrap();
        assert!(report.passed() && report.warnings().count() == 0, "{loss:?}: {report}");
    }
    let classes = ("t".to_string(), Array::i32(&[4], vec![2, 0, -1, 1]).unwrap());
    let nll = Loss::NegativeLogLikelihood { class_weights: weights.clone(), ignore_index: Some(-1) };
    for loss in [sparse(&weights, Some(-1), 0.1), nll] {
        let graph = Graph::new();
        let (p, t) = (graph.input("p", &[4, 3], DType::F32), graph.input("t", &[4], DType::I32));
        let report =
            check_gradients(&graph, loss.mean(p, t), &[p], &[values("p", 0), classes.clone()], &options);
        let report = report.unwrap();
        assert!(report.passed() && report.warnings().count() == 0, "{loss:?}: {report}");
    }
}
