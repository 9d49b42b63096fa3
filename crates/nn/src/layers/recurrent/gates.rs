//! The weights of recurrent layers in the layouts of Keras, PyTorch and ONNX.
//!
//! |         | input weights  | LSTM       | GRU     | biases                                        |
//! | ---     | ---            | ---        | ---     | ---                                           |
//! | here    | `[in, G u]`    | i, f, g, o | z, r, h | one; GRU with the reset after: `[2, 3u]`      |
//! | Keras   | `[in, G u]`    | i, f, c, o | z, r, h | the same: `kernel`, `recurrent_kernel`, `bias` |
//! | PyTorch | `[G u, in]`    | i, f, g, o | r, z, n | two, of input and state                       |
//! | ONNX    | `[G u, in]`    | i, o, f, c | z, r, h | two, one behind the other: `[2 G u]`          |
//!
//! G is the number of gates, u that of units; weights of the state are `[u, G u]` or `[G u, u]`. In
//! each, h' = z h + (1 - z) n: PyTorch's z is not turned around, only its place is another. Two
//! biases are added up where a layer has one, which rounds once; on the way back the second is 0.
//! PyTorch's GRU always applies the reset gate after the product of the state, ONNX's where
//! `linear_before_reset` is 1.

use anygrad_core::{Array, Error, Result};
use anygrad_graph::ops::RecurrentCell;

/// The weights of one recurrent layer in one direction as layers here have them, which is Keras's
/// layout: what [`Trainer::write_parameter`](crate::Trainer::write_parameter) takes as
/// `lstm.kernel`, `lstm.recurrent_kernel` and `lstm.bias`, for PyTorch's `_l1` as `lstm.kernel_1` and
/// so on, for its `_reverse` as `lstm.backward.kernel` and so on.
///
/// Gates stand as i, f, g, o and z, r, h, as columns. PyTorch has them as rows, a GRU's as r, z, n;
/// ONNX as rows, an LSTM's as i, o, f, c. Peepholes are in ONNX's order, i, o, f, as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurrentWeights {
    /// `[inputs, gates units]`
    pub kernel: Array,
    /// `[units, gates units]`
    pub recurrent_kernel: Array,
    /// `[gates units]`; of a GRU with the reset gate after the product `[2, 3 units]`, the second row
    /// for the product of the state.
    pub bias: Option<Array>,
}

/// The weights of one layer and direction as PyTorch names them, without `_l0` and `_reverse`.
#[derive(Clone, Debug, PartialEq)]
pub struct PyTorchWeights {
    /// `[gates units, inputs]`
    pub weight_ih: Array,
    /// `[gates units, units]`
    pub weight_hh: Array,
    /// `bias_ih` and `bias_hh`, `[gates units]` each; none where the layer has `bias=False`.
    pub biases: Option<[Array; 2]>,
}

/// The weights of one direction as ONNX's operators name them, without their first axis.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxWeights {
    /// `[gates units, inputs]`
    pub w: Array,
    /// `[gates units, units]`
    pub r: Array,
    /// `[2 gates units]`: Wb, then Rb.
    pub b: Option<Array>,
}

/// Where each of our gates stands among PyTorch's.
fn pytorch_order(cell: RecurrentCell) -> Result<&'static [usize]> {
    match cell {
        RecurrentCell::Rnn(_) => Ok(&[0]),
        RecurrentCell::Gru { reset_after: true } => Ok(&[1, 0, 2]),
        RecurrentCell::Gru { reset_after: false } => {
            Err(Error::unsupported("PyTorch has no GRU with the reset gate before the product"))
        }
        RecurrentCell::Lstm => Ok(&[0, 1, 2, 3]),
    }
}

/// Where each of our gates stands among ONNX's.
fn onnx_order(cell: RecurrentCell) -> &'static [usize] {
    match cell {
        RecurrentCell::Rnn(_) => &[0],
        RecurrentCell::Gru { .. } => &[0, 1, 2],
        RecurrentCell::Lstm => &[0, 2, 3, 1],
    }
}

/// The other way around: where each of theirs stands among ours.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    order.iter().enumerate().for_each(|(ours, &theirs)| inverse[theirs] = ours);
    inverse
}

impl RecurrentWeights {
    /// From PyTorch's layout.
    ///
    /// # Errors
    /// Shapes that are not those of this cell, arrays that are not `f32`, a GRU with the reset gate
    /// before the product, which PyTorch does not have.
    pub fn from_pytorch(cell: RecurrentCell, weights: &PyTorchWeights) -> Result<Self> {
        let biases = weights.biases.as_ref().map(|[input, state]| Ok([input.as_f32()?, state.as_f32()?]));
        let order = pytorch_order(cell)?;
        from_rows(cell, order, &weights.weight_ih, &weights.weight_hh, biases.transpose()?)
    }

    /// As PyTorch has them; a single bias is its first, the second is 0.
    ///
    /// # Errors
    /// As [`RecurrentWeights::from_pytorch`].
    pub fn to_pytorch(&self, cell: RecurrentCell) -> Result<PyTorchWeights> {
        let (weight_ih, weight_hh, biases) = self.to_rows(cell, &inverse(pytorch_order(cell)?))?;
        let vector = |bias: Vec<f32>| Array::f32(&[bias.len()], bias);
        let biases = biases.map(|[input, state]| Ok::<_, Error>([vector(input)?, vector(state)?]));
        Ok(PyTorchWeights { weight_ih, weight_hh, biases: biases.transpose()? })
    }

    /// From ONNX's layout, of one direction.
    ///
    /// # Errors
    /// Shapes that are not those of this cell, arrays that are not `f32`.
    pub fn from_onnx(cell: RecurrentCell, weights: &OnnxWeights) -> Result<Self> {
        let rows = weights.w.shape().first().copied().unwrap_or(0);
        let biases = match &weights.b {
            Some(b) if *b.shape() == [2 * rows] => {
                let (input, state) = b.as_f32()?.split_at(rows);
                Some([input, state])
            }
            Some(b) => return Err(Error::shape(format!("b is [{}], {} was given", 2 * rows, b.shape()))),
            None => None,
        };
        from_rows(cell, onnx_order(cell), &weights.w, &weights.r, biases)
    }

    /// As ONNX has them; a single bias is the first half of `b`, the second is 0.
    ///
    /// # Errors
    /// As [`RecurrentWeights::from_onnx`].
    pub fn to_onnx(&self, cell: RecurrentCell) -> Result<OnnxWeights> {
        let (w, r, biases) = self.to_rows(cell, &inverse(onnx_order(cell)))?;
        let b = biases.map(|biases| biases.concat()).map(|b| Array::f32(&[b.len()], b));
        Ok(OnnxWeights { w, r, b: b.transpose()? })
    }

    /// `[gates units, inputs]`, `[gates units, units]` and two biases, gates in another order.
    #[allow(clippy::type_complexity, reason = "three things that belong together here only")]
    fn to_rows(&self, cell: RecurrentCell, order: &[usize]) -> Result<(Array, Array, Option<[Vec<f32>; 2]>)> {
        let (inputs, units) = sizes(cell, &self.kernel, &self.recurrent_kernel, false)?;
        let width = order.len() * units;
        let biases = match &self.bias {
            None => None,
            Some(bias) => {
                let one = *bias.shape() == [width];
                let two = *bias.shape() == [2, width] && cell == RecurrentCell::Gru { reset_after: true };
                if !one && !two {
                    return Err(Error::shape(format!("a bias of {} for {width} columns", bias.shape())));
                }
                let bias = bias.as_f32()?;
                let state = if two { blocks(&bias[width..], order) } else { vec![0.0; width] };
                Some([blocks(&bias[..width], order), state])
            }
        };
        let rows = |array: &Array, columns: usize| {
            // As it is, `[columns, width]`, turned to rows of the gates.
            let turned = transposed(array.as_f32()?, columns, width);
            Array::f32(&[width, columns], blocks(&turned, order))
        };
        Ok((rows(&self.kernel, inputs)?, rows(&self.recurrent_kernel, units)?, biases))
    }
}

/// From weights `[gates units, inputs]` and `[gates units, units]`, whose gates stand at the places
/// `order`, and biases of input and state.
fn from_rows(
    cell: RecurrentCell,
    order: &[usize],
    input: &Array,
    state: &Array,
    biases: Option<[&[f32]; 2]>,
) -> Result<RecurrentWeights> {
    let (inputs, units) = sizes(cell, input, state, true)?;
    let width = order.len() * units;
    let columns = |array: &Array, count: usize| {
        Array::f32(&[count, width], transposed(&blocks(array.as_f32()?, order), width, count))
    };
    let bias = match biases {
        None => None,
        Some(biases) => {
            if biases.iter().any(|bias| bias.len() != width) {
                let lengths = biases.map(<[f32]>::len);
                return Err(Error::shape(format!("biases of {lengths:?} numbers, {width} are wanted")));
            }
            let [input, state] = biases.map(|bias| blocks(bias, order));
            Some(if cell == (RecurrentCell::Gru { reset_after: true }) {
                Array::f32(&[2, width], [input, state].concat())?
            } else {
                let sum: Vec<f32> = input.iter().zip(&state).map(|(a, b)| a + b).collect();
                Array::f32(&[width], sum)?
            })
        }
    };
    Ok(RecurrentWeights { kernel: columns(input, inputs)?, recurrent_kernel: columns(state, units)?, bias })
}

/// Inputs and units of weights; `rows` says that the gates are the rows and not the columns.
fn sizes(cell: RecurrentCell, input: &Array, state: &Array, rows: bool) -> Result<(usize, usize)> {
    let pair = |array: &Array| match (&*array.shape(), rows) {
        (&[width, count], true) | (&[count, width], false) => Some((count, width)),
        _ => None,
    };
    match (pair(input), pair(state)) {
        (Some((inputs, width)), Some((units, state_width)))
            if width == cell.gates() * units && state_width == width =>
        {
            Ok((inputs, units))
        }
        _ => {
            let gates = cell.gates();
            let wanted = if rows {
                "[gates units, inputs] and [gates units, units]"
            } else {
                "[inputs, gates units] and [units, gates units]"
            };
            Err(Error::shape(format!(
                "weights of {} and {}; wanted are {wanted} with {gates} gates",
                input.shape(),
                state.shape()
            )))
        }
    }
}

/// The equal parts of a vector in another order: part `order[i]` becomes part i.
fn blocks(x: &[f32], order: &[usize]) -> Vec<f32> {
    let size = x.len() / order.len();
    order.iter().flat_map(|&block| &x[block * size..(block + 1) * size]).copied().collect()
}

/// `[rows, columns]` as `[columns, rows]`.
fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| x[row * columns + column])).collect()
}
