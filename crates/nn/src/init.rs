use std::sync::Arc;

use anygrad_core::{Array, DType, Random, Shape};

/// How a parameter starts.
///
/// The fans are those of Keras and PyTorch: a kernel `[in, out]` has fan-in `in` and fan-out `out`;
/// a convolution's `[out, in / groups, k...]` multiplies them with the number of taps; a vector has
/// its length for both.
///
/// Names follow Keras. Its "normal" initialisers draw from a normal distribution cut off at two
/// deviations and widened to the deviation that was asked for; so do these.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All the same number.
    Constant(f64),
    /// These numbers, as many as the parameter has: of a model that was trained before.
    Given(Arc<Array>),
    /// Equal parts of the last axis, each of one number: an LSTM's bias starts as 0, 1, 0, 0.
    Blocks(Vec<f64>),
    /// Uniform between two numbers.
    Uniform(f64, f64),
    /// Normal of a mean and a deviation.
    Normal(f64, f64),
    /// Normal of a mean and a deviation, drawn again beyond two deviations.
    TruncatedNormal(f64, f64),
    /// Uniform within ±sqrt(6 / (fan-in + fan-out)); Xavier uniform in PyTorch (Glorot, Bengio 2010).
    GlorotUniform,
    /// Deviation sqrt(2 / (fan-in + fan-out)); Xavier normal in PyTorch.
    GlorotNormal,
    /// Uniform within ±sqrt(6 / fan-in); Kaiming uniform in PyTorch (He et al. 2015).
    HeUniform,
    /// Deviation sqrt(2 / fan-in); Kaiming normal in PyTorch.
    HeNormal,
    /// Uniform within ±sqrt(3 / fan-in) (LeCun et al. 1998).
    LecunUniform,
    /// Deviation sqrt(1 / fan-in).
    LecunNormal,
    /// Uniform within ±1 / sqrt(fan-in): PyTorch's default for Linear and convolutions, which it
    /// writes as Kaiming uniform with a = sqrt 5.
    FanInUniform,
    /// Orthonormal rows or columns, whichever are fewer, times a gain; axes but the last count as
    /// one (Saxe, McClelland, Ganguli 2014).
    Orthogonal(f64),
}

/// The deviation of a normal distribution of deviation 1 that is cut off at ±2.
const DEVIATION_OF_TRUNCATED: f64 = 0.879_625_661_034_239_8;

impl Init {
    /// The starting values of a parameter: a function of the seed, the name and the sizes alone, so
    /// that another layer in the model does not change them.
    pub fn array(&self, seed: u64, name: &str, shape: Shape) -> Array {
        let mut random = Random::stream(seed, hash(name));
        Array::from_f64(shape, DType::F32, &self.numbers(&mut random, &shape))
    }

    fn numbers(&self, random: &mut Random, sizes: &[usize]) -> Vec<f64> {
        let count: usize = sizes.iter().product();
        let (fan_in, fan_out) = fans(sizes);
        let both = fan_in + fan_out;
        let mut uniform =
            |low: f64, high: f64| (0..count).map(|_| random.between(low, high)).collect::<Vec<_>>();
        match *self {
            Init::Zeros => vec![0.0; count],
            Init::Ones => vec![1.0; count],
            Init::Constant(value) => vec![value; count],
            Init::Given(ref array) => array.to_f64(),
            Init::Blocks(ref values) => {
                let width = sizes.last().copied().unwrap_or(1);
                let block = |column: usize| values.get(column * values.len() / width.max(1));
                (0..count).map(|i| block(i % width).copied().unwrap_or(0.0)).collect()
            }
            Init::Uniform(low, high) => uniform(low, high),
            Init::GlorotUniform => uniform(-(6.0 / both).sqrt(), (6.0 / both).sqrt()),
            Init::HeUniform => uniform(-(6.0 / fan_in).sqrt(), (6.0 / fan_in).sqrt()),
            Init::LecunUniform => uniform(-(3.0 / fan_in).sqrt(), (3.0 / fan_in).sqrt()),
            Init::FanInUniform => uniform(-fan_in.sqrt().recip(), fan_in.sqrt().recip()),
            Init::Normal(mean, deviation) => (0..count).map(|_| mean + deviation * random.normal()).collect(),
            Init::TruncatedNormal(mean, deviation) => truncated(random, count, mean, deviation),
            Init::GlorotNormal => widened(random, count, (2.0 / both).sqrt()),
            Init::HeNormal => widened(random, count, (2.0 / fan_in).sqrt()),
            Init::LecunNormal => widened(random, count, fan_in.recip().sqrt()),
            Init::Orthogonal(gain) => orthogonal(random, sizes, gain),
        }
    }
}

/// FNV-1a of the bytes, 64 bits: the stream of a name.
pub(crate) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// Fan-in and fan-out, at least 1.
fn fans(sizes: &[usize]) -> (f64, f64) {
    let (fan_in, fan_out) = match *sizes {
        [] => (1, 1),
        [n] => (n, n),
        [fan_in, fan_out] => (fan_in, fan_out),
        [out, input, ref taps @ ..] => {
            let taps: usize = taps.iter().product();
            (input * taps, out * taps)
        }
    };
    (fan_in.max(1) as f64, fan_out.max(1) as f64)
}

fn truncated(random: &mut Random, count: usize, mean: f64, deviation: f64) -> Vec<f64> {
    let mut draw = || loop {
        let x = random.normal();
        if x.abs() <= 2.0 {
            return mean + deviation * x;
        }
    };
    (0..count).map(|_| draw()).collect()
}

fn widened(random: &mut Random, count: usize, deviation: f64) -> Vec<f64> {
    truncated(random, count, 0.0, deviation / DEVIATION_OF_TRUNCATED)
}

/// Vectors of normal numbers made orthonormal by Gram and Schmidt, twice over: once is not enough
/// for vectors that are nearly dependent ("twice is enough", Kahan).
fn orthogonal(random: &mut Random, sizes: &[usize], gain: f64) -> Vec<f64> {
    let columns = sizes.last().copied().unwrap_or(1);
    let rows = sizes.iter().product::<usize>() / columns.max(1);
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    for _ in 0..count {
        let mut vector: Vec<f64> = (0..length).map(|_| random.normal()).collect();
        for _ in 0..2 {
            for other in &vectors {
                let along: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
                vector.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
            }
            let norm = vector.iter().map(|a| a * a).sum::<f64>().sqrt();
            vector.iter_mut().for_each(|a| *a /= norm);
        }
        vectors.push(vector);
    }
    let at = |row: usize, column: usize| {
        if rows < columns { vectors[row][column] } else { vectors[column][row] }
    };
    (0..rows * columns).map(|i| gain * at(i / columns, i % columns)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(init: Init, sizes: &[usize]) -> Vec<f64> {
        init.array(1, "layer.kernel", Shape::new(sizes).unwrap()).to_f64()
    }

    fn moments(draws: &[f64]) -> (f64, f64, f64) {
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let deviation = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        (mean, deviation, draws.iter().fold(0.0, |most: f64, x| most.max(x.abs())))
    }

    #[test]
    fn deviations_and_bounds_are_those_of_the_formulas() {
        let sizes = [100, 300];
        // (initialiser, deviation, bound)
        let glorot: f64 = 2.0 / 400.0;
        let rows = [
            (Init::GlorotUniform, glorot.sqrt(), (3.0 * glorot).sqrt()),
            (Init::GlorotNormal, glorot.sqrt(), 2.0 * glorot.sqrt() / DEVIATION_OF_TRUNCATED),
            (Init::HeUniform, 0.02f64.sqrt(), 0.06f64.sqrt()),
            (Init::HeNormal, 0.02f64.sqrt(), 2.0 * 0.02f64.sqrt() / DEVIATION_OF_TRUNCATED),
            (Init::LecunUniform, 0.1, 0.03f64.sqrt()),
            (Init::LecunNormal, 0.1, 0.2 / DEVIATION_OF_TRUNCATED),
            (Init::FanInUniform, 0.1 / 3f64.sqrt(), 0.1),
            (Init::Uniform(-0.05, 0.05), 0.05 / 3f64.sqrt(), 0.05),
            (Init::Normal(0.0, 0.3), 0.3, f64::INFINITY),
            (Init::TruncatedNormal(0.0, 0.3), 0.3 * DEVIATION_OF_TRUNCATED, 0.6),
        ];
        for (init, deviation, bound) in rows {
            let (mean, got, most) = moments(&draw(init.clone(), &sizes));
            assert!(mean.abs() < 0.03 * deviation, "{init:?}: mean {mean}");
            assert!((got / deviation - 1.0).abs() < 0.02, "{init:?}: deviation {got}, not {deviation}");
            assert!(most <= bound * 1.000_001, "{init:?}: {most} beyond {bound}");
            assert!(bound.is_infinite() || most > 0.99 * bound, "{init:?}: {most} stays far within {bound}");
        }
    }

    #[test]
    fn fans_count_the_taps_of_a_convolution() {
        assert_eq!(fans(&[64, 32, 3, 3]), (288.0, 576.0));
        assert_eq!(fans(&[5, 7]), (5.0, 7.0));
        assert_eq!((fans(&[9]), fans(&[])), ((9.0, 9.0), (1.0, 1.0)));
    }

    #[test]
    fn orthogonal_kernels_keep_lengths() {
        for sizes in [[8, 32], [32, 8], [16, 16], [1, 4]] {
            let q = draw(Init::Orthogonal(2.0), &sizes);
            let [rows, columns] = sizes;
            let few = rows.min(columns);
            for i in 0..few {
                for j in 0..few {
                    let product: f64 = (0..rows.max(columns))
                        .map(|k| {
                            if rows < columns {
                                q[i * columns + k] * q[j * columns + k]
                            } else {
                                q[k * columns + i] * q[k * columns + j]
                            }
                        })
                        .sum();
                    let want = if i == j { 4.0 } else { 0.0 };
                    assert!((product - want).abs() < 1e-5, "{sizes:?} {i} {j}: {product}");
                }
            }
        }
    }

    #[test]
    fn constants_and_blocks_are_what_they_say() {
        assert_eq!(draw(Init::Blocks(vec![0.0, 1.0, 0.0, 0.0]), &[8]), [0., 0., 1., 1., 0., 0., 0., 0.]);
        assert_eq!(draw(Init::Constant(0.5), &[2]), [0.5, 0.5]);
        assert_eq!((draw(Init::Ones, &[1]), draw(Init::Zeros, &[1])), (vec![1.0], vec![0.0]));
    }

    #[test]
    fn seed_and_name_decide() {
        let shape = Shape::new(&[3, 4]).unwrap();
        let draw = |seed, name: &str| Init::GlorotUniform.array(seed, name, shape);
        assert_eq!(draw(1, "dense.kernel"), draw(1, "dense.kernel"));
        assert_ne!(draw(1, "dense.kernel"), draw(2, "dense.kernel"));
        assert_ne!(draw(1, "dense.kernel"), draw(1, "dense_1.kernel"));
    }
}
