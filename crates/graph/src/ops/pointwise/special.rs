//! Other bases of exp and log, erfc, the inverse of erf, and the gamma function; WGSL in
//! `shaders/shared/special.wgsl`.

use std::f64::consts::{LN_2, LN_10, PI};

use anygrad_core::{DType, Error};

use super::{FLOAT, Function, SAME, call, erf, erfc};
use crate::{Case, Fill, Tensor, Tolerance};

unary! {
    /// 2^x
    exp2(): "exponential_2", FLOAT, SAME, |x| x[0].exp2(), |at, _| vec![Some(at.dy() * at.y[0] * LN_2)];
    /// The logarithm to base 2; NaN below 0.
    log2(): "logarithm_2", FLOAT, SAME, |x| x[0].log2(), |at, _| vec![Some(at.dy() / (at.x[0] * LN_2))];
    /// The logarithm to base 10; NaN below 0.
    log10(): "logarithm_10", FLOAT, SAME, |x| x[0].log10(), |at, _| vec![Some(at.dy() / (at.x[0] * LN_10))];
    /// 1 - erf(x), without cancellation where that is small.
    erfc(): "erfc_of", FLOAT, SAME, |x| erfc(x[0]),
        |at, _| vec![Some(at.dy() * (-at.x[0].square()).exp() * -std::f64::consts::FRAC_2_SQRT_PI)];
    /// The inverse of erf; infinite at -1 and 1, NaN beyond.
    erfinv(): "erfinv", FLOAT, SAME, |x| erfinv(x[0]),
        |at, _| vec![Some(at.dy() * at.y[0].square().exp() * (PI.sqrt() / 2.0))];
    /// log |gamma(x)|, to about 2e-6 and a few roundings; infinite at 0, -1, -2 and so on.
    lgamma(): "lgamma", FLOAT, SAME, |x| lgamma(x[0]), |at, _| vec![Some(at.dy() * at.x[0].digamma())];
    /// The derivative of [`Tensor::lgamma`], to about 2e-6 and a few roundings; NaN at -1, -2 and so
    /// on, infinite at 0.
    digamma(): "digamma", FLOAT, SAME, |x| digamma(x[0]), |at, _| vec![Some(at.dy() * at.x[0].trigamma())];
    /// The derivative of [`Tensor::digamma`], to a few roundings. It has no gradient of its own.
    trigamma(): "trigamma", FLOAT, SAME, |x| trigamma(x[0]),
        |at, _| vec![Some(at.x[0].fail(Error::unsupported("trigamma has no gradient")))];
}

/// Winitzki's formula (2008), to 2e-3, then Newton's steps; through erfc where erf is near 1.
fn erfinv(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 1.0 {
        return f64::NAN;
    }
    if x.abs() == 1.0 {
        return x * f64::INFINITY;
    }
    let magnitude = x.abs();
    let w = -((1.0 - x) * (1.0 + x)).ln();
    let a = 2.0 / (PI * 0.147) - w / 2.0;
    let mut y = ((a * a + w / 0.147).sqrt() - a).max(0.0).sqrt();
    for _ in 0..6 {
        let short = if magnitude < 0.5 { magnitude - erf(y) } else { erfc(y) - (1.0 - magnitude) };
        y += short / (std::f64::consts::FRAC_2_SQRT_PI * (-y * y).exp());
    }
    y.copysign(x)
}

/// Shifted to 15 and more, where the asymptotic series are good to 1e-16.
fn shifted(x: f64, mut step: impl FnMut(f64)) -> f64 {
    let mut shifted = x;
    while shifted < 15.0 {
        step(shifted);
        shifted += 1.0;
    }
    shifted
}

fn lgamma(x: f64) -> f64 {
    if x.is_nan() || x.is_infinite() {
        return x.abs();
    }
    if x <= 0.0 {
        let sine = (PI * (x.abs() - x.abs().floor())).sin().abs();
        return if x == x.floor() { f64::INFINITY } else { (PI / sine).ln() - lgamma(1.0 - x) };
    }
    let mut logarithms = 0.0;
    let z = shifted(x, |z| logarithms += z.ln());
    let r = 1.0 / (z * z);
    let series = (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r / 1680.0))) / z;
    (z - 0.5) * z.ln() - z + 0.5 * (2.0 * PI).ln() + series - logarithms
}

fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -1.0 / x;
    }
    if x < 0.0 {
        let angle = PI * (x - x.round());
        return if x == x.floor() { f64::NAN } else { digamma(1.0 - x) - PI * angle.cos() / angle.sin() };
    }
    let mut sum = 0.0;
    let z = shifted(x, |z| sum += 1.0 / z);
    let r = 1.0 / (z * z);
    z.ln() - 0.5 / z - r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r / 240.0))) - sum
}

fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        let sine = (PI * (x - x.round())).sin() / PI;
        return 1.0 / (sine * sine) - trigamma(1.0 - x);
    }
    let mut sum = 0.0;
    let z = shifted(x, |z| sum += 1.0 / (z * z));
    let r = 1.0 / (z * z);
    1.0 / z + 0.5 * r + r / z * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r / 30.0))) + sum
}

pub(super) fn cases() -> Vec<Case> {
    type Unary = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
    // The sums of the series cancel to the same absolute error wherever the result is small.
    let gamma = Tolerance { relative: 5e-6, absolute: 4e-6 };
    let unary: &[(&str, Unary, f64, f64, Tolerance)] = &[
        ("exp2", |x| x.exp2(), -6.0, 6.0, Tolerance::ROUNDING),
        ("log2", |x| x.log2(), 0.1, 9.0, Tolerance::ROUNDING),
        ("log10", |x| x.log10(), 0.1, 9.0, Tolerance::ROUNDING),
        ("erfc", |x| x.erfc(), -3.0, 4.0, Tolerance::ROUNDING),
        ("erfinv", |x| x.erfinv(), -0.99, 0.99, Tolerance::ROUNDING),
        ("lgamma", |x| x.lgamma(), 0.05, 12.0, gamma),
        ("lgamma", |x| x.lgamma(), -0.95, -0.05, gamma),
        ("digamma", |x| x.digamma(), 0.1, 12.0, gamma),
        ("digamma", |x| x.digamma(), -1.9, -1.1, gamma),
    ];
    let mut cases = Vec::new();
    for (i, &(name, f, low, high, tolerance)) in unary.iter().enumerate() {
        let case = Case::new(format!("{name} {}", 250 + i), move |x| f(x[0])).tolerance(tolerance);
        cases.push(case.gradient_tolerance(Tolerance { relative: 4e-5, absolute: 2e-5 }).filled(
            &[250 + i],
            DType::F32,
            Fill::Uniform(low, high),
        ));
    }
    cases.push(
        Case::new("trigamma 67", |x| x[0].trigamma())
            .forward_only()
            .tolerance(Tolerance { relative: 2e-5, absolute: 4e-6 })
            .filled(&[67], DType::F32, Fill::Uniform(-0.9, 12.0)),
    );
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let extremes = vec![nan, inf, 0.0, 1.0, -1.0, 2.0, 1e-30, -1e-3, 0.5, 20.0, -20.0];
    for (name, f) in [
        ("exp2", (|x| x.exp2()) as Unary),
        ("log2", |x| x.log2()),
        ("log10", |x| x.log10()),
        ("erfc", |x| x.erfc()),
        ("erfinv", |x| x.erfinv()),
        ("lgamma", |x| x.lgamma()),
        ("digamma", |x| x.digamma()),
    ] {
        let case = Case::new(format!("{name} extremes"), move |x| f(x[0])).forward_only();
        cases.push(case.tolerance(gamma).filled(&[11], DType::F32, Fill::Given(extremes.clone())));
    }
    cases
}
