use super::*;

fn counting(n: usize) -> Dataset {
    let features = Array::f32(&[n, 2], (0..2 * n).map(|i| i as f32).collect::<Vec<_>>()).unwrap();
    let targets = Array::i32(&[n], (0..n as i32).collect::<Vec<_>>()).unwrap();
    Dataset::new(features, targets).unwrap()
}

#[test]
fn rows_are_selected_in_order() {
    let (x, y) = counting(4).select(&[3, 0, 3]).unwrap();
    assert_eq!(x, Array::f32(&[3, 2], [6.0, 7.0, 0.0, 1.0, 6.0, 7.0]).unwrap());
    assert_eq!(y, Array::i32(&[3], [3, 0, 3]).unwrap());
    let error = counting(4).select(&[0, 4]).unwrap_err();
    assert_eq!(error.to_string(), "row 4 does not exist among 4 rows");
    assert!(counting(4).take(&[]).is_err());
}

#[test]
fn fractions_use_every_row_once() {
    for n in 10..200 {
        let parts = counting(n).split(&[0.7, 0.2, 0.1]).unwrap();
        assert_eq!(parts.iter().map(Dataset::len).sum::<usize>(), n);
    }
    let parts = counting(10).split(&[0.5, 0.2]).unwrap();
    assert_eq!(parts[1].targets(), &Array::i32(&[2], [5, 6]).unwrap());
}

#[test]
fn splits_that_do_not_fit_are_refused() {
    let data = counting(3);
    let bad: [&[f64]; 5] = [&[0.8, 0.3], &[-0.1, 0.5], &[f64::NAN], &[f64::INFINITY], &[0.9, 0.1]];
    for fractions in bad {
        assert!(data.split(fractions).unwrap_err().is_input(), "{fractions:?}");
    }
}

#[test]
fn rows_and_classes_must_agree() {
    let features = Array::f32(&[2, 1], [0.0, 1.0]).unwrap();
    assert!(Dataset::new(features.clone(), Array::i32(&[3], [0, 1, 2]).unwrap()).unwrap_err().is_shape());
    assert!(Dataset::new(features.clone(), Array::scalar(1.0)).unwrap_err().is_shape());
    let data = Dataset::new(features, Array::i32(&[2], [0, 2]).unwrap()).unwrap();
    let error = data.with_classes(vec!["a".into(), "b".into()]).unwrap_err();
    assert_eq!(error.to_string(), "row 1: target 2 is none of the 2 classes");
    let named = counting(2).with_classes(vec!["a".into(), "b".into()]).unwrap();
    assert_eq!(named.shuffle(3).unwrap().classes(), ["a", "b"]);
}

#[test]
fn arrays_get_the_targets_of_their_task() {
    let features = || Array::f32(&[3, 1], [0.0; 3]).unwrap();
    let of = |targets: Array, task| Dataset::for_task(features(), targets, task);
    let data = of(Array::u32(&[3], [2, 0, 2]).unwrap(), Task::Multiclass).unwrap();
    assert_eq!((data.targets(), data.classes().len()), (&Array::i32(&[3], [2, 0, 2]).unwrap(), 3));
    assert_eq!(data.class_of_rows().unwrap(), [2, 0, 2]);
    let data = of(Array::bool(&[3], &[true, false, true]).unwrap(), Task::Binary).unwrap();
    assert_eq!(data.targets(), &Array::f32(&[3, 1], [1.0, 0.0, 1.0]).unwrap());
    let data = of(Array::i32(&[3, 1, 2], [1, 2, 3, 4, 5, 6]).unwrap(), Task::Regression).unwrap();
    assert_eq!(data.targets().shape()[..], [3, 2]);
    let bad = [
        (Array::f32(&[3], [0.0, f32::NAN, 1.0]), Task::Regression, "target [1] is NaN, not finite"),
        (Array::f32(&[3], [0.0, 1.0, 2.0]), Task::Binary, "target [2, 0] is 2, neither 0 nor 1"),
        (Array::f32(&[3], [0.0, 1.5, 2.0]), Task::Multiclass, "row 1: target 1.5 is no class"),
        (Array::i32(&[3], [0, -1, 2]), Task::Multiclass, "row 1: target -1 is no class"),
        (
            Array::i32(&[3], [0; 3]),
            Task::Multiclass,
            "classes go from 0 to 0: take at least two, up to 1048576",
        ),
        (
            Array::i32(&[3], [0, 1, 1 << 30]),
            Task::Multiclass,
            "classes go from 0 to 1073741824: take at least two, up to 1048576",
        ),
        (Array::i32(&[3, 2], [0; 6]), Task::Multiclass, "targets [3, 2] are not one class for each row"),
    ];
    for (targets, task, message) in bad {
        assert_eq!(of(targets.unwrap(), task).unwrap_err().to_string(), message);
    }
    let tokens = Array::u32(&[1, 2], [7, 8]).unwrap();
    let data =
        Dataset::for_task(tokens, Array::scalar(0.5).reshape(&[1]).unwrap(), Task::Regression).unwrap();
    assert_eq!(data.features(), &Array::i32(&[1, 2], [7, 8]).unwrap());
    let infinite = Array::f32(&[1, 2], [0.0, f32::INFINITY]).unwrap();
    let error = Dataset::for_task(infinite, Array::f32(&[1], [0.0]).unwrap(), Task::Regression);
    assert_eq!(error.unwrap_err().to_string(), "feature [0, 1] is inf, not finite");
}

#[test]
fn parts_keep_the_shares_of_classes() {
    let features = Array::f32(&[20, 1], (0..20).map(|i| i as f32).collect::<Vec<_>>()).unwrap();
    let targets = Array::f32(&[20, 1], [[1.0; 4].to_vec(), vec![0.0; 16]].concat()).unwrap();
    let parts = Dataset::new(features, targets).unwrap().split_stratified(&[0.5, 0.5], 1).unwrap();
    for part in parts {
        assert_eq!(part.targets().to_f64().iter().sum::<f64>(), 2.0);
    }
}
