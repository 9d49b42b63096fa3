//! What the dispatches of a plan bind, and how wide their workgroups are.

use anygrad_graph::shaders::KERNELS;
use serde::Serialize;

use super::Line;
use crate::plan::{Action, Plan, SlotId};

/// A value that one binding of the adapter cannot show as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The step that reads or writes it.
    pub step: String,
    /// The kernel that binds it.
    pub kernel: &'static str,
    /// The line of the model.
    pub line: Option<Line>,
    /// What it takes.
    pub bytes: u64,
    /// In how many windows it is shown, one dispatch each.
    pub windows: usize,
    /// The largest of them.
    pub window_bytes: u64,
}

/// The largest number of something, and the kernel that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Most {
    /// The number.
    pub count: u32,
    /// The kernel.
    pub kernel: &'static str,
}

impl Most {
    fn take(&mut self, count: u32, kernel: &'static str) {
        if count > self.count {
            *self = Most { count, kernel };
        }
    }

    /// The larger one.
    pub fn or(self, other: Most) -> Most {
        if other.count > self.count { other } else { self }
    }
}

/// Storage buffers of a dispatch, and invocations of a workgroup, at most.
pub(super) fn most(plan: &Plan) -> (Most, Most) {
    let (mut buffers, mut widest) = (Most::default(), Most::default());
    for action in plan.steps.iter().flat_map(|step| &step.actions) {
        if let Action::Dispatch { kernel, overrides, slots, .. } = action {
            buffers.take(slots.len() as u32, kernel);
            widest.take(invocations(kernel, overrides), kernel);
        }
    }
    (buffers, widest)
}

/// The values that are larger than a binding, each once for a step.
pub(super) fn cuts(plan: &Plan, max_binding_bytes: u64) -> Vec<Cut> {
    let mut cuts = Vec::new();
    for step in &plan.steps {
        let mut of_step: Vec<(SlotId, Cut)> = Vec::new();
        for action in &step.actions {
            let Action::Dispatch { kernel, slots, windows, .. } = action else { continue };
            for (slot, window) in slots.iter().zip(windows) {
                let bytes = plan.slots[*slot].bytes;
                let Some(window) = window.filter(|_| bytes > max_binding_bytes) else { continue };
                let known = of_step.iter().position(|(known, cut)| known == slot && cut.kernel == *kernel);
                let at = known.unwrap_or(of_step.len());
                if known.is_none() {
                    let (step, line) = (step.name.clone(), step.line.map(Line::of));
                    of_step.push((*slot, Cut { step, kernel, line, bytes, windows: 0, window_bytes: 0 }));
                }
                let cut = &mut of_step[at].1;
                cut.windows += 1;
                cut.window_bytes = cut.window_bytes.max(window.bytes);
            }
        }
        // A slot that was made for a larger value is shown in one window as far as it is needed.
        cuts.extend(of_step.into_iter().map(|(_, cut)| cut).filter(|cut| cut.windows > 1));
    }
    cuts
}

/// Invocations of a workgroup of a kernel that is dispatched so.
fn invocations(kernel: &str, overrides: &[(&'static str, f64)]) -> u32 {
    let known = KERNELS.iter().find(|known| known.name == kernel);
    let given = overrides.iter().find(|(name, _)| *name == "GROUP").map_or(0, |(_, value)| *value as u32);
    known.map_or(0, |kernel| if kernel.invocations > 0 { kernel.invocations } else { given })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_tells_its_size() {
        for kernel in KERNELS {
            let size = invocations(kernel.name, &[("GROUP", 32.0)]);
            assert!((8..=256).contains(&size), "{}: {size}", kernel.name);
        }
    }
}
