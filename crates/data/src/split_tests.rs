use proptest::prelude::*;

use super::*;
use crate::shuffled;

/// The rows of all parts, which must be different ones.
fn joined<'a>(parts: impl IntoIterator<Item = &'a Vec<usize>>) -> Vec<usize> {
    let mut rows: Vec<usize> = parts.into_iter().flatten().copied().collect();
    rows.sort_unstable();
    assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "a row is in two parts");
    rows
}

fn of_class(classes: &[usize], rows: &[usize], class: usize) -> usize {
    rows.iter().filter(|&&row| classes[row] == class).count()
}

/// Fractions that sum to 1.
fn fractions() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(1u32..100, 1..5).prop_map(|weights| {
        let sum: u32 = weights.iter().sum();
        weights.iter().map(|&weight| f64::from(weight) / f64::from(sum)).collect()
    })
}

proptest! {
    #[test]
    fn parts_in_order_use_every_row_once(rows in 1usize..500, fractions in fractions()) {
        if let Ok(parts) = in_order(rows, &fractions) {
            prop_assert!(joined(&parts).into_iter().eq(0..rows));
            prop_assert!(parts.concat().is_sorted());
        }
    }

    #[test]
    fn strata_use_every_row_once_and_keep_shares(
        classes in proptest::collection::vec(0usize..6, 1..300),
        fractions in fractions(),
        seed: u64,
    ) {
        let parts = stratified(&classes, &fractions, seed);
        prop_assert_eq!(format!("{parts:?}"), format!("{:?}", stratified(&classes, &fractions, seed)));
        if let Ok(parts) = parts {
            prop_assert!(joined(&parts).into_iter().eq(0..classes.len()));
            let all: Vec<usize> = (0..classes.len()).collect();
            for (rows, fraction) in parts.iter().zip(&fractions) {
                prop_assert!(rows.is_sorted());
                for class in 0..6 {
                    let share = fraction * of_class(&classes, &all, class) as f64;
                    let count = of_class(&classes, rows, class) as f64;
                    prop_assert!((count - share).abs() < 1.0, "{count} of class {class} for {share}");
                }
            }
        }
    }

    #[test]
    fn folds_of_any_kind_hold_every_row_out_once(
        classes in proptest::collection::vec(0usize..4, 2..200),
        count in 2usize..9,
        seed: u64,
    ) {
        let rows = classes.len();
        let order = shuffled(rows, seed, 0);
        for (kind, folds) in [folds(&order, count), stratified_folds(&classes, count, seed)].into_iter().enumerate() {
            prop_assert_eq!(folds.is_ok(), count <= rows);
            let Ok(folds) = folds else { continue };
            prop_assert!(joined(folds.iter().map(|(_, held)| held)).into_iter().eq(0..rows));
            let sizes: Vec<usize> = folds.iter().map(|(_, held)| held.len()).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
            for (train, held) in &folds {
                prop_assert!(joined([train, held]).into_iter().eq(0..rows));
            }
            for class in (0..4).filter(|_| kind == 1) {
                let counts: Vec<usize> = folds.iter().map(|(_, held)| of_class(&classes, held, class)).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            }
        }
    }

    #[test]
    fn growing_windows_never_see_what_comes(rows in 3usize..300, count in 2usize..9, gap in 0usize..4) {
        if let Ok(folds) = expanding_folds(rows, count, gap) {
            let held = joined(folds.iter().map(|(_, held)| held));
            prop_assert!(held.into_iter().eq(rows / (count + 1)..rows));
            for (train, held) in folds {
                prop_assert!(train.into_iter().eq(0..held[0] - gap));
            }
        }
    }
}

#[test]
fn small_classes_fill_every_part() {
    // Two rows of each class: by class alone each would go to the training part whole.
    let classes: Vec<usize> = (0..100).map(|row| row / 2).collect();
    let parts = stratified(&classes, &[0.8, 0.2], 1).unwrap();
    assert_eq!((parts[0].len(), parts[1].len()), (80, 20));
}

#[test]
fn strata_depend_on_the_seed_and_may_leave_rows_out() {
    let classes: Vec<usize> = (0..60).map(|row| row % 3).collect();
    let parts = stratified(&classes, &[0.5, 0.25], 1).unwrap();
    assert_ne!(parts, stratified(&classes, &[0.5, 0.25], 2).unwrap());
    assert_eq!((parts[0].len(), parts[1].len()), (30, 15));
    assert!((0..3).all(|class| of_class(&classes, &parts[1], class) == 5));
    // Fixed for good: a run is repeated from its seed on any machine and with any release.
    assert_eq!(stratified(&classes[..9], &[0.67, 0.33], 5).unwrap()[1], [3, 7, 8]);
}

#[test]
fn what_cannot_be_split_is_refused() {
    let error = stratified(&[0, 0, 1], &[0.9, 0.1], 1).unwrap_err().to_string();
    assert_eq!(
        error,
        "fractions [0.9, 0.1]: 3 rows cannot be split into parts of [3, 0] rows: each part needs one"
    );
    for fractions in [&[0.8, 0.3][..], &[-0.1, 0.5], &[f64::NAN], &[f64::INFINITY], &[0.0, 1.0]] {
        assert!(stratified(&[0, 1, 2, 3], fractions, 1).unwrap_err().is_input(), "{fractions:?}");
    }
    assert!(stratified(&[], &[1.0], 1).is_err() && in_order(0, &[1.0]).is_err());
    let error = folds(&[0, 1], 3).unwrap_err().to_string();
    assert_eq!(error, "2 rows cannot make 3 folds: take 2 to 2");
    assert!(folds(&[0, 1], 1).is_err() && stratified_folds(&[0, 1], 3, 1).is_err());
    let error = expanding_folds(3, 3, 0).unwrap_err().to_string();
    assert_eq!(error, "3 rows cannot make 3 folds: take 2 to 2");
    let error = expanding_folds(9, 2, 3).unwrap_err().to_string();
    assert_eq!(error, "a gap of 3 rows leaves nothing of the 3 that the first of 2 folds trains on");
}
