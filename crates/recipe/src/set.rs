//! Settings beside the file: `training.epochs=3`.

use crate::node::{Entry, Mistake, Node, Place, Value, brief};

/// Puts a setting into the tree of a recipe.
pub(crate) fn apply(root: &mut Node, text: &str) -> Result<(), Mistake> {
    let place = Place::Set(brief(text));
    let mistake = |message: String| Mistake::new(&place, message);
    let Some((path, value)) = text.split_once('=') else {
        return Err(mistake("takes a path of keys, `=` and a value, as training.epochs=3".to_owned()));
    };
    let keys: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) || keys.len() > DEEPEST {
        let path = brief(path.trim());
        return Err(mistake(format!("`{path}` is no path of keys, as training.epochs or model.0.units")));
    }
    let value = value_of(value, &place)?;
    put(root, &keys, "", value, &place)
}

/// More keys than any value of a recipe lies deep.
const DEEPEST: usize = 64;

/// A value as in a file; a single word is a text.
pub(crate) fn value_of(text: &str, place: &Place) -> Result<Node, Mistake> {
    let text = text.trim();
    let read = Node::parse(&format!("value = {text}")).ok().and_then(|node| match node.value {
        // More than one entry is not one value.
        Value::Table(mut entries) if entries.len() == 1 => entries.pop().map(|entry| entry.node),
        _ => None,
    });
    let is_word = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    match read {
        Some(node) => Ok(node.placed(place)),
        None if !text.is_empty() && text.chars().all(is_word) => Ok(Node::text(text).placed(place)),
        None => Err(Mistake::new(place, format!("`{}` is no value: text stands in quotes", brief(text)))),
    }
}

fn put(node: &mut Node, keys: &[&str], name: &str, new: Node, place: &Place) -> Result<(), Mistake> {
    let [key, rest @ ..] = keys else {
        *node = new;
        return Ok(());
    };
    if let Value::Text(_) = node.value {
        // A name alone gets keys beside it.
        *node = crate::schema::tagged(node, if name == "split" { "by" } else { "type" }, name)?;
    }
    let told = node.told();
    match &mut node.value {
        Value::Table(entries) => {
            let found = entries.iter().position(|entry| entry.key == *key);
            let at = found.unwrap_or_else(|| {
                let empty = Node { value: Value::Table(Vec::new()), place: place.clone() };
                entries.push(Entry { key: (*key).to_owned(), place: place.clone(), node: empty });
                entries.len() - 1
            });
            put(&mut entries[at].node, rest, key, new, place).map_err(|mistake| mistake.within(key))
        }
        Value::List(list) => {
            let count = list.len();
            match key.parse::<usize>().ok().and_then(|at| list.get_mut(at)) {
                Some(element) => put(element, rest, key, new, place).map_err(|mistake| mistake.within(key)),
                None => {
                    let message = format!("there is no element `{}` in a list of {count}", brief(key));
                    Err(Mistake::new(place, message))
                }
            }
        }
        _ => Err(Mistake::new(place, format!("{told}, which has no key `{}`", brief(key)))),
    }
}

/// Whether there is a value under a path of keys.
pub(crate) fn has(root: &Node, path: &[&str]) -> bool {
    let Some((key, rest)) = path.split_first() else { return true };
    let Value::Table(entries) = &root.value else { return false };
    entries.iter().any(|entry| entry.key == *key && has(&entry.node, rest))
}

/// Where the value under a path stands, or what comes nearest to it.
pub(crate) fn place(root: &Node, path: &[&str]) -> Place {
    let Some((key, rest)) = path.split_first() else { return root.place.clone() };
    let inner = match &root.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == *key).map(|entry| &entry.node),
        Value::List(list) => key.parse::<usize>().ok().and_then(|at| list.get(at)),
        _ => None,
    };
    inner.map_or_else(|| root.place.clone(), |node| place(node, rest))
}
