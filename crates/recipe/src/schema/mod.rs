//! The keys of a recipe: what each is called, takes and defaults to, written once. Reading, writing
//! and the reference all follow from the tables that [`section!`] and [`choice!`] describe.

mod choice;
mod columns;
mod fields;
mod limits;
mod section;
mod values;
mod variants;

pub(crate) use choice::choice;
pub use columns::{Files, Name, Names, Orders};
pub(crate) use fields::{Fields, closest, one, read_section, tagged, write_tagged};
pub(crate) use limits::*;
pub(crate) use section::section;
pub(crate) use variants::variants;

use crate::node::{Entry, Mistake, Node};
use crate::reference::{Book, Key};

/// Something that can be the value of a key.
pub(crate) trait Setting: Sized {
    /// What it takes, as errors and the reference say it: "a whole number".
    fn kind() -> String;

    /// The value in a node.
    fn read(node: &Node) -> Result<Self, Mistake>;

    /// The value as a node; none where nothing is to be written.
    fn write(&self) -> Option<Node>;

    /// What a limit of its key is compared with.
    fn numbers(&self) -> Vec<f64> {
        Vec::new()
    }

    /// What is read where its key is missing and has no default: a table without keys, for tables.
    fn absent() -> Option<Node> {
        None
    }

    /// The chapter of the reference that tells more of it.
    fn chapter() -> Option<String> {
        None
    }

    /// Adds the tables that it is made of to the reference.
    fn describe(_book: &mut Book) {}
}

/// Some keys of a table, all of them or a part.
pub(crate) trait Section: Sized {
    /// The names of the keys, other spellings among them.
    fn names(fields: &Fields<'_>) -> Result<Vec<&'static str>, Mistake>;

    /// Reads the keys.
    fn take(fields: &Fields<'_>) -> Result<Self, Mistake>;

    /// Writes the keys.
    fn put(&self, entries: &mut Vec<Entry>);

    /// The keys for the reference.
    fn keys(book: &mut Book) -> Vec<Key>;
}
