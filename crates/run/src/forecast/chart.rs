//! Memory over the steps of a program, as a picture in the page.

use std::fmt::{self, Write};

use anygrad_plan::{ProgramForecast, Purpose, Split};

use super::bytes;
use crate::report::escape::Escaped;

/// The layers from below: what stays, then what comes and goes.
const LAYERS: [Purpose; 7] = [
    Purpose::Parameters,
    Purpose::Optimizer,
    Purpose::Inputs,
    Purpose::Constants,
    Purpose::Activations,
    Purpose::Gradients,
    Purpose::Workspace,
];

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 310.0;
/// Around the axes.
const LEFT: f64 = 74.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;
/// Columns that can be told apart; each shows the fullest of its steps.
const MOST_COLUMNS: usize = 420;

/// The colours, in light and dark.
pub(super) const STYLE: &str = "
.memory { display: block; width: 100%; min-width: 36rem; max-width: 62rem; height: auto; }
.memory text { font: 13px system-ui, sans-serif; fill: currentColor; }
.memory .grid { stroke: var(--line); stroke-width: 1; }
.memory .room { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 6 4; fill: none; }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; padding: 0; margin: .5rem 0; list-style: none; font-size: .9rem; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem; margin-right: .4rem; }
.c0 { fill: #4269d0; background: #4269d0; } .c1 { fill: #97bbf5; background: #97bbf5; }
.c2 { fill: #9498a0; background: #9498a0; } .c3 { fill: #c9ccd2; background: #c9ccd2; }
.c4 { fill: #3ca951; background: #3ca951; } .c5 { fill: #ff725c; background: #ff725c; }
.c6 { fill: #efb118; background: #efb118; }
td:nth-child(n) { white-space: nowrap; }
th:nth-child(n+2):nth-child(-n+5), td:nth-child(n+2):nth-child(-n+5) { text-align: left; }
@media screen and (prefers-color-scheme: dark) {
  .c2 { fill: #7d828c; background: #7d828c; } .c3 { fill: #565a63; background: #565a63; }
}";

/// The chart of a program among states of these sizes.
pub(super) fn chart(program: &ProgramForecast, states: Split) -> Result<String, fmt::Error> {
    let stays = Split { inputs: program.memory.inputs, constants: program.memory.constants, ..states };
    let each = program.steps.len().div_ceil(MOST_COLUMNS).max(1);
    let columns: Vec<Split> = program.steps.chunks(each).map(|steps| stays + fullest(steps)).collect();
    let room = stays.total() + program.working;
    let top = (room.max(1) as f64) * 1.08;
    let count = columns.len().max(1) as f64;
    let x = |column: f64| LEFT + (WIDTH - LEFT - RIGHT) * column / count;
    let y = |bytes: f64| TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - bytes / top);
    let mut svg = String::new();
    let label = format!("Memory of {} over its {} steps", program.name, program.steps.len());
    writeln!(
        svg,
        "<div class=\"scroll\"><svg class=\"memory\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        Escaped(&label)
    )?;
    for tick in ticks(top) {
        let at = y(tick);
        let (end, text) = (WIDTH - RIGHT, LEFT - 8.0);
        writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\"/>")?;
        let size = bytes(tick as u64);
        writeln!(svg, "<text x=\"{text}\" y=\"{:.1}\" text-anchor=\"end\">{size}</text>", at + 4.0)?;
    }
    let mut below = vec![0.0; columns.len()];
    for (number, purpose) in LAYERS.into_iter().enumerate() {
        let above: Vec<f64> =
            columns.iter().zip(&below).map(|(split, below)| below + split.of(purpose) as f64).collect();
        if above != below {
            let (mut path, mut sign) = (String::new(), 'M');
            for (column, bytes) in above.iter().enumerate() {
                let (from, to, at) = (x(column as f64), x(column as f64 + 1.0), y(*bytes));
                write!(path, "{sign}{from:.1} {at:.1}H{to:.1}")?;
                sign = 'L';
            }
            for (column, bytes) in below.iter().enumerate().rev() {
                write!(path, "L{:.1} {:.1}H{:.1}", x(column as f64 + 1.0), y(*bytes), x(column as f64))?;
            }
            let name = purpose.name();
            writeln!(svg, "<path class=\"c{number}\" d=\"{path}Z\"><title>{name}</title></path>")?;
        }
        below = above;
    }
    let (start, end, at) = (x(0.0), x(count), y(room as f64));
    writeln!(
        svg,
        "<path class=\"room\" d=\"M{start:.1} {at:.1}H{end:.1}\"><title>what is kept for it</title></path>"
    )?;
    let bottom = HEIGHT - BOTTOM + 18.0;
    let last = program.steps.len().saturating_sub(1);
    for (step, anchor) in [(0, "start"), (last / 2, "middle"), (last, "end")] {
        let at = x((step as f64 + 0.5) / each as f64);
        writeln!(svg, "<text x=\"{at:.1}\" y=\"{bottom}\" text-anchor=\"{anchor}\">{step}</text>")?;
    }
    let (middle, under) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 5.0);
    writeln!(svg, "<text x=\"{middle}\" y=\"{under}\" text-anchor=\"middle\">step of the program</text>")?;
    svg.push_str("</svg></div>\n<ul class=\"key\">");
    for (number, purpose) in LAYERS.into_iter().enumerate() {
        if columns.iter().any(|split| split.of(purpose) > 0) {
            write!(svg, "<li><i class=\"c{number}\"></i>{}</li>", purpose.name())?;
        }
    }
    svg.push_str("</ul>");
    Ok(svg)
}

/// The step of some that uses most.
fn fullest(steps: &[anygrad_plan::StepForecast]) -> Split {
    steps.iter().map(|step| step.memory).max_by_key(Split::total).unwrap_or_default()
}

/// Round sizes from 0 up, at most six.
fn ticks(top: f64) -> Vec<f64> {
    let mut step = 1.0;
    while top / step > 5.0 {
        step *= 2.0;
    }
    let count = (top / step).floor() as usize;
    (0..=count).map(|tick| tick as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_are_round() {
        let mib = f64::from(1 << 20);
        assert_eq!(ticks(4.4 * mib), [0.0, mib, 2.0 * mib, 3.0 * mib, 4.0 * mib]);
        assert_eq!(ticks(1.0), [0.0, 1.0]);
        assert!((1..1000).all(|top| (2..=6).contains(&ticks(f64::from(top)).len())));
    }
}
