//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

use std::fmt::{self, Display, Write};

use anygrad_core::{Error, Result};

use crate::check::Failure;
use crate::histogram::{BINS, Histogram};
use crate::report::Report;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --good: #2a7; --bad: #c33; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
code { font: .92em ui-monospace, monospace; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
svg { vertical-align: middle; } svg rect { fill: currentColor; }
dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
";

/// A text in which nothing is taken for a tag.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.to_string().chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

impl Report {
    /// The report as a page of HTML.
    ///
    /// # Errors
    /// The report cannot be hashed: a mistake of ours.
    pub fn html(&self) -> Result<String> {
        let certificate = self.certificate()?;
        let mut page = String::new();
        self.write(&mut page, &certificate).map_err(Error::internal)?;
        Ok(page)
    }

    fn write(&self, page: &mut String, certificate: &str) -> fmt::Result {
        let title = format!("anygrad on {}", Escaped(&self.adapter));
        writeln!(page, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">")?;
        writeln!(page, "<meta name=\"viewport\" content=\"width=device-width\">")?;
        writeln!(page, "<title>{title}</title><style>{STYLE}</style><h1>{title}</h1>")?;
        let failures = self.failures().count();
        match failures {
            0 => writeln!(page, "<p class=\"good\">All of {} cases hold.</p>", self.cases())?,
            _ => writeln!(page, "<p class=\"bad\">{failures} results do not hold.</p>")?,
        }
        writeln!(page, "<dl>")?;
        let mut row = |name: &str, value: &dyn Display| writeln!(page, "<dt>{name}<dd>{}", Escaped(value));
        row("Driver", &self.driver)?;
        row("Backend", &self.backend)?;
        row("System", &self.system)?;
        row("anygrad", &self.version)?;
        row("Seed", &self.seed)?;
        row("Extent", &self.extent())?;
        row("Certificate", &certificate)?;
        writeln!(page, "</dl>")?;
        self.write_failures(page)?;
        self.write_operators(page)?;
        self.write_trainings(page)?;
        writeln!(page, "<h2>Kernels</h2><p>How many cases reached each.</p><table><tr><th>kernel<th>cases")?;
        for (kernel, cases) in &self.kernels {
            writeln!(page, "<tr><td><code>{kernel}</code><td>{cases}")?;
        }
        writeln!(page, "</table></html>")
    }

    fn extent(&self) -> String {
        let operators = if self.complete { "all operators" } else { "some operators" };
        let cases = if self.quick { "one case for each operator and kernel" } else { "every case" };
        format!("{operators}, {cases}: {} cases of {} operators", self.cases(), self.ops.len())
    }

    fn write_failures(&self, page: &mut String) -> fmt::Result {
        if !self.excluded.is_empty() {
            writeln!(
                page,
                "<h2>Done without</h2><p>Sessions on this adapter take other kernels, or the host.</p>"
            )?;
            writeln!(page, "<table><tr><th>kernel or function<th>because of")?;
            for exclusion in &self.excluded {
                let (name, because) = (Escaped(&exclusion.name), Escaped(&exclusion.because));
                writeln!(page, "<tr><td><code>{name}</code><td>{because}")?;
            }
            writeln!(page, "</table>")?;
        }
        let failures: Vec<&Failure> = self.failures().collect();
        if !failures.is_empty() {
            writeln!(page, "<h2>What failed</h2><table><tr><th>case<th>where<th>what<th>again with")?;
            for failure in failures {
                let (case, place) = (Escaped(&failure.case), Escaped(&failure.place));
                let (finding, again) = (Escaped(&failure.finding), Escaped(self.reproduce(failure)));
                writeln!(page, "<tr><td>{case}<td>{place}<td>{finding}<td><code>{again}</code>")?;
            }
            writeln!(page, "</table>")?;
        }
        Ok(())
    }

    fn write_operators(&self, page: &mut String) -> fmt::Result {
        writeln!(
            page,
            "<h2>Operators</h2><p>Errors against double precision. Shares are of what is allowed;"
        )?;
        writeln!(
            page,
            "the bars count elements from exact, at the left, to the whole of it; the last failed.</p>"
        )?;
        writeln!(page, "<table><tr><th>operator<th>cases<th>forward<th>backward<th>absolute<th>relative")?;
        writeln!(page, "<th>ulps<th>allowed<th>elements<th>")?;
        for op in &self.ops {
            let errors = &op.errors;
            let class = if op.failures.is_empty() { "good" } else { "bad" };
            writeln!(
                page,
                "<tr><td class=\"{class}\">{}<td>{}<td>{}<td>{}<td>{:.1e}<td>{:.1e}<td>{:.1}<td>{}<td>{}<td>{}",
                Escaped(&op.op),
                op.cases,
                Percent(errors.forward),
                Percent(errors.backward),
                errors.absolute,
                errors.relative,
                errors.ulps,
                Escaped(&op.tolerance),
                errors.histogram.elements(),
                Bars(&errors.histogram),
            )?;
        }
        writeln!(page, "</table>")
    }

    fn write_trainings(&self, page: &mut String) -> fmt::Result {
        if !self.trainings.is_empty() {
            writeln!(page, "<h2>Trainings</h2><table><tr><th>model<th>worst loss<th>losses by step")?;
            for training in &self.trainings {
                let losses: Vec<String> = training.losses.iter().map(|loss| format!("{loss:.6}")).collect();
                let (model, worst) = (Escaped(training.model), Percent(training.worst));
                writeln!(page, "<tr><td>{model}<td>{worst}<td>{}", losses.join(", "))?;
            }
            writeln!(page, "</table>")?;
        }
        if let Some(fuzz) = &self.fuzz {
            writeln!(
                page,
                "<h2>Random graphs</h2><p>{} graphs, {} refused with an error,",
                fuzz.graphs, fuzz.refused
            )?;
            writeln!(page, "{} values compared, {} too uncertain;", fuzz.compared, fuzz.uncertain)?;
            writeln!(page, "the largest difference took {} of what is allowed.</p>", Percent(fuzz.worst))?;
        }
        Ok(())
    }
}

struct Percent(f64);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", 100.0 * self.0)
    }
}

/// Counts as bars, on a scale of logarithms.
struct Bars<'a>(&'a Histogram);

impl Display for Bars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEIGHT: f64 = 18.0;
        let height = |count: u64| (count as f64 + 1.0).log2();
        let most = self.0.0.iter().map(|&count| height(count)).fold(1.0, f64::max);
        write!(f, "<svg width=\"{}\" height=\"{HEIGHT}\" role=\"img\">", 5 * BINS)?;
        for (bin, &count) in self.0.0.iter().enumerate() {
            let tall = HEIGHT * height(count) / most;
            let class = if bin == BINS - 1 { " class=\"bad\"" } else { "" };
            let (x, y) = (5 * bin, HEIGHT - tall);
            write!(f, "<rect{class} x=\"{x}\" y=\"{y:.1}\" width=\"4\" height=\"{tall:.1}\">")?;
            write!(f, "<title>{count}</title></rect>")?;
        }
        f.write_str("</svg>")
    }
}
