use anygrad_core::DType;

use crate::{Case, Fill, Tolerance};

pub(in crate::ops) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [1, 63, 64, 65, 131, 1024, 1025, 70_001] {
        cases.push(
            Case::new(format!("sum row {length}"), |x| x[0].sum(&[-1], false))
                .input(&[2, length])
                .tolerance(Tolerance::sum(length)),
        );
        cases.push(
            Case::new(format!("sum column {length}"), |x| x[0].sum(&[0], false))
                .input(&[length, 3])
                .tolerance(Tolerance::sum(length)),
        );
    }
    // Groups of four across and along, rows that end within one, parts of one row and of many.
    for (sizes, axis) in [
        (&[1100, 8][..], 0),
        (&[2, 300, 12], 1),
        (&[300, 64], 1),
        (&[67, 33], 1),
        (&[70, 36], 1),
        (&[1, 12_301], 1),
        (&[3, 9000], 1),
        (&[2, 9001], 1),
        (&[260, 300], 1),
    ] {
        let length = sizes[axis as usize];
        cases.push(
            Case::new(format!("sum axis {axis} of {sizes:?}"), move |x| x[0].sum(&[axis], false))
                .input(sizes)
                .tolerance(Tolerance::sum(length)),
        );
        let case = Case::new(format!("max axis {axis} of {sizes:?}"), move |x| x[0].max(&[axis], false));
        cases.push(case.filled(sizes, DType::F32, Fill::Distinct(-1.0, -0.5)));
        let case = Case::new(format!("min axis {axis} of {sizes:?}"), move |x| x[0].min(&[axis], true));
        cases.push(case.filled(sizes, DType::F32, Fill::Distinct(0.5, 1.0)));
    }
    for (sizes, axis) in [(&[9, 5][..], 0), (&[3, 4, 9], -1), (&[2, 40], 1), (&[2, 65], 1), (&[65, 4], 0)] {
        let case = Case::new(format!("prod axis {axis} of {sizes:?}"), move |x| x[0].prod(&[axis], true));
        cases.push(case.filled(sizes, DType::F32, Fill::Uniform(0.8, 1.2)));
    }
    cases.push(Case::new("prod of nothing", |x| x[0].prod(&[1], false)).input(&[3, 0]));
    cases.push(Case::new("prod with zeros", |x| x[0].prod(&[1], false)).filled(
        &[4, 3],
        DType::F32,
        Fill::Given(vec![2.0, 0.0, 3.0, 0.0, 0.0, 2.0, 1.0, 2.0, -3.0, 0.0, 5.0, 0.0]),
    ));
    cases.push(Case::new("variance of rows", |x| x[0].variance(&[1], true, 0)).input(&[5, 131]));
    cases.push(Case::new("variance of a sample", |x| x[0].variance(&[0, 2], false, 1)).input(&[6, 5, 7]));
    for length in [1, 65, 1025] {
        let distinct = || Fill::Distinct(-1.0, 1.0);
        cases.push(Case::new(format!("max row {length}"), |x| x[0].max(&[1], false)).filled(
            &[3, length],
            DType::F32,
            distinct(),
        ));
        cases.push(Case::new(format!("min column {length}"), |x| x[0].min(&[0], true)).filled(
            &[length, 3],
            DType::F32,
            distinct(),
        ));
    }
    cases.push(Case::new("max NaN", |x| x[0].max(&[1], false)).forward_only().filled(
        &[2, 3],
        DType::F32,
        Fill::Given(vec![1.0, f64::NAN, 2.0, f64::NEG_INFINITY, 3.0, 1.0]),
    ));
    // A NaN in a row of groups of four, at the end and in the middle.
    for (name, at) in [("first", 0), ("middle", 37), ("last", 63)] {
        let numbers = (0..64).map(|i| if i == at { f64::NAN } else { f64::from(i) }).collect();
        let case =
            Case::many(format!("max NaN {name}"), |x| vec![x[0].max(&[1], false), x[0].min(&[1], false)]);
        cases.push(case.forward_only().filled(&[2, 64], DType::F32, Fill::Given(numbers)));
    }
    for dtype in [DType::I32, DType::U32] {
        let numbers: &[f64] = match dtype {
            DType::I32 => &[3.0, -7.0, 2_147_483_647.0, -2_147_483_648.0, 0.0, 5.0, -1.0],
            _ => &[3.0, 4_294_967_295.0, 2_147_483_648.0, 1.0, 7.0],
        };
        // Rows, columns, and sums of several parts.
        for (sizes, axis) in [(&[3, 7][..], 1), (&[9, 5], 0), (&[2, 2100], 1), (&[1500, 3], 0)] {
            let case = Case::many(format!("sum {dtype} axis {axis} of {sizes:?}"), move |x| {
                let axes = &[axis];
                vec![
                    x[0].sum(axes, false),
                    x[0].prod(axes, true),
                    x[0].max(axes, false),
                    x[0].min(axes, true),
                ]
            });
            let case = case.forward_only().tolerance(Tolerance::EXACT);
            cases.push(case.filled(sizes, dtype, Fill::Given(numbers.to_vec())));
        }
    }
    for sizes in [&[4, 3][..], &[2, 0]] {
        let case = Case::many(format!("sum bool {sizes:?}"), |x| {
            let truth = x[0].gt(0.3);
            vec![
                truth.sum(&[1], false),
                truth.any(&[1], false),
                truth.all(&[1], true),
                truth.all(&[0, 1], false),
            ]
        });
        let numbers = vec![1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        let case = case.forward_only().tolerance(Tolerance::EXACT);
        cases.push(case.filled(sizes, DType::F32, Fill::Given(numbers)));
    }
    cases.push(Case::new("sum axes 0 and 2", |x| x[0].sum(&[0, 2], true)).input(&[6, 5, 7]));
    cases.push(Case::new("mean axes 0, 2 and 3", |x| x[0].mean(&[0, 2, 3], false)).input(&[4, 3, 5, 2]));
    cases.push(Case::new("sum all", |x| x[0].sum_all()).input(&[5, 7, 3]));
    cases.push(Case::new("sum of nothing", |x| x[0].sum(&[1], false)).input(&[3, 0]));
    cases
}
