//! Adapters: which there are, what each can do, and how a person picks one.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;

use anygrad_core::{Caps, Choices, Context, DeviceKind, Error, Result};

use crate::guard::{Handle, State, contain, contain_future};
use crate::timestamps::MARKS;
#[cfg(not(target_arch = "wasm32"))]
use crate::{quarantine::Verdict, tuned::Tuned};

/// The environment variable that [`Choice::from_env`] reads.
pub const ADAPTER_VARIABLE: &str = "ANYGRAD_ADAPTER";

/// Which adapter to use.
///
/// As text: nothing or `best`, a number, `software`, `cpu` for the interpreter, or any part of what
/// [`adapters`] shows for it, such as `nvidia` or `vulkan`; capitals do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The fastest sort of hardware there is: the first of [`adapters`].
    #[default]
    Best,
    /// The adapter at this place in the list of [`adapters`], from 0.
    Index(usize),
    /// The first adapter whose description contains this text.
    Name(String),
    /// The first adapter that is software on the processor.
    Software,
    /// No adapter: the plain interpreter on the processor. A session offers it, a device does not.
    Interpreter,
}

impl Choice {
    /// The choice in the variable `ANYGRAD_ADAPTER`; [`Choice::Best`] without it.
    pub fn from_env() -> Self {
        Choice::from_env_or(Choice::Best)
    }

    /// The choice in the variable `ANYGRAD_ADAPTER`; `otherwise` without it.
    pub fn from_env_or(otherwise: Choice) -> Self {
        std::env::var(ADAPTER_VARIABLE).map_or(otherwise, Choice::from)
    }
}

impl From<String> for Choice {
    fn from(text: String) -> Self {
        let text = text.trim();
        match text.to_lowercase().as_str() {
            "" | "best" => Choice::Best,
            "software" => Choice::Software,
            "cpu" | "interpreter" => Choice::Interpreter,
            _ => text.parse().map_or_else(|_| Choice::Name(text.to_owned()), Choice::Index),
        }
    }
}

impl FromStr for Choice {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.to_owned().into())
    }
}

/// The adapters of this machine, best first: discrete, integrated, virtual, unknown, software.
///
/// A machine without any gives an empty list.
///
/// # Errors
/// A driver failed while it was asked.
#[cfg(not(target_arch = "wasm32"))]
pub fn adapters() -> Result<Vec<Caps>> {
    // Outside browsers wgpu answers at once.
    crate::guard::ready(adapters_async())
        .unwrap_or_else(|| Err(Error::internal("listing adapters did not finish at once")))
}

/// The same list as `adapters`, for browsers, where the answer arrives later.
///
/// # Errors
/// A driver failed while it was asked.
pub async fn adapters_async() -> Result<Vec<Caps>> {
    let found = Found::list(&Arc::new(State::default())).await?;
    Ok(found.adapters.into_iter().map(|(caps, _)| caps).collect())
}

/// What programs are planned for on an adapter: what it can do, without the kernels that verification found to be
/// wrong there, in the ways that were measured. No device is opened.
///
/// # Errors
/// There is no such adapter, its driver failed, or what is kept about it cannot be read.
#[cfg(not(target_arch = "wasm32"))]
pub fn planning_caps(choice: &Choice) -> Result<Caps> {
    let listed =
        crate::guard::ready(async { Found::list(&Arc::new(State::default())).await?.choose(choice) });
    let (mut caps, ..) =
        listed.ok_or_else(|| Error::internal("listing adapters did not finish at once"))??;
    caps.excluded = Verdict::load(&caps)?.map_or(Vec::new(), |verdict| verdict.excluded);
    caps.choices = Tuned::load(&caps)?.map_or(Choices::default(), |tuned| tuned.choices());
    Ok(caps)
}

/// The adapters of a fresh instance of wgpu.
pub(crate) struct Found {
    /// Best first, each with what it can do.
    pub(crate) adapters: Vec<(Caps, Handle<wgpu::Adapter>)>,
    pub(crate) instance: Handle<wgpu::Instance>,
}

impl Found {
    pub(crate) async fn list(state: &Arc<State>) -> Result<Self> {
        let found = async {
            let instance = contain(state, || {
                let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
                // The same in debug and release builds: no validation layers of the driver's loader.
                descriptor.flags = wgpu::InstanceFlags::empty();
                wgpu::Instance::new(descriptor)
            })?;
            let instance = Handle::new(instance, state);
            let found = contain_future(state, || instance.enumerate_adapters(wgpu::Backends::all())).await?;
            let mut adapters = Vec::new();
            for adapter in found {
                let adapter = Handle::new(adapter, state);
                adapters.push((contain(state, || caps_of(&adapter))?, adapter));
            }
            adapters.sort_by_key(|(caps, _)| rank(caps.kind));
            Ok(Found { adapters, instance })
        };
        found.await.context(|| "listing adapters")
    }

    /// Takes the chosen adapter out of the list.
    pub(crate) fn choose(
        mut self,
        choice: &Choice,
    ) -> Result<(Caps, Handle<wgpu::Adapter>, Handle<wgpu::Instance>)> {
        if self.adapters.is_empty() && *choice != Choice::Interpreter {
            return Err(Error::device_fault(
                "this machine has no GPU adapter; install a driver (on Linux without a GPU, Mesa's \
                 software Vulkan) or choose the interpreter",
            ));
        }
        let position = match choice {
            Choice::Best => Some(0),
            Choice::Index(index) => Some(*index).filter(|index| *index < self.adapters.len()),
            Choice::Name(name) => {
                let name = name.to_lowercase();
                self.adapters.iter().position(|(caps, _)| caps.to_string().to_lowercase().contains(&name))
            }
            Choice::Software => self.adapters.iter().position(|(caps, _)| caps.is_cpu()),
            Choice::Interpreter => {
                return Err(Error::input("the interpreter is not a device; a session runs it"));
            }
        };
        let Some(position) = position else {
            return Err(Error::input(format!("no adapter is {}; there is {}", wish(choice), self.names())));
        };
        let (caps, adapter) = self.adapters.swap_remove(position);
        Ok((caps, adapter, self.instance))
    }

    /// The list as a person reads it: `0: llvmpipe (...), 1: ...`.
    fn names(&self) -> String {
        let name = |(index, (caps, _)): (usize, &(Caps, _))| format!("{index}: {caps}");
        self.adapters.iter().enumerate().map(name).collect::<Vec<_>>().join(", ")
    }
}

fn wish(choice: &Choice) -> String {
    match choice {
        Choice::Index(index) => format!("number {index}"),
        Choice::Name(name) => format!("named \"{name}\""),
        _ => "software on the processor".to_owned(),
    }
}

/// Smaller is better.
fn rank(kind: DeviceKind) -> u32 {
    match kind {
        DeviceKind::DiscreteGpu => 0,
        DeviceKind::IntegratedGpu => 1,
        DeviceKind::VirtualGpu => 2,
        DeviceKind::Other => 3,
        DeviceKind::Cpu => 4,
    }
}

/// The optional features that kernels can use, as far as the adapter has them. None of them is
/// experimental.
pub(crate) fn wanted_features(adapter: &wgpu::Adapter) -> wgpu::Features {
    let timestamps = wgpu::Features::TIMESTAMP_QUERY | MARKS;
    let wanted = wgpu::Features::SUBGROUP | wgpu::Features::SHADER_F16 | timestamps;
    adapter.features() & wanted
}

fn caps_of(adapter: &wgpu::Adapter) -> Caps {
    let (info, limits, features) = (adapter.get_info(), adapter.limits(), wanted_features(adapter));
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => DeviceKind::DiscreteGpu,
        wgpu::DeviceType::IntegratedGpu => DeviceKind::IntegratedGpu,
        wgpu::DeviceType::VirtualGpu => DeviceKind::VirtualGpu,
        wgpu::DeviceType::Cpu => DeviceKind::Cpu,
        wgpu::DeviceType::Other => DeviceKind::Other,
    };
    let backend = match info.backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "DX12",
        wgpu::Backend::BrowserWebGpu => "browser",
        wgpu::Backend::Gl => "OpenGL",
        wgpu::Backend::Noop => "none",
    };
    let subgroup = (info.subgroup_min_size, info.subgroup_max_size);
    Caps {
        // Browsers do not tell the name.
        name: if info.name.is_empty() { "unnamed adapter".to_owned() } else { info.name },
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        backend: backend.to_owned(),
        kind,
        max_buffer_bytes: limits.max_buffer_size,
        max_binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_invocations: limits
            .max_compute_invocations_per_workgroup
            .min(limits.max_compute_workgroup_size_x),
        max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
        uniform_alignment: limits.min_uniform_buffer_offset_alignment,
        subgroup: features.contains(wgpu::Features::SUBGROUP).then_some(subgroup),
        f16: features.contains(wgpu::Features::SHADER_F16),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        // Software adapters stop an invocation after 65,535 iterations without a word; hardware
        // has no such count. Kernels are split the same everywhere, whatever this says.
        max_iterations: if kind == DeviceKind::Cpu { 65_535 } else { u32::MAX / 2 },
        excluded: Vec::new(),
        choices: Choices::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_from_text() {
        for (text, choice) in [
            ("", Choice::Best),
            ("Software", Choice::Software),
            ("cpu", Choice::Interpreter),
            (" 2 ", Choice::Index(2)),
            ("interpreter", Choice::Interpreter),
            ("RTX 3050", Choice::Name("RTX 3050".into())),
        ] {
            assert_eq!(text.parse(), Ok(choice));
        }
    }
}
