//! Drawn digits: strokes that are bent, slanted, turned, scaled and moved at random, rendered with
//! smooth edges, and covered with noise.

use std::f64::consts::TAU;

use anygrad_core::{Array, Random, Result};

use super::glyphs::{GLYPHS, Point, Stroke};
use super::room;
use crate::Dataset;

/// The pixels of one side of an image.
const SIDE: usize = 28;
/// Points per span of a curve or line: enough that the bends look smooth.
const SAMPLES: usize = 6;

/// Images of digits in many hands, for a classifier without a download. Features `[n, 1, 28, 28]`,
/// `f32` from 0 (paper) to 1 (ink); targets `[n]`, `i32` from 0 to 9; the classes are `0` to `9`.
///
/// They have the form of MNIST, not its people: compare results only with results on them. They are
/// about as hard: a small CNN that has learned 4,000 of them for ten epochs reads one or two in a
/// hundred of the others wrong.
///
/// # Errors
/// No rows, or more than memory holds.
pub fn digits(n: usize, seed: u64) -> Result<Dataset> {
    let mut pixels = room(n, SIDE * SIDE)?;
    let mut labels = Vec::new();
    for row in 0..n {
        let mut random = Random::stream(seed, row as u64);
        let digit = random.below(GLYPHS.len());
        labels.push(digit as i32);
        pixels.extend(draw(digit, &mut random));
    }
    Dataset::new(Array::f32(&[n, 1, SIDE, SIDE], pixels)?, Array::i32(&[n], labels)?)?
        .with_classes((0..GLYPHS.len()).map(|digit| digit.to_string()).collect())
}

/// One image of a digit, row-major.
fn draw(digit: usize, random: &mut Random) -> [f32; SIDE * SIDE] {
    let ways = GLYPHS[digit];
    let strokes = ways[random.below(ways.len())];
    let hand = Hand::new(random);
    let mut ink = [0.0; SIDE * SIDE];
    for stroke in strokes {
        let path: Vec<Point> = stroke.path().into_iter().map(|point| hand.place(point)).collect();
        path.windows(2).for_each(|ends| line(&mut ink, ends[0], ends[1], hand.half_width));
    }
    if random.uniform() < STRAY_SHARE {
        let begin = (random.between(0.0, SIDE as f64), random.between(0.0, SIDE as f64));
        let (length, angle) = (random.between(3.0, 9.0), random.between(0.0, TAU));
        let end = (begin.0 + length * angle.cos(), begin.1 + length * angle.sin());
        line(&mut ink, begin, end, hand.half_width);
    }
    let (darkness, noise) = (random.between(0.6, 1.0), random.between(0.0, MOST_NOISE));
    ink.map(|ink| (darkness * ink + noise * random.normal()).clamp(0.0, 1.0) as f32)
}

/// The share of images with a stray line.
const STRAY_SHARE: f64 = 0.15;
/// The deviation of the noise on the worst paper.
const MOST_NOISE: f64 = 0.15;

/// How one digit is written: from the square of the glyph to pixels.
struct Hand {
    /// Of the bends along x and y: height, waves per square, phase in turns.
    bends: [[f64; 3]; 2],
    /// Pixels across and down.
    size: Point,
    /// How far the top leans to the right, as a share of the height.
    slant: f64,
    /// Turn in radians.
    turn: f64,
    /// The middle of the digit in pixels.
    middle: Point,
    /// Half the width of a stroke in pixels.
    half_width: f64,
}

impl Hand {
    fn new(random: &mut Random) -> Self {
        let mut bend = || [random.between(0.0, 0.07), random.between(0.4, 1.1), random.uniform()];
        let bends = [bend(), bend()];
        let height = random.between(16.0, 21.0);
        Hand {
            bends,
            size: (height * random.between(0.55, 0.95), height),
            slant: random.between(-0.1, 0.35),
            turn: random.between(-0.2, 0.2),
            middle: (14.0 + random.between(-2.5, 2.5), 14.0 + random.between(-2.0, 2.0)),
            half_width: random.between(0.8, 1.8),
        }
    }

    fn place(&self, (x, y): Point) -> Point {
        // Every stroke of a digit goes through the same bends, so that strokes that meet still do.
        let bend = |[height, waves, phase]: [f64; 3], at: f64| height * (TAU * (waves * at + phase)).sin();
        let (x, y) = (x + bend(self.bends[0], y) - 0.5, y + bend(self.bends[1], x) - 0.5);
        let (x, y) = (self.size.0 * x - self.slant * self.size.1 * y, self.size.1 * y);
        let (sin, cos) = self.turn.sin_cos();
        (self.middle.0 + cos * x - sin * y, self.middle.1 + sin * x + cos * y)
    }
}

impl Stroke {
    /// Points along the stroke, close enough to be joined by straight lines.
    fn path(&self) -> Vec<Point> {
        let (points, spans) = match *self {
            Stroke::Straight(points) | Stroke::Curve(points) => (points, points.len() - 1),
            Stroke::Closed(points) => (points, points.len()),
        };
        let last = points.len() - 1;
        // The point `i - 1` steps from the first; before and beyond the ends of an open stroke, the end.
        let point = |i: usize| match self {
            Stroke::Closed(_) => points[(i + last) % points.len()],
            _ => points[i.saturating_sub(1).min(last)],
        };
        let mut path = vec![points[0]];
        for span in 0..spans {
            let [a, b, c, d] = [span, span + 1, span + 2, span + 3].map(point);
            for sample in 1..=SAMPLES {
                let t = sample as f64 / SAMPLES as f64;
                path.push(match self {
                    Stroke::Straight(_) => (b.0 + t * (c.0 - b.0), b.1 + t * (c.1 - b.1)),
                    _ => (spline(a.0, b.0, c.0, d.0, t), spline(a.1, b.1, c.1, d.1, t)),
                });
            }
        }
        path
    }
}

/// The curve of Catmull and Rom from b to c, where t goes from 0 to 1; a and d are the points around.
fn spline(a: f64, b: f64, c: f64, d: f64, t: f64) -> f64 {
    let (square, cube) = (t * t, t * t * t);
    0.5 * (2.0 * b
        + (c - a) * t
        + (2.0 * a - 5.0 * b + 4.0 * c - d) * square
        + (3.0 * b - a - 3.0 * c + d) * cube)
}

/// Draws a line with round ends: a pixel holds the share of ink by its distance from the line, from
/// full half a pixel inside the edge to none half a pixel outside.
fn line(ink: &mut [f64; SIDE * SIDE], begin: Point, end: Point, half_width: f64) {
    let reach = half_width + 0.5;
    let (along_x, along_y) = (end.0 - begin.0, end.1 - begin.1);
    let length_squared = (along_x * along_x + along_y * along_y).max(f64::MIN_POSITIVE);
    // Pixels whose middles, at one half, can be in reach. Negative bounds saturate to 0.
    let pixels = |a: f64, b: f64| {
        let (low, high) = (a.min(b) - reach - 0.5, a.max(b) + reach + 0.5);
        low.max(0.0) as usize..(high.max(0.0).ceil() as usize).min(SIDE)
    };
    for row in pixels(begin.1, end.1) {
        for column in pixels(begin.0, end.0) {
            let (x, y) = (column as f64 + 0.5 - begin.0, row as f64 + 0.5 - begin.1);
            let share = ((x * along_x + y * along_y) / length_squared).clamp(0.0, 1.0);
            let distance = (x - share * along_x).hypot(y - share * along_y);
            let pixel = &mut ink[row * SIDE + column];
            *pixel = pixel.max((reach - distance).clamp(0.0, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_the_form_of_mnist() {
        let data = digits(500, 1).unwrap();
        assert_eq!(data.features().shape()[..], [500, 1, 28, 28]);
        assert_eq!(data.classes().join(""), "0123456789");
        assert!(data.features().as_f32().unwrap().iter().all(|ink| (0.0..=1.0).contains(ink)));
        let labels = data.targets().to_f64();
        for digit in 0..10 {
            let count = labels.iter().filter(|&&label| label == f64::from(digit)).count();
            assert!((25..=80).contains(&count), "{count} of 500 are {digit}");
        }
        for image in data.features().as_f32().unwrap().chunks(SIDE * SIDE) {
            let dark = image.iter().filter(|&&ink| ink > 0.5).count();
            assert!((12..=400).contains(&dark), "{dark} dark pixels");
        }
    }

    #[test]
    fn a_line_covers_as_much_as_its_area() {
        let mut ink = [0.0; SIDE * SIDE];
        line(&mut ink, (5.3, 6.1), (20.2, 17.4), 1.5);
        let length = (20.2f64 - 5.3).hypot(17.4 - 6.1);
        let area = 3.0 * length + std::f64::consts::PI * 1.5 * 1.5;
        let covered: f64 = ink.iter().sum();
        assert!((covered / area - 1.0).abs() < 0.03, "{covered} of {area}");
        // Lines that leave the image on any side, and one without length, stay inside the list.
        for end in [(-50.0, 3.0), (90.0, 3.0), (3.0, -50.0), (3.0, 90.0), (3.0, 3.0)] {
            line(&mut ink, (3.0, 3.0), end, 2.0);
        }
        assert_eq!(ink[3 * SIDE + 3], 1.0);
    }

    #[test]
    fn curves_go_through_their_points() {
        let points: &[Point] = &[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
        for (stroke, ends_at) in
            [(Stroke::Straight(points), 3), (Stroke::Curve(points), 3), (Stroke::Closed(points), 0)]
        {
            let path = stroke.path();
            for (i, point) in points.iter().enumerate() {
                assert_eq!(path[i * SAMPLES], *point);
            }
            assert_eq!(path.last(), points.get(ends_at));
        }
    }
}
