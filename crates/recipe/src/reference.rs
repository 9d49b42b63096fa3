//! The reference of all keys, written from the tables that read them.

use crate::schema::{Limits, Section, Setting, one};
use crate::write::inline;

/// A key as the reference tells it.
pub(crate) struct Key {
    names: Vec<&'static str>,
    takes: String,
    default: String,
    doc: String,
}

/// Something with a heading: a table of keys, or a choice between forms.
struct Chapter {
    title: String,
    text: String,
}

/// The reference while it is gathered: each chapter once.
#[derive(Default)]
pub(crate) struct Book {
    chapters: Vec<Chapter>,
    /// The form that was written last, to which one of more axes is compared.
    last: Option<(String, Vec<Vec<&'static str>>, String)>,
}

impl Key {
    pub fn new<T: Setting>(
        names: &[&'static str],
        default: Option<T>,
        limits: Option<Limits>,
        doc: &[&str],
        book: &mut Book,
    ) -> Key {
        T::describe(book);
        let limits = limits.map_or(String::new(), |limits| format!(", {limits}"));
        let default = match default.map(|default| default.write()) {
            Some(Some(node)) => format!("`{}`", inline(&node)),
            Some(None) => "none".to_owned(),
            None if T::absent().is_some() => "of its keys".to_owned(),
            None => "required".to_owned(),
        };
        let kind = match T::chapter() {
            Some(title) => T::kind().replace(&title, &format!("[{title}](#{})", anchor(&title))),
            None => T::kind(),
        };
        Key { names: names.to_vec(), takes: format!("{kind}{limits}"), default, doc: joined(doc) }
    }

    /// The key that tells the forms of a choice apart.
    pub fn tag(tag: &'static str, what: &str) -> Key {
        let doc = format!("The {what}, with keys of its own: see [{what}](#{}).", anchor(what));
        Key { names: vec![tag], takes: one(what), default: "required".to_owned(), doc }
    }

    fn row(&self) -> String {
        let names: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
        format!("| {} | {} | {} | {} |\n", names.join(", "), self.takes, self.default, self.doc)
    }
}

fn joined(doc: &[&str]) -> String {
    let words: Vec<&str> = doc.iter().flat_map(|line| line.split_whitespace()).collect();
    words.join(" ").replace('|', "\\|")
}

fn anchor(title: &str) -> String {
    title.replace(' ', "-")
}

fn rows(keys: &[Key]) -> String {
    let rows: String = keys.iter().map(Key::row).collect();
    format!("\n| key | takes | default | |\n| --- | --- | --- | --- |\n{rows}")
}

impl Book {
    /// Begins a chapter, unless it was written already.
    pub fn begin(&mut self, title: &str, doc: &[&str]) -> bool {
        if self.chapters.iter().any(|chapter| chapter.title == title) {
            return false;
        }
        self.chapters.push(Chapter { title: title.to_owned(), text: format!("{}\n", joined(doc)) });
        true
    }

    fn add(&mut self, title: &str, text: &str) {
        if let Some(chapter) = self.chapters.iter_mut().find(|chapter| chapter.title == title) {
            chapter.text += text;
        }
    }

    /// The chapter of a table.
    pub fn table<T: Section>(&mut self, title: &str, doc: &[&str]) {
        if self.begin(title, doc) {
            let keys = T::keys(self);
            self.add(title, &rows(&keys));
        }
    }

    /// A form of the choice that has begun.
    pub fn form(&mut self, title: &str, names: &[&str], doc: &[&str], keys: Vec<Key>) {
        let (first, doc) = (names.first().copied().unwrap_or_default().to_owned(), joined(doc));
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let mut text = format!("\n- {}: {doc}", names.join(", "));
        let of_keys: Vec<Vec<&str>> = keys.iter().map(|key| key.names.clone()).collect();
        match &self.last {
            Some((last_doc, last_keys, last))
                if !keys.is_empty() && *last_doc == doc && *last_keys == of_keys =>
            {
                text +=
                    &format!(" Keys as of `{last}`; sizes are a number, or a list of one for each axis.\n");
                self.add(title, &text);
                return;
            }
            _ => text.push('\n'),
        }
        if !keys.is_empty() {
            // A table belongs to the entry of a list when it is indented.
            let indented = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
            text += &rows(&keys).lines().map(indented).collect::<String>();
        }
        self.last = Some((doc, of_keys, first));
        self.add(title, &text);
    }

    /// All chapters as Markdown.
    pub fn text(&self) -> String {
        self.chapters.iter().map(|chapter| format!("\n## {}\n\n{}", chapter.title, chapter.text)).collect()
    }
}

/// Every key of a recipe as Markdown: what it is called, takes and defaults to.
pub fn reference() -> String {
    let mut book = Book::default();
    crate::recipe::Settings::describe(&mut book);
    book.text()
}
