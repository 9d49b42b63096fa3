//! Parts along axes, and tensors one behind the other.

use super::parts::{self, Places};
use super::{Row, control};
use crate::node::{Node, axis_of, count};
use crate::value::{Outputs, Stop, Value, wrong};

pub(super) const ROWS: &[Row] =
    &[("Concat", concat), ("Slice", slice), ("Split", split), ("SplitToSequence", split_to_sequence)];

/// The inputs one behind the other. Before version 4 the axis may be left out.
fn concat<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let values = (0..node.inputs.len()).map(|input| node.value(input)).collect::<Result<Vec<_>, Stop>>()?;
    let Some(first) = values.first() else { return wrong("there is no input") };
    let axis = match node.maybe_int("axis") {
        None if node.opset >= 4 => return wrong("the attribute \"axis\" is missing"),
        axis => axis_of(axis.unwrap_or(1), first.sizes()?.len())?,
    };
    Ok(vec![parts::join(node, &values, axis)?])
}

/// x[start:end:step] along some axes, which Python cuts to what is there. Attributes before version 10.
fn slice<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let mut value = node.value(0)?;
    let rank = value.sizes()?.len();
    let list = |input: usize, name: &str| match node.opset < 10 {
        true => Ok(node.ints(name)),
        false => node.maybe_ints(input),
    };
    let (Some(starts), Some(ends)) = (list(1, "starts")?, list(2, "ends")?) else {
        return wrong("starts or ends are missing");
    };
    let axes = list(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = match node.opset < 10 {
        true => None,
        false => node.maybe_ints(4)?,
    };
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        let (s, e, a) = (starts.len(), ends.len(), axes.len());
        return wrong(format!("{s} starts, {e} ends, {a} axes and {} steps", steps.len()));
    }
    let mut seen = Vec::new();
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = axis_of(axis, rank)?;
        if seen.contains(&axis) {
            return wrong(format!("axis {axis} is cut twice"));
        }
        seen.push(axis);
        if step == 0 {
            return wrong("a step is 0");
        }
        let places = cut(start, end, step, value.sizes()?[axis]);
        value = parts::slice(node, &value, axis, places)?;
    }
    Ok(vec![value])
}

/// Python's `[start:end:step]` of an axis of this size.
fn cut(start: i64, end: i64, step: i64, size: usize) -> Places {
    let size = size as i64;
    let from_front = |place: i64| if place < 0 { place.saturating_add(size) } else { place };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let start = from_front(start).clamp(low, high);
    let end = from_front(end).clamp(low, high);
    let length = if step > 0 { end - start } else { start - end };
    let count = if length > 0 { (length as u64).div_ceil(step.unsigned_abs()) as usize } else { 0 };
    // A step that is never made may be too long for the arithmetic on places.
    Places { first: start.max(0) as usize, count, step: if count < 2 { 1 } else { step } }
}

/// The sizes of the parts: of the second input or the attribute `split`, otherwise `count` parts as equal as can be.
fn part_sizes(node: &Node<'_, '_>, size: usize, parts: usize) -> Result<Vec<usize>, Stop> {
    let given = match node.opset < 13 {
        true => match node.ints("split") {
            None => node.maybe_ints(1)?,
            given => given,
        },
        false => node.maybe_ints(1)?,
    };
    if let Some(given) = given {
        return given_sizes(&given, size);
    }
    if parts == 0 {
        return wrong("no parts");
    }
    if node.opset < 18 && !size.is_multiple_of(parts) {
        return wrong(format!("an axis of {size} in {parts} equal parts"));
    }
    // The last one is smaller where they cannot be equal.
    let each = size.div_ceil(parts);
    Ok((0..parts).map(|part| each.min(size - (part * each).min(size))).collect())
}

/// Sizes that are told, of the whole axis.
fn given_sizes(given: &[i64], size: usize) -> Result<Vec<usize>, Stop> {
    let sizes = given.iter().map(|&n| count("a part", n)).collect::<Result<Vec<_>, Stop>>()?;
    match sizes.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)) {
        Some(sum) if sum == size => Ok(sizes),
        _ => wrong(format!("parts of {sizes:?} of an axis of {size}")),
    }
}

fn cut_up<'g>(
    node: &Node<'_, 'g>,
    value: &Value<'g>,
    axis: usize,
    sizes: &[usize],
) -> Result<Vec<Value<'g>>, Stop> {
    let mut start = 0;
    let part = |&size: &usize| {
        start += size;
        parts::slice(node, value, axis, Places::run(start - size, size))
    };
    sizes.iter().map(part).collect()
}

fn split<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let value = node.value(0)?;
    let sizes = value.sizes()?;
    let axis = node.axis(0, sizes.len())?;
    let outputs = node.proto.output.len();
    let parts = match node.maybe_int("num_outputs") {
        Some(parts) if node.opset >= 18 => count("num_outputs", parts)?,
        _ => outputs,
    };
    if parts > outputs {
        return wrong(format!("{parts} parts for {outputs} outputs"));
    }
    cut_up(node, &value, axis, &part_sizes(node, sizes[axis], parts)?)
}

/// Parts of one size (the last one smaller), or of sizes that are given; without them single places.
fn split_to_sequence<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let value = node.value(0)?;
    let sizes = value.sizes()?;
    let axis = node.axis(0, sizes.len())?;
    let size = sizes[axis];
    let given = node.maybe_host(1)?;
    let lengths = match &given {
        None => vec![1; size],
        Some(host) if host.sizes().is_empty() => match host.to_i64()[..] {
            [each] if each > 0 => {
                let each = usize::try_from(each).unwrap_or(usize::MAX).min(size.max(1));
                (0..size.div_ceil(each)).map(|part| each.min(size - part * each)).collect()
            }
            _ => return wrong("parts that are not longer than 0"),
        },
        Some(host) => given_sizes(&host.to_i64(), size)?,
    };
    control::bounded(lengths.len())?;
    let mut values = cut_up(node, &value, axis, &lengths)?;
    if given.is_none() && node.int("keepdims", 1) == 0 {
        let mut flat = sizes;
        flat.remove(axis);
        values = values.iter().map(|part| parts::reshape(node, part, &flat)).collect::<Result<_, Stop>>()?;
    }
    Ok(vec![Value::Sequence(values.into())])
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn cuts_as_python_does() {
        /// Start, end, step and size; beside it the places, by Python's `range(size)[start:end:step]`.
        type Cut = (i64, i64, i64, usize);
        let cases: &[(Cut, &[usize])] = &[
            ((0, 3, 1, 5), &[0, 1, 2]),
            ((1, i64::MAX, 2, 6), &[1, 3, 5]),
            ((-3, -1, 1, 5), &[2, 3]),
            ((i64::MIN, i64::MAX, 1, 2), &[0, 1]),
            ((4, 0, -2, 5), &[4, 2]),
            ((i64::MAX, i64::MIN, -1, 3), &[2, 1, 0]),
            ((i64::MAX, i64::MIN, i64::MIN, 3), &[2]),
            ((-1, -6, -1, 5), &[4, 3, 2, 1, 0]),
            ((-1, -5, -1, 5), &[4, 3, 2, 1]),
            ((3, 3, 1, 5), &[]),
            ((3, 1, 1, 5), &[]),
            ((0, 9, i64::MAX, 5), &[0]),
            ((0, 4, 1, 0), &[]),
        ];
        for ((start, end, step, size), want) in cases {
            let places = cut(*start, *end, *step, *size);
            let got: Vec<usize> = (0..places.count).map(|steps| places.at(steps)).collect();
            assert_eq!(got, *want, "[{start}:{end}:{step}] of {size}");
        }
    }
}
