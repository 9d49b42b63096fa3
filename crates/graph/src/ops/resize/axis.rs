use super::{Coordinates, Interpolation, Resize, Rounding};

/// One axis: its size, that of the result, and by how much it grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) out: usize,
    /// Where it is not `out / size`.
    pub(super) scale: Option<f64>,
    /// What of the axis is resized, in shares of the way from its first element to its last.
    pub(super) part: Option<(f64, f64)>,
}

impl Axis {
    fn scale(&self) -> f64 {
        self.scale.unwrap_or(self.out as f64 / self.size as f64)
    }

    /// Where place `k` lies in x.
    fn place(&self, k: usize, coordinates: Coordinates) -> f64 {
        let (size, k) = (self.size as f64, k as f64);
        if let Some((start, end)) = self.part {
            return (size - 1.0)
                * match self.out {
                    1 => (start + end) / 2.0,
                    out => start + k * (end - start) / (out as f64 - 1.0),
                };
        }
        // Whole results stay whole: the product is exact.
        let back = |at: f64| match self.scale {
            Some(scale) => at / scale,
            None => at * size / self.out as f64,
        };
        match coordinates {
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners if self.out <= 1 => 0.0,
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => back(k + 0.5) - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let whole = self.out as f64 / (self.scale() * size);
                size / 2.0 * (1.0 - whole) + back(k + 0.5) - 0.5
            }
            Coordinates::AlignCorners => {
                let out = self.scale.map_or(self.out as f64, |scale| size * scale);
                k * (size - 1.0) / (out - 1.0)
            }
            Coordinates::Asymmetric => back(k),
        }
    }

    /// Whether place `k` of a part lies beyond the first or the last element.
    pub(super) fn is_outside(&self, k: usize) -> bool {
        let place = self.place(k, Coordinates::HalfPixel);
        self.part.is_some() && !(0.0..=self.size as f64 - 1.0).contains(&place)
    }

    /// The elements that place `k` adds up, and their weights.
    pub(super) fn row(&self, k: usize, how: &Resize) -> Vec<(usize, f64)> {
        let center = self.place(k, how.coordinates);
        let last = self.size as f64 - 1.0;
        let (reach, weight): (f64, Box<dyn Fn(f64) -> f64>) = match how.interpolation {
            Interpolation::Nearest(rounding) => {
                let nearest = match rounding {
                    Rounding::RoundPreferFloor => (center - 0.5).ceil(),
                    Rounding::RoundPreferCeil => (center + 0.5).floor(),
                    Rounding::Floor => center.floor(),
                    Rounding::Ceil => center.ceil(),
                };
                return vec![(nearest.clamp(0.0, last) as usize, 1.0)];
            }
            Interpolation::Linear => (1.0, Box::new(|distance| (1.0 - distance).max(0.0))),
            Interpolation::Cubic { a } => (2.0, Box::new(move |distance| cubic(distance, a))),
        };
        let width = if how.antialias { self.scale().min(1.0) } else { 1.0 };
        let (first, end) =
            ((center - reach / width).floor() as isize, (center + reach / width).ceil() as isize);
        let mut row: Vec<(usize, f64)> = Vec::new();
        for i in first..=end {
            let weight = weight((i as f64 - center).abs() * width);
            let inside = (i as f64).clamp(0.0, last) as usize;
            if weight == 0.0 || (how.exclude_outside && inside as isize != i) {
                continue;
            }
            match row.last_mut() {
                Some((place, sum)) if *place == inside => *sum += weight,
                _ => row.push((inside, weight)),
            }
        }
        if how.antialias || how.exclude_outside {
            let sum: f64 = row.iter().map(|(_, weight)| weight).sum();
            row.iter_mut().for_each(|(_, weight)| *weight /= sum);
        }
        row
    }
}

/// The cubic convolution at distances from 0; zero from 2 on.
fn cubic(distance: f64, a: f64) -> f64 {
    match distance {
        d if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
        d if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
        _ => 0.0,
    }
}
