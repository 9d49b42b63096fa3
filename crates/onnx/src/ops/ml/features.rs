//! Features before a model: scaled, filled in, picked, put side by side.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{constant, floats, ints, rows};
use crate::node::{Node, count};
use crate::ops::Row;
use crate::value::{Outputs, Stop, unsupported, wrong};
use crate::{Data, Element, Host};

/// Numbers that are made on the host at most.
const MOST: usize = 1 << 26;

pub(in crate::ops) const ROWS: &[Row] = &[
    ("ArrayFeatureExtractor", extractor),
    ("Binarizer", |n| {
        let (x, element) = (n.tensor(0)?, n.element(0)?);
        let above = x.cast(DType::F32).gt(n.float("threshold", 0.0));
        n.give(above.cast(x.dtype()), element)
    }),
    ("FeatureVectorizer", vectorizer),
    ("Imputer", imputer),
    ("Normalizer", normalizer),
    ("OneHotEncoder", one_hot),
    ("Scaler", scaler),
];

/// The features of the last axis at these places. The places stand in the graph's shapes, so they are asked for.
fn extractor<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (sizes, places) = (node.sizes(0)?, node.host(1)?.to_i64());
    let last = sizes.last().copied().unwrap_or(0);
    if let Some(place) =
        places.iter().find(|&&place| usize::try_from(place).map_or(true, |place| place >= last))
    {
        return wrong(format!("feature {place} of {sizes:?}"));
    }
    let mut result = if sizes.len() == 1 { vec![1] } else { sizes[..sizes.len() - 1].to_vec() };
    result.push(places.len());
    if node.element(0)? == Element::String {
        let x = node.host(0)?;
        let rows = x.len() / last.max(1);
        let picked: Vec<usize> =
            (0..rows).flat_map(|row| places.iter().map(move |&place| row * last + place as usize)).collect();
        return Ok(vec![x.taken(&result, &picked)?.into()]);
    }
    let places = node.graph.constant(Host::ints(&places).to_array()?);
    node.same(node.tensor(0)?.gather(-1, places).reshape(&result))
}

/// Inputs side by side, as floats, `inputdimensions` features of each.
fn vectorizer<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let widths = ints(node, "inputdimensions");
    let mut parts = Vec::with_capacity(node.inputs.len());
    for input in 0..node.inputs.len() {
        let x = rows(node, input)?;
        let width = match widths.get(input) {
            Some(&width) => count("inputdimensions", width)?,
            None => x.shape()[1],
        };
        if width > x.shape()[1] {
            return wrong(format!("{width} features of {}", x.shape()));
        }
        parts.push(x.narrow(1, 0..width));
    }
    if parts.is_empty() {
        return wrong("it has no inputs");
    }
    node.give(node.graph.concat(&parts, 1), Element::Float)
}

/// One number for all features, or one for each.
fn per_feature<'g>(
    node: &Node<'_, 'g>,
    numbers: &[f64],
    x: Tensor<'g>,
    dtype: DType,
) -> Result<Tensor<'g>, Stop> {
    let features = x.shape().last().copied().unwrap_or(1);
    match numbers.len() {
        1 => constant(node, &[], numbers, dtype),
        n if n == features => constant(node, &[n], numbers, dtype),
        n => wrong(format!("{n} numbers for {features} features")),
    }
}

/// What is to be replaced is, by a number for each feature.
fn imputer<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (node.tensor(0)?, node.element(0)?);
    let (is_replaced, numbers) = if element.is_float() {
        let old = node.float("replaced_value_float", 0.0);
        let wide = x.cast(DType::F32);
        let is_replaced = if old.is_nan() { wide.isnan() } else { wide.eq(old) };
        (is_replaced, floats(node, "imputed_value_floats"))
    } else {
        let old = [node.int("replaced_value_int64", 0)];
        let old = node.graph.constant(Host::new(Element::Int64, &[], Data::Int(old.to_vec()))?.to_array()?);
        (x.eq(old), ints(node, "imputed_value_int64s").iter().map(|&x| x as f64).collect())
    };
    node.give(is_replaced.select(per_feature(node, &numbers, x, x.dtype())?, x), element)
}

/// x by a norm of its row; a row of zeros stays.
fn normalizer<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = rows(node, 0)?;
    let norm = match node.text("norm", "MAX").as_str() {
        "MAX" => x.abs().max(&[1], true),
        "L1" => x.norm(1.0, &[1], true),
        "L2" => x.norm(2.0, &[1], true),
        other => return unsupported(format!("norm is {other:?}; known are MAX, L1 and L2")),
    };
    node.give(x / norm.maximum(1e-30), Element::Float)
}

/// (x - offset) scale
fn scaler<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?.cast(DType::F32);
    let (offset, scale) = (floats(node, "offset"), floats(node, "scale"));
    let mut y = x;
    if !offset.is_empty() {
        y = y - per_feature(node, &offset, x, DType::F32)?;
    }
    if !scale.is_empty() {
        y = y * per_feature(node, &scale, x, DType::F32)?;
    }
    node.give(y, Element::Float)
}

/// 1 at the place of the category, 0 elsewhere. What is no category is zeros, or with `zeros = 0` must not be: it is
/// an error where the host sees it, and NaN where only the device does.
fn one_hot<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (numbers, texts) = (ints(node, "cats_int64s"), node.texts("cats_strings").unwrap_or_default());
    let lenient = node.int("zeros", 1) != 0;
    if numbers.is_empty() {
        let x = node.host(0)?;
        let Data::Text(given) = x.data() else { return wrong("categories of text for numbers") };
        let count = crate::host::elements(&[given.len(), texts.len()])?;
        if count > MOST {
            return unsupported(format!("{count} places for categories of text; at most {MOST}"));
        }
        let mut y = vec![0.0; count];
        for (row, text) in given.iter().enumerate() {
            match texts.iter().rposition(|known| known.as_bytes() == text) {
                Some(place) => y[row * texts.len() + place] = 1.0,
                None if lenient => {}
                None => return wrong(format!("{:?} is no category", String::from_utf8_lossy(text))),
            }
        }
        let mut sizes = x.sizes().to_vec();
        sizes.push(texts.len());
        return Ok(vec![Host::from_f64(Element::Float, &sizes, &y)?.into()]);
    }
    let x = node.tensor(0)?;
    // Categories are integers; floats are cut to them.
    let categories = node.graph.constant(Host::ints(&numbers).to_array()?);
    let y = x.cast(DType::I32).unsqueeze(x.shape().rank()).eq(categories).cast(DType::F32);
    let y = if lenient { y } else { y.sum(&[-1], true).eq(0.0).select(f64::NAN, y) };
    node.give(y, Element::Float)
}
