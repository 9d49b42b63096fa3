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

pub(super) fn elements<T: Setting>(list: &[Node]) -> Result<Vec<T>, Mistake> {
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
