//! The WGSL kernels of anygrad.
//!
//! The kernels live in `kernels/`, what they share in `shared/`. The build script links them,
//! validates each with naga, and reads bindings, `override` constants and the `Params` struct back
//! from the validated module, so that nothing of a shader is retyped in Rust.

/// A storage buffer that a kernel binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its name in the shader.
    pub name: &'static str,
    /// Whether the kernel writes to it.
    pub writes: bool,
}

/// A linked and validated kernel.
///
/// Binding 0 of group 0 is the uniform `params`, then follow the storage buffers in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The name of the kernel.
    pub name: &'static str,
    /// WGSL without the hole.
    pub source: &'static str,
    /// Where fusion puts its code: `"epilogue"`, `"value"`, or `""` for a kernel without a hole.
    pub hole: &'static str,
    /// The storage buffers, in binding order from 1.
    pub bindings: &'static [Binding],
    /// The names of the `override` constants.
    pub overrides: &'static [&'static str],
    /// Whether the kernel needs subgroup operations.
    pub subgroups: bool,
    /// The constants of this variant, such as the sizes of its tile.
    pub constants: &'static [(&'static str, u32)],
}

impl Kernel {
    /// The whole shader, with `hole` filled in, or with the hole's default.
    pub fn shader(&self, hole: Option<&str>) -> String {
        let default =
            if self.hole.is_empty() { "" } else { module(&format!("hole_{}", self.hole)).unwrap_or("") };
        format!("{}{}", self.source, hole.unwrap_or(default))
    }

    /// A constant of this variant; 0 when it has none of that name.
    pub fn constant(&self, name: &str) -> u32 {
        self.constants.iter().find(|(n, _)| *n == name).map_or(0, |(_, value)| *value)
    }
}

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
