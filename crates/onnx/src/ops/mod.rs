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

    use crate::proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
    use crate::{Element, Host, Model, NEWEST_OPSET, encode};

    #[test]
    fn every_operator_stands_once() {
        let mut seen = HashSet::new();
        for (domain, rows) in super::TABLES {
            for (name, _) in *rows {
                assert!(seen.insert((domain, name)), "{domain}::{name} stands twice");
            }
        }
    }

    /// Each operator with no inputs to four, of several kinds, and no attributes: an error or values, never a panic.
    #[test]
    fn no_number_or_kind_of_inputs_is_a_panic() {
        let floats = |sizes: &[usize]| {
            Host::from_f64(Element::Float, sizes, &vec![0.5; sizes.iter().product()])
                .expect("as many as there are")
        };
        let kinds = [
            Host::ints(&[1, 2]),
            Host::ints(&[]),
            Host::from_i64(Element::Uint8, &[], &[3]).expect("one"),
            Host::from_i64(Element::Bool, &[2, 2], &[1, 0, 0, 1]).expect("four"),
            floats(&[2, 3]),
            floats(&[1, 2, 3, 3]),
        ];
        for (domain, rows) in super::TABLES {
            for (name, _) in *rows {
                for (kind, host) in kinds.iter().enumerate() {
                    for count in 0..5 {
                        println!("{domain}::{name}: {count} inputs of kind {kind}");
                        let input: Vec<String> = (0..count).map(|i| format!("x{i}")).collect();
                        let node = NodeProto {
                            op_type: Some((*name).into()),
                            domain: Some((*domain).into()),
                            output: vec!["y".into(), "z".into()],
                            input: input.clone(),
                            ..NodeProto::default()
                        };
                        let graph = GraphProto {
                            node: vec![node],
                            initializer: input.iter().map(|name| encode(name, host)).collect(),
                            output: vec![ValueInfoProto { name: Some("y".into()), ..Default::default() }],
                            ..GraphProto::default()
                        };
                        let opset = |domain: &str, version| OperatorSetIdProto {
                            domain: Some(domain.into()),
                            version: Some(version),
                        };
                        let mut opset_import = vec![opset("", NEWEST_OPSET)];
                        if !domain.is_empty() {
                            opset_import.push(opset(domain, 3));
                        }
                        let proto = ModelProto { opset_import, graph: Some(graph), ..ModelProto::default() };
                        if let Ok(model) = Model::from_proto(proto, None) {
                            let _ = model.shapes(&[]);
                        }
                    }
                }
            }
        }
    }
}
