//! The parts of the page about figures: headline, curves, epochs, predictions.

use std::fmt;

use anygrad_nn::End;
use anygrad_plot::number;

use super::figures::{duration, grouped, names, readable};
use super::page::Page;
use super::plots::{MOST_CLASSES, counts};
use super::{Report, Told};

/// Tables with more rows are folded.
pub(super) const MOST_ROWS_OPEN: usize = 40;
/// So many pairs of classes are listed, where there are too many for a matrix.
const CONFUSED_PAIRS: usize = 25;

/// A name and its value.
pub(super) fn fact(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

impl Report {
    pub(super) fn headline(&self, page: &mut Page) -> fmt::Result {
        let class = match self.history.end {
            End::Stopped => "warn",
            _ if self.history.epochs.is_empty() => "warn",
            _ => "good",
        };
        page.paragraph(class, self.ending())?;
        let told = self.told(|_| true);
        let mut cards = Vec::new();
        if let Some(Told { scores, .. }) = &told {
            cards.push(fact("Loss", number(scores.loss)));
            cards.extend(scores.metrics.iter().map(|(name, x)| (readable(name), number(*x))));
        }
        let best = |epoch: u64| format!("{epoch} of {}", self.history.epochs.len());
        cards.push(fact("Best epoch", self.best_epoch().map_or(String::new(), best)));
        if self.info.seconds > 0.0 {
            cards.push(fact("Time", duration(self.info.seconds)));
        }
        page.facts("cards", &cards)?;
        if let Some(told) = &told {
            page.paragraph("faint", format_args!("Figures of the {}.", told.of))?;
        }
        match self.history.recoveries {
            0 => Ok(()),
            1 => page.paragraph("faint", "The device was lost once, and training went on."),
            n => {
                page.paragraph("faint", format_args!("The device was lost {n} times, and training went on."))
            }
        }
    }

    pub(super) fn curves(&self, page: &mut Page, pictures: &str) -> fmt::Result {
        if pictures.is_empty() {
            return Ok(());
        }
        page.heading("Curves")?;
        if let Some(best) = self.best_epoch() {
            let why = match self.history.restored {
                Some(_) => "whose parameters were restored".to_owned(),
                None => format!("the best by {}", self.info.monitor.as_deref().unwrap_or("the loss")),
            };
            page.paragraph("faint", format_args!("The dashed line is epoch {best}, {why}."))?;
        }
        page.line(format_args!("<div class=\"plots\">\n{pictures}</div>"))
    }

    pub(super) fn epochs(&self, page: &mut Page) -> fmt::Result {
        let epochs = &self.history.epochs;
        if epochs.is_empty() {
            return Ok(());
        }
        let (mut columns, validation) = names(&self.history);
        columns.extend(validation);
        let heads: Vec<String> = columns
            .iter()
            .map(|name| match name.strip_prefix("val_") {
                Some(name) => format!("{} (validation)", readable(name)),
                None => readable(name),
            })
            .collect();
        let head: Vec<&str> = std::iter::once("Epoch").chain(heads.iter().map(String::as_str)).collect();
        let cell = |figure: Option<f64>| figure.map_or(String::new(), number);
        let row = |epoch: &anygrad_nn::Epoch| {
            let figures = columns.iter().map(|name| cell(epoch.figure(name)));
            std::iter::once(epoch.number.to_string()).chain(figures).collect()
        };
        let rows: Vec<Vec<String>> = epochs.iter().map(row).collect();
        let best = epochs.iter().position(|epoch| Some(epoch.number) == self.best_epoch());
        page.folded("Figures of each epoch", |page| page.table("", &head, &rows, best))
    }

    pub(super) fn predictions(&self, page: &mut Page, pictures: &str) -> fmt::Result {
        let table = self.told(|scores| !scores.classes.is_empty());
        let confused = self.told(|scores| counts(scores).is_some_and(|counts| counts.len() > MOST_CLASSES));
        if pictures.is_empty() && table.is_none() && confused.is_none() {
            return Ok(());
        }
        page.heading("Predictions")?;
        if !pictures.is_empty() {
            page.line(format_args!("<div class=\"plots natural\">\n{pictures}</div>"))?;
        }
        if let Some(told) = confused {
            self.confused(page, &told)?;
        }
        let Some(Told { scores, of }) = table else { return Ok(()) };
        page.line("<h3>Classes</h3>")?;
        page.paragraph("faint", format_args!("Precision: of the answers of a class, the share that is right. Recall: of its rows, the share that was found ({of})."))?;
        let count = scores.classes.iter().map(|class| class.class + 1).max().unwrap_or(0);
        let names = self.class_names(count.min(scores.classes.len()));
        let rows: Vec<Vec<String>> = scores
            .classes
            .iter()
            .map(|class| {
                let name = names.get(class.class).cloned().unwrap_or_else(|| class.class.to_string());
                let [precision, recall, f1] =
                    [class.precision, class.recall, class.f1].map(|x| format!("{x:.4}"));
                vec![name, precision, recall, f1, grouped(class.support)]
            })
            .collect();
        let head = ["Class", "Precision", "Recall", "F1", "Rows"];
        match rows.len() > MOST_ROWS_OPEN {
            true => {
                page.folded(&format!("{} classes", rows.len()), |page| page.table("", &head, &rows, None))
            }
            false => page.table("", &head, &rows, None),
        }
    }

    /// The pairs of classes that are confused most.
    fn confused(&self, page: &mut Page, told: &Told<'_>) -> fmt::Result {
        let counts = counts(told.scores).unwrap_or(&[]);
        let names = self.class_names(counts.len());
        let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
        for (actual, row) in counts.iter().enumerate() {
            let wrong = row.iter().enumerate().filter(|&(answer, &count)| answer != actual && count > 0);
            pairs.extend(wrong.map(|(answer, &count)| (count, actual, answer)));
        }
        pairs.sort_by_key(|&(count, actual, answer)| (std::cmp::Reverse(count), actual, answer));
        pairs.truncate(CONFUSED_PAIRS);
        let name = |class: usize| names.get(class).cloned().unwrap_or_else(|| class.to_string());
        let rows: Vec<Vec<String>> = pairs
            .iter()
            .map(|&(count, actual, answer)| {
                let share = count as f64 / counts[actual].iter().sum::<u64>().max(1) as f64;
                vec![name(actual), name(answer), grouped(count), format!("{:.1} %", 100.0 * share)]
            })
            .collect();
        page.line("<h3>What is confused most</h3>")?;
        page.paragraph("faint", format_args!("Of {} classes ({}).", counts.len(), told.of))?;
        page.table("two", &["Actual", "Taken for", "Rows", "Of the class"], &rows, None)
    }
}
