//! What reads by indices, and what gives them.

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_graph::ValueId;

use crate::export::emit::Emitter;
use crate::export::scribe::{Setting, data_type};
use crate::export::twins::Size;
use crate::export::units::Call;

/// Indices there are signed.
fn indices(e: &mut Emitter<'_>, id: ValueId) -> Result<String> {
    let name = e.exact(id)?;
    match e.dtype(id) {
        DType::U32 => Ok(e.node("Cast", &[&name], &[("to", Setting::Int(INT64))])),
        _ => Ok(name),
    }
}

/// The type of 64-bit integers.
pub(super) const INT64: i64 = 7;

/// Places are 64-bit numbers there, `i32` here.
fn places(e: &mut Emitter<'_>, name: &str) -> String {
    e.node("Cast", &[name], &[("to", Setting::Int(data_type(DType::I32).into()))])
}

/// Elements at indices. Here one outside gives 0, there it is an error: those that the model computes are looked at,
/// those that it is given are not.
fn picked(e: &mut Emitter<'_>, call: &Call, operator: &str) -> Result<()> {
    let axis = call.attributes()?.int("axis")?;
    let (x, mut indices) = (e.exact(call.x(0))?, indices(e, call.x(1))?);
    let size = e.sizes(call.x(0))[axis as usize];
    let is_inside = match e.numbers(call.x(1)) {
        Some(numbers) => {
            let size = size.fixed()? as f64;
            numbers.iter().all(|&index| (0.0..size).contains(&index))
        }
        None => e.is_given(call.x(1)),
    };
    let settings = [("axis", Setting::Int(axis))];
    if is_inside {
        let y = e.node(operator, &[&x, &indices], &settings);
        e.set(call.y(), y);
        return Ok(());
    }
    let (none, end) = (e.scribe.int(0), e.scribe.int(size.fixed()? as i64));
    indices = e.node("Cast", &[&indices], &[("to", Setting::Int(INT64))]);
    let below = e.node("Less", &[&indices, &end], &[]);
    let above = e.node("GreaterOrEqual", &[&indices, &none], &[]);
    let inside = e.node("And", &[&below, &above], &[]);
    let safe = e.node("Where", &[&inside, &indices, &none], &[]);
    let found = e.node(operator, &[&x, &safe], &settings);
    let zero = Array::from_f64(Shape::SCALAR, e.dtype(call.x(0)), &[0.0]);
    let zero = e.scribe.constant("constant", &zero);
    let mut inside = inside;
    if operator == "Gather" {
        // The axes of the indices stand where the axis was.
        let behind = e.sizes(call.x(0)).len() - 1 - axis as usize;
        let from = e.sizes(call.x(1)).to_vec();
        let to = [&from[..], &vec![Size::ONE; behind]].concat();
        inside = e.reshape(&inside, &from, &to)?;
    }
    let y = e.node("Where", &[&inside, &found, &zero], &[]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn gather(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    picked(e, call, "Gather")
}

pub(super) fn gather_elements(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    picked(e, call, "GatherElements")
}

/// The numbers of steps of the rows, none below 0 or above what there is, as numbers of this type.
pub(super) fn lengths(e: &mut Emitter<'_>, id: ValueId, time: Size, to: i64) -> Result<String> {
    let given = e.exact(id)?;
    let (none, all) = (e.scribe.int(0), e.scribe.int(time.fixed()? as i64));
    let wide = e.node("Cast", &[&given], &[("to", Setting::Int(INT64))]);
    let inside = e.node("Clip", &[&wide, &none, &all], &[]);
    Ok(if to == INT64 { inside } else { e.node("Cast", &[&inside], &[("to", Setting::Int(to))]) })
}

/// The elements along the last axis in the order of their places.
pub(super) fn sorted(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let (x, places) = (e.exact(call.x(0))?, e.exact(call.x(1))?);
    let y = e.node("GatherElements", &[&x, &places], &[("axis", Setting::Int(-1))]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn argmax(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let operator = if call.name == "argmax" { "ArgMax" } else { "ArgMin" };
    let axis = Setting::Int(call.attributes()?.int("axis")?);
    let x = e.exact(call.x(0))?;
    let found = e.node(operator, &[&x], &[("axis", axis), ("keepdims", Setting::Int(1))]);
    let y = places(e, &found);
    e.set(call.y(), y);
    Ok(())
}

/// The places of the first ones along the last axis.
pub(super) fn argsort(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let (x, kept) = (e.exact(call.x(0))?, e.scribe.ints(&[attributes.int("kept")?]));
    let settings = [
        ("axis", Setting::Int(-1)),
        ("largest", Setting::Int(attributes.is("descending").into())),
        ("sorted", Setting::Int(1)),
    ];
    let both = e.scribe.node("TopK", vec![x, kept], 2, &settings);
    let y = places(e, &both[1]);
    e.set(call.y(), y);
    Ok(())
}

pub(super) fn reverse_sequence(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let time = e.sizes(call.x(0))[1];
    let (x, lengths) = (e.exact(call.x(0))?, lengths(e, call.x(1), time, INT64)?);
    let settings = [("batch_axis", Setting::Int(0)), ("time_axis", Setting::Int(1))];
    let y = e.node("ReverseSequence", &[&x, &lengths], &settings);
    e.set(call.y(), y);
    Ok(())
}

/// The elements with as many rows as columns behind them, but for an offset: those of the last two axes as one.
pub(super) fn diagonal(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let offset = call.attributes()?.int("offset")?;
    let (x, from, to) = (e.exact(call.x(0))?, e.sizes(call.x(0)).to_vec(), e.sizes(call.y()).to_vec());
    let [outer @ .., rows, columns] = &from[..] else { return Err(Error::internal("no matrix")) };
    let (rows, columns) = (rows.fixed()?, columns.fixed()?);
    let count = to.last().copied().unwrap_or(Size::ONE).fixed()? as i64;
    let first = if offset >= 0 { offset } else { -offset * columns as i64 };
    let places: Vec<i64> = (0..count).map(|at| first + at * (columns as i64 + 1)).collect();
    let flat = [outer, &[Size::Fixed(rows * columns)]].concat();
    let flat = e.reshape(&x, &from, &flat)?;
    let places = e.scribe.ints(&places);
    let y = e.node("Gather", &[&flat, &places], &[("axis", Setting::Int(outer.len() as i64))]);
    e.set(call.y(), y);
    Ok(())
}

/// Sums of weighted elements along an axis: a product with the matrix of the weights.
pub(super) fn taps(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let axis = call.attributes()?.int("axis")? as usize;
    let (from, to) = (e.sizes(call.x(0))[axis].fixed()?, e.sizes(call.y())[axis].fixed()?);
    let wrong = || Error::internal("taps that are no constants");
    let (spans, terms) = (e.numbers(call.x(1)).ok_or_else(wrong)?, e.numbers(call.x(2)).ok_or_else(wrong)?);
    let mut weights = vec![0.0f32; from * to];
    for (k, span) in spans.chunks(2).enumerate() {
        for term in terms.chunks(2).take(span[1] as usize).skip(span[0] as usize) {
            weights[term[0] as usize * to + k] += f32::from_bits(term[1] as u32);
        }
    }
    let x = e.exact(call.x(0))?;
    let is_copy = |span: &[f64]| {
        span[1] - span[0] == 1.0 && f32::from_bits(terms[2 * span[0] as usize + 1] as u32) == 1.0
    };
    if spans.chunks(2).all(is_copy) {
        let places: Vec<i64> = spans.chunks(2).map(|span| terms[2 * span[0] as usize] as i64).collect();
        let places = e.scribe.ints(&places);
        let y = e.node("Gather", &[&x, &places], &[("axis", Setting::Int(axis as i64))]);
        e.set(call.y(), y);
        return Ok(());
    }
    let weights = e.scribe.constant("constant", &Array::f32(&[from, to], weights)?);
    let rank = e.sizes(call.x(0)).len();
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(axis, rank - 1);
    let turned = |e: &mut Emitter<'_>, name: String| match axis + 1 == rank {
        true => name,
        false => e.node("Transpose", &[&name], &[("perm", Setting::Ints(order.clone()))]),
    };
    let x = turned(e, x);
    let product = e.node("MatMul", &[&x, &weights], &[]);
    let y = turned(e, product);
    e.set(call.y(), y);
    Ok(())
}
