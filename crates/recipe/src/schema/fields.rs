//! A table while it is read.

use super::{Limits, Section, Setting};
use crate::node::{Entry, Mistake, Node, Place, Value, brief};

/// The entries of a table.
pub(crate) struct Fields<'a> {
    place: &'a Place,
    entries: &'a [Entry],
}

/// Reads a table whose keys are those of a section and no others.
pub(crate) fn read_section<T: Section>(node: &Node) -> Result<T, Mistake> {
    let Value::Table(entries) = &node.value else {
        return Err(Mistake::new(&node.place, format!("{}: takes a table of keys", node.told())));
    };
    let fields = Fields { place: &node.place, entries };
    // Before anything else, as a key that is missing may be one that is misspelt.
    let names = T::names(&fields)?;
    match entries.iter().find(|entry| !names.contains(&entry.key.as_str())) {
        Some(entry) => {
            let key = brief(&entry.key);
            Err(Mistake::new(&entry.place, format!("unknown key `{key}`: {}", closest(&key, &names))))
        }
        None => T::take(&fields),
    }
}

/// What an unknown word is told to be, or which there are.
pub(crate) fn closest(word: &str, known: &[&str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(&word.to_lowercase(), known);
    match known.iter().min_by_key(distance) {
        Some(best) if distance(&best) <= best.len().div_ceil(3) => format!("did you mean `{best}`?"),
        Some(_) => format!("there are {}", known.join(", ")),
        None => "there are none".to_owned(),
    }
}

/// The node of a choice: a text stands for a table that has nothing but the tag.
pub(crate) fn tagged(node: &Node, tag: &str, what: &str) -> Result<Node, Mistake> {
    match &node.value {
        Value::Text(_) => {
            let entry = Entry { key: tag.to_owned(), place: node.place.clone(), node: node.clone() };
            Ok(Node { value: Value::Table(vec![entry]), place: node.place.clone() })
        }
        Value::Table(_) => Ok(node.clone()),
        _ => {
            let message = format!("{}: takes {} by its name, or a table of its keys", node.told(), one(what));
            Err(Mistake::new(&node.place, message))
        }
    }
}

/// A noun with its article.
pub(crate) fn one(noun: &str) -> String {
    format!("{} {noun}", if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

/// Names are compared without regard to case, hyphens and underscores.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

impl Fields<'_> {
    /// The value of a key under any of its names, of which one may be given.
    fn find(&self, names: &[&str]) -> Result<Option<&Entry>, Mistake> {
        let mut found = self.entries.iter().filter(|entry| names.contains(&entry.key.as_str()));
        match (found.next(), found.next()) {
            (Some(one), Some(other)) => {
                let message = format!("`{}` and `{}` are two names of one key", one.key, other.key);
                Err(Mistake::new(&other.place, message))
            }
            (one, _) => Ok(one),
        }
    }

    /// The value of a key, or its default.
    pub fn take<T: Setting>(
        &self,
        names: &[&'static str],
        default: Option<T>,
        limits: Option<Limits>,
    ) -> Result<T, Mistake> {
        let name = names[0];
        let Some(entry) = self.find(names)? else {
            return match (default, T::absent()) {
                (Some(default), _) => Ok(default),
                (None, Some(empty)) => T::read(&Node { place: self.place.clone(), ..empty })
                    .map_err(|mistake| mistake.within(name)),
                (None, None) => {
                    let message = format!("the key `{name}` is missing: it takes {}", T::kind());
                    Err(Mistake::new(self.place, message))
                }
            };
        };
        let value = T::read(&entry.node).and_then(|value| {
            let Some(limits) = limits else { return Ok(value) };
            match value.numbers().into_iter().find(|&number| !limits.hold(number)) {
                Some(number) => {
                    let message = format!("{number} is out of range: takes {}, {limits}", T::kind());
                    Err(Mistake::new(&entry.node.place, message))
                }
                None => Ok(value),
            }
        });
        value.map_err(|mistake| mistake.within(&entry.key))
    }

    /// The name of a choice by its tag, as the first of its spellings.
    pub fn tag(
        &self,
        tag: &'static str,
        what: &str,
        choices: &[(&'static str, &[&'static str])],
    ) -> Result<&'static str, Mistake> {
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let Some(entry) = self.find(&[tag])? else {
            let message =
                format!("the key `{tag}` is missing: it takes {}: one of {}", one(what), names().join(", "));
            return Err(Mistake::new(self.place, message));
        };
        let Value::Text(word) = &entry.node.value else {
            let message = format!("{}: takes the name of {}, in quotes", entry.node.told(), one(what));
            return Err(Mistake::new(&entry.node.place, message).within(tag));
        };
        let is_named = |(name, others): &&(&'static str, &[&str])| {
            [*name].iter().chain(*others).any(|name| plain(name) == plain(word))
        };
        match choices.iter().find(is_named) {
            Some((name, _)) => Ok(name),
            None => {
                let word = brief(word);
                let message = format!("unknown {what} `{word}`: {}", closest(&word, &names()));
                Err(Mistake::new(&entry.node.place, message))
            }
        }
    }
}

/// A table of a tag and its keys, or the tag alone where there are no others.
pub(crate) fn write_tagged(section: &impl Section) -> Node {
    let mut entries = Vec::new();
    section.put(&mut entries);
    match (entries.len(), entries.pop()) {
        (1, Some(only)) => only.node,
        (_, last) => {
            entries.extend(last);
            Node::of(Value::Table(entries))
        }
    }
}
