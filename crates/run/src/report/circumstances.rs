//! The parts of the page about circumstances: model, data, adapter, costs, checkpoints, recipe.

use std::fmt;

use anygrad_nn::End;
use anygrad_plot::number;

use super::Report;
use super::figures::{bytes, grouped};
use super::page::Page;
use super::sections::{MOST_ROWS_OPEN, fact};

impl Report {
    pub(super) fn model(&self, page: &mut Page) -> fmt::Result {
        let summary = &self.info.model;
        if summary.trim().is_empty() {
            return Ok(());
        }
        page.heading("Model")?;
        let Some((rows, total)) = layers(summary) else { return page.text(summary) };
        page.table("", &["Layer", "Output", "Parameters"], &rows, None)?;
        page.paragraph("faint", total)?;
        page.paragraph("faint", "n is the number of rows of a batch.")
    }

    pub(super) fn data(&self, page: &mut Page) -> fmt::Result {
        let data = &self.info.data;
        if data.fingerprint.is_empty() && data.split.is_empty() && data.parts.is_empty() {
            return Ok(());
        }
        page.heading("Data")?;
        if !data.parts.is_empty() {
            let row = |part: &crate::DataPart| {
                vec![part.name.clone(), grouped(part.rows), part.fingerprint.clone()]
            };
            let rows: Vec<Vec<String>> = data.parts.iter().map(row).collect();
            match data.parts.iter().all(|part| part.fingerprint.is_empty()) {
                true => {
                    let rows: Vec<Vec<String>> = rows.iter().map(|row| row[..2].to_vec()).collect();
                    page.table("", &["Part", "Rows"], &rows, None)?;
                }
                false => page.table("", &["Part", "Rows", "SHA-256"], &rows, None)?,
            }
        }
        let missing = data.missing.as_ref().map_or(String::new(), ToString::to_string);
        let (split, sha256) = (fact("Split", &*data.split), fact("SHA-256", &*data.fingerprint));
        page.facts("facts", &[split, fact("Gaps", missing), sha256])
    }

    pub(super) fn place(&self, page: &mut Page) -> fmt::Result {
        let info = &self.info;
        let certificate = match &info.certificate {
            Some(hash) => hash.clone(),
            None if info.adapter.is_empty() => String::new(),
            None => "none: `anygrad verify` makes one".into(),
        };
        let held = |bytes_held: Option<u64>| bytes_held.map_or(String::new(), bytes);
        let mut facts = vec![
            fact("Adapter", &*info.adapter),
            fact("Driver", &*info.driver),
            fact("Backend", &*info.backend),
            fact("System", &*info.system),
            fact("Certificate", certificate),
            fact("Begun", &*info.started),
            fact("Device memory", held(info.device_bytes)),
            fact("Process memory", held(info.host_bytes)),
        ];
        facts.extend(info.versions.iter().map(|(name, version)| fact(name, &**version)));
        if facts.iter().all(|(_, value)| value.is_empty()) {
            return Ok(());
        }
        facts.push(fact("Seed", info.seed.to_string()));
        page.heading("Adapter and versions")?;
        page.facts("facts", &facts)
    }

    pub(super) fn costs(&self, page: &mut Page) -> fmt::Result {
        let costs = &self.info.kernels;
        if costs.is_empty() {
            return Ok(());
        }
        page.heading("Time and memory of each kernel")?;
        if !self.info.kernel_times.is_empty() {
            page.paragraph("faint", format_args!("{}.", self.info.kernel_times))?;
        }
        let all: f64 = costs.iter().map(|cost| cost.ms).sum();
        let has_bytes = costs.iter().any(|cost| cost.bytes.is_some());
        let rows: Vec<Vec<String>> = costs
            .iter()
            .map(|cost| {
                let share = if all > 0.0 { 100.0 * cost.ms / all } else { 0.0 };
                let mut row = vec![cost.kernel.clone(), cost.step.clone(), grouped(cost.dispatches)];
                row.extend([format!("{:.3}", cost.ms), format!("{share:.1} %")]);
                if has_bytes {
                    row.push(cost.bytes.map_or(String::new(), bytes));
                }
                row
            })
            .collect();
        let mut head = vec!["Kernel", "Operators", "Dispatches", "ms", "Share"];
        if has_bytes {
            head.push("Memory");
        }
        match rows.len() > MOST_ROWS_OPEN {
            true => {
                page.folded(&format!("{} kernels", rows.len()), |page| page.table("two", &head, &rows, None))
            }
            false => page.table("two", &head, &rows, None),
        }
    }

    pub(super) fn checkpoints(&self, page: &mut Page) -> fmt::Result {
        if self.checkpoints.is_empty() && self.audit.is_none() {
            return Ok(());
        }
        page.heading("Checkpoints and audit log")?;
        if !self.checkpoints.is_empty() {
            let rows: Vec<Vec<String>> = self
                .checkpoints
                .iter()
                .map(|file| {
                    let score = file.score.map_or(String::new(), number);
                    vec![file.name.clone(), grouped(file.step), score, bytes(file.bytes)]
                })
                .collect();
            page.table("", &["File", "Step", "Score", "Size"], &rows, None)?;
        }
        let Some(head) = &self.audit else { return Ok(()) };
        page.facts("facts", &[fact("Last log line", format!("{}:{}", head.line, head.hash))])?;
        page.paragraph(
            "faint",
            "Whoever keeps this line outside of the folder can tell later that nothing was cut off.",
        )
    }

    pub(super) fn go_on(&self, page: &mut Page) -> fmt::Result {
        if self.folder.is_empty() {
            return Ok(());
        }
        let run = shell(&self.folder);
        let mut commands = Vec::new();
        if self.history.epochs.is_empty() && self.checkpoints.is_empty() {
            commands.push(format!("anygrad train {}", shell(&format!("{}/{}", self.folder, crate::RECIPE))));
        } else if self.history.end == End::Stopped || self.history.epochs.is_empty() {
            commands.push(format!("anygrad train --resume {run}"));
        }
        if !self.checkpoints.is_empty() {
            commands.push(format!("anygrad evaluate {run}"));
            commands.push(format!("anygrad predict {run} --input FILE --output predictions.csv"));
        }
        if self.audit.is_some() {
            commands.push(format!("anygrad audit {run}"));
        }
        if commands.is_empty() {
            return Ok(());
        }
        page.heading("How to go on")?;
        page.text(&commands.join("\n"))
    }

    pub(super) fn recipe(&self, page: &mut Page) -> fmt::Result {
        if self.recipe.trim().is_empty() {
            return Ok(());
        }
        page.heading("Recipe as resolved")?;
        page.text(&self.recipe)
    }
}

/// The rows of a summary of layers and the line below them; nothing if the text is not such a table.
fn layers(summary: &str) -> Option<(Vec<Vec<String>>, &str)> {
    let mut lines = summary.lines().filter(|line| !line.starts_with("---"));
    lines.next().filter(|head| head.starts_with("layer "))?;
    let (mut rows, mut total) = (Vec::new(), "");
    for line in lines {
        if line.starts_with("total: ") {
            total = line;
            continue;
        }
        let cells: Vec<String> =
            line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
        if cells.len() != 3 {
            return None;
        }
        rows.push(cells);
    }
    Some((rows, total))
}

/// A path as a shell takes it for one word.
fn shell(path: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_a_table_and_other_texts_are_not() {
        let text = "layer    output   parameters\n---\ndense    [n, 10]        7,850\nflatten  [n, 5]  0\n---\ntotal: 7,850 parameters\n";
        let (rows, total) = layers(text).unwrap();
        assert_eq!(rows, [["dense", "[n, 10]", "7,850"], ["flatten", "[n, 5]", "0"]]);
        assert_eq!(total, "total: 7,850 parameters");
        assert!(layers("a text").is_none() && layers("layer  x\none cell").is_none() && layers("").is_none());
    }

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(["runs/a-1", "a b", "it's"].map(shell), ["runs/a-1", "'a b'", "'it'\\''s'"]);
    }
}
