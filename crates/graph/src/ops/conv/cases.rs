use super::Conv;
use crate::ops::Pool;
use crate::{Case, Tolerance};

/// A case of `x.conv2d(w)`: x `[n, c, h, w]`, `out_channels` and kernel.
struct Try {
    name: &'static str,
    x: [usize; 4],
    out_channels: usize,
    kernel: [usize; 2],
    conv: Conv,
}

/// Kernels of every size, then every option, then sizes around the tiles of the kernels.
fn tries() -> Vec<Try> {
    let plain = Conv::default();
    let pad = |padding: usize| Conv { padding: [[padding; 2]; 2], ..plain };
    let stride = |stride: usize| Conv { stride: [stride; 2], ..plain };
    let try_of = |name, x, out_channels, kernel, conv| Try { name, x, out_channels, kernel, conv };
    vec![
        try_of("1x1", [3, 17, 5, 5], 19, [1, 1], plain),
        try_of("1x1 stride 2", [2, 6, 7, 8], 5, [1, 1], stride(2)),
        try_of("3x3", [2, 3, 5, 7], 4, [3, 3], plain),
        try_of("3x3 padding", [2, 5, 13, 11], 7, [3, 3], pad(1)),
        try_of("3x3 one channel", [3, 1, 28, 28], 8, [3, 3], plain),
        try_of("3x3 one pixel", [2, 3, 3, 3], 9, [3, 3], plain),
        try_of("3x3 channels 33 and 65", [1, 33, 6, 5], 65, [3, 3], pad(1)),
        try_of("3x3 channels 32 and 64", [2, 32, 7, 7], 64, [3, 3], plain),
        try_of("3x3 wide", [1, 2, 3, 67], 3, [3, 3], pad(1)),
        try_of("2x2 on one pixel of one channel", [3, 1, 1, 1], 2, [2, 2], pad(1)),
        try_of("3x3 on one pixel to four channels", [3, 1, 1, 1], 4, [3, 3], pad(2)),
        try_of("3x3 one channel, no whole vec4s", [2, 1, 9, 7], 3, [3, 3], plain),
        try_of("3x3 to whole vec4s", [1, 3, 5, 10], 5, [3, 3], plain),
        try_of("3x3 padding 2", [2, 4, 6, 6], 8, [3, 3], pad(2)),
        try_of("3x3 padding 4", [1, 3, 3, 2], 5, [3, 3], pad(4)),
        try_of("3x3 stride 2 odd", [2, 3, 9, 7], 5, [3, 3], Conv { stride: [2; 2], ..pad(1) }),
        try_of("3x3 stride 3", [2, 3, 11, 10], 4, [3, 3], stride(3)),
        try_of("2x2 stride 3 with gaps", [2, 3, 11, 10], 4, [2, 2], stride(3)),
        try_of("3x3 stride 4 drops pixels", [1, 2, 12, 13], 3, [3, 3], stride(4)),
        try_of("2x2 padding at the end", [2, 3, 5, 6], 4, [2, 2], Conv { padding: [[0, 1]; 2], ..plain }),
        try_of(
            "5x3 stride 2 and 1 uneven padding",
            [1, 2, 9, 8],
            3,
            [5, 3],
            Conv { stride: [2, 1], padding: [[3, 1], [0, 2]], ..plain },
        ),
        try_of("5x5 padding", [2, 3, 9, 12], 9, [5, 5], pad(2)),
        try_of("7x7 whole image", [2, 3, 7, 7], 5, [7, 7], plain),
        try_of("7x7 larger than the image", [1, 2, 4, 3], 3, [7, 7], pad(3)),
        try_of("3x1 one column", [2, 3, 17, 1], 4, [3, 1], Conv { padding: [[1, 1], [0, 0]], ..plain }),
        try_of("1x5 one row", [2, 2, 1, 40], 17, [1, 5], Conv { padding: [[0, 0], [4, 0]], ..plain }),
        try_of("3x3 dilation 2", [2, 3, 9, 10], 4, [3, 3], Conv { dilation: [2; 2], ..plain }),
        try_of(
            "3x3 dilation 3 and 2 stride 2",
            [1, 2, 13, 12],
            3,
            [3, 3],
            Conv { stride: [2; 2], padding: [[3, 3], [2, 2]], dilation: [3, 2], ..plain },
        ),
        try_of("3x3 2 groups", [2, 6, 7, 5], 8, [3, 3], Conv { groups: 2, ..pad(1) }),
        try_of(
            "3x3 3 groups stride 2",
            [1, 9, 8, 7],
            6,
            [3, 3],
            Conv { groups: 3, stride: [2; 2], ..pad(1) },
        ),
        try_of("3x3 depthwise", [2, 11, 8, 9], 11, [3, 3], Conv { groups: 11, ..pad(1) }),
        try_of(
            "5x5 depthwise times 2",
            [1, 5, 11, 9],
            10,
            [5, 5],
            Conv { groups: 5, stride: [2; 2], ..pad(2) },
        ),
        try_of(
            "3x3 depthwise dilation 2",
            [1, 4, 9, 9],
            4,
            [3, 3],
            Conv { groups: 4, dilation: [2; 2], ..pad(2) },
        ),
        try_of("3x3 deep sum", [1, 129, 4, 4], 3, [3, 3], plain),
        // Whole vec4s of channels: tiles of GPUs, and pixels that a stride leaves out.
        try_of("3x3 stride 2 to whole vec4s", [2, 8, 9, 6], 12, [3, 3], Conv { stride: [2; 2], ..pad(1) }),
        try_of("1x1 stride 2 to whole vec4s", [2, 8, 7, 8], 4, [1, 1], stride(2)),
        try_of(
            "3x2 stride 3 and 2 to whole vec4s",
            [1, 4, 8, 9],
            8,
            [3, 2],
            Conv { stride: [3, 2], ..pad(1) },
        ),
        try_of(
            "3x3 stride 2 dilation 2 to whole vec4s",
            [2, 4, 9, 8],
            8,
            [3, 3],
            Conv { stride: [2; 2], dilation: [2; 2], ..pad(2) },
        ),
        try_of("1x1 many pixels", [1, 4, 127, 131], 68, [1, 1], plain),
        try_of("1x1 many pixels of few channels", [1, 3, 127, 131], 20, [1, 1], plain),
        try_of("3x3 channels 12 and 68", [2, 12, 12, 12], 68, [3, 3], pad(1)),
        try_of("2x2 long batch", [515, 1, 3, 3], 2, [2, 2], plain),
    ]
}

/// Convolutions whose images other operators read: with channels last where an adapter prefers that.
fn images_in_a_row() -> Vec<Case> {
    let pad = Conv { padding: [[1; 2]; 2], ..Conv::default() };
    let half = Conv { stride: [2; 2], ..pad };
    // The sums along the way one after the other; those of gradients, as of all other convolutions, are
    // over pixels or channels and go through both operators.
    let tolerances = |case: Case, terms: usize, gradient_terms: usize| {
        case.tolerance(Tolerance::sum(terms))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * gradient_terms) })
    };
    let two = Case::new("conv2d twice with biases, residual and pooling", move |x| {
        let y = x[0].conv_nd_with_bias(x[1], x[2], pad).tanh();
        let z = y.conv_nd_with_bias(x[3], x[4], pad) + y;
        z.max_pool2d(Pool::new([2, 2]))
    });
    let two = two.input(&[2, 3, 7, 6]).input(&[36, 3, 3, 3]).input(&[36]).input(&[36, 36, 3, 3]).input(&[36]);
    let strided = Case::new("conv2d stride 2 behind 1x1", move |x| {
        x[0].conv2d(x[1], Conv::default()).sigmoid().conv2d(x[2], half).mean(&[2, 3], false)
    });
    let strided = strided.input(&[3, 5, 9, 5]).input(&[8, 5, 1, 1]).input(&[12, 8, 3, 3]);
    let wide = Case::new("conv2d wide with bias", move |x| x[0].conv_nd_with_bias(x[1], x[2], pad));
    let wide = wide.input(&[2, 16, 5, 12]).input(&[20, 16, 3, 3]).input(&[20]);
    let grouped = Conv { groups: 3, ..pad };
    let groups = Case::new("conv2d groups with bias", move |x| x[0].conv_nd_with_bias(x[1], x[2], grouped));
    let groups = groups.input(&[2, 6, 5, 7]).input(&[9, 2, 3, 3]).input(&[9]);
    let flat = Case::new("conv2d flattened", move |x| {
        let y = x[0].conv_nd_with_bias(x[1], x[2], half);
        y.reshape(&[3, 48]).softmax(-1)
    });
    let flat = flat.input(&[3, 2, 8, 5]).input(&[4, 2, 3, 3]).input(&[4]);
    let line =
        Case::new("conv2d of lines with bias", |x| x[0].conv_nd_with_bias(x[1], x[2], Conv::<1>::default()));
    let line = line.input(&[2, 3, 9]).input(&[5, 3, 4]).input(&[5]);
    vec![
        tolerances(two, 9 * 3 + 9 * 36, 9 * 36 + 84),
        tolerances(strided, 5 + 9 * 8 + 15, 9 * 12 + 135),
        tolerances(wide, 9 * 16, 9 * 20),
        tolerances(groups, 9 * 2, 70),
        tolerances(flat, 9 * 2 + 48, 120 + 48),
        tolerances(line, 3 * 4, 4 * 5),
    ]
}

pub(in super::super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for Try { name, x, out_channels, kernel, conv } in tries() {
        let in_channels = x[1] / conv.groups;
        let terms = in_channels * kernel[0] * kernel[1];
        // A gradient of w adds up all pixels, one of x the output channels under the kernel.
        let gradient_terms = (x[0] * x[2] * x[3]).max(out_channels * kernel[0] * kernel[1]);
        let case = Case::new(format!("conv2d {name}"), move |x| x[0].conv2d(x[1], conv))
            .input(&x)
            .input(&[out_channels, in_channels, kernel[0], kernel[1]])
            .tolerance(Tolerance::sum(terms))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * gradient_terms) });
        cases.push(case);
    }
    cases.extend(images_in_a_row());
    let same = Conv::same([8, 11], [3, 4], [2, 1], [1, 2]);
    cases.push(
        Case::new("conv2d same padding", move |x| x[0].conv2d(x[1], same))
            .input(&[1, 4, 8, 11])
            .input(&[6, 4, 3, 4])
            .tolerance(Tolerance::sum(48))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * 88) }),
    );
    cases.push(
        Case::new("conv2d causal conv1d", |x| x[0].conv1d(x[1], 1, [4, 0], 2, 1))
            .input(&[2, 4, 13])
            .input(&[5, 4, 3])
            .tolerance(Tolerance::sum(12))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * 26) }),
    );
    cases.push(
        Case::new("conv2d long conv1d", |x| x[0].conv1d(x[1], 4, [4, 4], 1, 1))
            .input(&[1, 1, 1031])
            .input(&[2, 1, 9])
            .tolerance(Tolerance::sum(9))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * 1031) }),
    );
    let up = Conv { stride: [2, 3], padding: [[1, 2], [0, 1]], ..Conv::default() };
    cases.push(
        Case::new("conv2d transposed", move |x| x[0].conv_transpose2d(x[1], up, [1, 0]))
            .input(&[1, 2, 5, 6])
            .input(&[2, 3, 5, 4])
            .tolerance(Tolerance::sum(40))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * 180) }),
    );
    // With bias and relu, as layers use it: what fusion puts into the kernel.
    cases.push(
        Case::new("conv2d with bias and relu", |x| {
            (x[0].conv2d(x[1], Conv { padding: [[1; 2]; 2], ..Conv::default() }) + x[2].reshape(&[16, 1, 1]))
                .relu()
        })
        .input(&[2, 3, 6, 7])
        .input(&[16, 3, 3, 3])
        .input(&[16])
        .tolerance(Tolerance::sum(28))
        .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * 84) }),
    );
    // Gradients of the gradients: the loss holds dx and dw.
    let strided = Conv { stride: [2, 1], padding: [[1, 0], [1, 1]], dilation: [1, 2], groups: 2 };
    cases.push(
        Case::many("conv2d gradients of its gradients", move |x| {
            let y = x[0].conv2d(x[1], strided);
            let gradients = x[0].graph().gradients((y * y).sum_all(), &[x[0], x[1]]);
            gradients.iter().map(|&dx| dx * dx).collect()
        })
        .filled(&[2, 4, 6, 7], anygrad_core::DType::F32, crate::Fill::Uniform(-0.5, 0.5))
        .filled(&[4, 2, 2, 3], anygrad_core::DType::F32, crate::Fill::Uniform(-0.5, 0.5))
        .tolerance(Tolerance { relative: 2e-5, absolute: 1e-4 })
        .gradient_tolerance(Tolerance { relative: 5e-5, absolute: 1e-3 }),
    );
    cases.push(
        Case::new("conv2d channels last", |x| {
            x[0].permute(&[0, 3, 1, 2]).conv2d(x[1].permute(&[3, 2, 0, 1]), Conv::default())
        })
        .input(&[2, 6, 5, 3])
        .input(&[3, 3, 3, 5])
        .tolerance(Tolerance::sum(27))
        .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * 60) }),
    );
    cases.push(
        Case::new("conv2d of no images", |x| x[0].conv2d(x[1], Conv::default()))
            .input(&[0, 3, 4, 4])
            .input(&[2, 3, 3, 3]),
    );
    cases
}

#[cfg(test)]
mod tests {
    use anygrad_core::{Array, DType};

    use super::*;
    use crate::{Graph, Interpreter, Precision};

    fn numbers(count: usize) -> Vec<f32> {
        (1..=count).map(|i| i as f32).collect()
    }

    #[test]
    fn small_convolutions_by_hand() {
        let graph = Graph::new();
        let x = graph.input("x", &[1, 1, 3, 3], DType::F32);
        let w = graph.input("w", &[1, 1, 2, 2], DType::F32);
        let y = x.conv2d(w, Conv::default());
        let padded = x.conv2d(w, Conv { stride: [2; 2], padding: [[1, 0]; 2], ..Conv::default() });
        let up = y.conv_transpose2d(w, Conv::default(), [0, 0]);
        let gradients = graph.gradients(y.sum_all(), &[x, w]);
        let mut cpu = Interpreter::new(Precision::F32);
        cpu.write("x", &Array::f32(&[1, 1, 3, 3], numbers(9)).unwrap());
        cpu.write("w", &Array::f32(&[1, 1, 2, 2], numbers(4)).unwrap());
        let got = cpu.run(&graph, &[y, padded, up, gradients[0], gradients[1]]).unwrap();
        let got: Vec<&[f32]> = got.iter().map(|a| a.as_f32().unwrap()).collect();
        assert_eq!(got[0], [37.0, 47.0, 67.0, 77.0]);
        assert_eq!(got[1], [4.0, 3.0 * 2.0 + 4.0 * 3.0, 2.0 * 4.0 + 4.0 * 7.0, 77.0]);
        assert_eq!(got[2], [37.0, 121.0, 94.0, 178.0, 500.0, 342.0, 201.0, 499.0, 308.0]);
        assert_eq!(got[3], [1.0, 3.0, 2.0, 4.0, 10.0, 6.0, 3.0, 7.0, 4.0]);
        assert_eq!(got[4], [12.0, 16.0, 24.0, 28.0]);
    }

    #[test]
    fn same_padding_puts_the_extra_zero_at_the_end() {
        let conv = Conv::same([10, 9], [5, 5], [2, 2], [1, 1]);
        assert_eq!(conv.padding, [[1, 2], [2, 2]]);
        assert_eq!(Conv::same([5, 6], [2, 3], [1, 1], [1, 2]).padding, [[0, 1], [2, 2]]);
        assert_eq!(Conv::same([7, 8], [1, 1], [3, 2], [1, 1]).padding, [[0, 0], [0, 0]]);
    }

    #[test]
    fn mistakes_are_errors_with_numbers() {
        let plain = Conv::default();
        for (w, conv) in [
            (vec![4, 2, 3, 3], plain),
            (vec![4, 3, 3], plain),
            (vec![4, 3, 6, 1], plain),
            (vec![4, 3, 0, 1], plain),
            (vec![4, 1, 3, 3], Conv { groups: 3, ..plain }),
            (vec![4, 3, 3, 3], Conv { groups: 0, ..plain }),
            (vec![4, 3, 3, 3], Conv { stride: [0, 1], ..plain }),
            (vec![4, 3, 3, 3], Conv { dilation: [1, 0], ..plain }),
            (vec![4, 3, 3, 3], Conv { padding: [[usize::MAX, 2], [0, 0]], ..plain }),
            (vec![4, 3, 3, 3], Conv { dilation: [usize::MAX, 1], ..plain }),
        ] {
            let graph = Graph::new();
            let x = graph.input("x", &[1, 3, 5, 5], DType::F32);
            x.conv2d(graph.input("w", &w, DType::F32), conv);
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains("conv2d"), "{error}");
        }
    }
}
