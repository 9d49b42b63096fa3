//! Inverse trigonometric and hyperbolic functions; WGSL in `shaders/shared/trigonometry.wgsl`.

use super::{FLOAT, Function, SAME, call, two};
use crate::{Case, Fill, IntoTensor, Tensor, core::DType};

unary! {
    /// The arc sine, -pi/2 to pi/2; NaN outside -1 to 1.
    asin(): "arcsin", FLOAT, SAME, |x| x[0].asin(),
        |at, _| vec![Some(at.dy() * ((-at.x[0] + 1.0) * (at.x[0] + 1.0)).rsqrt())];
    /// The arc cosine, 0 to pi; NaN outside -1 to 1.
    acos(): "arccos", FLOAT, SAME, |x| x[0].acos(),
        |at, _| vec![Some(-(at.dy() * ((-at.x[0] + 1.0) * (at.x[0] + 1.0)).rsqrt()))];
    /// The arc tangent, -pi/2 to pi/2.
    atan(): "arctan", FLOAT, SAME, |x| x[0].atan(),
        |at, _| vec![Some(at.dy() / (at.x[0].square() + 1.0))];
    /// The hyperbolic sine.
    sinh(): "sinh_of", FLOAT, SAME, |x| x[0].sinh(), |at, _| vec![Some(at.dy() * at.x[0].cosh())];
    /// The hyperbolic cosine.
    cosh(): "cosh_of", FLOAT, SAME, |x| x[0].cosh(), |at, _| vec![Some(at.dy() * at.x[0].sinh())];
    /// The inverse of sinh.
    asinh(): "arcsinh", FLOAT, SAME, |x| x[0].asinh(),
        |at, _| vec![Some(at.dy() * (at.x[0].square() + 1.0).rsqrt())];
    /// The inverse of cosh, 0 and more; NaN below 1.
    acosh(): "arccosh", FLOAT, SAME, |x| x[0].acosh(),
        |at, _| vec![Some(at.dy() * ((at.x[0] - 1.0) * (at.x[0] + 1.0)).rsqrt())];
    /// The inverse of tanh; NaN outside -1 to 1.
    atanh(): "arctanh", FLOAT, SAME, |x| x[0].atanh(),
        |at, _| vec![Some(at.dy() / ((-at.x[0] + 1.0) * (at.x[0] + 1.0)))];
}

binary! {
    /// The angle of the point (x, y) = (b, a), -pi to pi.
    atan2: "arctan2", FLOAT, SAME, |x| x[0].atan2(x[1]), |at, _| {
        let slope = at.dy() / (at.x[0].square() + at.x[1].square());
        two(at, || slope * at.x[1], || -(slope * at.x[0]))
    };
}

impl<'g> Tensor<'g> {
    /// The tangent, radians.
    #[track_caller]
    pub fn tan(self) -> Tensor<'g> {
        self.sin() / self.cos()
    }
}

pub(super) fn cases() -> Vec<Case> {
    type Unary = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
    let unary: &[(&str, Unary, f64, f64)] = &[
        ("asin", |x| x.asin(), -0.97, 0.97),
        ("acos", |x| x.acos(), -0.97, 0.97),
        ("atan", |x| x.atan(), -6.0, 6.0),
        ("sinh", |x| x.sinh(), -4.0, 4.0),
        ("cosh", |x| x.cosh(), -4.0, 4.0),
        ("asinh", |x| x.asinh(), -9.0, 9.0),
        ("acosh", |x| x.acosh(), 1.05, 9.0),
        ("atanh", |x| x.atanh(), -0.95, 0.95),
        ("tan", |x| x.tan(), -1.3, 1.3),
    ];
    let mut cases = Vec::new();
    for &(name, f, low, high) in unary {
        let case = Case::new(format!("{name} 258"), move |x| f(x[0]));
        cases.push(case.filled(&[258], DType::F32, Fill::Uniform(low, high)));
        if name != "tan" {
            let extremes =
                [f64::NAN, 0.0, -0.0, 1.0, -1.0, 1e-30, -1e-3, 1.5, 1e9, f64::INFINITY, f64::NEG_INFINITY];
            let case = Case::new(format!("{name} extremes"), move |x| f(x[0])).forward_only();
            cases.push(case.filled(&[11], DType::F32, Fill::Given(extremes.to_vec())));
        }
    }
    for (a, b) in [(&[3, 1, 5][..], &[4, 1][..]), (&[66], &[66])] {
        let range = || Fill::Uniform(-2.0, 2.0);
        let case = Case::new(format!("atan2 {a:?} {b:?}"), |x| x[0].atan2(x[1]));
        cases.push(case.filled(a, DType::F32, range()).filled(b, DType::F32, range()));
    }
    let points =
        || Fill::Given(vec![0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 1e-20]);
    let case = Case::new("atan2 extremes", |x| x[0].atan2(x[1])).forward_only();
    cases.push(case.filled(&[8], DType::F32, points()).filled(&[8, 1], DType::F32, points()));
    cases
}
