//! Occlusion: what the output loses when a part of its row is hidden.

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_graph::Tensor;

use crate::explainer::{TARGET, X, check, parts, targets_of};
use crate::{Attribution, Baseline, Explainer, Target};

/// How [`Explainer::occlusion`] hides parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Occlusion {
    /// The sizes of what is hidden at once, one for each axis of a row: `[channels, 4, 4]` hides squares of
    /// 4 x 4 pixels in all channels.
    pub window: Vec<usize>,
    /// From window to window along each axis, at most the window's size.
    pub stride: Vec<usize>,
    /// What hidden elements hold.
    pub fill: Baseline,
}

const START: &str = "explain.start";
const FILL: &str = "explain.fill";

impl Occlusion {
    /// Windows that lie beside each other, filled with zeros.
    pub fn new(window: &[usize]) -> Self {
        Occlusion { window: window.to_vec(), stride: window.to_vec(), fill: Baseline::Zeros }
    }

    /// From window to window along each axis.
    pub fn stride(mut self, stride: &[usize]) -> Self {
        self.stride = stride.to_vec();
        self
    }

    /// What hidden elements hold.
    pub fn fill(mut self, fill: Baseline) -> Self {
        self.fill = fill;
        self
    }

    /// Where windows begin in rows of these sizes. The last one along an axis may reach beyond the row.
    fn starts(&self, row: &[usize]) -> Result<Vec<Vec<usize>>> {
        let fits = self.window.len() == row.len()
            && self.stride.len() == row.len()
            && self.window.iter().zip(row).all(|(window, size)| (1..=*size).contains(window))
            && self.stride.iter().zip(&self.window).all(|(stride, window)| (1..=*window).contains(stride));
        if !fits {
            return Err(Error::input(format!(
                "occlusion of rows {row:?} by windows {:?} in strides {:?}: wanted one size per axis, windows of 1 up \
                 to the row's size, strides of 1 up to the window's",
                self.window, self.stride
            )));
        }
        let mut starts = vec![Vec::new()];
        for ((&size, &window), &stride) in row.iter().zip(&self.window).zip(&self.stride) {
            let count = (size - window).div_ceil(stride) + 1;
            let with = |start: &Vec<usize>| {
                let start = start.clone();
                (0..count).map(move |i| [start.as_slice(), &[i * stride]].concat())
            };
            starts = starts.iter().flat_map(with).collect();
        }
        Ok(starts)
    }
}

impl Explainer<'_> {
    /// The output at the row minus the output with a window of the row hidden (Zeiler and Fergus 2014). An
    /// element has the mean over the windows that hide it. No gradients are needed: rows may be of any
    /// dtype. x: `[n, ...]`.
    ///
    /// # Errors
    /// The rows do not fit the model, the windows or the fill do not fit the rows, the target does not
    /// exist, or the device failed.
    pub async fn occlusion(&self, x: &Array, target: &Target, how: &Occlusion) -> Result<Attribution> {
        let rows = check(x)?;
        let row = x.shape().without(|axis| axis == 0);
        let starts = how.starts(&row)?;
        let fill = how.fill.of(x)?;
        let (targets, outputs) = self.resolve(x, target).await?;
        let elements = row.elements();
        let at_once = starts.len().min(self.batch);
        let batch = (self.batch / at_once).clamp(1, rows);
        let axes = row.rank();
        let mut program = self.compile(&[x, &fill], |scope| {
            let graph = scope.graph();
            let of_rows = |name: &str| graph.input(name, &[batch, 1, elements], x.dtype());
            let starts = graph.input(START, &[at_once, axes], DType::I32);
            let hidden = hidden(starts, &how.window, &row).reshape(&[1, at_once, elements]);
            let points = hidden.select(of_rows(FILL), of_rows(X));
            let y = self.build(scope, points.reshape(&[&[batch * at_once], &row[..]].concat()));
            let targets = graph.input(TARGET, &[batch], DType::I32);
            let targets = targets.reshape(&[batch, 1]).broadcast_to(&[batch, at_once]);
            vec![self.chosen(y, targets.reshape(&[batch * at_once]))]
        })?;

        let (mut sums, mut counts) = (vec![0.0; rows * elements], vec![0.0; elements]);
        for start in &starts {
            each_inside(start, &how.window, &row, |element| counts[element] += 1.0);
        }
        for part in parts(rows, batch) {
            let padded = part.padded(batch);
            for (name, array) in [(X, x), (FILL, &fill)] {
                program.write(name, &array.take_rows(&padded)?.reshape(&[batch, 1, elements])?)?;
            }
            program.write(TARGET, &targets_of(&targets, &padded)?)?;
            for some in parts(starts.len(), at_once) {
                let numbers: Vec<i32> = some
                    .padded(at_once)
                    .iter()
                    .flat_map(|&i| &starts[i])
                    .map(|&start| start as i32)
                    .collect();
                program.write(START, &Array::i32(&[at_once, axes], numbers)?)?;
                program.run()?;
                let found = program.read(0).await?;
                let found = found.as_f32()?;
                for (i, row_at) in (part.first..part.end).enumerate() {
                    let sums = &mut sums[row_at * elements..(row_at + 1) * elements];
                    for (j, start) in starts[some.first..some.end].iter().enumerate() {
                        let lost = f64::from(outputs[row_at]) - f64::from(found[i * at_once + j]);
                        each_inside(start, &how.window, &row, |element| sums[element] += lost);
                    }
                }
            }
        }
        sums.iter_mut().enumerate().for_each(|(i, sum)| *sum /= counts[i % elements]);
        Ok(Attribution { values: Array::from_f64(x.shape(), DType::F32, &sums), targets, outputs })
    }
}

/// Truth values `[windows, row...]`: whether an element lies in the window that begins at `starts`
/// `[windows, axes]`.
fn hidden<'g>(starts: Tensor<'g>, window: &[usize], row: &[usize]) -> Tensor<'g> {
    let graph = starts.graph();
    let windows = starts.shape()[0];
    let mut hidden: Option<Tensor<'g>> = None;
    for (axis, (&size, &window)) in row.iter().zip(window).enumerate() {
        let mut sizes = vec![1; row.len() + 1];
        sizes[axis + 1] = size;
        let place = graph.arange(0.0, size as f64, 1.0, DType::I32).reshape(&sizes);
        let mut sizes = vec![1; row.len() + 1];
        sizes[0] = windows;
        let start = starts.narrow(1, axis..axis + 1).reshape(&sizes);
        let inside = place.ge(start).select(place.lt(start + window as i32), false_like(place));
        hidden = Some(hidden.map_or(inside, |known| known.select(inside, false_like(inside))));
    }
    let all = [&[windows], row].concat();
    match hidden {
        Some(hidden) => hidden.broadcast_to(&all),
        // A row that is one number, without an axis, is hidden whole.
        None => graph.full(&all, 1.0).gt(0.0),
    }
}

fn false_like<'g>(x: Tensor<'g>) -> Tensor<'g> {
    x.graph().constant(Array::zeros(Shape::SCALAR, DType::Bool))
}

/// The elements of a row that lie in a window.
fn each_inside(start: &[usize], window: &[usize], row: &Shape, mut visit: impl FnMut(usize)) {
    let strides = row.strides();
    let ends: Vec<usize> = (0..start.len()).map(|axis| row[axis].min(start[axis] + window[axis])).collect();
    let mut at = start.to_vec();
    loop {
        visit(at.iter().zip(&strides).map(|(at, stride)| at * stride).sum());
        // The next element of the window: count up from the last axis.
        let Some(axis) = (0..at.len()).rev().find(|&axis| at[axis] + 1 < ends[axis]) else { return };
        at[axis] += 1;
        at[axis + 1..].copy_from_slice(&start[axis + 1..]);
    }
}
