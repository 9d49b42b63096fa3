//! Metrics of several batches, on the software adapter and on the interpreter, against plain loops in
//! double precision over the predictions.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, Random};
use anygrad_gpu::{Choice, Session};
use anygrad_nn::{Average, Lambda, Loss, Metric, Scores, Sgd, Trainer};
use pollster::block_on;

const AVERAGES: [Average; 3] = [Average::Macro, Average::Micro, Average::Weighted];

fn sessions() -> [Session; 2] {
    let choice = Choice::from_env_or(Choice::Software);
    [block_on(Session::open(&choice)).unwrap(), Session::interpreter()]
}

/// The features are the predictions.
fn evaluate(session: Session, loss: &Loss, metrics: &[Metric], x: &Array, y: &Array, batch: usize) -> Scores {
    let model = Lambda::new("same", |_, x| x);
    let mut trainer = Trainer::new(session, model, loss.clone(), Sgd::new(0.1)).metrics(metrics);
    block_on(trainer.evaluate((x, y), batch)).unwrap()
}

#[track_caller]
fn near(scores: &Scores, name: &str, want: f64, tolerance: f64) {
    let got = scores.figure(name).unwrap_or_else(|| panic!("no {name} in {scores:?}"));
    let both_nan = got.is_nan() && want.is_nan();
    assert!(
        both_nan || (got - want).abs() <= tolerance * want.abs().max(1.0),
        "{name}: {got}, wanted {want}"
    );
}

fn f1_of(hits: f64, answered: f64, wanted: f64) -> [f64; 3] {
    let share = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
    [share(hits, answered), share(hits, wanted), share(2.0 * hits, answered + wanted)]
}

/// Precision, recall and F1: macro, micro, weighted, from truths and answers per class.
fn by_loops(classes: usize, pairs: &[(usize, usize)]) -> [[f64; 3]; 3] {
    let count = |of: &dyn Fn(&(usize, usize)) -> bool| pairs.iter().filter(|pair| of(pair)).count() as f64;
    let per_class: Vec<([f64; 3], f64, f64)> = (0..classes)
        .map(|class| {
            let hits = count(&|&(t, a)| t == class && a == class);
            let (answered, wanted) = (count(&|&(_, a)| a == class), count(&|&(t, _)| t == class));
            (f1_of(hits, answered, wanted), answered, wanted)
        })
        .collect();
    let occurring: Vec<_> =
        per_class.iter().filter(|(_, answered, wanted)| answered + wanted > 0.0).collect();
    let hits = count(&|&(t, a)| t == a);
    let all = pairs.len() as f64;
    let mean = |figure: usize| occurring.iter().map(|c| c.0[figure]).sum::<f64>() / occurring.len() as f64;
    let weighted = |figure: usize| per_class.iter().map(|c| c.0[figure] * c.2).sum::<f64>() / all;
    [
        [mean(0), mean(1), mean(2)],
        f1_of(hits, count(&|&(_, a)| a < classes), all),
        [weighted(0), weighted(1), weighted(2)],
    ]
}

/// The share of pairs of a positive and a negative row in order, a tie being half.
fn auc_by_pairs(rows: &[(f64, bool)]) -> f64 {
    let (mut order, mut pairs) = (0.0, 0.0);
    for (score, _) in rows.iter().filter(|row| row.1) {
        for (other, _) in rows.iter().filter(|row| !row.1) {
            pairs += 1.0;
            order += if score > other {
                1.0
            } else if score == other {
                0.5
            } else {
                0.0
            };
        }
    }
    order / pairs
}

/// At each row that scores as high as the threshold.
fn average_precision_by_thresholds(rows: &[(f64, bool)]) -> f64 {
    let mut thresholds: Vec<f64> = rows.iter().map(|row| row.0).collect();
    thresholds.sort_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let positives = rows.iter().filter(|row| row.1).count() as f64;
    let (mut recall, mut area) = (0.0, 0.0);
    for threshold in thresholds {
        let above: Vec<_> = rows.iter().filter(|row| row.0 >= threshold).collect();
        let hits = above.iter().filter(|row| row.1).count() as f64;
        area += (hits / positives - recall) * hits / above.len() as f64;
        recall = hits / positives;
    }
    area
}

#[test]
fn classes() {
    const ROWS: usize = 67;
    const CLASSES: usize = 5;
    let mut random = Random::new(8);
    let logits: Vec<f32> =
        (0..ROWS * CLASSES).map(|_| (random.normal() * 4.0).round() as f32 / 4.0).collect();
    // Class 4 never occurs; some rows are padding.
    let truths: Vec<i32> =
        (0..ROWS).map(|row| if row % 9 == 5 { -1 } else { random.below(4) as i32 }).collect();
    let (x, y) =
        (Array::f32(&[ROWS, CLASSES], logits.clone()).unwrap(), Array::i32(&[ROWS], truths.clone()).unwrap());
    let loss = Loss::SparseCrossEntropy {
        from_logits: true,
        label_smoothing: 0.2,
        class_weights: vec![1.0, 2.0, 3.0, 1.0, 1.0],
        ignore_index: Some(-1),
    };
    let mut metrics = vec![
        Metric::Accuracy,
        Metric::TopKAccuracy { k: 1 },
        Metric::TopKAccuracy { k: 2 },
        Metric::PerClass,
        Metric::ConfusionMatrix,
        Metric::LogLoss,
        Metric::Perplexity,
    ];
    for average in AVERAGES {
        metrics.extend([Metric::Precision(average), Metric::Recall(average), Metric::F1(average)]);
        metrics.extend([Metric::RocAuc(average), Metric::PrAuc(average)]);
    }
    let rows: Vec<(&[f32], usize)> = logits
        .chunks(CLASSES)
        .zip(&truths)
        .filter(|(_, truth)| **truth >= 0)
        .map(|(row, &truth)| (row, truth as usize))
        .collect();
    let answer = |row: &[f32]| (0..CLASSES).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let pairs: Vec<(usize, usize)> = rows.iter().map(|&(row, truth)| (truth, answer(row))).collect();
    let top = |k: usize| {
        let is_in = |&&(row, truth): &&(&[f32], usize)| row.iter().filter(|&&z| z > row[truth]).count() < k;
        rows.iter().filter(is_in).count() as f64 / rows.len() as f64
    };
    let log_loss = rows.iter().map(|&(row, truth)| {
        let sum: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
        sum.ln() - f64::from(row[truth])
    });
    let log_loss = log_loss.sum::<f64>() / rows.len() as f64;
    for session in sessions() {
        for batch in [1, 16, 67] {
            let scores = evaluate(session.excluding(&[]), &loss, &metrics, &x, &y, batch);
            let accuracy = pairs.iter().filter(|(t, a)| t == a).count() as f64 / pairs.len() as f64;
            near(&scores, "accuracy", accuracy, 0.0);
            near(&scores, "top_1_accuracy", top(1), 0.0);
            near(&scores, "top_2_accuracy", top(2), 0.0);
            near(&scores, "log_loss", log_loss, 1e-6);
            near(&scores, "perplexity", log_loss.exp(), 1e-6);
            let want = by_loops(CLASSES, &pairs);
            for (average, want) in ["macro", "micro", "weighted"].into_iter().zip(want) {
                for (figure, want) in ["precision", "recall", "f1"].into_iter().zip(want) {
                    near(&scores, &format!("{figure}_{average}"), want, 1e-15);
                }
            }
            // Class 4 has no rows.
            near(&scores, "roc_auc_macro", f64::NAN, 0.0);
            let columns: Vec<Vec<(f64, bool)>> = (0..CLASSES)
                .map(|class| {
                    let score = |row: &[f32]| {
                        let sum: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
                        f64::from((f64::from(row[class]).exp() / sum) as f32)
                    };
                    rows.iter().map(|&(row, truth)| (score(row), truth == class)).collect()
                })
                .collect();
            let support = |class: usize| columns[class].iter().filter(|row| row.1).count() as f64;
            let weighted = (0..4).map(|class| auc_by_pairs(&columns[class]) * support(class)).sum::<f64>();
            near(&scores, "roc_auc_weighted", weighted / rows.len() as f64, 2e-3);
            let areas = (0..4).map(|class| average_precision_by_thresholds(&columns[class])).sum::<f64>();
            near(&scores, "pr_auc_macro", areas / CLASSES as f64, 2e-3);
            let confusion = scores.confusion.as_ref().unwrap();
            for (truth, row) in confusion.counts.iter().enumerate() {
                for (answer, &count) in row.iter().enumerate() {
                    assert_eq!(count as usize, pairs.iter().filter(|&&pair| pair == (truth, answer)).count());
                }
            }
            assert_eq!(scores.classes.len(), CLASSES);
            assert_eq!(scores.classes[2].support, confusion.counts[2].iter().sum::<u64>());
            // Scores survive a file, a figure that is no number included.
            let text = serde_json::to_string(&scores).unwrap();
            let back: Scores = serde_json::from_str(&text).unwrap();
            assert!(back.figure("roc_auc_macro").unwrap().is_nan());
            assert_eq!(format!("{back:?}"), format!("{scores:?}"));
        }
    }
}

#[test]
fn yes_and_no() {
    const ROWS: usize = 301;
    let mut random = Random::new(9);
    let truths: Vec<f32> = (0..ROWS).map(|_| f32::from(random.uniform() < 0.3)).collect();
    let logits: Vec<f32> =
        truths.iter().map(|t| ((random.normal() + f64::from(*t)) * 8.0).round() as f32 / 8.0).collect();
    let x = Array::f32(&[ROWS, 1], logits.clone()).unwrap();
    let y = Array::f32(&[ROWS], truths.clone()).unwrap();
    let average = Average::Binary;
    let metrics = [
        Metric::Accuracy,
        Metric::BinaryAccuracy { threshold: 0.25 },
        Metric::Precision(average),
        Metric::Recall(average),
        Metric::F1(average),
        Metric::F1(Average::Macro),
        Metric::RocAuc(average),
        Metric::PrAuc(average),
        Metric::LogLoss,
        Metric::ConfusionMatrix,
    ];
    let pairs: Vec<(usize, usize)> =
        logits.iter().zip(&truths).map(|(&z, &t)| (usize::from(t > 0.5), usize::from(z > 0.0))).collect();
    let count = |truth, answer| pairs.iter().filter(|&&pair| pair == (truth, answer)).count() as f64;
    let [precision, recall, f1] = f1_of(count(1, 1), count(0, 1) + count(1, 1), count(1, 0) + count(1, 1));
    let rows: Vec<(f64, bool)> = logits.iter().zip(&truths).map(|(&z, &t)| (f64::from(z), t > 0.5)).collect();
    let log_loss = rows.iter().map(|&(z, t)| if t { (1.0 + (-z).exp()).ln() } else { (1.0 + z.exp()).ln() });
    let log_loss = log_loss.sum::<f64>() / ROWS as f64;
    for session in sessions() {
        let loss = Loss::binary_cross_entropy();
        let scores = evaluate(session, &loss, &metrics, &x, &y, 64);
        near(&scores, "accuracy", (count(0, 0) + count(1, 1)) / ROWS as f64, 0.0);
        let right = rows.iter().filter(|&&(z, t)| (z > 0.25) == t).count() as f64;
        near(&scores, "binary_accuracy", right / ROWS as f64, 0.0);
        near(&scores, "precision", precision, 1e-15);
        near(&scores, "recall", recall, 1e-15);
        near(&scores, "f1", f1, 1e-15);
        near(&scores, "f1_macro", by_loops(2, &pairs)[0][2], 1e-15);
        near(&scores, "roc_auc", auc_by_pairs(&rows), 1e-14);
        near(&scores, "pr_auc", average_precision_by_thresholds(&rows), 1e-14);
        near(&scores, "log_loss", log_loss, 1e-6);
        let want = [[count(0, 0), count(0, 1)], [count(1, 0), count(1, 1)]];
        assert_eq!(scores.confusion.unwrap().counts, want.map(|row| row.map(|n| n as u64).to_vec()));
    }
}

#[test]
fn labels() {
    const ROWS: usize = 41;
    const LABELS: usize = 3;
    let mut random = Random::new(10);
    let numbers: Vec<f32> = (0..ROWS * LABELS).map(|_| random.uniform() as f32).collect();
    // Label 2 is never wanted.
    let truths: Vec<f32> =
        (0..ROWS * LABELS).map(|i| f32::from(i % LABELS < 2 && random.uniform() < 0.4)).collect();
    let x = Array::f32(&[ROWS, LABELS], numbers.clone()).unwrap();
    let y = Array::f32(&[ROWS, LABELS], truths.clone()).unwrap();
    let mut metrics = vec![Metric::Accuracy, Metric::PerClass, Metric::LogLoss];
    for average in AVERAGES {
        metrics.extend([Metric::Recall(average), Metric::F1(average), Metric::PrAuc(average)]);
    }
    metrics.push(Metric::RocAuc(Average::Micro));
    let rows: Vec<(f64, bool)> =
        numbers.iter().zip(&truths).map(|(&p, &t)| (f64::from(p), t > 0.5)).collect();
    let of = |label: usize| rows.iter().skip(label).step_by(LABELS).copied().collect::<Vec<_>>();
    let figures = |rows: &[(f64, bool)]| {
        let count = |f: &dyn Fn(&(f64, bool)) -> bool| rows.iter().filter(|row| f(row)).count() as f64;
        f1_of(count(&|r| r.0 > 0.5 && r.1), count(&|r| r.0 > 0.5), count(&|r| r.1))
    };
    let log_loss =
        rows.iter().map(|&(p, t)| -(if t { p } else { 1.0 - p }).ln()).sum::<f64>() / rows.len() as f64;
    for session in sessions() {
        let loss = Loss::binary_cross_entropy_of_probabilities();
        let scores = evaluate(session, &loss, &metrics, &x, &y, 16);
        let right = rows.iter().filter(|&&(p, t)| (p > 0.5) == t).count() as f64;
        near(&scores, "accuracy", right / rows.len() as f64, 0.0);
        // All labels count, as scikit-learn has it for labels, the one without rows with 0.
        let mean = (0..LABELS).map(|label| figures(&of(label))[2]).sum::<f64>() / 3.0;
        near(&scores, "f1_macro", mean, 1e-15);
        near(&scores, "f1_micro", figures(&rows)[2], 1e-15);
        near(&scores, "recall_micro", figures(&rows)[1], 1e-15);
        near(&scores, "roc_auc_micro", auc_by_pairs(&rows), 1e-14);
        let areas = (0..2).map(|label| average_precision_by_thresholds(&of(label))).sum::<f64>();
        near(&scores, "pr_auc_macro", areas / 3.0, 1e-14);
        near(&scores, "log_loss", log_loss, 1e-6);
        assert_eq!((scores.classes[2].recall, scores.classes[2].support), (0.0, 0));
    }
}

#[test]
fn numbers() {
    const ROWS: usize = 50;
    let mut random = Random::new(11);
    // Far from 0, where sums of squares would have no digits left; the last column does not vary.
    let truths: Vec<f32> =
        (0..ROWS * 3).map(|i| if i % 3 == 2 { 7.0 } else { 10_000.0 + random.normal() as f32 }).collect();
    let numbers: Vec<f32> = truths.iter().map(|t| t + random.normal() as f32 * 0.5).collect();
    let x = Array::f32(&[ROWS, 3], numbers.clone()).unwrap();
    let y = Array::f32(&[ROWS, 3], truths.clone()).unwrap();
    let metrics = ["mae", "mse", "rmse", "r2", "mape"].map(|name| name.parse().unwrap());
    let pairs: Vec<(f64, f64)> =
        numbers.iter().zip(&truths).map(|(&p, &t)| (f64::from(p), f64::from(t))).collect();
    let mean =
        |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|&(p, t)| f(p, t)).sum::<f64>() / pairs.len() as f64;
    let r2 = |column: usize| {
        let rows = || pairs.iter().skip(column).step_by(3);
        let mean = rows().map(|pair| pair.1).sum::<f64>() / ROWS as f64;
        let spread: f64 = rows().map(|pair| (pair.1 - mean).powi(2)).sum();
        if spread == 0.0 { 0.0 } else { 1.0 - rows().map(|(p, t)| (p - t).powi(2)).sum::<f64>() / spread }
    };
    for session in sessions() {
        let scores = evaluate(session.excluding(&[]), &Loss::mse(), &metrics, &x, &y, 16);
        near(&scores, "mae", mean(&|p, t| (p - t).abs()), 1e-6);
        near(&scores, "mse", mean(&|p, t| (p - t).powi(2)), 1e-6);
        near(&scores, "rmse", mean(&|p, t| (p - t).powi(2)).sqrt(), 1e-6);
        near(&scores, "mape", mean(&|p, t| (p - t).abs() / t.abs()), 1e-6);
        near(&scores, "r2", (0..3).map(r2).sum::<f64>() / 3.0, 1e-6);
        // Exact predictions, and one row.
        let exact = evaluate(session.excluding(&[]), &Loss::mse(), &metrics, &y, &y, 16);
        near(&exact, "r2", 1.0, 0.0);
        let (x, y) = (x.take_rows(&[0]).unwrap(), y.take_rows(&[0]).unwrap());
        near(&evaluate(session, &Loss::mse(), &metrics, &x, &y, 16), "r2", f64::NAN, 0.0);
    }
}

#[test]
fn sums_in_parts_see_small_numbers_beside_large_ones() {
    // A first row of 2^24 and then ones: one sum in f32 would not see any of these.
    let mut numbers = vec![1.0f32; 200];
    numbers[0] = 16_777_216.0;
    let x = Array::f32(&[200, 1], numbers).unwrap();
    let y = Array::f32(&[200, 1], vec![0.0; 200]).unwrap();
    for session in sessions() {
        let scores = evaluate(session, &Loss::mae(), &[Metric::MeanAbsoluteError], &x, &y, 1);
        assert_eq!(scores.loss * 200.0, 16_777_216.0 + 199.0);
        near(&scores, "mae", scores.loss, 0.0);
    }
    // More batches than parts.
    let x = Array::f32(&[1000, 1], vec![0.1; 1000]).unwrap();
    let y = Array::f32(&[1000, 1], vec![0.0; 1000]).unwrap();
    for session in sessions() {
        let scores = evaluate(session, &Loss::mae(), &[Metric::MeanAbsoluteError], &x, &y, 1);
        near(&scores, "mae", f64::from(0.1f32), 4.0 * f64::from(f32::EPSILON / 2.0));
    }
}

#[test]
fn metrics_that_do_not_fit_are_refused() {
    let model = || Lambda::new("same", |_, x| x);
    let (x, y) = (Array::f32(&[2, 3], vec![0.0; 6]).unwrap(), Array::i32(&[2], vec![0, 1]).unwrap());
    let t = Array::f32(&[2, 3], vec![0.0; 6]).unwrap();
    let refused = |loss: Loss, metric: &str, y: &Array| {
        let mut trainer = Trainer::new(Session::interpreter(), model(), loss, Sgd::new(0.1))
            .metrics(&[metric.parse().unwrap()]);
        block_on(trainer.evaluate((&x, y), 2)).unwrap_err().to_string()
    };
    let error = refused(Loss::sparse_cross_entropy(), "f1", &y);
    assert!(error.contains("3 classes") && error.contains("f1_macro"), "{error}");
    assert!(refused(Loss::sparse_cross_entropy(), "mae", &y).contains("class numbers"));
    assert!(refused(Loss::mse(), "log_loss", &t).contains("no probabilities"));
    assert!(refused(Loss::mse(), "top_2_accuracy", &t).contains("no classes"));
    assert!(refused(Loss::binary_cross_entropy(), "confusion_matrix", &t).contains("per_class"));
}
