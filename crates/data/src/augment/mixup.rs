//! y = s x + (1 - s) x'

use anygrad_core::{Array, DType, Error, Random, Result};

/// `x` and `other`: as many rows as there are shares.
pub(super) fn mixed(x: &[f32], other: &[f32], shares: &[f64]) -> Vec<f32> {
    let width = x.len() / shares.len().max(1);
    let mix = |(i, (&x, &other)): (usize, (&f32, &f32))| {
        let share = shares[i / width];
        (share * f64::from(x) + (1.0 - share) * f64::from(other)) as f32
    };
    x.iter().zip(other).enumerate().map(mix).collect()
}

/// Targets that can be mixed: numbers as they are, class numbers `[n]` as shares `[n, k]`.
pub(super) fn shares(targets: &Array, classes: usize) -> Result<Array> {
    if targets.dtype() == DType::F32 {
        return Ok(targets.clone());
    }
    let shape = targets.shape();
    if classes == 0 || shape.rank() != 1 {
        return Err(Error::shape(format!(
            "mixup takes targets of f32, or class numbers [n] with names of the classes, got {shape} of {} and {classes} names",
            targets.dtype()
        )));
    }
    let mut shares = vec![0.0; shape[0] * classes];
    // A data set's named classes lie below their number.
    targets
        .to_f64()
        .iter()
        .enumerate()
        .for_each(|(row, &class)| shares[row * classes + class as usize] = 1.0);
    Array::f32(&[shape[0], classes], shares)
}

/// A draw from Beta(alpha, alpha): g / (g + h) for two draws g and h from Gamma(alpha). By their
/// logarithms, as both can be 0 as numbers where alpha is small.
pub(super) fn beta(random: &mut Random, alpha: f64) -> f64 {
    let (g, h) = (log_gamma_draw(random, alpha), log_gamma_draw(random, alpha));
    1.0 / (1.0 + (h - g).exp())
}

/// The logarithm of a draw from Gamma(alpha, 1).
///
/// Marsaglia and Tsang, "A simple method for generating gamma variables", 2000, for alpha + 1; times
/// u^(1 / alpha) that is a draw for alpha.
fn log_gamma_draw(random: &mut Random, alpha: f64) -> f64 {
    let d = alpha + 1.0 - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    // 1 - u is never 0, so that the logarithms are finite.
    let boost = (1.0 - random.uniform()).ln() / alpha;
    loop {
        let x = random.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - random.uniform();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return (d * v).ln() + boost;
        }
    }
}
