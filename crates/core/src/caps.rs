use std::fmt;

use crate::Choices;

/// What sort of hardware an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A card with memory of its own.
    DiscreteGpu,
    /// A GPU that shares the processor's memory.
    IntegratedGpu,
    /// A GPU seen through a virtual machine.
    VirtualGpu,
    /// A software adapter: the processor runs the shaders.
    Cpu,
    /// Not told by the driver.
    Other,
}

/// What an adapter can do, as plain data: a plan can be made and costed without the adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Caps {
    /// The adapter's name as its driver tells it.
    pub name: String,
    /// Driver name and version.
    pub driver: String,
    /// The graphics API underneath: Vulkan, Metal, DX12, browser.
    pub backend: String,
    /// What sort of hardware it is.
    pub kind: DeviceKind,
    /// Largest buffer, in bytes.
    pub max_buffer_bytes: u64,
    /// Largest range of a buffer that one binding can show to a shader, in bytes.
    pub max_binding_bytes: u64,
    /// Storage buffers that one dispatch can bind.
    pub max_storage_buffers: u32,
    /// Workgroups per dimension of a dispatch.
    pub max_workgroups: u32,
    /// Invocations in one workgroup.
    pub max_invocations: u32,
    /// Workgroup memory, in bytes.
    pub max_workgroup_bytes: u32,
    /// Alignment of an offset into a uniform buffer, in bytes.
    pub uniform_alignment: u32,
    /// Smallest and largest subgroup, where kernels can use subgroup operations.
    pub subgroup: Option<(u32, u32)>,
    /// Whether shaders can compute in 16-bit floats.
    pub f16: bool,
    /// Whether the time of a dispatch can be measured on the device.
    pub timestamps: bool,
    /// Loop iterations after which the adapter stops an invocation without a word.
    pub max_iterations: u32,
    /// Kernels and pointwise functions that gave wrong results here, by name: plans do without
    /// them. [`Caps::FUSION`] stands for the joining of operators.
    pub excluded: Vec<String>,
    /// Which way operators run, where that was measured; elsewhere their own rules hold.
    pub choices: Choices,
}

impl Caps {
    /// The name under which the joining of operators can be excluded.
    pub const FUSION: &'static str = "fusion";

    /// Whether plans must do without a kernel or function.
    pub fn excludes(&self, name: &str) -> bool {
        self.excluded.iter().any(|excluded| excluded == name)
    }

    /// What every WebGPU implementation offers: the limits that the standard guarantees, no
    /// optional feature. Kernels for these caps run everywhere.
    pub fn baseline() -> Self {
        Caps {
            name: "WebGPU baseline".into(),
            driver: String::new(),
            backend: "none".into(),
            kind: DeviceKind::Other,
            max_buffer_bytes: 256 << 20,
            max_binding_bytes: 128 << 20,
            max_storage_buffers: 8,
            max_workgroups: 65_535,
            max_invocations: 256,
            max_workgroup_bytes: 16 << 10,
            uniform_alignment: 256,
            subgroup: None,
            f16: false,
            timestamps: false,
            // Mesa's software adapter stops every invocation after 65,535 loop iterations; kernels
            // split longer loops everywhere, so that they behave the same on every adapter.
            max_iterations: 65_535,
            excluded: Vec::new(),
            choices: Choices::default(),
        }
    }

    /// This adapter without its optional features: kernels for these caps are those that run
    /// everywhere, within this adapter's limits, by the operators' own rules.
    pub fn portable(&self) -> Self {
        let baseline = Caps::baseline();
        Caps {
            kind: DeviceKind::Other,
            max_storage_buffers: self.max_storage_buffers.min(baseline.max_storage_buffers),
            max_invocations: self.max_invocations.min(baseline.max_invocations),
            max_workgroup_bytes: self.max_workgroup_bytes.min(baseline.max_workgroup_bytes),
            subgroup: None,
            f16: false,
            timestamps: false,
            choices: Choices::default(),
            ..self.clone()
        }
    }

    /// The number of lanes when every subgroup of the adapter has the same, known size.
    pub fn fixed_subgroup(&self) -> Option<u32> {
        self.subgroup.filter(|(min, max)| min == max).map(|(size, _)| size)
    }

    /// Whether the adapter is software on the processor: memory operations are the cost there, and
    /// workgroup memory and barriers never pay.
    pub fn is_cpu(&self) -> bool {
        self.kind == DeviceKind::Cpu
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.name, self.backend)?;
        if !self.driver.is_empty() {
            write!(f, ", {}", self.driver)?;
        }
        f.write_str(")")
    }
}
