//! Cases of lines and volumes, and of transposed convolutions.

use anygrad_core::DType;

use super::Conv;
use crate::{Case, Fill, Tolerance};

/// Sums of so many terms of numbers up to 1, and gradients that add up four times as many.
fn summed(case: Case, terms: usize) -> Case {
    case.tolerance(Tolerance::sum(terms))
        .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * terms) })
}

pub(in super::super) fn cases() -> Vec<Case> {
    let plain = Conv::<3>::default();
    let uneven =
        Conv { stride: [2, 1, 2], padding: [[1, 0], [0, 2], [1, 1]], dilation: [1, 2, 1], groups: 2 };
    let mut cases = Vec::new();
    for (name, x, w, conv) in [
        ("2x3x2", [1, 2, 4, 5, 6], [3, 2, 2, 3, 2], plain),
        ("3x3x3 padding", [2, 3, 5, 4, 7], [9, 3, 3, 3, 3], Conv { padding: [[1; 2]; 3], ..plain }),
        ("1x1x1", [2, 5, 2, 3, 3], [4, 5, 1, 1, 1], plain),
        ("uneven in groups", [1, 4, 6, 7, 8], [6, 2, 3, 2, 3], uneven),
        (
            "depthwise times 2",
            [2, 3, 4, 6, 5],
            [6, 1, 3, 3, 3],
            Conv { groups: 3, stride: [1, 2, 2], padding: [[1; 2]; 3], ..plain },
        ),
        // One plane goes the way of images.
        (
            "1x3x3 of one plane",
            [2, 3, 1, 7, 6],
            [5, 3, 1, 3, 3],
            Conv { padding: [[0; 2], [1; 2], [1; 2]], ..plain },
        ),
        ("deep sum", [1, 40, 3, 3, 3], [2, 40, 3, 3, 3], plain),
    ] {
        let terms = w[1..].iter().product::<usize>().max(x[0] * x[2] * x[3] * x[4]);
        let case = Case::new(format!("conv3d {name}"), move |x| x[0].conv3d(x[1], conv));
        cases.push(summed(case.input(&x).input(&w), terms));
    }
    let same = Conv::same([5, 6, 7], [3, 2, 4], [2, 1, 3], [1, 2, 1]);
    let case = Case::new("conv3d same padding", move |x| x[0].conv3d(x[1], same));
    cases.push(summed(case.input(&[1, 2, 5, 6, 7]).input(&[3, 2, 3, 2, 4]), 210));
    cases.push(
        // Gradients of the gradients: the loss holds dx and dw.
        Case::many("conv3d gradients of its gradients", move |x| {
            let y = x[0].conv3d(x[1], uneven);
            let gradients = x[0].graph().gradients((y * y).sum_all(), &[x[0], x[1]]);
            gradients.iter().map(|&dx| dx * dx).collect()
        })
        .filled(&[1, 4, 3, 4, 5], DType::F32, Fill::Uniform(-0.5, 0.5))
        .filled(&[4, 2, 2, 2, 3], DType::F32, Fill::Uniform(-0.5, 0.5))
        .tolerance(Tolerance { relative: 2e-5, absolute: 1e-4 })
        .gradient_tolerance(Tolerance { relative: 5e-5, absolute: 1e-3 }),
    );
    let case = Case::new("conv3d of no volumes", move |x| x[0].conv3d(x[1], plain));
    cases.push(case.input(&[0, 2, 3, 3, 3]).input(&[2, 2, 2, 2, 2]));

    let line = Conv { stride: [3], padding: [[1, 2]], dilation: [2], groups: 2 };
    let case = Case::new("conv_transpose1d in groups", move |x| x[0].conv_transpose1d(x[1], line, 2));
    cases.push(summed(case.input(&[2, 4, 9]).input(&[4, 3, 3]), 24));
    let image = Conv { stride: [2, 1], padding: [[1, 1], [0, 2]], groups: 3, ..Conv::default() };
    let case = Case::new("conv_transpose2d in groups", move |x| x[0].conv_transpose2d(x[1], image, [1, 0]));
    cases.push(summed(case.input(&[2, 6, 4, 5]).input(&[6, 2, 3, 3]), 36));
    let (same, output_padding) = Conv::same_transposed([2, 5], [3, 2], [1, 1]);
    let case = Case::new("conv_transpose2d same", move |x| x[0].conv_transpose2d(x[1], same, output_padding));
    cases.push(summed(case.input(&[1, 3, 4, 5]).input(&[3, 2, 2, 5]), 60));
    let case =
        Case::new("conv_transpose3d in groups", move |x| x[0].conv_transpose3d(x[1], uneven, [1, 0, 1]));
    cases.push(summed(case.input(&[1, 4, 3, 4, 5]).input(&[4, 3, 3, 2, 3]), 72));
    let case = Case::new("conv_transpose3d depthwise", |x| {
        let each = Conv { stride: [2; 3], groups: 3, ..Conv::default() };
        x[0].conv_transpose3d(x[1], each, [0; 3])
    });
    cases.push(summed(case.input(&[2, 3, 2, 3, 2]).input(&[3, 1, 2, 2, 3]), 48));
    cases
}

#[cfg(test)]
mod tests {
    use anygrad_core::Array;

    use super::*;
    use crate::{Graph, Interpreter, Precision, Tensor};

    fn run(
        [x, w]: [(&[usize], Vec<f32>); 2],
        build: impl for<'g> Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
    ) -> (Vec<usize>, Vec<f32>) {
        let graph = Graph::new();
        let y = build(graph.input("x", x.0, DType::F32), graph.input("w", w.0, DType::F32));
        let mut cpu = Interpreter::new(Precision::F32);
        cpu.write("x", &Array::f32(x.0, x.1).unwrap());
        cpu.write("w", &Array::f32(w.0, w.1).unwrap());
        let y = cpu.run(&graph, &[y]).unwrap().remove(0);
        (y.shape().to_vec(), y.as_f32().unwrap().to_vec())
    }

    fn counts(count: usize) -> Vec<f32> {
        (0..count).map(|i| i as f32).collect()
    }

    #[test]
    fn a_volume_by_hand() {
        // Each output is the sum of a cube of 2 x 2 x 2 of 0, 1, 2, ... in 2 x 3 x 3.
        let (shape, y) = run([(&[1, 1, 2, 3, 3], counts(18)), (&[1, 1, 2, 2, 2], vec![1.0; 8])], |x, w| {
            x.conv3d(w, Conv::default())
        });
        assert_eq!((shape, y), (vec![1, 1, 1, 2, 2], vec![52.0, 60.0, 76.0, 84.0]));
    }

    /// Uneven numbers, so that no two taps look alike.
    fn uneven(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + 11) % 23) as f32 - 11.0).collect()
    }

    #[test]
    fn a_volume_is_a_sum_of_images_and_a_line_an_image_of_one_row() {
        let inputs = || [(&[2, 4, 5, 6, 7][..], uneven(1680)), (&[6, 2, 3, 2, 3][..], uneven(216))];
        let [stride, dilation] = [[2, 1, 2], [1, 2, 1]];
        let conv = Conv { stride, padding: [[1, 0], [0, 2], [1, 1]], dilation, groups: 2 };
        let whole = run(inputs(), |x, w| x.conv3d(w, conv));
        let summed = run(inputs(), |x, w| {
            let image = Conv { stride: [1, 2], padding: [[0, 2], [1, 1]], dilation: [2, 1], groups: 2 };
            let padded = x.pad(&[(0, 0), (0, 0), (1, 0), (0, 0), (0, 0)], 0.0);
            let plane = |z: usize| {
                let terms = (0..3).map(|tap| padded.at(2, 2 * z + tap).conv2d(w.at(2, tap), image));
                terms.reduce(|sum, term| sum + term).unwrap()
            };
            x.graph().stack(&[plane(0), plane(1)], 2)
        });
        assert_eq!(whole, summed);
        let inputs = || [(&[2, 4, 19][..], uneven(152)), (&[6, 2, 3][..], uneven(36))];
        let line = run(inputs(), |x, w| x.conv1d(w, 2, [1, 3], 2, 2));
        let image = run(inputs(), |x, w| {
            let conv = Conv { stride: [1, 2], padding: [[0, 0], [1, 3]], dilation: [1, 2], groups: 2 };
            x.unsqueeze(2).conv2d(w.unsqueeze(2), conv).squeeze(2)
        });
        assert_eq!(line, image);
    }

    /// ONNX backend test convtranspose_pad: strides 3 and 2, output padding 1. Padding takes away.
    #[test]
    fn output_padding_adds_and_padding_takes_away() {
        let inputs = || [(&[1, 1, 3, 3][..], counts(9)), (&[1, 2, 3, 3][..], vec![1.0; 18])];
        let stride = Conv { stride: [3, 2], ..Conv::default() };
        let (shape, y) = run(inputs(), |x, w| x.conv_transpose2d(w, stride, [1, 1]));
        assert_eq!(shape, [1, 2, 10, 8]);
        assert_eq!(y[..8], [0.0, 0.0, 1.0, 1.0, 3.0, 2.0, 2.0, 0.0]);
        assert_eq!(y[24..32], [3.0, 3.0, 7.0, 4.0, 9.0, 5.0, 5.0, 0.0]);
        assert_eq!(y[72..80], [0.0; 8]);
        let padding = Conv { padding: [[1; 2], [2; 2]], ..stride };
        let (shape, padded) = run(inputs(), |x, w| x.conv_transpose2d(w, padding, [0, 0]));
        assert_eq!(shape, [1, 2, 7, 3]);
        let inside = (0..7).flat_map(|row| y[8 * (row + 1) + 2..][..3].to_vec());
        assert_eq!(padded[..21], inside.collect::<Vec<f32>>());
    }

    /// ONNX backend test convtranspose_group_2: each channel spreads into a group of its own.
    #[test]
    fn transposed_groups_keep_apart() {
        let conv = Conv { groups: 2, ..Conv::default() };
        let (shape, y) = run([(&[1, 2, 3, 3], counts(18)), (&[2, 1, 3, 3], vec![1.0; 18])], |x, w| {
            x.conv_transpose2d(w, conv, [0, 0])
        });
        assert_eq!(shape, [1, 2, 5, 5]);
        assert_eq!(y[..10], [0.0, 1.0, 3.0, 3.0, 2.0, 3.0, 8.0, 15.0, 12.0, 7.0]);
        assert_eq!(y[25..35], [9.0, 19.0, 30.0, 21.0, 11.0, 21.0, 44.0, 69.0, 48.0, 25.0]);
    }

    #[test]
    fn same_transposed_multiplies_sizes_by_the_stride() {
        for kernel in 1..6 {
            for stride in 1..5 {
                for dilation in 1..3 {
                    let (conv, output_padding) = Conv::same_transposed([kernel], [stride], [dilation]);
                    let graph = Graph::new();
                    let x = graph.input("x", &[1, 2, 7], DType::F32);
                    let w = graph.input("w", &[2, 3, kernel], DType::F32);
                    let y = x.conv_transpose_nd(w, conv, output_padding);
                    assert!(graph.check().is_ok() && y.shape()[..] == [1, 3, 7 * stride], "{conv:?} {y:?}");
                }
            }
        }
    }

    #[test]
    fn mistakes_are_errors_with_numbers() {
        for (part, build) in [
            (
                "conv3d",
                (|x, w| x.conv3d(w, Conv::default())) as for<'g> fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
            ),
            ("[1, 3, 5, 5]", |x, w| x.conv_nd::<3>(w, Conv::default())),
            ("4 were given", |x, w| x.conv_nd::<4>(w, Conv::default())),
            ("conv_transpose1d", |x, w| x.conv_transpose1d(w, Conv::default(), 0)),
            ("output padding 2 is not less than the stride 2", |x, w| {
                x.conv_transpose2d(w, Conv { stride: [2; 2], ..Conv::default() }, [0, 2])
            }),
            ("leaves no output", |x, w| {
                x.conv_transpose2d(w, Conv { padding: [[4, 3]; 2], ..Conv::default() }, [0, 0])
            }),
        ] {
            let graph = Graph::new();
            let x = graph.input("x", &[1, 3, 5, 5], DType::F32);
            build(x, graph.input("w", &[3, 3, 3, 3], DType::F32));
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains(part), "{error}");
        }
    }
}
