//! Other types of the same elements.

use std::sync::Arc;

use super::Row;
use super::parts::on_host;
use crate::host::elements;
use crate::node::{Node, typed, wrapped};
use crate::proto::TensorProto;
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host, tensor};

pub(super) const ROWS: &[Row] = &[
    ("BitCast", bit_cast),
    ("Cast", |n| match n.opset {
        // The first version names the type.
        0..6 => match Element::from_name(&n.text("to", "")) {
            Some(to) => cast(n, to),
            None => unsupported(format!("elements of {}", n.text("to", ""))),
        },
        _ => match n.element_attribute("to")? {
            Some(to) => cast(n, to),
            None => wrong("the attribute \"to\" is missing"),
        },
    }),
    ("CastLike", |n| cast(n, n.element(1)?)),
];

/// As another type. Integers are cut to its bits; floats go to integers towards zero.
fn cast<'g>(node: &Node<'_, 'g>, to: Element) -> Outputs<'g> {
    let (value, from) = (node.value(0)?, node.element(0)?);
    if from == to {
        return Ok(vec![value]);
    }
    // A device counts 32 unsigned bits, but none of the wider types.
    let widened = from == Element::Uint32 && matches!(to, Element::Int64 | Element::Uint64);
    if from == Element::String || to == Element::String || widened {
        return Ok(vec![converted(&*node.host(0)?, to)?.into()]);
    }
    if let Some(host) = on_host(&value, elements(&value.sizes()?)?) {
        return Ok(vec![converted(&host, to)?.into()]);
    }
    let Some(dtype) = to.dtype() else { return unsupported(format!("elements of {to}")) };
    Ok(vec![typed(wrapped(node.tensor(0)?.cast(dtype), to), to)])
}

/// The elements as another type.
fn converted(host: &Host, to: Element) -> Result<Host, Stop> {
    let sizes = host.sizes();
    if to == Element::String {
        let text: Vec<Vec<u8>> = match host.data() {
            Data::Text(text) => text.clone(),
            Data::F32(v) => v.iter().map(|x| written(x.is_nan(), x).into_bytes()).collect(),
            Data::F64(v) => v.iter().map(|x| written(x.is_nan(), x).into_bytes()).collect(),
            Data::Int(v) if host.element() == Element::Uint64 => {
                v.iter().map(|&x| (x as u64).to_string().into_bytes()).collect()
            }
            Data::Int(v) => v.iter().map(|x| x.to_string().into_bytes()).collect(),
        };
        return Ok(Host::new(to, sizes, Data::Text(text))?);
    }
    Ok(match host.data() {
        Data::Text(text) => read(text, sizes, to)?,
        // Whole numbers keep their bits; 64 unsigned ones are no `i64` as numbers.
        Data::Int(v) if to.is_integer() || host.element() != Element::Uint64 => Host::from_i64(to, sizes, v)?,
        _ => Host::from_f64(to, sizes, &host.to_f64())?,
    })
}

/// A float as text, in the schema's names for what is no number.
fn written(is_nan: bool, x: &dyn std::fmt::Display) -> String {
    if is_nan { "NaN".into() } else { x.to_string().replace("inf", "INF") }
}

/// Numbers from text.
fn read(text: &[Vec<u8>], sizes: &[usize], to: Element) -> Result<Host, Stop> {
    let number = |text: &Vec<u8>| -> Result<f64, Stop> {
        let text = String::from_utf8_lossy(text);
        match text.trim().parse::<f64>() {
            Ok(number) => Ok(number),
            Err(_) => wrong(format!("{text:?} is no number")),
        }
    };
    let whole = |text: &Vec<u8>| String::from_utf8_lossy(text).trim().parse::<i64>().ok();
    if to.is_integer()
        && let Some(whole) = text.iter().map(whole).collect::<Option<Vec<_>>>()
    {
        return Ok(Host::from_i64(to, sizes, &whole)?);
    }
    Ok(Host::from_f64(to, sizes, &text.iter().map(number).collect::<Result<Vec<_>, Stop>>()?)?)
}

/// The same bits as another type of the same width: read on the host, as devices hold other widths.
fn bit_cast<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let Some(to) = node.element_attribute("to")? else { return wrong("the attribute \"to\" is missing") };
    let (value, from) = (node.value(0)?, node.element(0)?);
    match (from.bits(), to.bits()) {
        (Some(a), Some(b)) if a == b => {}
        _ => return wrong(format!("{from} and {to} have other bits")),
    }
    if from == to {
        return Ok(vec![value]);
    }
    if let (Value::Tensor(tensor, _), true, true) = (&value, from.is_integer(), to.is_integer())
        && let Some(dtype) = to.dtype()
    {
        return Ok(vec![typed(wrapped(tensor.cast(dtype), to), to)]);
    }
    let host: Arc<Host> = node.host(0)?;
    let bits = TensorProto { data_type: Some(to.number()), ..tensor::encode("", &host) };
    Ok(vec![tensor::decode(&bits, None)?.into()])
}
