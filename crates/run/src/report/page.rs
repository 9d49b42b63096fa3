//! The page of a run: what stands where, and the pieces it is made of.

use std::fmt::{self, Display, Write};

use anygrad_core::{Error, Result};

use super::Report;
use super::escape::Escaped;
use super::plots::{Plot, Subject};

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded and nothing runs, whatever stands in the page.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

impl Report {
    /// The run as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere. It
    /// can be read in light and dark, on a phone and on paper.
    ///
    /// # Errors
    /// As [`Report::plots`].
    pub fn html(&self) -> Result<String> {
        self.html_with(&self.plots()?)
    }

    /// The page with pictures that are drawn already.
    pub(super) fn html_with(&self, plots: &[Plot]) -> Result<String> {
        let pictures = |subject| pictures(plots, subject);
        let (curves, predictions) = (pictures(Subject::Epochs)?, pictures(Subject::Predictions)?);
        let title = if self.title.is_empty() { "A training run" } else { &self.title };
        document(title, |page| self.lay_out(page, &curves, &predictions))
    }

    fn lay_out(&self, page: &mut Page, curves: &str, predictions: &str) -> fmt::Result {
        self.headline(page)?;
        self.curves(page, curves)?;
        self.epochs(page)?;
        self.predictions(page, predictions)?;
        self.model(page)?;
        self.data(page)?;
        self.place(page)?;
        self.costs(page)?;
        self.checkpoints(page)?;
        self.go_on(page)?;
        self.recipe(page)
    }
}

/// A page that needs nothing else, with a title and what `body` writes.
pub(crate) fn document(title: &str, body: impl FnOnce(&mut Page) -> fmt::Result) -> Result<String> {
    let mut page = Page(String::new());
    let title = Escaped(title);
    let lay_out = |page: &mut Page| {
        page.line("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        page.line("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        page.line(format_args!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">"))?;
        page.line(format_args!("<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>"))?;
        page.line(format_args!("<h1>{title}</h1>"))?;
        body(page)?;
        page.line("</body>\n</html>")
    };
    lay_out(&mut page).map_err(Error::internal)?;
    Ok(page.0)
}

/// The pictures of a part of the page.
fn pictures(plots: &[Plot], subject: Subject) -> Result<String> {
    let mut text = String::new();
    for plot in plots.iter().filter(|plot| plot.subject == subject) {
        let (width, height) = plot.size();
        let (uri, alt) = (plot.data_uri()?, Escaped(&plot.caption));
        // The title of a curve says it all.
        let caption = match subject {
            Subject::Epochs => String::new(),
            Subject::Predictions => format!("\n<figcaption>{alt}.</figcaption>"),
        };
        writeln!(
            text,
            "<figure style=\"--w:{width}px\"><div class=\"scroll\"><img width=\"{width}\" height=\"{height}\" \
             alt=\"{alt}\" src=\"{uri}\"></div>{caption}</figure>"
        )
        .map_err(Error::internal)?;
    }
    Ok(text)
}

/// The page as it is written.
pub(crate) struct Page(String);

impl Page {
    /// A line of HTML as it is.
    pub(crate) fn line(&mut self, html: impl Display) -> fmt::Result {
        writeln!(self.0, "{html}")
    }

    /// A heading.
    pub(crate) fn heading(&mut self, text: &str) -> fmt::Result {
        self.line(format_args!("<h2>{}</h2>", Escaped(text)))
    }

    /// A paragraph of a text.
    pub(crate) fn paragraph(&mut self, class: &str, text: impl Display) -> fmt::Result {
        self.line(format_args!("<p class=\"{class}\">{}</p>", Escaped(text)))
    }

    /// Names and values, without those that are empty.
    pub(crate) fn facts(&mut self, class: &str, facts: &[(String, String)]) -> fmt::Result {
        if facts.iter().all(|(_, value)| value.is_empty()) {
            return Ok(());
        }
        self.line(format_args!("<dl class=\"{class}\">"))?;
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            self.line(format_args!("<div><dt>{}</dt><dd>{}</dd></div>", Escaped(name), Escaped(value)))?;
        }
        self.line("</dl>")
    }

    /// A table of texts. The row `marked` stands out.
    pub(crate) fn table(
        &mut self,
        class: &str,
        head: &[&str],
        rows: &[Vec<String>],
        marked: Option<usize>,
    ) -> fmt::Result {
        let cells = |tag: &str, texts: &mut dyn Iterator<Item = &str>| -> String {
            texts.map(|text| format!("<{tag}>{}</{tag}>", Escaped(text))).collect()
        };
        self.line(format_args!("<div class=\"scroll\"><table class=\"{class}\">"))?;
        let head = cells("th", &mut head.iter().copied());
        self.line(format_args!("<thead><tr>{head}</tr></thead>\n<tbody>"))?;
        for (i, row) in rows.iter().enumerate() {
            let class = if Some(i) == marked { " class=\"best\"" } else { "" };
            let cells = cells("td", &mut row.iter().map(String::as_str));
            self.line(format_args!("<tr{class}>{cells}</tr>"))?;
        }
        self.line("</tbody></table></div>")
    }

    /// A text with its lines and spaces.
    pub(crate) fn text(&mut self, text: &str) -> fmt::Result {
        self.line(format_args!("<pre>{}</pre>", Escaped(text.trim_end())))
    }

    /// What is seen after a click on `summary`.
    pub(crate) fn folded(
        &mut self,
        summary: &str,
        inner: impl FnOnce(&mut Page) -> fmt::Result,
    ) -> fmt::Result {
        self.line(format_args!("<details><summary>{}</summary>", Escaped(summary)))?;
        inner(self)?;
        self.line("</details>")
    }
}
