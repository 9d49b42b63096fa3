//! Text, which is on the host only.

use std::collections::HashMap;
use std::sync::Arc;

use anygrad_core::Shape;

use super::Row;
use super::parts;
use crate::host::elements;
use crate::node::{Node, count};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("RegexFullMatch", |_| unsupported("regular expressions are not supported")),
    ("StringConcat", concat),
    ("StringNormalizer", normalize),
    ("StringSplit", split),
    ("TfIdfVectorizer", tf_idf),
];

fn texts(host: &Host) -> Result<Vec<String>, Stop> {
    let read = |bytes: &Vec<u8>| match String::from_utf8(bytes.clone()) {
        Ok(text) => Ok(text),
        Err(_) => unsupported("text that is not UTF-8"),
    };
    host.text()?.iter().map(read).collect()
}

fn value<'g>(sizes: &[usize], texts: Vec<String>) -> Result<Value<'g>, Stop> {
    let bytes = texts.into_iter().map(String::into_bytes).collect();
    Ok(Host::new(Element::String, sizes, Data::Text(bytes))?.into())
}

/// Whether two texts are the same, with broadcasting.
pub(super) fn equal<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (shape, a, b) = pair(node)?;
    let same = a.text()?.iter().zip(b.text()?).map(|(a, b)| i64::from(a == b)).collect();
    Ok(vec![Host::new(Element::Bool, &shape, Data::Int(same))?.into()])
}

/// One text behind the other, with broadcasting.
fn concat<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (shape, a, b) = pair(node)?;
    let joined = a.text()?.iter().zip(b.text()?).map(|(a, b)| [&a[..], b].concat()).collect();
    Ok(vec![Host::new(Element::String, &shape, Data::Text(joined))?.into()])
}

/// The first two inputs, stretched to one shape.
fn pair(node: &Node<'_, '_>) -> Result<(Shape, Arc<Host>, Arc<Host>), Stop> {
    let shape = Shape::new(&node.sizes(0)?)?.broadcast(&Shape::new(&node.sizes(1)?)?)?;
    let wide = |input: usize| match parts::expand(node, &node.value(input)?, &shape)? {
        Value::Known(host) => Ok(host),
        _ => wrong("no text"),
    };
    Ok((shape, wide(0)?, wide(1)?))
}

/// The parts of each text between delimiters, along a new axis and filled up with empty ones; and how many there are.
/// Without a delimiter white space separates.
fn split<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.host(0)?;
    let delimiter = node.text("delimiter", "");
    let most = match node.maybe_int("maxsplit") {
        Some(most) => usize::try_from(most).ok(),
        None => None,
    };
    let texts = texts(&x)?;
    let cut: Vec<Vec<&str>> = texts.iter().map(|text| pieces(text, &delimiter, most)).collect();
    let longest = cut.iter().map(Vec::len).max().unwrap_or(0);
    let sizes = [x.sizes(), &[longest]].concat();
    if elements(&sizes)? > parts::MOST_LISTED {
        return unsupported(format!("{sizes:?} parts of texts"));
    }
    let counts = cut.iter().map(|pieces| pieces.len() as i64).collect();
    let filled = cut.into_iter().flat_map(|pieces| {
        let missing = longest - pieces.len();
        pieces.into_iter().map(str::to_owned).chain(std::iter::repeat_n(String::new(), missing))
    });
    Ok(vec![
        value(&sizes, filled.collect())?,
        Host::new(Element::Int64, x.sizes(), Data::Int(counts))?.into(),
    ])
}

/// Python's `split`, with at most so many cuts.
fn pieces<'t>(text: &'t str, delimiter: &str, most: Option<usize>) -> Vec<&'t str> {
    if !delimiter.is_empty() {
        return match most {
            Some(most) => text.splitn(most.saturating_add(1), delimiter).collect(),
            None => text.split(delimiter).collect(),
        };
    }
    let (mut rest, mut pieces) = (text.trim_start(), Vec::new());
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if most == Some(pieces.len()) {
            pieces.push(rest.trim_end());
            break;
        }
        pieces.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    pieces
}

/// Texts without the stop words, in one case.
fn normalize<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.host(0)?;
    let change: fn(&str) -> String = match node.text("case_change_action", "NONE").as_str() {
        "NONE" => str::to_owned,
        "LOWER" => str::to_lowercase,
        "UPPER" => str::to_uppercase,
        other => return wrong(format!("case_change_action is {other:?}")),
    };
    let columns = match *x.sizes() {
        [columns] | [1, columns] => columns,
        ref other => return wrong(format!("{other:?}; one row was expected")),
    };
    let stopwords = node.texts("stopwords").unwrap_or_default();
    let same = |word: &str, stop: &str| match node.flag("is_case_sensitive") {
        true => word == stop,
        false => word.to_lowercase() == stop.to_lowercase(),
    };
    let mut kept = Vec::with_capacity(columns);
    for text in texts(&x)? {
        if !stopwords.iter().any(|stop| same(&text, stop)) {
            kept.push(change(&text));
        }
    }
    if kept.is_empty() {
        kept.push(String::new());
    }
    let sizes = if x.sizes().len() == 2 { vec![1, kept.len()] } else { vec![kept.len()] };
    Ok(vec![value(&sizes, kept)?])
}

/// How often each sequence of tokens of a pool occurs in each row, as such, as whether it does, or weighted. Tokens
/// may be left out between: the same number each time, up to `max_skip_count`.
fn tf_idf<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.host(0)?;
    let (rows, columns) = match *x.sizes() {
        [] => (1, 1),
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        ref other => return wrong(format!("{other:?}; a row or several were expected")),
    };
    let attribute = |name: &str| node.ints(name).unwrap_or_default();
    let pool: Vec<Vec<u8>> = match node.texts("pool_strings") {
        Some(texts) => texts.into_iter().map(String::into_bytes).collect(),
        None => attribute("pool_int64s").iter().map(|n| n.to_string().into_bytes()).collect(),
    };
    let tokens: Vec<Vec<u8>> = match x.data() {
        Data::Text(text) => text.clone(),
        _ => x.to_i64().iter().map(|n| n.to_string().into_bytes()).collect(),
    };
    let (least, most) = (node.int("min_gram_length", 1).max(1), node.int("max_gram_length", 1));
    let skips = node.int("max_skip_count", 0).clamp(0, columns as i64) as usize;
    let starts =
        attribute("ngram_counts").iter().map(|&n| count("a start", n)).collect::<Result<Vec<_>, _>>()?;
    let targets =
        attribute("ngram_indexes").iter().map(|&n| count("an index", n)).collect::<Result<Vec<_>, _>>()?;
    let width = targets.iter().max().map_or(0, |&last| last.saturating_add(1));
    if elements(&[rows, width])? > parts::MOST_LISTED {
        return unsupported(format!("[{rows}, {width}] counts of sequences"));
    }
    // The sequences of the pool, and which column counts each.
    let mut columns_of: HashMap<&[Vec<u8>], usize> = HashMap::new();
    let mut number = 0;
    for (length, &start) in (1..).zip(&starts) {
        let end = starts.get(length).copied().unwrap_or(pool.len());
        let Some(part) = pool.get(start..end) else {
            return wrong(format!("sequences from {start} to {end} of {} tokens", pool.len()));
        };
        for sequence in part.chunks_exact(length) {
            let Some(&target) = targets.get(number) else { return wrong("fewer indexes than sequences") };
            columns_of.insert(sequence, target);
            number += 1;
        }
    }
    let mut counts = vec![0.0; rows * width];
    let longest = count("max_gram_length", most)?.min(starts.len());
    for row in 0..rows {
        let tokens = &tokens[row * columns..(row + 1) * columns];
        for length in least as usize..=longest {
            // Nothing can be left out of a single token.
            for step in 1..=if length == 1 { 1 } else { skips + 1 } {
                let reach = (length - 1) * step;
                for first in 0..columns.saturating_sub(reach) {
                    let sequence: Vec<Vec<u8>> =
                        (0..length).map(|i| tokens[first + i * step].clone()).collect();
                    if let Some(column) = columns_of.get(&sequence[..]) {
                        counts[row * width + column] += 1.0;
                    }
                }
            }
        }
    }
    let weights = node.floats("weights").filter(|weights| !weights.is_empty());
    if weights.as_ref().is_some_and(|weights| weights.len() < width) {
        return wrong(format!("weights for {width} columns are missing"));
    }
    let weight = |at: usize| weights.as_ref().map_or(1.0, |weights| weights[at % width]);
    let numbers: Vec<f64> = match node.text("mode", "").as_str() {
        "TF" => counts,
        "IDF" => (0..counts.len()).map(|at| if counts[at] > 0.0 { weight(at) } else { 0.0 }).collect(),
        "TFIDF" => (0..counts.len()).map(|at| counts[at] * weight(at)).collect(),
        other => return wrong(format!("mode is {other:?}")),
    };
    let sizes = if x.sizes().len() == 2 { vec![rows, width] } else { vec![width] };
    Ok(vec![Host::from_f64(Element::Float, &sizes, &numbers)?.into()])
}
