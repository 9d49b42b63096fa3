//! Recurrent layers as ONNX's operators, which take time before the batch and the gates in another order.

use anygrad_core::{DType, Error, Result};
use anygrad_graph::{Composite, Graph, Tensor, ValueId};

use crate::export::emit::Emitter;
use crate::export::scribe::{Setting, data_type};
use crate::export::units::Call;

/// Where each of ONNX's gates stands among ours: i, o, f, c of i, f, g, o; z, r, h of z, r, h.
fn gates(cell: &str) -> &'static [usize] {
    match cell {
        "lstm" => &[0, 3, 1, 2],
        "gru" => &[0, 1, 2],
        _ => &[0],
    }
}

/// Columns of the gates in ONNX's order.
fn ordered<'g>(x: Tensor<'g>, order: &[usize]) -> Tensor<'g> {
    let axis = x.shape().rank() - 1;
    let units = x.shape()[axis] / order.len();
    let parts: Vec<_> =
        order.iter().map(|&gate| x.narrow(axis as isize, gate * units..(gate + 1) * units)).collect();
    if order.is_sorted() { x } else { x.graph().concat(&parts, axis as isize) }
}

/// The weights in ONNX's layouts, as more of the graph: where they are parameters they are computed once.
pub(super) fn weights(graph: &Graph, composite: &Composite) -> Result<Vec<(&'static str, ValueId)>> {
    let tensor = |name: &str| composite.input(name).map(|id| graph.tensor(id));
    let (Some(kernel), Some(recurrent)) = (tensor("kernel"), tensor("recurrent_kernel")) else {
        return Err(Error::internal("a recurrent layer without weights"));
    };
    let order = gates(composite.attributes.text("cell")?);
    let rows = |x: Tensor<'_>| ordered(x, order).t().unsqueeze(0).id();
    let mut weights = vec![("W", rows(kernel)), ("R", rows(recurrent))];
    if let Some(bias) = tensor("bias") {
        let width = kernel.shape()[1];
        let [input, state] = match bias.shape().rank() {
            2 => [bias.at(0, 0), bias.at(0, 1)],
            _ => [bias, graph.scalar(0.0).cast(bias.dtype()).broadcast_to(&[width])],
        };
        let both = graph.concat(&[ordered(input, order), ordered(state, order)], 0);
        weights.push(("B", both.unsqueeze(0).id()));
    }
    let first = |(name, known)| tensor(known).map(|tensor| (name, tensor.unsqueeze(0).id()));
    let others = [("initial_h", "initial"), ("initial_c", "initial_cell"), ("P", "peepholes")];
    weights.extend(others.into_iter().filter_map(first));
    Ok(weights)
}

pub(super) fn write(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let cell = attributes.text("cell")?;
    let backwards = attributes.is("go_backwards");
    let x = e.exact(call.x(0))?;
    let time_first = Setting::Ints(vec![1, 0, 2]);
    let mut inputs = vec![e.node("Transpose", &[&x], &[("perm", time_first)])];
    let names: &[&str] = match cell {
        "lstm" => &["W", "R", "B", "lengths", "initial_h", "initial_c", "P"],
        _ => &["W", "R", "B", "lengths", "initial_h"],
    };
    for name in names {
        inputs.push(match call.input(name) {
            Some(id) if *name == "lengths" => {
                let time = e.sizes(call.x(0))[1];
                super::index::lengths(e, id, time, data_type(DType::I32).into())?
            }
            Some(id) => e.exact(id)?,
            None => String::new(),
        });
    }
    while inputs.last().is_some_and(String::is_empty) {
        inputs.pop();
    }
    let units = call.input("recurrent_kernel").map_or(Ok(0), |id| e.sizes(id)[0].fixed())?;
    let direction = if backwards { "reverse" } else { "forward" };
    let mut settings =
        vec![("hidden_size", Setting::Int(units as i64)), ("direction", Setting::Text(direction))];
    let operator = match cell {
        "lstm" => "LSTM",
        "gru" => {
            settings.push(("linear_before_reset", Setting::Int(attributes.is("reset_after").into())));
            "GRU"
        }
        _ => {
            let function = if attributes.is("relu") { "Relu" } else { "Tanh" };
            settings.push(("activations", Setting::Texts(vec![function])));
            "RNN"
        }
    };
    if let Ok(clip) = attributes.float("clip") {
        settings.push(("clip", Setting::Float(clip)));
    }
    let made = e.scribe.node(operator, inputs, call.outputs.len(), &settings);
    let (direction_at, state_at) = (e.scribe.ints(&[1]), e.scribe.ints(&[0]));
    for (&(name, id), made) in call.outputs.iter().zip(&made) {
        if name != "sequence" {
            let state = e.node("Squeeze", &[made, &state_at], &[]);
            e.set(id, state);
            continue;
        }
        // [time, 1, batch, units]
        let steps = e.node("Squeeze", &[made, &direction_at], &[]);
        let sequence = e.node("Transpose", &[&steps], &[("perm", Setting::Ints(vec![1, 0, 2]))]);
        let y = if backwards { in_order_of_processing(e, call, id, sequence)? } else { sequence };
        e.set(id, y);
    }
    Ok(())
}

/// ONNX gives the steps in the order of time, ours come in that of processing.
fn in_order_of_processing(e: &mut Emitter<'_>, call: &Call, id: ValueId, sequence: String) -> Result<String> {
    if let Some(lengths) = call.input("lengths") {
        let time = e.sizes(call.x(0))[1];
        let lengths = super::index::lengths(e, lengths, time, super::index::INT64)?;
        let settings = [("batch_axis", Setting::Int(0)), ("time_axis", Setting::Int(1))];
        return Ok(e.node("ReverseSequence", &[&sequence, &lengths], &settings));
    }
    let [first, before_all, axis, step] =
        [-1, -i64::from(i32::MAX), 1, -1].map(|value| e.scribe.ints(&[value]));
    let turned = e.node("Slice", &[&sequence, &first, &before_all, &axis, &step], &[]);
    e.turned.insert(id, (1, sequence));
    Ok(turned)
}
