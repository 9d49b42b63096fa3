//! Cases of lines and volumes, of norms and sizes to reach, and of the way back from indices.

use anygrad_core::DType;

use super::{IndexBase, Pool};
use crate::{Case, Fill, Tolerance};

pub(in super::super) fn cases() -> Vec<Case> {
    let distinct = |case: Case, sizes: &[usize]| case.filled(sizes, DType::F32, Fill::Distinct(-1.0, 1.0));
    let mut cases = Vec::new();
    let uneven = Pool {
        stride: [2, 1, 2],
        padding: [[1, 0], [0, 1], [1, 1]],
        dilation: [1, 2, 1],
        ..Pool::new([3, 2, 3])
    };
    let ceil = Pool { ceil_mode: true, ..Pool::new([2, 3, 2]) };
    for (name, pool, sizes) in [
        ("2x2x2", Pool::new([2; 3]), [2, 2, 4, 6, 5]),
        ("overlap, padding and dilation", uneven, [1, 3, 5, 6, 7]),
        ("ceil", ceil, [2, 1, 5, 7, 3]),
        ("in planes only", Pool::new([1, 2, 2]), [1, 2, 3, 4, 4]),
    ] {
        let case = Case::new(format!("max_pool3d {name}"), move |x| x[0].max_pool3d(pool));
        cases.push(distinct(case, &sizes));
        for include in [false, true] {
            let case = Case::new(format!("avg_pool3d {name}, padding {include}"), move |x| {
                x[0].avg_pool3d(pool, include)
            });
            cases.push(case.input(&sizes).tolerance(Tolerance::sum(18)));
        }
    }
    let square = Pool { stride: [2, 1], padding: [[1, 0], [1, 1]], ceil_mode: true, ..Pool::new([2, 3]) };
    // A power and a root err by a few units in the last place each, the gradient by their quotient.
    let tolerance = Tolerance { relative: 2e-5, absolute: 2e-6 };
    for p in [1.0, 2.0, 3.0] {
        let case = Case::new(format!("lp_pool2d p {p}"), move |x| x[0].lp_pool2d(square, p));
        cases.push(
            case.input(&[2, 3, 5, 6])
                .tolerance(tolerance)
                .gradient_tolerance(Tolerance { relative: 1e-4, absolute: 2e-5 }),
        );
    }
    cases.push(
        Case::new("lp_pool1d of zeros", |x| x[0].lp_pool1d(Pool::new([2]), 2.0)).forward_only().filled(
            &[1, 2, 8],
            DType::F32,
            Fill::Given(vec![0.0, 0.0, 3.0, -4.0]),
        ),
    );
    cases.push(
        Case::many("global_avg_pool and its like", |x| {
            vec![x[0].global_avg_pool(), x[0].global_max_pool(), x[0].global_lp_pool(2.0)]
        })
        .filled(&[2, 3, 4, 5], DType::F32, Fill::Distinct(-1.0, 1.0))
        .tolerance(Tolerance::sum(20)),
    );
    for (name, sizes, to) in [
        ("line to 3", &[2, 3, 10][..], &[3][..]),
        ("image to 3x5", &[2, 3, 7, 8], &[3, 5]),
        ("image by whole windows", &[1, 2, 6, 8], &[3, 2]),
        ("image to more than there is", &[1, 2, 3, 2], &[5, 4]),
        ("volume to 2x3x1", &[1, 2, 5, 4, 3], &[2, 3, 1]),
        ("image to one pixel", &[2, 3, 5, 4], &[1, 1]),
    ] {
        let case = Case::new(format!("adaptive_avg_pool {name}"), |x| x[0].adaptive_avg_pool(to));
        cases.push(case.input(sizes));
        let case = Case::new(format!("adaptive_max_pool {name}"), |x| x[0].adaptive_max_pool(to));
        cases.push(distinct(case, sizes));
    }
    let overlap = Pool { stride: [2; 2], padding: [[1; 2]; 2], ..Pool::new([3, 3]) };
    for base in [IndexBase::Channel, IndexBase::Tensor] {
        let case = Case::many(format!("max_pool_with_indices in {base:?}"), move |x| {
            x[0].max_pool_with_indices(overlap, base).to_vec()
        });
        cases.push(distinct(case, &[2, 3, 7, 8]));
        let case = Case::new(format!("max_unpool of overlapping windows in {base:?}"), move |x| {
            let [y, indices] = x[0].max_pool_with_indices(overlap, base);
            (y * x[1]).max_unpool(indices, &[7, 8], base)
        });
        cases.push(distinct(case, &[2, 3, 7, 8]).input(&[2, 3, 4, 4]));
    }
    let cube = Pool { stride: [2, 1, 2], padding: [[1; 2], [0, 1], [1; 2]], ..Pool::new([3, 2, 3]) };
    for base in [IndexBase::Channel, IndexBase::Tensor] {
        let case = Case::many(format!("max_unpool of volumes in {base:?}"), move |x| {
            let [y, indices] = x[0].max_pool_with_indices(cube, base);
            vec![indices, y.max_unpool(indices, &[5, 4, 6], base)]
        });
        cases.push(distinct(case, &[2, 2, 5, 4, 6]));
    }
    let line = Pool::new_1d(2, 2, [0, 0], 1, false);
    cases.push(distinct(
        Case::new("max_unpool of lines", move |x| {
            let [y, indices] = x[0].max_pool_with_indices(line, IndexBase::Channel);
            y.max_unpool(indices, &[9], IndexBase::Channel)
        }),
        &[3, 2, 9],
    ));
    cases.push(
        Case::new("max_unpool outside and twice", |x| x[0].max_unpool(x[1], &[4], IndexBase::Channel))
            .input(&[1, 2, 4])
            .filled(
                &[1, 2, 4],
                DType::I32,
                Fill::Given(vec![1.0, 4.0, 1.0, -1.0, 0.0, 3.0, -2_147_483_648.0, 2_147_483_647.0]),
            ),
    );
    cases
}

#[cfg(test)]
mod tests {
    use anygrad_core::Array;

    use super::*;
    use crate::{Graph, Interpreter, Precision, Tensor};

    /// 1, 2, 3, ... in this shape through an expression.
    fn of_counts(
        sizes: &[usize],
        build: impl for<'g> Fn(Tensor<'g>) -> Vec<Tensor<'g>>,
    ) -> Vec<(Vec<usize>, Vec<f64>)> {
        let graph = Graph::new();
        let results = build(graph.input("x", sizes, DType::F32));
        let mut cpu = Interpreter::new(Precision::F32);
        let count = sizes.iter().product::<usize>();
        cpu.write("x", &Array::f32(sizes, (1..=count).map(|i| i as f32).collect::<Vec<_>>()).unwrap());
        let results = cpu.run(&graph, &results).unwrap();
        results.iter().map(|y| (y.shape().to_vec(), y.to_f64())).collect()
    }

    /// ONNX backend tests maxpool_3d_dilations_use_ref_impl and averagepool_3d_dilations_small: every
    /// plane is the same.
    #[test]
    fn volumes_by_hand() {
        let pool = Pool { stride: [1; 3], dilation: [2; 3], ..Pool::new([2; 3]) };
        let results = of_counts(&[1, 1, 1, 4, 4], |x| {
            let x = x.broadcast_to(&[1, 1, 4, 4, 4]);
            vec![x.max_pool3d(pool), x.avg_pool3d(Pool { ceil_mode: true, ..pool }, false)]
        });
        assert_eq!(results[0].0, [1, 1, 2, 2, 2]);
        assert_eq!(results[0].1, [11.0, 12.0, 15.0, 16.0, 11.0, 12.0, 15.0, 16.0]);
        assert_eq!(results[1].1, [6.0, 7.0, 10.0, 11.0, 6.0, 7.0, 10.0, 11.0]);
    }

    /// ONNX backend test lppool_2d_dilations.
    #[test]
    fn norms_by_hand() {
        let pool = Pool { stride: [1; 2], dilation: [2; 2], ..Pool::new([2; 2]) };
        let results = of_counts(&[1, 1, 4, 4], |x| vec![x.lp_pool2d(pool, 2.0), x.global_lp_pool(1.0)]);
        let want = [14.560_22, 16.248_077, 21.633_308, 23.494_68];
        assert!(results[0].1.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-5), "{results:?}");
        assert_eq!(results[1], (vec![1, 1, 1, 1], vec![136.0]));
    }

    #[test]
    fn a_norm_of_zeros_has_the_slope_zero() {
        let graph = Graph::new();
        let x = graph.input("x", &[1, 1, 2], DType::F32);
        let norms = [2.0, 3.0].map(|p| x.lp_pool1d(Pool::new([2]), p).sum_all());
        let dx = graph.gradients(norms[0] + norms[1], &[x])[0];
        let mut cpu = Interpreter::new(Precision::F32);
        cpu.write("x", &Array::f32(&[1, 1, 2], vec![0.0; 2]).unwrap());
        assert_eq!(cpu.run(&graph, &[dx]).unwrap()[0].to_f64(), [0.0, 0.0]);
    }

    /// Bins of 5 in 3: 0..2, 1..4, 3..5.
    #[test]
    fn bins_overlap_as_in_pytorch() {
        let results = of_counts(&[1, 1, 5], |x| vec![x.adaptive_avg_pool(&[3]), x.adaptive_max_pool(&[3])]);
        assert_eq!(results[0].1, [1.5, 3.0, 4.5]);
        assert_eq!(results[1].1, [2.0, 4.0, 5.0]);
    }

    #[test]
    fn indices_count_through_a_channel_or_the_tensor() {
        let results = of_counts(&[1, 2, 2, 4], |x| {
            let of = |base| x.max_pool_with_indices(Pool::new([2, 2]), base)[1];
            vec![of(IndexBase::Channel), of(IndexBase::Tensor)]
        });
        assert_eq!(results[0], (vec![1, 2, 1, 2], vec![5.0, 7.0, 5.0, 7.0]));
        assert_eq!(results[1].1, [5.0, 7.0, 13.0, 15.0]);
    }

    #[test]
    fn indices_lead_back_to_the_values() {
        let cube = Pool { stride: [1; 3], dilation: [2, 1, 2], ..Pool::new([2, 2, 2]) };
        for base in [IndexBase::Channel, IndexBase::Tensor] {
            let results = of_counts(&[2, 2, 4, 3, 5], move |x| {
                // 1, 2, 3, ... in an order that goes up and down.
                let x = (x * 37.0).sin();
                let [values, indices] = x.max_pool_with_indices(cube, base);
                vec![x, values, indices]
            });
            let [x, values, indices] = [0, 1, 2].map(|i| &results[i].1);
            for (at, (value, index)) in values.iter().zip(indices).enumerate() {
                let channel = if base == IndexBase::Channel { at / 12 * 60 } else { 0 };
                assert_eq!(x[channel + *index as usize], *value, "{base:?} {at}");
            }
            assert_eq!(results[2].0, [2, 2, 2, 2, 3]);
        }
        // Of equal elements the first; a window that holds padding only has none.
        let gap = Pool { padding: [[1, 1], [0; 2], [0; 2]], dilation: [3, 1, 1], ..Pool::new([2, 1, 1]) };
        let results = of_counts(&[1, 1, 2, 1, 2], |x| {
            let x = x * 0.0;
            let all = x.max_pool_with_indices(Pool::new([2, 1, 2]), IndexBase::Channel)[1];
            vec![all, x.max_pool_with_indices(gap, IndexBase::Tensor)[1]]
        });
        assert_eq!(results[0].1, [0.0]);
        assert_eq!(results[1].1, [-1.0, -1.0]);
    }

    /// ONNX backend test maxunpool_export_without_output_shape.
    #[test]
    fn unpool_by_hand() {
        let results = of_counts(&[1, 1, 2, 2], |x| {
            let indices = Array::i32(&[1, 1, 2, 2], vec![5, 7, 13, 15]).unwrap();
            vec![x.max_unpool(x.graph().constant(indices), &[4, 4], IndexBase::Tensor)]
        });
        assert_eq!(results[0].0, [1, 1, 4, 4]);
        let mut want = [0.0; 16];
        (want[5], want[7], want[13], want[15]) = (1.0, 2.0, 3.0, 4.0);
        assert_eq!(results[0].1, want);
    }

    #[test]
    fn options_that_do_not_fit_are_errors_with_numbers() {
        type Build = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
        for (part, build) in [
            ("max_pool3d: a window of 4", (|x| x.max_pool3d(Pool::new([4, 1, 1]))) as Build),
            ("max_pool2d: takes an input [n, c, h, w]", |x| x.max_pool2d(Pool::new([1, 1]))),
            ("avg_pool1d", |x| x.avg_pool1d(Pool::new([1]), true)),
            ("the power is 0.5", |x| x.lp_pool_nd(Pool::new([1; 3]), 0.5)),
            ("the power is inf", |x| x.global_lp_pool(f64::INFINITY)),
            ("3 elements along axis 2", |x| x.adaptive_avg_pool(&[0, 1, 1])),
            ("is not [n, c, sizes...]", |x| x.adaptive_max_pool(&[1, 1])),
            ("takes an input [n, c, h, w]", |x| {
                x.max_pool_with_indices(Pool::new([1; 2]), IndexBase::Channel)[1]
            }),
            ("cannot become [n, c, sizes]", |x| x.max_unpool(x, &[3, 4, 5], IndexBase::Channel)),
            ("takes [n, c, sizes...]", |x| x.reshape(&[6, 60]).global_max_pool()),
        ] {
            let graph = Graph::new();
            build(graph.input("x", &[2, 3, 3, 4, 5], DType::F32));
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains(part), "{error}");
        }
    }
}
