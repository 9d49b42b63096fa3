//! Activations and other functions that are expressions of simpler ones; fusion makes one kernel of
//! each, and their gradients follow.

use anygrad_core::{DType, Error};

use crate::{Attributes, Case, Fill, IntoTensor, Tensor, Tolerance};

impl<'g> Tensor<'g> {
    /// Notes that a function of this made y.
    #[track_caller]
    fn makes(self, name: &'static str, attributes: Attributes, y: Tensor<'g>) -> Tensor<'g> {
        y.composed(name, attributes, &[("x", Some(self))])
    }

    /// x where it is positive, otherwise alpha (e^x - 1), all scaled so that mean and variance stay
    /// (Klambauer, Unterthiner, Mayr and Hochreiter, 2017).
    #[track_caller]
    pub fn selu(self) -> Tensor<'g> {
        let y = self.elu(1.673_263_242_354_377_2) * 1.050_700_987_355_480_5;
        self.makes("selu", Attributes::new(), y)
    }

    /// x tanh(softplus(x)) (Misra, 2019)
    #[track_caller]
    pub fn mish(self) -> Tensor<'g> {
        self.makes("mish", Attributes::new(), self * self.softplus().tanh())
    }

    /// relu6(x + 3) / 6, as Keras and PyTorch define it. ONNX's default is clip(0.2 x + 0.5, 0, 1).
    #[track_caller]
    pub fn hard_sigmoid(self) -> Tensor<'g> {
        self.makes("hard_sigmoid", Attributes::new(), (self + 3.0).relu6() * (1.0 / 6.0))
    }

    /// x relu6(x + 3) / 6
    #[track_caller]
    pub fn hard_swish(self) -> Tensor<'g> {
        self.makes("hard_swish", Attributes::new(), self * self.hard_sigmoid())
    }

    /// alpha x + beta held between 0 and 1: ONNX's HardSigmoid, whose default is 0.2 and 0.5.
    #[track_caller]
    pub fn hard_sigmoid_with(self, alpha: f64, beta: f64) -> Tensor<'g> {
        (self * alpha + beta).clip(0.0, 1.0)
    }

    /// x held between -1 and 1.
    #[track_caller]
    pub fn hard_tanh(self) -> Tensor<'g> {
        self.clip(-1.0, 1.0)
    }

    /// x where it is positive, otherwise alpha (e^(x / alpha) - 1) (Barron, 2017).
    #[track_caller]
    pub fn celu(self, alpha: f64) -> Tensor<'g> {
        let y = self.gt(0.0).select(self, (self.minimum(0.0) * (1.0 / alpha)).expm1() * alpha);
        self.makes("celu", Attributes::new().with("alpha", alpha), y)
    }

    /// log(1 + e^(beta x)) / beta
    #[track_caller]
    pub fn softplus_with(self, beta: f64) -> Tensor<'g> {
        (self * beta).softplus() * (1.0 / beta)
    }

    /// x nearer to 0 by `lambda`, and 0 between -lambda and lambda.
    #[track_caller]
    pub fn softshrink(self, lambda: f64) -> Tensor<'g> {
        self - self.clip(-lambda, lambda)
    }

    /// x, but 0 between -lambda and lambda.
    #[track_caller]
    pub fn hardshrink(self, lambda: f64) -> Tensor<'g> {
        self.abs().le(lambda).select(0.0, self)
    }

    /// x - tanh(x)
    #[track_caller]
    pub fn tanhshrink(self) -> Tensor<'g> {
        self - self.tanh()
    }

    /// x where it is above `threshold`, otherwise `value`; NaN stays NaN. ONNX's ThresholdedRelu is
    /// `threshold(alpha, 0.0)`.
    #[track_caller]
    pub fn threshold(self, threshold: f64, value: f64) -> Tensor<'g> {
        self.le(threshold).select(value, self)
    }

    /// (x + sqrt(x^2 + b)) / 2 (Barron, 2021)
    #[track_caller]
    pub fn squareplus(self, b: f64) -> Tensor<'g> {
        let root = (self.square() + b).sqrt();
        // For negative x the sum would cancel: the same by the product of sum and difference.
        self.lt(0.0).select((root - self).reciprocal() * (b / 2.0), (self + root) * 0.5)
    }

    /// 0 up to -1, (x + 1)^2 / 4 up to 1, then x (Martins and Astudillo, 2016).
    #[track_caller]
    pub fn sparse_plus(self) -> Tensor<'g> {
        self.ge(1.0).select(self, (self + 1.0).clip(0.0, 2.0).square() * 0.25)
    }

    /// (x + 1) / 2 held between 0 and 1.
    #[track_caller]
    pub fn sparse_sigmoid(self) -> Tensor<'g> {
        self.hard_sigmoid_with(0.5, 0.5)
    }

    /// The first half of `axis` times the sigmoid of the second (Dauphin and others, 2016).
    #[track_caller]
    pub fn glu(self, axis: isize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        match self.shape().axis(axis).map(|axis| self.shape()[axis]) {
            Ok(size) if size % 2 == 0 => {
                self.narrow(axis, 0..size / 2) * self.narrow(axis, size / 2..size).sigmoid()
            }
            Ok(size) => self.fail(Error::shape(format!("glu: an axis of {size} has no halves"))),
            Err(error) => self.fail(error.context("glu")),
        }
    }

    /// The point of the probability simplex that is nearest to x along `axis`: like softmax, with
    /// zeros (Martins and Astudillo, 2016).
    #[track_caller]
    pub fn sparsemax(self, axis: isize) -> Tensor<'g> {
        self.in_f32(|x| x.sparsemax_in_f32(axis))
    }

    #[track_caller]
    fn sparsemax_in_f32(self, axis: isize) -> Tensor<'g> {
        // The support are the largest k of them with 1 + k x_k > x_1 + ... + x_k.
        let sorted = self.detach().sort(axis, true).0;
        let counted = match sorted.shape().axis(axis) {
            _ if sorted.is_poison() => return sorted,
            Ok(axis) => axis,
            Err(error) => return self.fail(error.context("sparsemax")),
        };
        let (size, rank) = (sorted.shape()[counted], sorted.shape().rank());
        let mut along = vec![1; rank];
        along[counted] = size;
        let ranks = self.graph().arange(1.0, size as f64 + 1.0, 1.0, DType::F32).reshape(&along);
        let supported = (sorted * ranks + 1.0).gt(sorted.cumsum(axis, false, false)).cast(DType::F32);
        let count = supported.sum(&[axis], true);
        let least = supported.gt(0.0).select(sorted, f64::INFINITY).min(&[axis], true);
        let inside = self.detach().ge(least);
        let level = (inside.select(self, 0.0).sum(&[axis], true) - 1.0) / count;
        // Nothing is larger than NaN or infinity: then there is no support.
        count.gt(0.0).select(inside.select(self - level, 0.0), f64::NAN)
    }

    /// log(e^a + e^b) without overflow
    #[track_caller]
    pub fn logaddexp(self, other: impl IntoTensor<'g>) -> Tensor<'g> {
        let other = other.into_tensor(self.graph());
        let larger = self.maximum(other);
        // The difference of equal infinities would be NaN.
        let apart = self.eq(other).select(0.0, self - other).abs();
        larger + (-apart).exp().log1p()
    }

    /// x / (1 + |x|)
    #[track_caller]
    pub fn softsign(self) -> Tensor<'g> {
        self.makes("softsign", Attributes::new(), self / (self.abs() + 1.0))
    }

    /// x where it is positive, otherwise `slope` x; the slope broadcasts.
    #[track_caller]
    pub fn prelu(self, slope: impl IntoTensor<'g>) -> Tensor<'g> {
        let slope = slope.into_tensor(self.graph());
        let y = self.gt(0.0).select(self, self * slope);
        y.composed("prelu", Attributes::new(), &[("x", Some(self)), ("slope", Some(slope))])
    }

    /// (a - b)^2
    #[track_caller]
    pub fn squared_difference(self, other: impl IntoTensor<'g>) -> Tensor<'g> {
        (self - other.into_tensor(self.graph())).square()
    }

    /// x^3
    #[track_caller]
    pub fn cube(self) -> Tensor<'g> {
        self.square() * self
    }
}

pub(super) fn cases() -> Vec<Case> {
    type Unary = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
    let unary: &[(&str, Unary)] = &[
        ("selu", |x| x.selu()),
        ("mish", |x| x.mish()),
        ("hard_sigmoid", |x| x.hard_sigmoid()),
        ("hard_swish", |x| x.hard_swish()),
        ("softsign", |x| x.softsign()),
        ("cube", |x| x.cube()),
        ("hard_sigmoid_with", |x| x.hard_sigmoid_with(0.2, 0.5)),
        ("hard_tanh", |x| x.hard_tanh()),
        ("celu", |x| x.celu(1.3)),
        ("softplus_with", |x| x.softplus_with(2.5)),
        ("softshrink", |x| x.softshrink(0.5)),
        ("hardshrink", |x| x.hardshrink(0.5)),
        ("tanhshrink", |x| x.tanhshrink()),
        ("threshold", |x| x.threshold(0.4, -2.0)),
        ("squareplus", |x| x.squareplus(4.0)),
        ("sparse_plus", |x| x.sparse_plus()),
    ];
    let mut cases = Vec::new();
    for &(name, f) in unary {
        let case = Case::new(format!("{name} 257"), move |x| f(x[0]));
        cases.push(case.filled(&[257], DType::F32, Fill::Uniform(-5.0, 5.0)));
        let extremes = vec![f64::NAN, f64::INFINITY, 0.0, 88.0, -88.0, 1e-30, 3.0, -3.0];
        let case = Case::new(format!("{name} extremes"), move |x| f(x[0])).forward_only();
        cases.push(case.filled(&[8], DType::F32, Fill::Given(extremes)));
    }
    for (axis, sizes) in [(-1, &[5, 8][..]), (0, &[4, 3])] {
        cases.push(Case::new(format!("glu {sizes:?}"), move |x| x[0].glu(axis)).input(sizes));
        let case = Case::new(format!("sparsemax {sizes:?}"), move |x| x[0].sparsemax(axis));
        cases.push(case.filled(sizes, DType::F32, Fill::Distinct(-0.8, 0.8)));
    }
    let numbers = vec![1.0, f64::NAN, 0.0, 5.0, f64::INFINITY, 1.0, 3.0, f64::NEG_INFINITY, 3.5];
    let case = Case::new("sparsemax extremes", |x| x[0].sparsemax(1)).forward_only();
    cases.push(case.filled(&[3, 3], DType::F32, Fill::Given(numbers)));
    cases.push(Case::new("logaddexp 9x7", |x| x[0].logaddexp(x[1])).input(&[9, 7]).input(&[7]));
    let infinities = || Fill::Given(vec![f64::INFINITY, f64::NEG_INFINITY, 700.0, f64::NAN, -700.0]);
    cases.push(
        Case::new("logaddexp extremes", |x| x[0].logaddexp(x[1]))
            .forward_only()
            .tolerance(Tolerance::ROUNDING)
            .filled(&[5], DType::F32, infinities())
            .filled(&[5, 1], DType::F32, infinities()),
    );
    cases.push(Case::new("prelu 4x6x5", |x| x[0].prelu(x[1])).input(&[4, 6, 5]).input(&[1, 5]));
    cases.push(
        Case::new("squared_difference 3x1x5", |x| x[0].squared_difference(x[1]))
            .input(&[3, 1, 5])
            .input(&[4, 1]),
    );
    cases
}
