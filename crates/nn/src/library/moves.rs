//! What happens to one parameter, or to a few that belong together.

use std::collections::BTreeMap;

use anygrad_core::{Array, Error, Result, Shape};
use anygrad_graph::ops::RecurrentCell;

use crate::{PyTorchWeights, RecurrentWeights};

/// Parameters of ours, those of theirs, and the way between.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) ours: Vec<String>,
    pub(super) theirs: Vec<String>,
    pub(super) how: How,
}

#[derive(Clone, Debug)]
pub(super) enum How {
    Same,
    /// The axes in another order: axis i of theirs is axis `order[i]` of ours.
    Permuted(Vec<usize>),
    /// The same elements in other sizes: ours, then theirs.
    Reshaped(Vec<usize>, Vec<usize>),
    /// A recurrent layer as PyTorch has it. Ours are kernel, recurrent kernel and perhaps the bias.
    Recurrent(RecurrentCell),
    /// Matrices side by side as rows of one, or vectors one behind the other: queries, keys and values.
    Joined,
}

impl Move {
    pub(super) fn same(ours: &str, theirs: String) -> Self {
        Move { ours: vec![ours.to_owned()], theirs: vec![theirs], how: How::Same }
    }

    pub(super) fn one(ours: &str, theirs: String, how: How) -> Self {
        Move { how, ..Move::same(ours, theirs) }
    }

    /// The arrays of these names.
    pub(super) fn pick<'a>(
        &self,
        names: &[String],
        all: &'a BTreeMap<String, Array>,
    ) -> Result<Vec<&'a Array>> {
        let of = |name: &String| {
            all.get(name).ok_or_else(|| Error::input(format!("there is no parameter {name:?}")))
        };
        names.iter().map(of).collect()
    }

    pub(super) fn forwards(&self, ours: &[&Array]) -> Result<Vec<Array>> {
        match (&self.how, ours) {
            (How::Same, _) => Ok(ours.iter().map(|&array| array.clone()).collect()),
            (How::Permuted(order), [array]) => Ok(vec![permuted(array, order)?]),
            (How::Reshaped(from, to), [array]) => Ok(vec![reshaped(array, from, to)?]),
            (How::Recurrent(cell), [kernel, recurrent_kernel, bias @ ..]) => {
                let weights = RecurrentWeights {
                    kernel: (*kernel).clone(),
                    recurrent_kernel: (*recurrent_kernel).clone(),
                    bias: bias.first().map(|&bias| bias.clone()),
                };
                let theirs = weights.to_pytorch(*cell)?;
                let biases = theirs.biases.into_iter().flatten();
                Ok([theirs.weight_ih, theirs.weight_hh].into_iter().chain(biases).collect())
            }
            (How::Joined, _) => Ok(vec![joined(ours)?]),
            _ => Err(self.wrong(ours)),
        }
    }

    pub(super) fn backwards(&self, theirs: &[&Array]) -> Result<Vec<Array>> {
        match (&self.how, theirs) {
            (How::Same, _) => Ok(theirs.iter().map(|&array| array.clone()).collect()),
            (How::Permuted(order), [array]) => {
                let mut inverse = vec![0; order.len()];
                order.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
                Ok(vec![permuted(array, &inverse)?])
            }
            (How::Reshaped(from, to), [array]) => Ok(vec![reshaped(array, to, from)?]),
            (How::Recurrent(cell), [weight_ih, weight_hh, biases @ ..]) => {
                let biases = match biases {
                    [input, state] => Some([(*input).clone(), (*state).clone()]),
                    _ => None,
                };
                let weights = PyTorchWeights {
                    weight_ih: (*weight_ih).clone(),
                    weight_hh: (*weight_hh).clone(),
                    biases,
                };
                let ours = RecurrentWeights::from_pytorch(*cell, &weights)?;
                Ok([ours.kernel, ours.recurrent_kernel].into_iter().chain(ours.bias).collect())
            }
            (How::Joined, [array]) => parted(array, self.ours.len()),
            _ => Err(self.wrong(theirs)),
        }
    }

    fn wrong(&self, given: &[&Array]) -> Error {
        Error::internal(format!("{:?} of {} arrays", self.how, given.len()))
    }
}

fn permuted(array: &Array, order: &[usize]) -> Result<Array> {
    let shape = array.shape();
    if shape.rank() != order.len() {
        return Err(Error::shape(format!("{} axes are wanted, {shape} was given", order.len())));
    }
    let (from, strides) = (array.as_f32()?, shape.strides());
    let to = shape.permuted(order);
    let element = |position: usize| {
        let at = to.index_of(position);
        from[at.iter().zip(order).map(|(&index, &axis)| index * strides[axis]).sum::<usize>()]
    };
    Array::f32(&to, (0..to.elements()).map(element).collect::<Vec<_>>())
}

fn reshaped(array: &Array, from: &[usize], to: &[usize]) -> Result<Array> {
    if array.shape()[..] != *from {
        return Err(Error::shape(format!("{} is wanted, {} was given", Shape::new(from)?, array.shape())));
    }
    array.clone().reshape(to)
}

/// `[in, out]` each, turned to `[out, in]` and one below the other; vectors one behind the other.
fn joined(ours: &[&Array]) -> Result<Array> {
    let mut rows = Vec::new();
    for array in ours {
        match array.shape().rank() {
            1 => rows.extend_from_slice(array.as_f32()?),
            _ => rows.extend_from_slice(permuted(array, &[1, 0])?.as_f32()?),
        }
    }
    match ours.first().map(|array| array.shape()) {
        Some(shape) if shape.rank() == 2 => Array::f32(&[rows.len() / shape[0].max(1), shape[0]], rows),
        _ => Array::f32(&[rows.len()], rows),
    }
}

/// The way back of [`joined`], in equal parts.
fn parted(theirs: &Array, parts: usize) -> Result<Vec<Array>> {
    let shape = theirs.shape();
    let rows = shape.first().copied().unwrap_or(0);
    if rows % parts != 0 {
        return Err(Error::shape(format!("{shape} does not make {parts} parts")));
    }
    let part = |part: usize| {
        let array =
            theirs.take_rows(&(part * rows / parts..(part + 1) * rows / parts).collect::<Vec<_>>())?;
        if shape.rank() == 2 { permuted(&array, &[1, 0]) } else { Ok(array) }
    };
    (0..parts).map(part).collect()
}
