//! The operators of ONNX: a row for each, by domain and name, with the rule that makes it.
//!
//! A rule reads the inputs and attributes of its [`Node`] and gives the outputs. Where the graph has the operator,
//! the row is one line; otherwise it is composed. Numbers that decide shapes are asked for with [`Node::host`].

mod bits;
mod cast;
mod control;
mod conv;
mod dynamic;
mod fill;
mod gather;
mod known;
mod linear;
mod parts;
mod pointwise;
mod scatter;
mod select;
mod sequence;
mod shape;
mod slice;
mod text;

use crate::node::Node;
use crate::value::Outputs;

/// How a node becomes a part of the graph.
pub(crate) type Rule = for<'a, 'g> fn(&Node<'a, 'g>) -> Outputs<'g>;

/// A name and its rule.
type Row = (&'static str, Rule);

/// The operators of each domain, by what they are about.
const TABLES: &[(&str, &[Row])] = &[
    ("", bits::ROWS),
    ("", cast::ROWS),
    ("", control::ROWS),
    ("", conv::ROWS),
    ("", dynamic::ROWS),
    ("", fill::ROWS),
    ("", gather::ROWS),
    ("", linear::ROWS),
    ("", pointwise::ROWS),
    ("", scatter::ROWS),
    ("", select::ROWS),
    ("", sequence::ROWS),
    ("", shape::ROWS),
    ("", slice::ROWS),
    ("", text::ROWS),
];

/// The rule of an operator.
pub(crate) fn find(domain: &str, name: &str) -> Option<Rule> {
    let tables = TABLES.iter().filter(|(of, _)| *of == domain);
    tables.flat_map(|(_, rows)| *rows).find(|(row, _)| *row == name).map(|(_, rule)| *rule)
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
