//! Activations and other functions that are expressions of simpler ones; fusion makes one kernel of
//! each, and their gradients follow.

use anygrad_core::DType;

use crate::{Case, Fill, IntoTensor, Tensor};

impl<'g> Tensor<'g> {
    /// x where it is positive, otherwise alpha (e^x - 1), all scaled so that mean and variance stay
    /// (Klambauer, Unterthiner, Mayr and Hochreiter, 2017).
    #[track_caller]
    pub fn selu(self) -> Tensor<'g> {
        self.elu(1.673_263_242_354_377_2) * 1.050_700_987_355_480_5
    }

    /// x tanh(softplus(x)) (Misra, 2019)
    #[track_caller]
    pub fn mish(self) -> Tensor<'g> {
        self * self.softplus().tanh()
    }

    /// relu6(x + 3) / 6, as Keras and PyTorch define it. ONNX's default is clip(0.2 x + 0.5, 0, 1).
    #[track_caller]
    pub fn hard_sigmoid(self) -> Tensor<'g> {
        (self + 3.0).relu6() * (1.0 / 6.0)
    }

    /// x relu6(x + 3) / 6
    #[track_caller]
    pub fn hard_swish(self) -> Tensor<'g> {
        self * self.hard_sigmoid()
    }

    /// x / (1 + |x|)
    #[track_caller]
    pub fn softsign(self) -> Tensor<'g> {
        self / (self.abs() + 1.0)
    }

    /// x where it is positive, otherwise `slope` x; the slope broadcasts.
    #[track_caller]
    pub fn prelu(self, slope: impl IntoTensor<'g>) -> Tensor<'g> {
        let slope = slope.into_tensor(self.graph());
        self.gt(0.0).select(self, self * slope)
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
    ];
    let mut cases = Vec::new();
    for &(name, f) in unary {
        let case = Case::new(format!("{name} 257"), move |x| f(x[0]));
        cases.push(case.filled(&[257], DType::F32, Fill::Uniform(-5.0, 5.0)));
        let extremes = vec![f64::NAN, f64::INFINITY, 0.0, 88.0, -88.0, 1e-30, 3.0, -3.0];
        let case = Case::new(format!("{name} extremes"), move |x| f(x[0])).forward_only();
        cases.push(case.filled(&[8], DType::F32, Fill::Given(extremes)));
    }
    cases.push(Case::new("prelu 4x6x5", |x| x[0].prelu(x[1])).input(&[4, 6, 5]).input(&[1, 5]));
    cases.push(
        Case::new("squared_difference 3x1x5", |x| x[0].squared_difference(x[1]))
            .input(&[3, 1, 5])
            .input(&[4, 1]),
    );
    cases
}
