use std::fmt;

/// The type of one element.
///
/// Kernels compute in [`DType::F32`]; [`DType::I32`] and [`DType::U32`] carry indices,
/// [`DType::Bool`] the results of comparisons. The 16-bit floats are formats of storage, two packed
/// in four bytes: an operator on them computes in `f32`, and its result is rounded to the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// 16-bit IEEE float; storage only.
    F16,
    /// The upper half of a 32-bit float; storage only.
    BF16,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer.
    U32,
    /// Truth value, stored as a `u32` of 0 or 1 because WGSL cannot share `bool` with the host.
    Bool,
}

impl DType {
    /// Bytes that one element takes in a buffer.
    pub const fn size(self) -> usize {
        match self {
            DType::F16 | DType::BF16 => 2,
            DType::F32 | DType::I32 | DType::U32 | DType::Bool => 4,
        }
    }

    /// Whether values of this type are real numbers that a gradient can flow through.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F16 | DType::BF16)
    }

    /// Whether it is one of the 16-bit floats.
    pub const fn is_half(self) -> bool {
        matches!(self, DType::F16 | DType::BF16)
    }

    /// The dtype that kernels compute in for elements of this one.
    pub const fn widened(self) -> DType {
        if self.is_half() { DType::F32 } else { self }
    }

    /// The WGSL name of one element in a storage buffer; a 16-bit float is half of one.
    pub const fn wgsl(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::I32 => "i32",
            DType::F16 | DType::BF16 | DType::U32 | DType::Bool => "u32",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::I32 => "i32",
            DType::U32 => "u32",
            DType::Bool => "bool",
        })
    }
}
