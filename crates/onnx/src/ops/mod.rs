//! The operators of ONNX: a row for each, by domain and name, with the rule that makes it.
//!
//! A rule reads the inputs and attributes of its [`Node`] and gives the outputs. Where the graph has the operator,
//! the row is one line; otherwise it is composed. Numbers that decide shapes are asked for with [`Node::host`].

mod activation;
mod attention;
mod bits;
mod cast;
mod control;
mod conv;
mod cumulative;
mod dynamic;
mod fill;
mod flex_attention;
mod gather;
mod grid;
mod integer_products;
mod known;
mod linear;
mod linear_attention;
mod loss;
mod ml;
mod nonmax;
mod norm;
mod onnxruntime;
mod pad;
mod parts;
mod pointwise;
mod pool;
mod product;
mod quantize;
mod random;
mod recurrent;
mod recurrent_steps;
mod reduce;
mod resize;
mod roi;
mod sample;
mod scatter;
mod select;
mod sequence;
mod shape;
mod signal;
mod slice;
mod softmax;
mod text;
mod training;
mod variadic;
mod windows;

use anygrad_core::DType;
use anygrad_graph::Tensor;

use crate::Element;
use crate::node::Node;
use crate::value::Outputs;

/// How a node becomes a part of the graph.
pub(crate) type Rule = for<'a, 'g> fn(&Node<'a, 'g>) -> Outputs<'g>;

/// A name and its rule.
type Row = (&'static str, Rule);

/// The operators of each domain, by what they are about.
const TABLES: &[(&str, &[Row])] = &[
    ("", activation::ROWS),
    ("", attention::ROWS),
    ("", bits::ROWS),
    ("", cast::ROWS),
    ("", control::ROWS),
    ("", conv::ROWS),
    ("", cumulative::ROWS),
    ("", dynamic::ROWS),
    ("", fill::ROWS),
    ("", gather::ROWS),
    ("", grid::ROWS),
    ("", integer_products::ROWS),
    ("", linear::ROWS),
    ("", linear_attention::ROWS),
    ("", loss::ROWS),
    ("", nonmax::ROWS),
    ("", norm::ROWS),
    ("", pad::ROWS),
    ("", pointwise::ROWS),
    ("", pool::ROWS),
    ("", quantize::ROWS),
    ("", random::ROWS),
    ("", recurrent::ROWS),
    ("", reduce::ROWS),
    ("", resize::ROWS),
    ("", roi::ROWS),
    ("", scatter::ROWS),
    ("", select::ROWS),
    ("", sequence::ROWS),
    ("", shape::ROWS),
    ("", signal::ROWS),
    ("", slice::ROWS),
    ("", softmax::ROWS),
    ("", text::ROWS),
    ("", variadic::ROWS),
    ("ai.onnx.ml", ml::features::ROWS),
    ("ai.onnx.ml", ml::labels::ROWS),
    ("ai.onnx.ml", ml::linear::ROWS),
    ("ai.onnx.ml", ml::svm::ROWS),
    ("ai.onnx.ml", ml::trees::ROWS),
    ("ai.onnx.preview", flex_attention::ROWS),
    ("ai.onnx.preview.training", training::ROWS),
    ("com.microsoft", onnxruntime::ROWS),
];

/// The rule of an operator.
pub(crate) fn find(domain: &str, name: &str) -> Option<Rule> {
    let tables = TABLES.iter().filter(|(of, _)| *of == domain);
    tables.flat_map(|(_, rows)| *rows).find(|(row, _)| *row == name).map(|(_, rule)| *rule)
}

/// A 16-bit float in 32 bits: what it is computed in, with one rounding at the end.
fn wide(x: Tensor<'_>) -> Tensor<'_> {
    if x.dtype().is_half() { x.cast(DType::F32) } else { x }
}

/// Numbers of any type as floats of 32 bits.
fn widest(x: Tensor<'_>) -> Tensor<'_> {
    x.cast(DType::F32)
}

/// A float rounded to a type of the model; what is none stays.
fn rounded(x: Tensor<'_>, element: Element) -> Tensor<'_> {
    match element.dtype() {
        Some(dtype) if dtype.is_half() && x.dtype() == DType::F32 => x.cast(dtype),
        _ => x,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_operator_stands_once() {
        let mut seen = HashSet::new();
        for (domain, rows) in super::TABLES {
            for (name, _) in *rows {
                assert!(seen.insert((domain, name)), "{domain}::{name} stands twice");
            }
        }
    }
}
