//! A plan as a page.

use std::fmt;

use anygrad_core::{Error, Result};
use anygrad_plan::{Held, Purpose};

use super::chart::{STYLE, chart};
use super::{Planned, bytes, short, text};
use crate::report::page::{Page, document};

/// Steps and programs beyond these are left out of tables.
const MOST_ROWS: usize = 400;

impl Planned {
    /// The plan as one page of HTML that needs nothing else, with the memory over the steps as a chart.
    ///
    /// # Errors
    /// None that a plan can cause.
    pub fn html(&self) -> Result<String> {
        let program = self.forecast.programs.get(self.forecast.main);
        let chart = program.map(|program| chart(program, self.forecast.states)).transpose();
        let chart = chart.map_err(Error::internal)?.unwrap_or_default();
        document(&self.source, |page| self.lay_out(page, &chart))
    }

    fn lay_out(&self, page: &mut Page, chart: &str) -> fmt::Result {
        let forecast = &self.forecast;
        page.line(format_args!("<style>{STYLE}</style>"))?;
        let class = if self.fits == Some(false) { "warn" } else { "faint" };
        page.paragraph(class, self.verdict())?;
        page.paragraph("faint", format_args!("For {}: {}.", forecast.adapter, self.target.source))?;
        let time = forecast.update.seconds.map_or(String::new(), super::seconds);
        let batch =
            self.max_batch.map_or(String::new(), |found| found.map_or("none".into(), |b| b.to_string()));
        page.facts(
            "cards",
            &[
                ("All buffers, peak".into(), bytes(forecast.peak)),
                ("Rows a batch".into(), forecast.batch.to_string()),
                ("Largest batch".into(), batch),
                ("Dispatches".into(), forecast.update.dispatches.to_string()),
                ("Operations".into(), short(forecast.update.operations)),
                ("Bytes moved".into(), bytes(forecast.update.bytes)),
                ("Time, at least".into(), time),
            ],
        )?;
        for warning in &forecast.warnings {
            page.paragraph("warn", warning)?;
        }
        page.heading("Memory over the steps")?;
        if let Some(program) = forecast.programs.get(forecast.main) {
            let fullest = &program.steps.get(program.fullest);
            let name = fullest.map_or("", |step| step.name.as_str());
            page.paragraph(
                "faint",
                format_args!(
                    "The program {}. Most is in use at step {}, {}. The dashed line is what is kept for it.",
                    program.name,
                    program.fullest,
                    text::cut(name, 60)
                ),
            )?;
        }
        page.line(chart)?;
        self.split(page)?;
        page.heading("The largest values")?;
        let rows: Vec<Vec<String>> = forecast.largest.iter().map(value_row).collect();
        page.table("", &["bytes", "for", "value", "shape", "where", "steps"], &rows, None)?;
        self.cuts(page)?;
        self.programs(page)
    }

    fn split(&self, page: &mut Page) -> fmt::Result {
        let forecast = &self.forecast;
        let row = |name: &str, count: u64| (name.to_owned(), format!("{} ({count} bytes)", bytes(count)));
        let mut facts: Vec<_> =
            Purpose::ALL.iter().map(|&purpose| row(purpose.name(), forecast.memory.of(purpose))).collect();
        facts.push(row("all buffers", forecast.peak));
        facts.push(row("at the first step", forecast.ready));
        facts.push(row("uploads, at most", forecast.uploads));
        facts.push(row("reads, at most", forecast.reads));
        page.heading("What it is for")?;
        page.facts("facts", &facts)
    }

    fn cuts(&self, page: &mut Page) -> fmt::Result {
        let cuts = &self.forecast.cuts;
        if cuts.is_empty() {
            return Ok(());
        }
        page.heading("Larger than a binding")?;
        let rows = cuts.iter().take(MOST_ROWS).map(|cut| {
            let windows = format!("{} of {}", cut.windows, bytes(cut.window_bytes));
            vec![bytes(cut.bytes), windows, cut.kernel.to_owned(), text::cut(&cut.step, 60)]
        });
        page.table("", &["bytes", "windows", "kernel", "step"], &rows.collect::<Vec<_>>(), None)
    }

    fn programs(&self, page: &mut Page) -> fmt::Result {
        let programs = &self.forecast.programs;
        page.heading("Programs")?;
        let rows = programs.iter().take(MOST_ROWS).map(|program| {
            vec![program.name.clone(), bytes(program.memory.total()), program.dispatches().to_string()]
        });
        page.table("", &["program", "its own memory", "dispatches"], &rows.collect::<Vec<_>>(), None)?;
        let Some(main) = programs.get(self.forecast.main) else { return Ok(()) };
        page.folded(&format!("All {} steps of {}", main.steps.len(), main.name), |page| {
            let rows = main.steps.iter().take(MOST_ROWS).enumerate().map(|(number, step)| {
                let name = text::cut(&step.name, 60);
                let layer = step.layer.clone().unwrap_or_default();
                let work = format!("{}FLOP", short(step.operations));
                vec![number.to_string(), name, layer, bytes(step.memory.total()), work, bytes(step.bytes)]
            });
            let head = ["step", "operators", "layer", "in use", "work", "moved"];
            page.table("", &head, &rows.collect::<Vec<_>>(), Some(main.fullest))
        })
    }
}

fn value_row(held: &Held) -> Vec<String> {
    let steps = held.steps.map_or("always".to_owned(), |(first, last)| format!("{first} to {last}"));
    let name = text::cut(&held.name, 60);
    vec![
        bytes(held.bytes),
        held.purpose.name().to_owned(),
        name,
        held.shape.clone(),
        text::place(held),
        steps,
    ]
}
