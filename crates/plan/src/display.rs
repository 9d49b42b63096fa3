//! The text of a plan: one entry per step, and below it what the device does.

use std::fmt;

use anygrad_graph::core::DType;

use crate::plan::{Action, Cost, Part, Plan, Role, Saving, SlotId};

/// Most lines that are looked at as one cycle: what a time step of a recurrent layer dispatches.
const LONGEST_CYCLE: usize = 4;

/// Most states of a pack that are named.
const MAX_MEMBERS: usize = 4;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |slot: &SlotId| match (&self.slots[*slot].role, self.slots[*slot].part) {
            (Role::Input(name) | Role::State(name), _) => name.clone(),
            (Role::Constant(_), _) => format!("c{slot}"),
            (Role::Working, Some(Part { of, offset })) => format!("s{of}+{offset}"),
            (Role::Working, None) => format!("s{slot}"),
            (Role::Pack, _) => members(self, *slot),
        };
        let names = |slots: &[SlotId]| slots.iter().map(name).collect::<Vec<_>>().join(", ");
        for (index, step) in self.steps.iter().enumerate() {
            let again = if step.again { " again" } else { "" };
            let (reads, writes) = (names(&step.reads), names(&step.writes));
            write!(f, "{index:4}  {}{again}  [{reads}] -> {writes}", step.name)?;
            if let Some(epilogue) = &step.epilogue {
                write!(f, "  {epilogue}")?;
            }
            writeln!(f, "  {}", step.cost)?;
            let lines: Vec<String> = step.actions.iter().map(line).collect();
            folded(&lines).iter().try_for_each(|line| writeln!(f, "        {line}"))?;
        }
        writeln!(f, "one run: {}", self.cost())?;
        if let Some(text) = self.saving_text() {
            writeln!(f, "to save memory: {text}")?;
        }
        let memory = self.memory();
        writeln!(
            f,
            "{} dispatches; bytes: inputs {}, states {}, constants {}, working {} in {} slots, parameters {}, total {}",
            self.dispatches(),
            memory.inputs,
            memory.states,
            memory.constants,
            memory.working,
            self.slots
                .iter()
                .filter(|slot| matches!(slot.role, Role::Working) && slot.part.is_none())
                .count(),
            memory.parameters,
            memory.total()
        )
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations, {} bytes", short(self.operations), short(self.bytes as f64))?;
        if self.saved > 0 {
            write!(f, ", {} saved", short(self.saved as f64))?;
        }
        Ok(())
    }
}

/// What was done to take less memory, and what came of it.
pub(crate) fn saved(plan: &Plan, saving: &Saving) -> String {
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let mut done = Vec::new();
    if saving.recomputed > 0 {
        let (values, segments) = (plural(saving.recomputed, "value"), plural(saving.segments, "segment"));
        let more = 100.0 * plan.more_operations();
        done.push(format!("{values} computed again in {segments}, {more:.1} % more operations"));
    }
    if saving.rounded > 0 {
        done.push(format!("{} held as {}", plural(saving.rounded, "value"), saving.activations));
    } else if saving.activations != DType::F32 {
        done.push(format!("no value is held as {}, that takes no less", saving.activations));
    }
    if done.is_empty() {
        return "nothing, computing again takes no less".into();
    }
    let (before, now) = (saving.working_before, plan.memory().working);
    format!("{}; working bytes {before} without, {now} now", done.join("; "))
}

/// A count in at most three digits, thousands as k, M, G, T.
fn short(count: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match STEPS.iter().find(|(step, _)| count >= 0.9995 * step) {
        None => format!("{count:.0}"),
        Some((step, unit)) => {
            let scaled = count / step;
            let digits = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
            format!("{scaled:.digits$}{unit}")
        }
    }
}

/// The states of a pack, the first ones by name.
fn members(plan: &Plan, pack: SlotId) -> String {
    let parts = plan.parts_of(pack);
    let names = parts.iter().filter_map(|(slot, _)| match &plan.slots[*slot].role {
        Role::State(name) => Some(name.as_str()),
        _ => None,
    });
    let shown = names.take(MAX_MEMBERS).collect::<Vec<_>>().join(", ");
    match parts.len().saturating_sub(MAX_MEMBERS) {
        0 => format!("({shown})"),
        more => format!("({shown} and {more} more)"),
    }
}

fn line(action: &Action) -> String {
    match action {
        Action::Dispatch { kernel, workgroups: [x, y, z], .. } => format!("{kernel} ({x}, {y}, {z})"),
        Action::Copy { bytes, .. } => format!("copy {bytes} bytes"),
        Action::Host { op, .. } => format!("{} on the host", op.name()),
    }
}

/// The lines with cycles that repeat written once, with a count.
fn folded(lines: &[String]) -> Vec<String> {
    let mut result = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let times =
            |cycle: usize| rest.chunks_exact(cycle).take_while(|chunk| *chunk == &rest[..cycle]).count();
        let cycles = (1..=LONGEST_CYCLE.min(rest.len())).filter(|&cycle| times(cycle) > 1);
        // The one that covers most; of equals the shortest.
        match cycles.rev().max_by_key(|&cycle| cycle * times(cycle)) {
            None => {
                result.push(rest[0].clone());
                rest = &rest[1..];
            }
            Some(cycle) => {
                let count = times(cycle);
                result.push(format!("{count} times {}", rest[..cycle].join(", ")));
                rest = &rest[cycle * count..];
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{folded, short};

    #[test]
    fn counts_have_three_digits() {
        let shown = [0.0, 999.0, 999.6, 1234.0, 12_345.0, 123_456.0, 999_600.0, 2.5e12].map(short);
        assert_eq!(shown, ["0", "999", "1.00k", "1.23k", "12.3k", "123k", "1.00M", "2.50T"]);
    }

    #[test]
    fn cycles_are_written_once() {
        let lines = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        assert_eq!(folded(&lines("a b b b c")), ["a", "3 times b", "c"]);
        assert_eq!(folded(&lines("a b a b a c")), ["2 times a, b", "a", "c"]);
        assert_eq!(folded(&lines("a a a a")), ["4 times a"]);
        assert!(folded(&[]).is_empty());
    }
}
