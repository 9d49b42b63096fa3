//! What the ways to scale share: columns, and a form that a run folder can hold.

use anygrad_core::{Array, Error, Result};
use serde::{Deserialize, Serialize};

use crate::{MinMax, Standardizer};

/// What one column is, of which a scale has its own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One index of the last axis: `[n, k]` has k columns; the windows of one series, `[n, w, 1]`,
    /// have one, so that a series stays a series.
    #[default]
    Last,
    /// One index of the second axis: the channels of images, `[n, c, h, w]`.
    Channels,
}

/// A scale that was learned, as a file holds it: `{"method": "standardize", "mean": [...], ...}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case")]
pub enum Scaling {
    /// To mean 0 and deviation 1.
    Standardize(Standardizer),
    /// To the range from 0 to 1.
    MinMax(MinMax),
}

impl Scaling {
    /// `x` in the units of the model.
    ///
    /// # Errors
    /// Those of [`Standardizer::apply`] and [`MinMax::apply`].
    pub fn apply(&self, x: &Array) -> Result<Array> {
        match self {
            Scaling::Standardize(scale) => scale.apply(x),
            Scaling::MinMax(scale) => scale.apply(x),
        }
    }

    /// Where the columns lie, and two numbers of each: x becomes (x - first) / second.
    pub fn numbers(&self) -> (Layout, Vec<f32>, Vec<f32>) {
        match self {
            Scaling::Standardize(scale) => (scale.layout, scale.mean.clone(), scale.deviation.clone()),
            Scaling::MinMax(scale) => {
                let width = |(&low, &high): (&f32, &f32)| if low == high { 1.0 } else { high - low };
                (scale.layout, scale.low.clone(), scale.low.iter().zip(&scale.high).map(width).collect())
            }
        }
    }

    /// `y` back in the units of the data.
    ///
    /// # Errors
    /// Those of [`Scaling::apply`].
    pub fn invert(&self, y: &Array) -> Result<Array> {
        match self {
            Scaling::Standardize(scale) => scale.invert(y),
            Scaling::MinMax(scale) => scale.invert(y),
        }
    }
}

/// The columns of an array: element i belongs to column i / stride % count.
pub(crate) struct Columns<'a> {
    elements: &'a [f32],
    pub count: usize,
    stride: usize,
}

impl<'a> Columns<'a> {
    fn of(x: &'a Array, layout: Layout) -> Result<Self> {
        let (elements, shape) = (x.as_f32()?, x.shape());
        let (count, stride) = match (layout, &shape[..]) {
            (Layout::Last, [.., last]) => (*last, 1),
            (Layout::Channels, [_, channels, inner @ ..]) => (*channels, inner.iter().product()),
            _ => return Err(Error::shape(format!("{shape} has no columns of layout {layout:?}"))),
        };
        Ok(Columns { elements, count, stride })
    }

    /// The columns of `x: [n, ..., k]` or `[n, k, ...]`, if something can be learned from them.
    pub fn to_learn(x: &'a Array, layout: Layout) -> Result<Self> {
        let (columns, shape) = (Columns::of(x, layout)?, x.shape());
        if shape.rank() < 2 || columns.elements.is_empty() {
            return Err(Error::shape(format!(
                "to learn a scale takes [n, ..., k] with elements, got {shape}"
            )));
        }
        if let Some(at) = columns.elements.iter().position(|x| !x.is_finite()) {
            let (row, column) = (shape.index_of(at)[0], columns.column(at));
            return Err(Error::input(format!(
                "row {row}, column {column}: {} is not finite",
                columns.elements[at]
            )));
        }
        Ok(columns)
    }

    fn column(&self, element: usize) -> usize {
        element / self.stride % self.count
    }

    pub fn each(&self, mut visit: impl FnMut(usize, f32)) {
        self.elements.iter().enumerate().for_each(|(i, &x)| visit(self.column(i), x));
    }

    /// How many elements a column has.
    pub fn rows(&self) -> f64 {
        (self.elements.len() / self.count) as f64
    }

    /// The smallest and the largest element of each column.
    pub fn ranges(&self) -> Vec<(f32, f32)> {
        let mut ranges = vec![(f32::INFINITY, f32::NEG_INFINITY); self.count];
        self.each(|c, x| ranges[c] = (ranges[c].0.min(x), ranges[c].1.max(x)));
        ranges
    }

    /// A formula of each element and the two numbers that were learned of its column, in double
    /// precision.
    pub fn map(
        x: &Array,
        layout: Layout,
        learned: [&[f32]; 2],
        formula: impl Fn(f64, f64, f64) -> f64,
    ) -> Result<Array> {
        let columns = Columns::of(x, layout)?;
        if learned.iter().any(|numbers| numbers.len() != columns.count) {
            return Err(Error::shape(format!(
                "{} has {} columns, not the {} that were learned",
                x.shape(),
                columns.count,
                learned[0].len()
            )));
        }
        let mut scaled = Vec::with_capacity(columns.elements.len());
        columns
            .each(|c, x| scaled.push(formula(x.into(), learned[0][c].into(), learned[1][c].into()) as f32));
        Array::f32(&x.shape(), scaled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_its_own_scale() {
        let x = Array::f32(&[2, 2, 1, 2], [0.0, 2.0, 5.0, 5.0, 4.0, 2.0, 7.0, 9.0]).unwrap();
        let scale = Standardizer::fit_as(&x, Layout::Channels).unwrap();
        assert_eq!((&scale.mean[..], scale.deviation[0]), (&[2.0, 6.5][..], 2f32.sqrt()));
        let back = scale.invert(&scale.apply(&x).unwrap()).unwrap();
        assert!(back.to_f64().iter().zip(x.to_f64()).all(|(a, b)| (a - b).abs() < 1e-6));
        let range = MinMax::fit(&x, Layout::Channels).unwrap();
        assert_eq!((&range.low[..], &range.high[..]), (&[0.0, 5.0][..], &[4.0, 9.0][..]));
        assert_eq!(range.apply(&x).unwrap().as_f32().unwrap(), [0.0, 0.5, 0.0, 0.0, 1.0, 0.5, 0.5, 1.0]);

        let three = Array::f32(&[1, 3, 1, 1], [0.0; 3]).unwrap();
        let error = scale.apply(&three).unwrap_err();
        assert_eq!(error.to_string(), "[1, 3, 1, 1] has 3 columns, not the 2 that were learned");
        assert!(Standardizer::fit_as(&Array::f32(&[2], [0.0; 2]).unwrap(), Layout::Channels).is_err());
        let bad = Array::f32(&[2, 2, 1], [0.0, 1.0, 2.0, f32::NAN]).unwrap();
        let error = Standardizer::fit_as(&bad, Layout::Channels).unwrap_err().to_string();
        assert_eq!(error, "row 1, column 1: NaN is not finite");
    }

    #[test]
    fn a_file_holds_a_scale_to_the_bit() {
        let mut random = anygrad_core::Random::new(1);
        let numbers: Vec<f32> = (0..30).map(|_| (random.normal() * 1e3) as f32).collect();
        let x = Array::f32(&[10, 3], numbers).unwrap();
        let scales = [
            Scaling::Standardize(Standardizer::fit(&x).unwrap()),
            Scaling::MinMax(MinMax::fit(&x, Layout::Last).unwrap()),
        ];
        for scale in scales {
            let text = serde_json::to_string(&scale).unwrap();
            let read: Scaling = serde_json::from_str(&text).unwrap();
            assert_eq!(read, scale, "{text}");
            assert_eq!(read.apply(&x).unwrap(), scale.apply(&x).unwrap());
            let (_, shift, width) = read.numbers();
            for (i, (x, y)) in x.to_f64().into_iter().zip(scale.apply(&x).unwrap().to_f64()).enumerate() {
                let wanted = (x - f64::from(shift[i % 3])) / f64::from(width[i % 3]);
                assert!((y - wanted).abs() < 1e-5, "{y} {wanted}");
            }
            let back = read.invert(&read.apply(&x).unwrap()).unwrap();
            assert!(back.to_f64().iter().zip(x.to_f64()).all(|(a, b)| (a - b).abs() < 1e-3));
        }
        let error = serde_json::from_str::<Scaling>(r#"{"method":"min-max","low":[0],"high":[1],"mid":[2]}"#);
        assert!(error.unwrap_err().to_string().contains("mid"));
    }
}
