//! Labels: classes of models, and tables from one label to another. Text is on the host alone.

use std::collections::HashMap;

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{constant, ints};
use crate::node::{Node, typed};
use crate::ops::Row;
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host};

pub(in crate::ops) const ROWS: &[Row] = &[
    ("CastMap", |_| unsupported("maps, which are no values here")),
    ("DictVectorizer", |_| unsupported("maps, which are no values here")),
    ("LabelEncoder", label_encoder),
    // [batch, classes]: a map from class to score is a row of it, in the order of the classes.
    ("ZipMap", |n| Ok(vec![n.value(0)?])),
];

/// The labels of a model's classes.
pub(super) enum ClassLabels {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

impl ClassLabels {
    /// Those of an attribute of integers, or of `classlabels_strings`.
    pub(super) fn of(node: &Node<'_, '_>, numbers: &str) -> Result<Self, Stop> {
        let (numbers, texts) = (ints(node, numbers), node.texts("classlabels_strings").unwrap_or_default());
        match (numbers.is_empty(), texts.is_empty()) {
            (false, true) => Ok(ClassLabels::Numbers(numbers)),
            (true, false) => Ok(ClassLabels::Texts(texts)),
            _ => wrong("labels of classes are integers or text, one of them"),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            ClassLabels::Numbers(labels) => labels.len(),
            ClassLabels::Texts(labels) => labels.len(),
        }
    }
}

/// The labels of class numbers `[batch]`. Where they are text, the numbers are asked for.
pub(super) fn chosen<'g>(
    node: &Node<'_, 'g>,
    labels: &ClassLabels,
    classes: Tensor<'g>,
) -> Result<Value<'g>, Stop> {
    match labels {
        ClassLabels::Numbers(labels) => {
            let labels = Host::ints(labels).to_array()?;
            Ok(typed(node.graph.constant(labels).gather(0, classes), Element::Int64))
        }
        ClassLabels::Texts(labels) => {
            if !node.wants(0) {
                return Ok(typed(classes, Element::Int64));
            }
            let name = format!("{}/classes", node.proto.output[0]);
            let classes = node.importer.numbers(node.scope, &name, &typed(classes, Element::Int64))?;
            let text = |&class: &i64| usize::try_from(class).ok().and_then(|class| labels.get(class));
            let texts: Option<Vec<&String>> = classes.to_i64().iter().map(text).collect();
            let Some(texts) = texts else { return wrong("a class without a label") };
            let data = texts.into_iter().map(|text| text.clone().into_bytes()).collect();
            Ok(Host::new(Element::String, classes.sizes(), Data::Text(data))?.into())
        }
    }
}

/// One side of a table of labels.
enum Column {
    Numbers(Element, Vec<f64>),
    Texts(Vec<Vec<u8>>),
}

impl Column {
    /// `keys_` or `values_` with the names of the types.
    fn of(node: &Node<'_, '_>, side: &str) -> Result<Self, Stop> {
        if let Some(host) = node.tensor_attribute(&format!("{side}_tensor"))? {
            return Ok(match host.data() {
                Data::Text(texts) => Column::Texts(texts.clone()),
                _ => Column::Numbers(host.element(), host.to_f64()),
            });
        }
        let numbers = ints(node, &format!("{side}_int64s"));
        let floats = node.floats(&format!("{side}_floats")).unwrap_or_default();
        let texts = node.texts(&format!("{side}_strings")).unwrap_or_default();
        Ok(if !numbers.is_empty() {
            Column::Numbers(Element::Int64, numbers.iter().map(|&x| x as f64).collect())
        } else if !floats.is_empty() {
            Column::Numbers(Element::Float, floats)
        } else {
            Column::Texts(texts.into_iter().map(String::into_bytes).collect())
        })
    }

    fn len(&self) -> usize {
        match self {
            Column::Numbers(_, numbers) => numbers.len(),
            Column::Texts(texts) => texts.len(),
        }
    }
}

/// The value that stands beside a key, or a default.
fn label_encoder<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    if node.opset < 2 {
        return first_encoder(node);
    }
    let (keys, values) = (Column::of(node, "keys")?, Column::of(node, "values")?);
    if keys.len() != values.len() || keys.len() == 0 {
        return wrong(format!("{} keys and {} values", keys.len(), values.len()));
    }
    let default = default_of(node, &values)?;
    encoded(node, &keys, values, default)
}

/// Version 1: places in a list of text, from text or to it.
fn first_encoder<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let texts = node.texts("classes_strings").unwrap_or_default();
    let texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    let places = Column::Numbers(Element::Int64, (0..texts.len()).map(|place| place as f64).collect());
    if node.element(0)? == Element::String {
        let default = Column::Numbers(Element::Int64, vec![node.int("default_int64", -1) as f64]);
        encoded(node, &Column::Texts(texts), places, default)
    } else {
        let default = Column::Texts(vec![node.text("default_string", "_Unused").into_bytes()]);
        encoded(node, &places, Column::Texts(texts), default)
    }
}

fn default_of(node: &Node<'_, '_>, values: &Column) -> Result<Column, Stop> {
    let tensor = node.tensor_attribute("default_tensor")?;
    Ok(match values {
        Column::Texts(_) => Column::Texts(vec![match tensor.as_ref().map(|host| host.data()) {
            Some(Data::Text(texts)) => texts.first().cloned().unwrap_or_default(),
            _ => node.text("default_string", "_Unused").into_bytes(),
        }]),
        Column::Numbers(element, _) => {
            let given = tensor.and_then(|host| host.to_f64().first().copied());
            let number = match given {
                Some(number) => number,
                None if element.is_float() => node.float("default_float", 0.0),
                None => node.int("default_int64", -1) as f64,
            };
            Column::Numbers(*element, vec![number])
        }
    })
}

fn encoded<'g>(node: &Node<'_, 'g>, keys: &Column, values: Column, default: Column) -> Outputs<'g> {
    if let (Column::Numbers(key_type, keys), Column::Numbers(element, values), Column::Numbers(_, default)) =
        (keys, &values, &default)
    {
        return numbers(node, (*key_type, keys), (*element, values), default.first().copied().unwrap_or(0.0));
    }
    // Text, on one side or the other.
    let x = node.host(0)?;
    let places: Vec<Option<usize>> = match (keys, x.data()) {
        (Column::Texts(keys), Data::Text(texts)) => {
            let places: HashMap<&Vec<u8>, usize> = keys.iter().zip(0..).collect();
            texts.iter().map(|text| places.get(text).copied()).collect()
        }
        (Column::Numbers(_, keys), Data::Int(_) | Data::F32(_) | Data::F64(_)) => {
            let place = |x: f64| keys.iter().rposition(|&key| key == x || (key.is_nan() && x.is_nan()));
            x.to_f64().into_iter().map(place).collect()
        }
        _ => return wrong(format!("the keys are of another type than {}", x.element())),
    };
    let host = match (values, default) {
        (Column::Texts(values), Column::Texts(default)) => {
            let text = |place: Option<usize>| place.map_or(&default[0], |place| &values[place]).clone();
            Host::new(Element::String, x.sizes(), Data::Text(places.into_iter().map(text).collect()))?
        }
        (Column::Numbers(element, values), Column::Numbers(_, default)) => {
            let number = |place: Option<usize>| place.map_or(default[0], |place| values[place]);
            let numbers: Vec<f64> = places.into_iter().map(number).collect();
            Host::from_f64(element, x.sizes(), &numbers)?
        }
        _ => return wrong("the default is of another type than the values"),
    };
    Ok(vec![host.into()])
}

/// Numbers to numbers: each key is compared.
fn numbers<'g>(
    node: &Node<'_, 'g>,
    (key_type, keys): (Element, &[f64]),
    (element, values): (Element, &[f64]),
    default: f64,
) -> Outputs<'g> {
    let (x, count) = (node.tensor(0)?, keys.len());
    let (Some(key_dtype), Some(dtype)) = (key_type.dtype(), element.dtype()) else {
        return wrong("numbers of text");
    };
    if x.dtype() != key_dtype {
        return wrong(format!("keys of {key_type} for {}", x.dtype()));
    }
    // Checked: what 32 bits do not hold is refused.
    let keys = node.graph.constant(Host::from_f64(key_type, &[count], keys)?.to_array()?);
    let table: Vec<f64> = values.iter().copied().chain([default]).collect();
    let table = node.graph.constant(Host::from_f64(element, &[count + 1], &table)?.to_array()?);
    let x = x.unsqueeze(x.shape().rank());
    let same = match key_dtype {
        DType::F32 => x.eq(keys).logical_or(x.isnan().logical_and(keys.isnan())),
        _ => x.eq(keys),
    };
    // The last of equal keys counts; none has the place of the default.
    let places = constant(node, &[count], &(0..count).map(|i| i as f64).collect::<Vec<_>>(), DType::I32)?;
    let last = same.select(places, -1).max(&[-1], false);
    let place = last.lt(0).select(count as i32, last);
    node.give(table.gather(0, place).cast(dtype), element)
}
