//! Plain values.

use super::Setting;
use crate::node::{Mistake, Node, Value};
use crate::reference::Book;

/// A value of another kind than the key takes.
pub(crate) fn wrong<T: Setting>(node: &Node) -> Mistake {
    Mistake::new(&node.place, format!("{}: takes {}", node.told(), T::kind()))
}

fn of_whole(whole: impl TryInto<i64>) -> Node {
    // Only what was read is written, and that is an i64.
    Node::of(Value::Whole(whole.try_into().unwrap_or(i64::MAX)))
}

macro_rules! whole_numbers {
    ($($type:ty: $kind:literal),*) => {$(
        impl Setting for $type {
            fn kind() -> String {
                $kind.to_owned()
            }

            fn read(node: &Node) -> Result<Self, Mistake> {
                let Value::Whole(whole) = node.value else { return Err(wrong::<Self>(node)) };
                let message = || format!("{whole} is out of range: takes {}", $kind);
                whole.try_into().map_err(|_| Mistake::new(&node.place, message()))
            }

            fn write(&self) -> Option<Node> {
                Some(of_whole(*self))
            }

            fn numbers(&self) -> Vec<f64> {
                vec![*self as f64]
            }
        }
    )*};
}

whole_numbers! {
    usize: "a whole number", u64: "a whole number from 0", i32: "a whole number, of either sign",
    isize: "a whole number, of either sign"
}

impl Setting for f64 {
    fn kind() -> String {
        "a number".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match node.value {
            Value::Number(number) if number.is_finite() => Ok(number),
            Value::Number(number) => Err(Mistake::new(&node.place, format!("{number} is not finite"))),
            Value::Whole(whole) => Ok(whole as f64),
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        Some(Node::of(Value::Number(*self)))
    }

    fn numbers(&self) -> Vec<f64> {
        vec![*self]
    }
}

impl Setting for bool {
    fn kind() -> String {
        "true or false".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match node.value {
            Value::Truth(truth) => Ok(truth),
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        Some(Node::of(Value::Truth(*self)))
    }
}

impl Setting for String {
    fn kind() -> String {
        "text in quotes".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match &node.value {
            Value::Text(text) if text.is_empty() => Err(Mistake::new(&node.place, "the text is empty")),
            Value::Text(text) => Ok(text.clone()),
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        Some(Node::text(self))
    }
}

impl Setting for char {
    fn kind() -> String {
        "one character in quotes".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let Value::Text(text) = &node.value else { return Err(wrong::<Self>(node)) };
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        Some(Node::text(&self.to_string()))
    }
}

impl<T: Setting> Setting for Option<T> {
    fn kind() -> String {
        T::kind()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        T::read(node).map(Some)
    }

    fn write(&self) -> Option<Node> {
        self.as_ref().and_then(T::write)
    }

    fn numbers(&self) -> Vec<f64> {
        self.as_ref().map_or(Vec::new(), T::numbers)
    }

    fn chapter() -> Option<String> {
        T::chapter()
    }

    fn describe(book: &mut Book) {
        T::describe(book);
    }
}

impl<T: Setting> Setting for Box<T> {
    fn kind() -> String {
        T::kind()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        T::read(node).map(Box::new)
    }

    fn write(&self) -> Option<Node> {
        T::write(self)
    }

    fn chapter() -> Option<String> {
        T::chapter()
    }

    fn describe(book: &mut Book) {
        T::describe(book);
    }
}

fn elements<T: Setting>(list: &[Node]) -> Result<Vec<T>, Mistake> {
    let element = |(i, node)| T::read(node).map_err(|mistake: Mistake| mistake.within(i));
    list.iter().enumerate().map(element).collect()
}

impl<T: Setting> Setting for Vec<T> {
    fn kind() -> String {
        format!("a list, each of it {}", T::kind())
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match &node.value {
            Value::List(list) => elements(list),
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        Some(Node::of(Value::List(self.iter().filter_map(T::write).collect())))
    }

    fn numbers(&self) -> Vec<f64> {
        self.iter().flat_map(T::numbers).collect()
    }

    fn chapter() -> Option<String> {
        T::chapter()
    }

    fn describe(book: &mut Book) {
        T::describe(book);
    }
}

/// One for all axes, or one for each.
impl<const N: usize> Setting for [usize; N] {
    fn kind() -> String {
        if N == 1 { "a whole number".to_owned() } else { format!("a whole number, or a list of {N}") }
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match &node.value {
            Value::Whole(_) => usize::read(node).map(|size| [size; N]),
            Value::List(list) => {
                let sizes: Vec<usize> = elements(list)?;
                sizes.try_into().map_err(|_| wrong::<Self>(node))
            }
            _ => Err(wrong::<Self>(node)),
        }
    }

    fn write(&self) -> Option<Node> {
        match &self[..] {
            [first, others @ ..] if others.iter().all(|other| other == first) => first.write(),
            _ => self.to_vec().write(),
        }
    }

    fn numbers(&self) -> Vec<f64> {
        self.to_vec().numbers()
    }
}

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
pub struct Orders(pub std::collections::BTreeMap<String, Vec<String>>);

impl Setting for Orders {
    fn kind() -> String {
        "names of columns, or a table of columns with their categories in order".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let Value::Table(entries) = &node.value else {
            let names = Names::read(node).map_err(|_| wrong::<Self>(node))?;
            return Ok(Orders(names.0.into_iter().map(|name| (name, Vec::new())).collect()));
        };
        let order = |entry: &crate::node::Entry| {
            let order = Vec::<String>::read(&entry.node).map_err(|mistake| mistake.within(&entry.key))?;
            Ok((entry.key.clone(), order))
        };
        entries.iter().map(order).collect::<Result<_, Mistake>>().map(Orders)
    }

    fn write(&self) -> Option<Node> {
        let entry = |(column, order): (&String, &Vec<String>)| {
            let key = column.clone();
            order.write().map(|node| crate::node::Entry { key, place: Default::default(), node })
        };
        Some(Node::of(Value::Table(self.0.iter().filter_map(entry).collect())))
    }
}
