//! Small data sets that are made from a seed, so that every program runs without a download.
//!
//! A data set depends on the seed alone, and a longer one begins with the rows of a shorter one.

mod digits;
mod glyphs;

use std::f64::consts::TAU;

use anygrad_core::{Array, Error, Random, Result};

use crate::Dataset;

pub use digits::digits;

/// The slope of [`line()`].
pub const SLOPE: f32 = 3.0;
/// The value of [`line()`] at 0.
pub const INTERCEPT: f32 = 2.0;
/// The deviation of the noise of [`line()`].
pub const LINE_NOISE: f32 = 0.1;
/// The number of steps in one wave of [`sine_series`].
pub const PERIOD: usize = 25;
/// The deviation of the noise of [`sine_series`], whose waves reach from -1 to 1.
pub const SERIES_NOISE: f32 = 0.05;

/// Points near a line, to be found by a regression: `y = 3 x + 2 + noise` with x uniform in
/// [-1, 1) and noise of deviation 0.1. Features `[n, 1]` and targets `[n, 1]`, `f32`.
///
/// # Errors
/// No rows, or more than memory holds.
pub fn line(n: usize, seed: u64) -> Result<Dataset> {
    let mut random = Random::new(seed);
    let (mut x, mut y) = (room(n, 1)?, room(n, 1)?);
    for _ in 0..n {
        let at = random.between(-1.0, 1.0);
        let noise = f64::from(LINE_NOISE) * random.normal();
        x.push(at as f32);
        y.push((f64::from(SLOPE) * at + f64::from(INTERCEPT) + noise) as f32);
    }
    Dataset::new(Array::f32(&[n, 1], x)?, Array::f32(&[n, 1], y)?)
}

/// Points in the unit square that are true where both coordinates are above 0.5, a quarter of them.
/// Features `[n, 2]`, targets `[n, 1]` of 0 and 1, `f32`; the classes are `false` and `true`.
///
/// # Errors
/// No rows, or more than memory holds.
pub fn and_points(n: usize, seed: u64) -> Result<Dataset> {
    let mut random = Random::new(seed);
    let (mut points, mut truths) = (room(n, 2)?, room(n, 1)?);
    for _ in 0..n {
        // Rounded first, so that the class agrees with the number that is stored.
        let point = [random.uniform() as f32, random.uniform() as f32].map(|x| x.min(BELOW_ONE));
        truths.push(f32::from(point.iter().all(|&x| x > 0.5)));
        points.extend(point);
    }
    Dataset::new(Array::f32(&[n, 2], points)?, Array::f32(&[n, 1], truths)?)?
        .with_classes(vec!["false".to_owned(), "true".to_owned()])
}

/// A series of `n` values to forecast: a sine wave of 25 steps from -1 to 1 with a second one of a
/// third of its height and an unrelated period on top, and noise of deviation 0.05.
///
/// # Errors
/// No values, or more than memory holds.
pub fn sine_series(n: usize, seed: u64) -> Result<Vec<f32>> {
    if n == 0 {
        return Err(Error::input("a series needs at least one value, got 0"));
    }
    let mut random = Random::new(seed);
    let phases = [random.uniform(), random.uniform()];
    let mut values = room(n, 1)?;
    for step in 0..n {
        let turns = step as f64 / PERIOD as f64;
        let wave = (TAU * (turns + phases[0])).sin() + OVERTONE * (TAU * (RATIO * turns + phases[1])).sin();
        values.push((wave / (1.0 + OVERTONE) + f64::from(SERIES_NOISE) * random.normal()) as f32);
    }
    Ok(values)
}

/// The largest `f32` below 1: what a uniform number that would round to 1 becomes.
const BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;
/// The height of the second wave of a series.
const OVERTONE: f64 = 1.0 / 3.0;
/// How many times as fast the second wave is: the golden ratio, so that the sum never repeats.
const RATIO: f64 = 1.618_033_988_749_895;

/// An empty list with room for `n` rows of `width` numbers.
fn room(n: usize, width: usize) -> Result<Vec<f32>> {
    let mut numbers = Vec::new();
    let elements = n.saturating_mul(width);
    match numbers.try_reserve_exact(elements) {
        Ok(()) => Ok(numbers),
        Err(_) => Err(Error::input(format!("{n} rows of {width} numbers do not fit in memory"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        (mean, (values.map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt())
    }

    #[test]
    fn the_line_is_found_by_least_squares() {
        let data = line(2000, 1).unwrap();
        let (x, y) = (data.features().to_f64(), data.targets().to_f64());
        assert!(x.iter().all(|x| (-1.0..=1.0).contains(x)));
        let ((mean_x, _), (mean_y, _)) = (moments(x.iter().copied()), moments(y.iter().copied()));
        let products = |a: &[f64], mean_a: f64| -> f64 {
            a.iter().zip(&x).map(|(a, x)| (a - mean_a) * (x - mean_x)).sum()
        };
        let slope = products(&y, mean_y) / products(&x, mean_x);
        let intercept = mean_y - slope * mean_x;
        assert!((slope - 3.0).abs() < 0.02 && (intercept - 2.0).abs() < 0.01, "{slope} {intercept}");
        let (_, noise) = moments(x.iter().zip(&y).map(|(x, y)| y - slope * x - intercept));
        assert!((noise - 0.1).abs() < 0.01, "{noise}");
    }

    #[test]
    fn a_point_is_true_where_both_coordinates_are_above_a_half() {
        let data = and_points(2000, 1).unwrap();
        assert_eq!(data.classes(), ["false", "true"]);
        let truths = data.targets().as_f32().unwrap();
        for (point, &truth) in data.features().as_f32().unwrap().chunks(2).zip(truths) {
            assert!(point.iter().all(|x| (0.0..1.0).contains(x)), "{point:?}");
            assert_eq!(truth == 1.0, point[0] > 0.5 && point[1] > 0.5, "{point:?}");
        }
        let share = truths.iter().sum::<f32>() / 2000.0;
        assert!((share - 0.25).abs() < 0.03, "{share}");
    }

    #[test]
    fn the_series_is_a_wave_that_last_values_forecast_badly() {
        let values = sine_series(1000, 1).unwrap();
        let (mean, deviation) = moments(values.iter().map(|&x| x.into()));
        assert!(mean.abs() < 0.05 && (0.5..0.65).contains(&deviation), "{mean} {deviation}");
        assert!(values.iter().all(|x| x.abs() < 1.3));
        let naive = crate::series::ForecastError::naive(&values, 200).unwrap();
        assert!(naive.rmse > 3.0 * f64::from(SERIES_NOISE), "{naive:?}");
    }

    #[test]
    fn a_seed_gives_the_same_rows_whatever_their_number() {
        for make in [line, and_points, digits] {
            let (long, short) = (make(40, 3).unwrap(), make(30, 3).unwrap());
            assert_eq!(long.take(&(0..30).collect::<Vec<usize>>()).unwrap(), short);
            assert_ne!(make(30, 4).unwrap(), short);
            assert_eq!(make(0, 1).unwrap_err().to_string(), "a data set needs at least one row, got 0");
            assert!(make(usize::MAX, 1).unwrap_err().to_string().contains("do not fit in memory"));
        }
        assert_eq!(sine_series(30, 3).unwrap(), sine_series(40, 3).unwrap()[..30]);
        assert_ne!(sine_series(30, 3).unwrap(), sine_series(30, 4).unwrap());
        assert!(sine_series(0, 1).is_err() && sine_series(usize::MAX, 1).is_err());
    }
}
