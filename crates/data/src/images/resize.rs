//! y_i = sum_j w(i, j) x_j / sum_j w(i, j),  w(i, j) = max(0, 1 - |j + 1/2 - (i + 1/2) s| / max(s, 1))
//!
//! where s is the old size over the new one: linear between pixels where an image grows, the mean
//! of what lies under a triangle where it shrinks, as Pillow resizes with `BILINEAR`.

/// `x: [c, h, w]` as `[c, to_h, to_w]`.
pub(super) fn resize(x: &[f32], [h, w]: [usize; 2], [to_h, to_w]: [usize; 2]) -> Vec<f32> {
    let wide = resize_axis(x, w, 1, to_w);
    resize_axis(&wide, h, to_w, to_h)
}

/// `x: [.., size, inner]` as `[.., to, inner]`.
fn resize_axis(x: &[f32], size: usize, inner: usize, to: usize) -> Vec<f32> {
    let scale = size as f64 / to as f64;
    let reach = scale.max(1.0);
    let taps = |i: usize| {
        let center = (i as f64 + 0.5) * scale;
        let first = (center - reach).floor().max(0.0) as usize;
        let last = ((center + reach).ceil() as usize).min(size);
        let weight = |j: usize| (1.0 - (j as f64 + 0.5 - center).abs() / reach).max(0.0);
        let weights: Vec<f64> = (first..last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        (first, weights.into_iter().map(move |weight| weight / sum).collect::<Vec<f64>>())
    };
    let taps: Vec<(usize, Vec<f64>)> = (0..to).map(taps).collect();
    let mut y = Vec::with_capacity(x.len() / size * to);
    for block in x.chunks_exact(size * inner) {
        for (first, weights) in &taps {
            y.extend((0..inner).map(|column| {
                let value =
                    |(j, weight): (usize, &f64)| weight * f64::from(block[(first + j) * inner + column]);
                weights.iter().enumerate().map(value).sum::<f64>() as f32
            }));
        }
    }
    y
}
