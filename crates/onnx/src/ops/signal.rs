//! Frequencies of signals, and windows.

use std::f64::consts::{LN_10, TAU};

use anygrad_core::{Array, DType, Error};
use anygrad_graph::Tensor;

use super::Row;
use crate::node::{Node, axis_of, count};
use crate::value::{Outputs, Stop, unsupported, wrong};
use crate::{Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("BlackmanWindow", |n| window(n, &[0.42, -0.5, 0.08])),
    ("DFT", dft),
    ("HammingWindow", |n| window(n, &[25.0 / 46.0, -21.0 / 46.0])),
    ("HannWindow", |n| window(n, &[0.5, -0.5])),
    ("MelWeightMatrix", mel),
    ("STFT", stft),
];

/// The most elements of a table that is made on the host.
const MOST: usize = 1 << 26;

/// Lengths up to this are transformed by one product with a table.
const DIRECT: usize = 64;

/// Complex numbers `[rows, n]`; real ones without the second part.
type Complex<'g> = (Tensor<'g>, Option<Tensor<'g>>);

/// Sums of cosines of the way through the window.
fn window<'g>(node: &Node<'_, 'g>, weights: &[f64]) -> Outputs<'g> {
    let size = count("a size", node.host(0)?.to_i64().first().copied().unwrap_or(0))?;
    if size > MOST {
        return unsupported(format!("a window of {size} elements, more than {MOST}"));
    }
    let length = if node.int("periodic", 1) == 0 { size.saturating_sub(1) } else { size };
    let number = |place: usize| {
        let way = TAU * place as f64 / length.max(1) as f64;
        weights.iter().enumerate().map(|(k, weight)| weight * (k as f64 * way).cos()).sum()
    };
    let numbers: Vec<f64> = (0..size).map(number).collect();
    let element = node.element_attribute("output_datatype")?.unwrap_or(Element::Float);
    Ok(vec![Host::from_f64(element, &[size], &numbers)?.into()])
}

/// Triangles over the frequencies of a spectrum, at regular steps of the mel scale: `[dft_length / 2 + 1, bins]`.
fn mel<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let bins = count("num_mel_bins", node.number(0)? as i64)?;
    let length = count("dft_length", node.number(1)? as i64)?;
    let (rate, lowest, highest) = (node.number(2)?, node.number(3)?, node.number(4)?);
    let rows = length / 2 + 1;
    if bins.saturating_add(2).saturating_mul(rows) > MOST {
        return unsupported(format!("a table of {rows} times {bins} elements, more than {MOST}"));
    }
    let to_mel = |hertz: f64| 2595.0 * (hertz / 700.0).ln_1p() / LN_10;
    let (low, high) = (to_mel(lowest), to_mel(highest));
    let step = (high - low) / (bins as f64 + 2.0);
    let place = |k: usize| {
        let hertz = 700.0 * ((k as f64 * step + low) / 2595.0 * LN_10).exp_m1();
        ((length as f64 + 1.0) * hertz / rate).floor()
    };
    let places: Vec<f64> = (0..bins + 2).map(place).collect();
    if let Some(place) = places.iter().find(|&&place| !(0.0..rows as f64).contains(&place)) {
        return wrong(format!("a frequency at row {place} of {rows}"));
    }
    if !places.is_sorted() {
        return wrong(format!("frequencies from {lowest} to {highest}"));
    }
    let mut table = vec![0.0; rows * bins];
    for bin in 0..bins {
        let [left, centre, right] = [0, 1, 2].map(|k| places[bin + k] as usize);
        if left == centre {
            table[centre * bins + bin] = 1.0;
        }
        for row in left..centre + usize::from(left < centre) {
            table[row * bins + bin] = (row - left) as f64 / (centre - left) as f64;
        }
        for row in centre..right {
            table[row * bins + bin] = (right - row) as f64 / (right - centre) as f64;
        }
    }
    let element = node.element_attribute("output_datatype")?.unwrap_or(Element::Float);
    Ok(vec![Host::from_f64(element, &[rows, bins], &table)?.into()])
}

/// The real and the imaginary part of a signal `[..., 1 or 2]`, an axis last: `[rows, n]`, and the sizes in front.
fn split<'g>(x: Tensor<'g>, axis: usize) -> Result<(Complex<'g>, Vec<usize>), Stop> {
    let shape = x.shape();
    let last = shape.rank() - 1;
    let mut order: Vec<usize> = (0..last).filter(|&a| a != axis).collect();
    let outer: Vec<usize> = order.iter().map(|&a| shape[a]).collect();
    order.push(axis);
    let part = |index: usize| {
        let part = x.cast(DType::F32).at(last as isize, index).permute(&order);
        part.reshape(&[outer.iter().product(), shape[axis]])
    };
    match shape[last] {
        1 => Ok(((part(0), None), outer)),
        2 => Ok(((part(0), Some(part(1))), outer)),
        parts => wrong(format!("numbers with {parts} parts; real ones have 1, complex ones 2")),
    }
}

/// Parts `[rows, n]` as a signal, the last axis where `axis` was: `[..., parts]`.
fn joined<'g>(parts: &[Tensor<'g>], outer: &[usize], axis: usize) -> Tensor<'g> {
    let n = parts[0].shape()[1];
    let sizes = [outer, &[n]].concat();
    let mut order: Vec<usize> = (0..outer.len()).collect();
    order.insert(axis, outer.len());
    let whole: Vec<_> = parts.iter().map(|part| part.reshape(&sizes).permute(&order)).collect();
    parts[0].graph().stack(&whole, outer.len() + 1)
}

/// The first `n` numbers of each row, zeros where there are fewer.
fn fitted(x: Tensor<'_>, n: usize) -> Tensor<'_> {
    match x.shape()[1] {
        have if have < n => x.pad(&[(0, 0), (0, n - have)], 0.0),
        _ => x.narrow(1, 0..n),
    }
}

/// The transform along an axis: all frequencies, or with `onesided` those up to the middle, of which the others are
/// mirror images. `inverse` goes back; with `onesided` to real numbers.
fn dft<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let (shape, element) = (x.shape(), node.element(0)?);
    let rank = shape.rank();
    if rank < 2 {
        return wrong(format!("a signal {shape} without an axis for its parts"));
    }
    let axis = match node.opset {
        ..20 => node.axis(1, rank)?,
        _ => axis_of(node.number_or(2, -2.0)? as i64, rank)?,
    };
    if axis == rank - 1 {
        return wrong(format!("axis {axis} holds the parts of the numbers of {shape}"));
    }
    let (inverse, onesided) = (node.flag("inverse"), node.flag("onesided"));
    let length = match node.maybe_ints(1)?.and_then(|told| told.first().copied()) {
        Some(told) => count("dft_length", told)?,
        None if inverse && onesided => 2 * shape[axis].saturating_sub(1),
        None => shape[axis],
    };
    if length == 0 || length > MOST {
        return unsupported(format!("a transform of {length} numbers"));
    }
    let ((re, im), outer) = split(x, axis)?;
    let half = length / 2 + 1;
    let (re, im) = if inverse && onesided {
        mirrored((fitted(re, half), im.map(|im| fitted(im, half))), length)?
    } else {
        (fitted(re, length), im.map(|im| fitted(im, length)))
    };
    let (mut re, mut im) = transformed((re, im), if inverse { 1.0 } else { -1.0 })?;
    if inverse {
        (re, im) = (re / length as f64, im / length as f64);
    }
    let parts = match (inverse, onesided) {
        (true, true) => vec![re],
        (false, true) => vec![re.narrow(1, 0..half), im.narrow(1, 0..half)],
        _ => vec![re, im],
    };
    give(node, joined(&parts, &outer, axis), element)
}

/// All frequencies of a real signal from those up to the middle; the imaginary parts of the first and of the middle
/// one do not count.
fn mirrored<'g>((re, im): Complex<'g>, length: usize) -> Result<Complex<'g>, Error> {
    let graph = re.graph();
    let others = length - (length / 2 + 1);
    let tail = |x: Tensor<'g>| x.narrow(1, 1..1 + others).flip(&[1]);
    let whole = |x: Tensor<'g>, tail: Tensor<'g>| if others == 0 { x } else { graph.concat(&[x, tail], 1) };
    let im = im.map(|im| {
        let counts = (0..length / 2 + 1).map(|k| if k == 0 || 2 * k == length { 0.0 } else { 1.0 });
        let counts: Vec<f32> = counts.collect();
        Ok::<_, Error>(im * graph.constant(Array::f32(&[counts.len()], counts)?))
    });
    let im = im.transpose()?;
    Ok((whole(re, tail(re)), im.map(|im| whole(im, -tail(im)))))
}

fn give<'g>(node: &Node<'_, 'g>, y: Tensor<'g>, element: Element) -> Outputs<'g> {
    node.give(y.cast(element.dtype().unwrap_or(DType::F32)), element)
}

/// X[k] = sum over j of x[j] e^(sign 2 pi i j k / n), of each row.
///
/// A length with factors is cut into n1 times n2 numbers (Cooley and Tukey 1965): with j = n2 j1 + j2 and
/// k = k1 + n1 k2 it is a transform of n1 numbers, a turn by j2 k1 / n, and a transform of n2 numbers.
fn transformed<'g>((re, im): Complex<'g>, sign: f64) -> Result<(Tensor<'g>, Tensor<'g>), Stop> {
    let [rows, n] = [re.shape()[0], re.shape()[1]];
    let root = (n as f64).sqrt() as usize + 1;
    let factor = (2..=root).rev().find(|&f| n.is_multiple_of(f) && f < n);
    let (Some(n1), true) = (factor, n > DIRECT) else {
        let [cos, sin] = turns(re, n, n, n, sign)?;
        return Ok(match im {
            None => (re.matmul(cos), re.matmul(sin)),
            Some(im) => (re.matmul(cos) - im.matmul(sin), re.matmul(sin) + im.matmul(cos)),
        });
    };
    let n2 = n / n1;
    let columns = |x: Tensor<'g>| x.reshape(&[rows, n1, n2]).permute(&[0, 2, 1]).reshape(&[rows * n2, n1]);
    let (re, im) = transformed((columns(re), im.map(columns)), sign)?;
    let back = |x: Tensor<'g>| x.reshape(&[rows, n2, n1]);
    let (re, im) = (back(re), back(im));
    let [cos, sin] = turns(re, n2, n1, n, sign)?;
    let (re, im) = (re * cos - im * sin, re * sin + im * cos);
    let rows_of = |x: Tensor<'g>| x.permute(&[0, 2, 1]).reshape(&[rows * n1, n2]);
    let (re, im) = transformed((rows_of(re), Some(rows_of(im))), sign)?;
    let whole = |x: Tensor<'g>| x.reshape(&[rows, n1, n2]).permute(&[0, 2, 1]).reshape(&[rows, n]);
    Ok((whole(re), whole(im)))
}

/// Cosines and sines of `sign 2 pi j k / n`: two times `[js, ks]`.
fn turns<'g>(like: Tensor<'g>, js: usize, ks: usize, n: usize, sign: f64) -> Result<[Tensor<'g>; 2], Stop> {
    if js.checked_mul(ks).is_none_or(|all| all > MOST) {
        return unsupported(format!("a transform with a factor of {n} numbers, a prime"));
    }
    // Exact to the last bit however far the way is.
    let angle = |p: usize| sign * TAU * ((p / ks) * (p % ks) % n) as f64 / n as f64;
    let table = |function: fn(f64) -> f64| {
        let numbers: Vec<f32> = (0..js * ks).map(|p| function(angle(p)) as f32).collect();
        Ok::<_, Error>(like.graph().constant(Array::f32(&[js, ks], numbers)?))
    };
    Ok([table(f64::cos)?, table(f64::sin)?])
}

/// The transforms of parts of a signal, `frame_step` from each other, times a window: `[batch, frames, frequencies, 2]`.
fn stft<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (signal, element) = (node.tensor(0)?, node.element(0)?);
    let shape = signal.shape();
    let signal = if shape.rank() == 2 { signal.unsqueeze(2) } else { signal };
    let shape = signal.shape();
    let step = count("frame_step", node.number(1)? as i64)?;
    let window = node.maybe_tensor(2)?;
    let length = match (node.maybe_ints(3)?.and_then(|told| told.first().copied()), window) {
        (Some(told), _) => count("frame_length", told)?,
        (None, Some(window)) => window.shape().elements(),
        (None, None) => return wrong("neither a window nor frame_length is given"),
    };
    if shape.rank() != 3 || step == 0 || length == 0 || length > shape[1] {
        return wrong(format!("frames of {length} by steps of {step} of a signal {shape}"));
    }
    let frames = (shape[1] - length) / step + 1;
    if frames.checked_mul(length).is_none_or(|all| all > MOST) {
        return unsupported(format!("{frames} frames of {length} numbers"));
    }
    let places: Vec<i64> = (0..frames * length).map(|p| (p / length * step + p % length) as i64).collect();
    let places = node.graph.constant(Array::i32_from_i64(&[frames, length], &places)?);
    // [batch, frames, length, parts]
    let mut cut = signal.cast(DType::F32).gather(1, places);
    if let Some(window) = window {
        let numbers = window.shape().elements();
        if numbers > length {
            return wrong(format!("a window of {numbers} for frames of {length}"));
        }
        let window = fitted(window.cast(DType::F32).reshape(&[1, numbers]), length);
        cut = cut * window.reshape(&[length, 1]);
    }
    let (parts, outer) = split(cut, 2)?;
    let (re, im) = transformed(parts, -1.0)?;
    let kept = if node.int("onesided", 1) == 0 { length } else { length / 2 + 1 };
    give(node, joined(&[re.narrow(1, 0..kept), im.narrow(1, 0..kept)], &outer, 2), element)
}
