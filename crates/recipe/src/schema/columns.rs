//! Columns and files by their names.

use std::collections::BTreeMap;

use super::Setting;
use super::values::{elements, wrong};
use crate::node::{Entry, Mistake, Node, Value};

/// Names of columns: one, or a list. Numbers stand for columns counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

impl Setting for Names {
    fn kind() -> String {
        "the name or number of a column, or a list of them".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let name = |node: &Node| match &node.value {
            Value::Whole(number) if *number >= 0 => Ok(number.to_string()),
            Value::Text(text) if !text.is_empty() => Ok(text.clone()),
            _ => Err(wrong::<Self>(node)),
        };
        let Value::List(list) = &node.value else { return name(node).map(|name| Names(vec![name])) };
        let names = list.iter().enumerate().map(|(i, node)| name(node).map_err(|mistake| mistake.within(i)));
        names.collect::<Result<_, _>>().map(Names)
    }

    fn write(&self) -> Option<Node> {
        match &self.0[..] {
            [one] => one.write(),
            names => Some(Node::of(Value::List(names.iter().map(|name| Node::text(name)).collect()))),
        }
    }
}

/// The name of a column; a number stands for a column counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name(pub String);

impl Setting for Name {
    fn kind() -> String {
        "the name or number of a column".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match Names::read(node) {
            Ok(Names(names)) if !matches!(node.value, Value::List(_)) && names.len() == 1 => {
                Ok(Name(names.concat()))
            }
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        Some(Node::text(&self.0))
    }
}

/// Paths of files: one, or a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub Vec<String>);

impl Setting for Files {
    fn kind() -> String {
        String::kind()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let Value::List(list) = &node.value else { return String::read(node).map(|path| Files(vec![path])) };
        if list.is_empty() {
            return Err(Mistake::new(&node.place, "the list is empty: takes at least one path"));
        }
        elements(list).map(Files)
    }

    fn write(&self) -> Option<Node> {
        match &self.0[..] {
            [one] => one.write(),
            paths => paths.to_vec().write(),
        }
    }
}

/// Columns of categories that have an order: names of columns, which are then sorted, or a table that gives
/// each column its categories from the first to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders(pub BTreeMap<String, Vec<String>>);

impl Setting for Orders {
    fn kind() -> String {
        "names of columns, or a table of columns with their categories in order".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let Value::Table(entries) = &node.value else {
            let names = Names::read(node).map_err(|_| wrong::<Self>(node))?;
            return Ok(Orders(names.0.into_iter().map(|name| (name, Vec::new())).collect()));
        };
        let order = |entry: &Entry| {
            let order = Vec::<String>::read(&entry.node).map_err(|mistake| mistake.within(&entry.key))?;
            Ok((entry.key.clone(), order))
        };
        entries.iter().map(order).collect::<Result<_, Mistake>>().map(Orders)
    }

    fn write(&self) -> Option<Node> {
        let entry = |(column, order): (&String, &Vec<String>)| {
            let key = column.clone();
            order.write().map(|node| Entry { key, place: Default::default(), node })
        };
        Some(Node::of(Value::Table(self.0.iter().filter_map(entry).collect())))
    }
}
