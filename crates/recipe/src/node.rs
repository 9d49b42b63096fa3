//! A TOML document as a tree whose values know where they stand.

use anygrad_core::Error;
use toml::de::{DeTable, DeValue};

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// A line of the file, counted from 1.
    Line(usize),
    /// A setting given beside the file, as `training.epochs=3`.
    Set(String),
    /// A default.
    #[default]
    Nowhere,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Number(f64),
    Truth(bool),
    List(Vec<Node>),
    /// In the order of the file.
    Table(Vec<Entry>),
}

/// A key of a table with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    /// The place of the key.
    pub place: Place,
    pub node: Node,
}

/// What is wrong with a recipe: the path of keys is gathered from the inside out.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    place: Place,
    /// Innermost first.
    path: Vec<String>,
    message: String,
}

impl Mistake {
    pub fn new(place: &Place, message: impl Into<String>) -> Self {
        Mistake { place: place.clone(), path: Vec::new(), message: message.into() }
    }

    /// The same within the value of a key, or the element of a list.
    pub fn within(mut self, key: impl ToString) -> Self {
        self.path.push(key.to_string());
        self
    }

    /// As the user reads it: `cnn.toml: line 12: training.epochs: 0 is too small`.
    pub fn error(&self, file: &str) -> Error {
        let place = match &self.place {
            Place::Line(line) => format!("line {line}: "),
            Place::Set(text) => format!("set {text}: "),
            Place::Nowhere => String::new(),
        };
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        let path = if path.is_empty() { String::new() } else { format!("{}: ", path.join(".")) };
        Error::input(format!("{file}: {place}{path}{}", self.message))
    }
}

impl Node {
    /// A value that stands nowhere.
    pub fn of(value: Value) -> Self {
        Node { value, place: Place::Nowhere }
    }

    /// A text that stands nowhere.
    pub fn text(text: &str) -> Self {
        Node::of(Value::Text(text.to_owned()))
    }

    /// The tree of a TOML document.
    pub fn parse(text: &str) -> Result<Node, Mistake> {
        let lines = Lines::of(text);
        match DeTable::parse(text) {
            Ok(table) => Node::of_table(table.get_ref(), Place::Line(1), &lines),
            Err(error) => {
                let place = error.span().map_or(Place::Nowhere, |span| lines.place(span.start));
                Err(Mistake::new(&place, format!("not TOML: {}", error.message().replace('\n', ", "))))
            }
        }
    }

    fn of_table(table: &DeTable<'_>, place: Place, lines: &Lines) -> Result<Node, Mistake> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key_text: &std::borrow::Cow<'_, str> = key.get_ref();
            let node = Node::of_value(value.get_ref(), lines.place(value.span().start), lines)
                .map_err(|mistake| mistake.within(key_text))?;
            Ok(Entry { key: key_text.to_string(), place: lines.place(key.span().start), node })
        };
        let entries = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Node { value: Value::Table(entries), place })
    }

    fn of_value(value: &DeValue<'_>, place: Place, lines: &Lines) -> Result<Node, Mistake> {
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(truth) => Value::Truth(*truth),
            DeValue::Integer(whole) => match i64::from_str_radix(whole.as_str(), whole.radix()) {
                Ok(whole) => Value::Whole(whole),
                Err(_) => return Err(Mistake::new(&place, format!("{whole} has more than 63 bits"))),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Number(number),
                Err(_) => return Err(Mistake::new(&place, format!("{number} is not a number"))),
            },
            DeValue::Datetime(time) => {
                let message = format!("{time} is a date, which no key takes: text stands in quotes");
                return Err(Mistake::new(&place, message));
            }
            DeValue::Array(list) => {
                let element = |(i, element): (usize, &toml::Spanned<DeValue<'_>>)| {
                    let at = lines.place(element.span().start);
                    Node::of_value(element.get_ref(), at, lines).map_err(|mistake| mistake.within(i))
                };
                Value::List(list.iter().enumerate().map(element).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => return Node::of_table(table, place, lines),
        };
        Ok(Node { value, place })
    }

    /// The same value with everything in it at one place.
    pub fn placed(mut self, place: &Place) -> Node {
        self.place = place.clone();
        self.value = match self.value {
            Value::List(list) => Value::List(list.into_iter().map(|node| node.placed(place)).collect()),
            Value::Table(entries) => {
                let entry = |e: Entry| Entry { key: e.key, place: place.clone(), node: e.node.placed(place) };
                Value::Table(entries.into_iter().map(entry).collect())
            }
            other => other,
        };
        self
    }

    /// The value as errors call it.
    pub fn told(&self) -> String {
        match &self.value {
            Value::Text(text) => format!("{:?} is text", brief(text)),
            Value::Whole(whole) => format!("{whole} is a whole number"),
            Value::Number(number) => format!("{number:?} is a number"),
            Value::Truth(truth) => format!("{truth} is a truth value"),
            Value::List(list) => format!("a list of {} stands here", list.len()),
            Value::Table(_) => "a table stands here".to_owned(),
        }
    }
}

/// As much of a text as an error quotes.
pub(crate) fn brief(text: &str) -> String {
    const QUOTED: usize = 40;
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines(std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect())
    }

    fn place(&self, byte: usize) -> Place {
        Place::Line(self.0.partition_point(|&begin| begin <= byte).max(1))
    }
}
