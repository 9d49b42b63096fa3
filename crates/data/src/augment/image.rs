//! Changes of images, plane by plane: every array is `[.., h, w]`.

#[derive(Clone, Copy)]
pub(super) struct Size {
    pub h: usize,
    pub w: usize,
}

/// y[i, j] = x[i + begin_h, j + begin_w], and `fill` where that lies outside.
pub(super) fn cut(x: &[f32], from: Size, to: Size, begins: [isize; 2], fill: f32) -> Vec<f32> {
    let inside = |place: usize, begin: isize, size: usize| {
        place.checked_add_signed(begin).filter(|&place| place < size)
    };
    let mut y = Vec::with_capacity(x.len() / (from.h * from.w).max(1) * to.h * to.w);
    for plane in planes(x, from) {
        for i in 0..to.h {
            let row = inside(i, begins[0], from.h).map(|i| &plane[i * from.w..(i + 1) * from.w]);
            y.extend((0..to.w).map(|j| match (row, inside(j, begins[1], from.w)) {
                (Some(row), Some(j)) => row[j],
                _ => fill,
            }));
        }
    }
    y
}

pub(super) fn upside_down(x: &[f32], size: Size) -> Vec<f32> {
    planes(x, size).flat_map(|plane| plane.chunks_exact(size.w).rev().flatten().copied()).collect()
}

/// Turned against the clock about the center, linear between pixels; what lies outside is `fill`.
pub(super) fn rotated(x: &[f32], size: Size, degrees: f64, fill: f32) -> Vec<f32> {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let center = [(size.h as f64 - 1.0) / 2.0, (size.w as f64 - 1.0) / 2.0];
    let mut y = Vec::with_capacity(x.len());
    for plane in planes(x, size) {
        let pixel = |i: f64, j: f64| {
            let inside = i >= 0.0 && j >= 0.0 && i < size.h as f64 && j < size.w as f64;
            f64::from(if inside { plane[i as usize * size.w + j as usize] } else { fill })
        };
        for i in 0..size.h {
            for j in 0..size.w {
                // Where the pixel comes from: rows count downward.
                let (down, right) = (i as f64 - center[0], j as f64 - center[1]);
                let from_i = center[0] + cosine * down + sine * right;
                let from_j = center[1] - sine * down + cosine * right;
                let (top, left) = (from_i.floor(), from_j.floor());
                let (below, beside) = (from_i - top, from_j - left);
                let upper = (1.0 - beside) * pixel(top, left) + beside * pixel(top, left + 1.0);
                let lower = (1.0 - beside) * pixel(top + 1.0, left) + beside * pixel(top + 1.0, left + 1.0);
                y.push(((1.0 - below) * upper + below * lower) as f32);
            }
        }
    }
    y
}

fn planes(x: &[f32], size: Size) -> std::slice::ChunksExact<'_, f32> {
    x.chunks_exact((size.h * size.w).max(1))
}
