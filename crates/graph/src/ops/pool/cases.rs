use anygrad_core::DType;

use super::Pool;
use crate::{Case, Fill, Graph, Tolerance};

/// What every option does, for both kinds of pooling: kernel, stride, padding, dilation, ceil mode, and
/// the size of an input on which it shows.
fn options() -> Vec<(&'static str, Pool, [usize; 4])> {
    let square = |kernel: usize, stride: usize, padding: usize, ceil_mode: bool| Pool {
        stride: [stride; 2],
        padding: [[padding; 2]; 2],
        ceil_mode,
        ..Pool::new([kernel; 2])
    };
    vec![
        ("identity", square(1, 1, 0, false), [2, 3, 4, 5]),
        ("k2s2", square(2, 2, 0, false), [2, 3, 6, 8]),
        ("k2s2 one row and column left over", square(2, 2, 0, false), [2, 3, 7, 9]),
        ("k2s2 ceil", square(2, 2, 0, true), [2, 2, 5, 7]),
        ("k2s2 padding ceil drops the last window", square(2, 2, 1, true), [1, 2, 5, 7]),
        ("k2s2 wide", square(2, 2, 0, false), [1, 2, 4, 132]),
        ("k2s2 65 planes", square(2, 2, 0, false), [5, 13, 4, 4]),
        ("k2s2 one column", Pool::new([2, 1]), [2, 2, 6, 1]),
        ("k2s3 with gaps", square(2, 3, 0, false), [2, 3, 8, 10]),
        ("k3s1 padding", square(3, 1, 1, false), [1, 5, 6, 7]),
        ("k3s2 overlap", square(3, 2, 0, false), [2, 3, 9, 11]),
        ("k3s2 padding", square(3, 2, 1, false), [2, 4, 8, 7]),
        ("k3s2 padding ceil", square(3, 2, 1, true), [1, 2, 8, 9]),
        (
            "k3x2 s2x1 uneven padding",
            Pool { stride: [2, 1], padding: [[0, 2], [1, 0]], ..Pool::new([3, 2]) },
            [1, 3, 7, 6],
        ),
        ("k5 whole image", square(5, 5, 0, false), [3, 7, 5, 5]),
        (
            "dilation 2 and 3",
            Pool { stride: [1, 2], padding: [[2, 1], [3, 3]], dilation: [2, 3], ..Pool::new([3, 2]) },
            [2, 2, 9, 10],
        ),
        ("window of 33 x 32", Pool::new([33, 32]), [1, 2, 34, 33]),
    ]
}

pub(in super::super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, pool, sizes) in options() {
        let count = sizes.iter().product::<usize>();
        // Steps between neighbours in order must be far from those of a finite difference.
        let spread = count as f64 / 1000.0;
        cases.push(Case::new(format!("max_pool2d {name}"), move |x| x[0].max_pool2d(pool)).filled(
            &sizes,
            DType::F32,
            Fill::Distinct(-spread - 1.0, spread),
        ));
        for count_include_pad in [false, true] {
            if count_include_pad && pool.padding == [[0; 2]; 2] && !pool.ceil_mode {
                continue;
            }
            let padding = if count_include_pad { "counts padding" } else { "" };
            let terms = pool.kernel[0] * pool.kernel[1];
            cases.push(
                Case::new(format!("avg_pool2d {name} {padding}"), move |x| {
                    x[0].avg_pool2d(pool, count_include_pad)
                })
                .input(&sizes)
                .tolerance(Tolerance::sum(terms)),
            );
        }
    }
    cases.push(
        Case::new("max_pool2d NaN, infinities and equal elements", |x| x[0].max_pool2d(Pool::new([2, 2])))
            .forward_only()
            .filled(
                &[1, 2, 4, 4],
                DType::F32,
                Fill::Given(vec![
                    f64::NAN,
                    1.0,
                    -1.0,
                    f64::NEG_INFINITY,
                    2.0,
                    3.0,
                    f64::NAN,
                    f64::INFINITY,
                    5.0,
                    5.0,
                    f64::NEG_INFINITY,
                    f64::NEG_INFINITY,
                    5.0,
                    5.0,
                    f64::NEG_INFINITY,
                    f64::NEG_INFINITY,
                ]),
            ),
    );
    cases.push(
        Case::new("max_pool2d ties give their gradient to the first", |x| {
            let y = x[0].max_pool2d(Pool { stride: [1, 2], ..Pool::new([2, 3]) });
            gradient_of(x[0].graph(), (y * y).sum_all(), x[0])
        })
        .forward_only()
        .filled(&[1, 2, 4, 7], DType::F32, Fill::Given(vec![1.0, 2.0, 2.0, 0.0, 2.0])),
    );
    // The gradient of the gradient: the loss holds dx itself.
    let overlap = Pool { stride: [2, 1], padding: [[1, 0], [0, 1]], ..Pool::new([3, 2]) };
    cases.push(
        Case::new("max_pool2d gradient of its gradient", move |x| {
            let y = x[0].max_pool2d(overlap);
            let dx = gradient_of(x[0].graph(), (y * y * x[1]).sum_all(), x[0]);
            dx * dx
        })
        .filled(&[2, 2, 5, 4], DType::F32, Fill::Distinct(-1.0, 1.0))
        .input(&[2, 2, 2, 4]),
    );
    cases.push(
        Case::new("avg_pool2d gradient of its gradient", move |x| {
            let y = x[0].avg_pool2d(overlap, false);
            let dx = gradient_of(x[0].graph(), (y * y * x[1]).sum_all(), x[0]);
            dx * dx
        })
        .input(&[2, 2, 5, 4])
        .input(&[2, 2, 2, 4]),
    );
    cases.push(
        Case::new("max_pool1d kernel 3 stride 2", |x| x[0].max_pool1d(Pool::new_1d(3, 2, [0, 0], 1, false)))
            .filled(&[2, 3, 17], DType::F32, Fill::Distinct(-1.0, 1.0)),
    );
    cases.push(
        Case::new("avg_pool1d kernel 4 padding", |x| {
            x[0].avg_pool1d(Pool::new_1d(4, 3, [2, 1], 1, true), false)
        })
        .input(&[2, 3, 17]),
    );
    cases.push(
        Case::new("max_pool2d of a transposed image", |x| {
            x[0].permute(&[0, 3, 1, 2]).max_pool2d(Pool::new([2, 2]))
        })
        .filled(&[2, 6, 4, 3], DType::F32, Fill::Distinct(-1.0, 1.0)),
    );
    cases.push(
        Case::new("max_pool2d of no images", |x| x[0].max_pool2d(Pool::new([2, 2]))).input(&[0, 3, 4, 4]),
    );
    cases
}

fn gradient_of<'g>(graph: &'g Graph, loss: crate::Tensor<'g>, x: crate::Tensor<'g>) -> crate::Tensor<'g> {
    graph.gradients(loss, &[x])[0]
}

#[cfg(test)]
mod tests {
    use anygrad_core::Array;

    use super::*;
    use crate::{Interpreter, Precision, Tensor};

    fn run(sizes: &[usize], numbers: &[f32], build: impl for<'g> Fn(Tensor<'g>) -> Tensor<'g>) -> Vec<f32> {
        let graph = Graph::new();
        let x = graph.input("x", sizes, DType::F32);
        let y = build(x);
        let mut cpu = Interpreter::new(Precision::F32);
        cpu.write("x", &Array::f32(sizes, numbers).unwrap());
        cpu.run(&graph, &[y]).unwrap()[0].as_f32().unwrap().to_vec()
    }

    const SQUARE: [f32; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

    #[test]
    fn padding_is_below_every_number_for_the_maximum_and_optional_for_the_mean() {
        let pool = Pool { stride: [2; 2], padding: [[1; 2]; 2], ..Pool::new([2, 2]) };
        let negative = SQUARE.map(|x| -x);
        assert_eq!(run(&[1, 1, 3, 3], &negative, |x| x.max_pool2d(pool)), [-1.0, -2.0, -4.0, -5.0]);
        assert_eq!(run(&[1, 1, 3, 3], &SQUARE, |x| x.avg_pool2d(pool, false)), [1.0, 2.5, 5.5, 7.0]);
        assert_eq!(run(&[1, 1, 3, 3], &SQUARE, |x| x.avg_pool2d(pool, true)), [0.25, 1.25, 2.75, 7.0]);
    }

    #[test]
    fn ceil_mode_takes_a_partial_window_and_counts_what_it_holds() {
        let pool = Pool { ceil_mode: true, ..Pool::new([2, 2]) };
        assert_eq!(run(&[1, 1, 3, 3], &SQUARE, |x| x.max_pool2d(pool)), [5.0, 6.0, 8.0, 9.0]);
        // What lies beyond the padded input is not padding: PyTorch divides by what is inside.
        assert_eq!(run(&[1, 1, 3, 3], &SQUARE, |x| x.avg_pool2d(pool, true)), [3.0, 4.5, 7.5, 9.0]);
    }

    #[test]
    fn a_window_behind_the_input_is_dropped() {
        let pool = Pool { padding: [[1; 2]; 2], ceil_mode: true, ..Pool::new([2, 2]) };
        // Along an axis of 5 the windows start at -1, 1 and 3; the one at 5 would hold padding only.
        let y = run(&[1, 1, 1, 5], &SQUARE[..5], |x| {
            x.max_pool2d(Pool { kernel: [1, 2], stride: [1, 2], padding: [[0; 2], [1; 2]], ..pool })
        });
        assert_eq!(y, [1.0, 3.0, 5.0]);
    }

    #[test]
    fn equal_elements_leave_the_gradient_to_the_first_and_nan_passes() {
        let dx = run(&[1, 1, 2, 2], &[1.0, 3.0, 3.0, 3.0], |x| {
            gradient_of(x.graph(), x.max_pool2d(Pool::new([2, 2])).sum_all(), x)
        });
        assert_eq!(dx, [0.0, 1.0, 0.0, 0.0]);
        let y = run(&[1, 1, 2, 2], &[1.0, f32::NAN, 3.0, 3.0], |x| x.max_pool2d(Pool::new([2, 2])));
        assert!(y[0].is_nan());
    }

    #[test]
    fn options_that_do_not_fit_are_errors_with_numbers() {
        for pool in [
            Pool { stride: [0, 1], ..Pool::new([2, 2]) },
            Pool { dilation: [4, 1], ..Pool::new([2, 2]) },
            Pool { padding: [[2, 0], [0, 0]], ..Pool::new([2, 2]) },
            Pool { padding: [[usize::MAX, 0], [0, 0]], dilation: [usize::MAX, 1], ..Pool::new([2, 2]) },
            Pool::new([4, 1]),
            Pool::new([0, 1]),
        ] {
            let graph = Graph::new();
            let x = graph.input("x", &[1, 1, 3, 3], DType::F32);
            x.max_pool2d(pool);
            x.avg_pool2d(pool, true);
            assert!(graph.check().unwrap_err().is_shape(), "{pool:?}");
        }
    }
}
