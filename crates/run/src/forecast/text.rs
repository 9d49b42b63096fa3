//! A plan as a person reads it.

use std::fmt::{self, Display};

use anygrad_plan::{Held, Purpose};

use super::{Planned, bytes, seconds, short};

/// Values that were cut, and programs, of which so many are told.
const MOST_LINES: usize = 12;

impl Planned {
    /// Whether it fits, in a sentence, with what was compared.
    pub(super) fn verdict(&self) -> String {
        let total = bytes(self.forecast.total());
        let limits = format!(
            "Checked were the largest buffer, {}, and the largest binding, {}.",
            bytes(self.target.caps.max_buffer_bytes),
            bytes(self.target.caps.max_binding_bytes)
        );
        match (&self.target.memory, self.fits) {
            (Some(memory), Some(true)) => {
                format!("Fits: {total} of {} ({}). {limits}", bytes(memory.value), memory.source)
            }
            (Some(memory), _) => {
                format!("Does not fit: {total} of {} ({}). {limits}", bytes(memory.value), memory.source)
            }
            (None, _) => format!("It is not known how much memory there is: WebGPU does not tell. {limits}"),
        }
    }

    /// How long an update takes, in words.
    pub(super) fn time(&self) -> String {
        match (self.forecast.update.seconds, &self.target.roofline) {
            (Some(time), Some(known)) => format!("{} or more ({})", seconds(time), known.source),
            _ => "no time is estimated: the speed of the adapter is not known".to_owned(),
        }
    }

    /// What the largest batch is, in words.
    pub(super) fn largest_batch(&self) -> Option<String> {
        Some(match (self.max_batch?, self.most) {
            (None, _) => "Not even a batch of 1 row fits".to_owned(),
            (Some(batch), Some(most)) if batch == most => format!("All {most} rows fit in one batch"),
            (Some(batch), _) => format!("Largest batch that fits: {batch} rows"),
        })
    }
}

/// Where a value stands in the model.
pub(super) fn place(held: &Held) -> String {
    let line = held.line.as_ref().map(|line| format!("{}:{}", short_path(line.file), line.line));
    let parts = [held.layer.clone(), line];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The last two parts of a path.
fn short_path(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// A name of at most so many letters.
pub(super) fn cut(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 3).chain("...".chars()).collect()
}

/// Rows of cells in columns: those named by `right` to the right.
fn columns(f: &mut fmt::Formatter<'_>, rows: &[Vec<String>], right: &[usize]) -> fmt::Result {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        writeln!(f, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

impl Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forecast = &self.forecast;
        writeln!(f, "{}, {} rows a batch", self.source, forecast.batch)?;
        writeln!(f, "For {}: {}", forecast.adapter, self.target.source)?;
        writeln!(f, "\nMemory at the peak")?;
        let row = |name: &str, count: u64| vec![name.to_owned(), bytes(count), format!("{count} bytes")];
        let mut rows: Vec<Vec<String>> =
            Purpose::ALL.iter().map(|&p| row(p.name(), forecast.memory.of(p))).collect();
        rows.push(row("all buffers", forecast.peak));
        rows.push(row("when the first step runs", forecast.ready));
        rows.push(row("uploads on their way, at most", forecast.uploads));
        rows.push(row("reads, at most", forecast.reads));
        columns(f, &rows, &[1, 2])?;
        writeln!(f, "{}", self.verdict())?;
        if let Some(text) = self.largest_batch() {
            writeln!(f, "{text}")?;
        }
        let update = &forecast.update;
        writeln!(
            f,
            "\nOne {}: {} dispatches, {}FLOP, {}B read and written; {}",
            if forecast.training { "update" } else { "run" },
            update.dispatches,
            short(update.operations),
            short(update.bytes as f64),
            self.time()
        )?;
        for ((most, limit), what) in [
            (forecast.storage_buffers, "storage buffers in a dispatch"),
            (forecast.invocations, "invocations in a workgroup"),
        ] {
            writeln!(f, "At most {} of {limit} {what} ({})", most.count, most.kernel)?;
        }
        writeln!(f, "\nLargest values")?;
        let rows: Vec<Vec<String>> = forecast.largest.iter().map(value_row).collect();
        columns(f, &rows, &[0])?;
        if !forecast.cuts.is_empty() {
            writeln!(f, "\nLarger than a binding")?;
            let rows = forecast.cuts.iter().take(MOST_LINES).map(|cut| {
                let windows = format!("in {} windows of {}", cut.windows, bytes(cut.window_bytes));
                vec![bytes(cut.bytes), windows, cut.kernel.to_owned(), self::cut(&cut.step, 40)]
            });
            columns(f, &rows.collect::<Vec<_>>(), &[0])?;
            more(f, forecast.cuts.len())?;
        }
        writeln!(f, "\nPrograms, with what is their own")?;
        let rows = forecast.programs.iter().take(MOST_LINES).map(|program| {
            let steps = format!("{} dispatches", program.dispatches());
            vec![program.name.clone(), bytes(program.memory.total()), steps]
        });
        columns(f, &rows.collect::<Vec<_>>(), &[1, 2])?;
        more(f, forecast.programs.len())?;
        for warning in &forecast.warnings {
            writeln!(f, "\nWarning: {warning}")?;
        }
        Ok(())
    }
}

fn value_row(held: &Held) -> Vec<String> {
    let place = place(held);
    vec![bytes(held.bytes), held.purpose.name().to_owned(), cut(&held.name, 48), held.shape.clone(), place]
}

fn more(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    if count > MOST_LINES { writeln!(f, "  and {} more", count - MOST_LINES) } else { Ok(()) }
}
