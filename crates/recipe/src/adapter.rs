//! What an adapter can do, as a TOML file: for plans that are made without it.

use std::path::Path;

use anygrad_core::{Caps, DeviceKind, Error, Result};

use crate::node::Node;
use crate::schema::{ABOVE_0, COUNT, FROM_0, Setting, choice, section};

choice! {
    /// What sort of hardware it is.
    DeviceKind: "kind", "type" {
        /// A card with memory of its own.
        "discrete" => DiscreteGpu {},
        /// A GPU that shares the processor's memory.
        "integrated" => IntegratedGpu {},
        /// A GPU seen through a virtual machine.
        "virtual" => VirtualGpu {},
        /// The processor runs the shaders.
        "software" => Cpu {},
        /// Not told.
        "other" => Other {},
    }
}

section! {
    /// The limits of an adapter. What is left out is what WebGPU guarantees; memory and speed are then not known.
    AdapterLimits {
        /// What it is called.
        name: String = "the adapter of a file".to_owned(),
        /// What sort of hardware it is.
        kind: DeviceKind = DeviceKind::Other,
        /// Memory for buffers, in bytes.
        memory_bytes: Option<u64> = None => COUNT,
        /// The largest buffer, in bytes.
        max_buffer_bytes: u64 = 256 << 20 => COUNT,
        /// What one binding shows, in bytes.
        max_binding_bytes: u64 = 128 << 20 => COUNT,
        /// Storage buffers of one dispatch.
        max_storage_buffers: usize = 8 => COUNT,
        /// Workgroups in each dimension of a dispatch.
        max_workgroups: usize = 65_535 => COUNT,
        /// Invocations of one workgroup.
        max_invocations: usize = 256 => COUNT,
        /// Memory of one workgroup, in bytes.
        max_workgroup_bytes: usize = 16_384 => COUNT,
        /// Where parameters of a dispatch may begin: multiples of so many bytes.
        uniform_alignment: usize = 256 => COUNT,
        /// The size of all subgroups, where kernels can use them.
        subgroup: Option<usize> = None => COUNT,
        /// Whether shaders compute in 16-bit floats.
        f16: bool = false,
        /// Billions of additions and multiplications a second.
        gflops: Option<f64> = None => ABOVE_0,
        /// Billions of bytes a second, read and written together.
        gbytes: Option<f64> = None => ABOVE_0,
        /// Microseconds that a dispatch costs beside its work.
        dispatch_us: f64 = 0.0 => FROM_0,
        /// Microseconds that a submit costs beside its work.
        submit_us: f64 = 0.0 => FROM_0,
    }
}

/// The largest file that is read.
const LARGEST: u64 = 1 << 16;

impl AdapterLimits {
    /// The limits in a file.
    ///
    /// # Errors
    /// The file cannot be read; a key is not known or its value does not fit: the message names the line; only one
    /// of the two speeds is there.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| Error::input(format!("{name}: cannot be read: {error}"));
        if std::fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
            return Err(Error::input(format!("{name}: more than {LARGEST} bytes are too many for limits")));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        AdapterLimits::parse(&text, &name)
    }

    /// The limits in a text; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`AdapterLimits::read`].
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let root = Node::parse(text).map_err(|mistake| mistake.error(file))?;
        let limits = <Self as Setting>::read(&root).map_err(|mistake| mistake.error(file))?;
        if limits.gflops.is_some() != limits.gbytes.is_some() {
            return Err(Error::input(format!(
                "{file}: `gflops` and `gbytes` tell times together: give both"
            )));
        }
        if !limits.uniform_alignment.is_power_of_two() {
            let message = format!("uniform_alignment: {} is no power of two", limits.uniform_alignment);
            return Err(Error::input(format!("{file}: {message}")));
        }
        Ok(limits)
    }

    /// As plans take them.
    pub fn caps(&self) -> Caps {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Caps {
            name: self.name.clone(),
            kind: self.kind,
            max_buffer_bytes: self.max_buffer_bytes,
            max_binding_bytes: self.max_binding_bytes.min(self.max_buffer_bytes),
            max_storage_buffers: count(self.max_storage_buffers),
            max_workgroups: count(self.max_workgroups),
            max_invocations: count(self.max_invocations),
            max_workgroup_bytes: count(self.max_workgroup_bytes),
            uniform_alignment: count(self.uniform_alignment),
            subgroup: self.subgroup.map(|size| (count(size), count(size))),
            f16: self.f16,
            ..Caps::baseline()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_what_webgpu_guarantees() {
        let caps = AdapterLimits::parse("", "a.toml").unwrap().caps();
        assert_eq!(Caps { name: Caps::baseline().name, ..caps }, Caps::baseline());
    }

    #[test]
    fn keys_are_read_and_mistakes_are_told_with_their_line() {
        let text = "name = \"phone\"\nkind = \"integrated\"\nmax_storage_buffers = 4\nsubgroup = 16\n";
        let caps = AdapterLimits::parse(text, "a.toml").unwrap().caps();
        assert_eq!((caps.name.as_str(), caps.kind), ("phone", DeviceKind::IntegratedGpu));
        assert_eq!((caps.max_storage_buffers, caps.subgroup), (4, Some((16, 16))));
        let error = |text: &str| AdapterLimits::parse(text, "a.toml").unwrap_err().to_string();
        let unknown = error("\nmax_bufer_bytes = 1\n");
        assert_eq!(
            unknown,
            "a.toml: line 2: unknown key `max_bufer_bytes`: did you mean `max_buffer_bytes`?"
        );
        assert!(error("memory_bytes = 0").contains("line 1: memory_bytes: 0 is out of range"));
        assert!(error("kind = \"phone\"").contains("discrete"), "{}", error("kind = \"phone\""));
        assert!(error("gflops = 10.0").contains("give both"));
        assert!(error("uniform_alignment = 48").contains("power of two"));
    }
}
