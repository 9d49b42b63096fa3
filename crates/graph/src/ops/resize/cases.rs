use anygrad_core::DType;

use super::{Coordinates, Interpolation, Resize, Rounding};
use crate::{Case, Fill, Tolerance};

pub(in super::super) fn cases() -> Vec<Case> {
    let halves = |interpolation| Resize::new(interpolation, Coordinates::HalfPixel);
    let cases = [
        ("nearest 2x3", Resize::nearest(), &[2, 3, 4, 5][..], &[8, 15][..]),
        (
            "nearest line smaller",
            halves(Interpolation::Nearest(Rounding::RoundPreferFloor)),
            &[2, 3, 11],
            &[4],
        ),
        ("linear larger and smaller", Resize::linear(), &[2, 3, 4, 9], &[7, 4]),
        (
            "linear volume with aligned corners",
            Resize { coordinates: Coordinates::AlignCorners, ..Resize::linear() },
            &[1, 2, 3, 4, 5],
            &[5, 7, 1],
        ),
        ("cubic", Resize::cubic(), &[1, 3, 5, 6], &[9, 4]),
        (
            "cubic smaller without aliases",
            Resize { antialias: true, exclude_outside: true, ..Resize::cubic() },
            &[1, 2, 13, 17],
            &[5, 6],
        ),
    ];
    let mut cases: Vec<Case> = cases
        .into_iter()
        .map(|(name, how, sizes, to)| {
            Case::new(format!("resize {name}"), move |x| x[0].resize(to, how)).input(sizes)
        })
        // Weights are rounded to f32, and an element of dx may add up a few dozen of them.
        .map(|case| case.gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(64) }))
        .collect();
    cases.push(Case::new("resize nearest of u32", |x| x[0].upsample_nearest(&[2, 3])).forward_only().filled(
        &[3, 5],
        DType::U32,
        Fill::Below(1 << 22),
    ));
    cases.push(
        Case::new("crop_and_resize inside and out", |x| {
            x[0].crop_and_resize(&[(0.2, 1.3), (0.9, 0.1)], &[5, 4], Resize::linear(), 7.0)
        })
        .input(&[2, 3, 4, 6]),
    );
    cases.push(
        Case::new("resize to sizes beside scales", |x| {
            let how = Resize { coordinates: Coordinates::HalfPixelSymmetric, ..Resize::linear() };
            x[0].resize_to(&[(5, 1.3), (4, 0.45)], how)
        })
        .input(&[2, 3, 4, 9]),
    );
    cases.push(
        Case::new("resize gradient of its gradient", |x| {
            let loss = (x[0].resize(&[5, 7], Resize::linear()).square() * x[1]).sum_all();
            x[0].graph().gradients(loss, &[x[0]])[0].square()
        })
        .input(&[1, 2, 3, 4])
        .input(&[1, 2, 5, 7]),
    );
    cases
}

#[cfg(test)]
mod tests {
    use anygrad_core::Array;

    use super::*;
    use crate::{Graph, Interpreter, Precision, Tensor};

    /// 1, 2, 3, ... in this shape, resized.
    fn resized(sizes: &[usize], build: impl for<'g> Fn(Tensor<'g>) -> Tensor<'g>) -> (Vec<usize>, Vec<f64>) {
        let graph = Graph::new();
        let y = build(graph.input("x", sizes, DType::F32));
        let mut cpu = Interpreter::new(Precision::F32);
        let count = sizes.iter().product::<usize>();
        cpu.write("x", &Array::f32(sizes, (1..=count).map(|i| i as f32).collect::<Vec<_>>()).unwrap());
        let y = cpu.run(&graph, &[y]).unwrap().remove(0);
        (y.shape().to_vec(), y.to_f64())
    }

    #[track_caller]
    fn near(got: &[f64], want: &[f64]) {
        assert!(got.len() >= want.len());
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-5), "{got:?} {want:?}");
    }

    /// ONNX backend tests resize_*_nearest*.
    #[test]
    fn nearest_by_every_rounding() {
        let nearest = |rounding, coordinates| Resize::new(Interpolation::Nearest(rounding), coordinates);
        let usual = nearest(Rounding::RoundPreferFloor, Coordinates::HalfPixel);
        let (shape, y) = resized(&[1, 1, 2, 4], |x| x.resize_by(&[0.6, 0.6], usual));
        assert_eq!((shape, y), (vec![1, 1, 1, 2], vec![1.0, 3.0]));
        assert_eq!(resized(&[1, 1, 2, 4], |x| x.resize(&[1, 3], usual)).1, [1.0, 2.0, 4.0]);
        let floor = nearest(Rounding::Floor, Coordinates::AlignCorners);
        let (_, y) = resized(&[1, 1, 4, 4], |x| x.resize(&[8, 8], floor));
        assert_eq!(y[..8], [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0]);
        let ceil = nearest(Rounding::RoundPreferCeil, Coordinates::Asymmetric);
        let (_, y) = resized(&[1, 1, 4, 4], |x| x.resize(&[8, 8], ceil));
        assert_eq!(y[..9], [1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0, 5.0]);
        let up = nearest(Rounding::Ceil, Coordinates::Asymmetric);
        assert_eq!(resized(&[4], |x| x.resize(&[6], up)).1, [1.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        // ONNX backend test upsample_nearest.
        let (shape, y) = resized(&[1, 1, 2, 2], |x| x.upsample_nearest(&[2, 3]));
        assert_eq!(shape, [1, 1, 4, 6]);
        assert_eq!(y[6..18], [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
    }

    /// ONNX backend tests resize_*_linear_*.
    #[test]
    fn linear_by_every_coordinate() {
        let linear = |coordinates| Resize { coordinates, ..Resize::linear() };
        let (_, y) = resized(&[1, 1, 2, 2], |x| x.resize_by(&[2.0, 2.0], linear(Coordinates::AlignCorners)));
        near(&y, &[1.0, 4.0 / 3.0, 5.0 / 3.0, 2.0, 5.0 / 3.0, 2.0]);
        let symmetric = linear(Coordinates::HalfPixelSymmetric);
        let (_, y) = resized(&[1, 1, 1, 4], |x| x.resize_by(&[1.0, 0.6], symmetric));
        near(&y, &[1.666667, 3.333333]);
        let (shape, y) = resized(&[1, 1, 2, 2], |x| x.resize_by(&[2.3, 2.94], symmetric));
        assert_eq!(shape, [1, 1, 4, 5]);
        near(&y, &[1.0, 1.159864, 1.5, 1.840136, 2.0, 1.565217, 1.725081]);
        let without_aliases = Resize { antialias: true, ..Resize::linear() };
        near(
            &resized(&[1, 1, 4, 4], |x| x.resize_by(&[0.6, 0.6], without_aliases)).1,
            &[2.875, 4.5, 9.375, 11.0],
        );
        let (_, y) = resized(&[1, 1, 4, 4], |x| x.resize(&[3, 3], without_aliases));
        near(&y, &[2.363636, 3.590909, 4.818182, 7.272727, 8.5]);
        // One place: the middle by half pixels, the first element for PyTorch's kind.
        assert_eq!(resized(&[4], |x| x.resize(&[1], Resize::linear())).1, [2.5]);
        assert_eq!(resized(&[4], |x| x.resize(&[1], linear(Coordinates::PytorchHalfPixel))).1, [1.0]);
    }

    /// ONNX backend tests resize_*_cubic*.
    #[test]
    fn cubic_by_four_neighbours() {
        let cubic = Resize::cubic();
        let of = |how: Resize, scale: f64| resized(&[1, 1, 4, 4], |x| x.resize_by(&[scale, scale], how)).1;
        near(&of(cubic, 0.8), &[1.471191, 2.78125, 4.08252, 6.711426, 8.021484]);
        near(&of(cubic, 2.0), &[0.472656, 0.769531, 1.246094, 1.875, 2.28125, 2.910156, 3.386719, 3.683594]);
        let aligned = Resize { coordinates: Coordinates::AlignCorners, ..cubic };
        near(&of(aligned, 0.8), &[1.0, 2.395192, 3.790383, 6.580766]);
        let asymmetric = Resize { coordinates: Coordinates::Asymmetric, ..cubic };
        near(&of(asymmetric, 2.0), &[1.0, 1.40625, 2.0, 2.5, 3.0, 3.59375, 4.0, 4.09375, 2.625]);
        let inside =
            Resize { exclude_outside: true, interpolation: Interpolation::Cubic { a: -0.5 }, ..cubic };
        near(&of(inside, 0.8), &[1.368127, 2.669501, 4.013337, 6.573625, 7.875]);
        let without_aliases = Resize { antialias: true, ..cubic };
        let (_, y) = resized(&[1, 1, 4, 4], |x| x.resize(&[3, 3], without_aliases));
        near(&y, &[1.775009, 3.120007, 4.465005, 7.155002, 8.5]);
    }

    /// ONNX backend test resize_tf_crop_and_resize_axes_3_2.
    #[test]
    fn a_part_by_its_corners() {
        let (_, y) = resized(&[1, 1, 4, 4], |x| {
            x.crop_and_resize(&[(0.4, 0.6), (0.6, 0.8)], &[3, 3], Resize::linear(), 0.0)
        });
        near(&y, &[7.6, 7.9, 8.2, 8.8, 9.1, 9.4, 10.0, 10.3, 10.6]);
        let (_, y) = resized(&[3], |x| x.crop_and_resize(&[(-0.5, 1.5)], &[5], Resize::linear(), 9.0));
        assert_eq!(y, [9.0, 1.0, 2.0, 3.0, 9.0]);
    }

    #[test]
    fn sizes_that_cannot_be_are_errors_with_numbers() {
        for (part, build) in [
            (
                "more than the axes",
                (|x| x.resize(&[1; 4], Resize::linear())) as for<'g> fn(Tensor<'g>) -> Tensor<'g>,
            ),
            ("cannot become 0 elements", |x| x.resize(&[0], Resize::linear())),
            ("are not parts", |x| x.crop_and_resize(&[(0.0, f64::NAN)], &[2], Resize::linear(), 0.0)),
            ("multiplied by NaN", |x| x.resize_by(&[f64::NAN], Resize::linear())),
            ("multiplied by -1", |x| x.resize_by(&[-1.0], Resize::linear())),
            ("axis 1 of [2, 0, 3]", |x| x.slice(1, 0..0, 1).resize(&[2, 3], Resize::linear())),
        ] {
            let graph = Graph::new();
            build(graph.input("x", &[2, 4, 3], DType::F32));
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains(part), "{error}");
        }
    }
}
