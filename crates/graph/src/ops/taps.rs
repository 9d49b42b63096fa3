//! y[o, k, i] = sum over the taps (place, weight) of k of weight x[o, place, i]
//!
//! A sparse matrix, known when the graph is built, along one axis: borders that repeat elements,
//! resized axes and means of uneven parts are made of it. Its gradient is the transposed matrix.

use std::fmt;
use std::sync::Arc;

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, TapsParams};

use super::gather::around;
use crate::{
    At, Attributes, Case, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance,
    Values, workgroups,
};

/// Longest result of an axis: its list of terms is made on the host, half a gigabyte at this length.
pub(super) const LONGEST: usize = 1 << 25;

/// Which places of an axis of `size` each place of the result adds up, with their weights.
#[derive(Clone, PartialEq)]
pub(super) struct Taps {
    size: usize,
    /// Row `k` is `terms[starts[k]..starts[k + 1]]`.
    starts: Vec<usize>,
    terms: Vec<(usize, f64)>,
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} by {} terms", self.size, self.count(), self.terms.len())
    }
}

impl Taps {
    /// Each row lists `(place, weight)`; places lie below `size`.
    pub(super) fn new<Row: IntoIterator<Item = (usize, f64)>>(
        size: usize,
        rows: impl IntoIterator<Item = Row>,
    ) -> Self {
        let mut taps = Taps { size, starts: vec![0], terms: Vec::new() };
        for row in rows {
            taps.terms.extend(row);
            taps.starts.push(taps.terms.len());
        }
        taps
    }

    /// One element each, as it is.
    fn picks(size: usize, places: impl IntoIterator<Item = usize>) -> Self {
        Taps::new(size, places.into_iter().map(|place| [(place, 1.0)]))
    }

    /// Places of the result.
    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether the result is the axis itself.
    pub(super) fn is_identity(&self) -> bool {
        self.size == self.count() && (0..self.size).all(|k| *self.row(k) == [(k, 1.0)])
    }

    fn row(&self, k: usize) -> &[(usize, f64)] {
        &self.terms[self.starts[k]..self.starts[k + 1]]
    }

    pub(super) fn transposed(&self) -> Self {
        let mut rows = vec![Vec::new(); self.size];
        for k in 0..self.count() {
            for &(place, weight) in self.row(k) {
                rows[place].push((k, weight));
            }
        }
        Taps::new(self.count(), rows)
    }

    /// The place that each row copies, -1 for zero, when there is no more to any.
    fn copies(&self) -> Option<Vec<i32>> {
        let copied = |k: usize| match *self.row(k) {
            [] => Some(-1),
            [(place, 1.0)] => Some(place as i32),
            _ => None,
        };
        (0..self.count()).map(copied).collect()
    }

    /// What the kernel reads: `[count, 2]` spans of terms, and `[terms, 2]` of place and weight.
    fn arrays(&self) -> Result<[Array; 2]> {
        let spans: Vec<u32> = self.starts.windows(2).flatten().map(|&at| at as u32).collect();
        let term = |&(place, weight): &(usize, f64)| [place as u32, (weight as f32).to_bits()];
        let terms: Vec<u32> = self.terms.iter().flat_map(term).collect();
        Ok([Array::u32(&[spans.len() / 2, 2], spans)?, Array::u32(&[terms.len() / 2, 2], terms)?])
    }
}

/// Inputs: x, spans, terms; the latter two hold for the device what `taps` says.
#[derive(Clone, Debug)]
struct Apply {
    axis: usize,
    taps: Arc<Taps>,
}

impl<'g> Tensor<'g> {
    /// The sums along `axis` that `taps` tells. Of other dtypes than `f32` copies only.
    #[track_caller]
    pub(super) fn taps(self, axis: usize, taps: Taps) -> Tensor<'g> {
        if self.is_poison() || taps.is_identity() {
            return self;
        }
        if let (false, Some(places)) = (self.dtype() == DType::F32, taps.copies()) {
            return match Array::i32(&[places.len()], places) {
                Ok(places) => self.gather(axis as isize, self.graph().constant(places)),
                Err(error) => self.fail(error.context("taps")),
            };
        }
        match taps.arrays() {
            Ok(arrays) => {
                let [spans, terms] = arrays.map(|array| self.graph().constant(array));
                self.apply(Apply { axis, taps: Arc::new(taps) }, &[self, spans, terms])
            }
            Err(error) => self.fail(error.context("taps")),
        }
    }

    /// The elements at these places of an axis, which lie inside.
    #[track_caller]
    pub(super) fn picked(self, axis: usize, places: &[usize]) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        self.taps(axis, Taps::picks(self.shape()[axis], places.iter().copied()))
    }
}

impl Op for Apply {
    fn name(&self) -> &'static str {
        "taps"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let shape = x[0].shape;
        if x[0].dtype != DType::F32 || shape.get(self.axis) != Some(&self.taps.size) {
            let (axis, size) = (self.axis, self.taps.size);
            return Err(Error::shape(format!("adds f32 with {size} along axis {axis}, {} was given", x[0])));
        }
        Ok(vec![x[0].with_shape(Shape::new(&shape.with(self.axis, self.taps.count()))?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, size, inner) = around(&x[0].shape(), self.axis);
        let count = self.taps.count();
        for o in 0..outer {
            for k in 0..count {
                for &(place, weight) in self.taps.row(k) {
                    let from = &x[0].data[(o * size + place) * inner..][..inner];
                    let to = &mut y[0].data[(o * count + k) * inner..][..inner];
                    for (y, x) in to.iter_mut().zip(from) {
                        *y += weight * x;
                    }
                }
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.dy().taps(self.axis, self.taps.transposed())), None, None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let longest = self.taps.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        // Both loops count; the outer one takes a hundredth part.
        if longest > caps.max_iterations as usize / 100 * 99 {
            return Err(Error::unsupported(format!(
                "a sum of {longest} elements exceeds the {} loop iterations of {caps}",
                caps.max_iterations
            )));
        }
        let (_, size, inner) = around(&x[0].shape(), self.axis);
        let vector = inner.is_multiple_of(4);
        let unit = if vector { 4 } else { 1 };
        let units = y[0].shape.elements() / unit;
        Ok(Kernels::one(Dispatch {
            kernel: if vector { &shaders::TAPS_VEC4 } else { &shaders::TAPS },
            overrides: vec![],
            params: TapsParams {
                units: units as u32,
                size: size as u32,
                count: self.taps.count() as u32,
                inner: (inner / unit) as u32,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Input(2), Operand::Output(0)],
            workgroups: workgroups(units.div_ceil(64)),
        }))
    }
}

pub(super) fn cases() -> Vec<Case> {
    // Places that are read by none, by several, twice by one; a place that reads nothing.
    let uneven = || Taps::new(5, [vec![(0, 0.5), (1, -2.0)], vec![], vec![(1, 1.0), (4, 0.25), (1, 3.0)]]);
    let taps = |name: &str, sizes: &[usize], axis: usize| {
        Case::new(format!("taps {name}"), move |x| x[0].taps(axis, uneven())).input(sizes)
    };
    let long = 4099;
    vec![
        taps("last axis", &[7, 5], 1),
        taps("first axis of a row of 13", &[5, 13], 0),
        taps("middle axis by fours", &[3, 5, 68], 1),
        taps("past a workgroup", &[67, 5, 3], 1),
        taps("nothing", &[0, 5, 3], 1),
        Case::new("taps long sum", move |x| {
            let weight = |place: usize| (place, if place.is_multiple_of(2) { 1.0 } else { -0.5 });
            x[0].taps(0, Taps::new(long, [(0..long).map(weight)]))
        })
        .input(&[long, 2])
        .tolerance(Tolerance::sum(long)),
        Case::new("taps fused twice", move |x| {
            // The gradient of the gradient.
            let loss = (x[0].taps(1, uneven()).square() * x[1]).relu().sum_all();
            x[0].graph().gradients(loss, &[x[0]])[0].square() + 1.0
        })
        .input(&[4, 5])
        .input(&[4, 3]),
    ]
}
