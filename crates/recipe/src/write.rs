//! A tree as TOML: plain values first, then each table under its name.

use crate::node::{Entry, Node, Value};

/// Lists of tables, and longer ones of other values, take a line for each element.
const LONG: usize = 90;

/// The document of a table.
pub(crate) fn document(entries: &[Entry]) -> String {
    let (tables, plain): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| matches!(entry.node.value, Value::Table(_)));
    let mut text: String = plain.into_iter().map(line).collect();
    for table in tables {
        let Value::Table(entries) = &table.node.value else { continue };
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("[{}]\n", key(&table.key));
        text.extend(entries.iter().map(line));
    }
    text
}

fn line(entry: &Entry) -> String {
    let one = inline(&entry.node);
    let value = match &entry.node.value {
        Value::List(list) if one.len() > LONG || holds_tables(list) => {
            let elements: String = list.iter().map(|node| format!("    {},\n", inline(node))).collect();
            format!("[\n{elements}]")
        }
        _ => one,
    };
    format!("{} = {value}\n", key(&entry.key))
}

fn holds_tables(list: &[Node]) -> bool {
    list.iter().any(|node| matches!(node.value, Value::Table(_)))
}

/// A value in one line.
pub(crate) fn inline(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => quoted(text),
        Value::Whole(whole) => whole.to_string(),
        Value::Number(number) if number.is_nan() => "nan".to_owned(),
        // Debug's form has a point or an exponent, as TOML wants it.
        Value::Number(number) => format!("{number:?}"),
        Value::Truth(truth) => truth.to_string(),
        Value::List(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Table(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{} = {}", key(&entry.key), inline(&entry.node)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if is_bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted += &format!("\\u{:04X}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
