//! The types of elements that ONNX has, and what each becomes on a device.

use std::fmt;

use anygrad_core::DType;

/// The type of the elements of an ONNX tensor.
///
/// A device holds fewer: integers of all widths are `i32` there (`u32` for 32 unsigned bits), `DOUBLE` is `f32`.
/// The numbers are checked when they enter, so a value that does not fit is an error and never a wrong result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// 32-bit float.
    Float,
    /// 8-bit unsigned integer.
    Uint8,
    /// 8-bit signed integer.
    Int8,
    /// 16-bit unsigned integer.
    Uint16,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// Text: on the host only.
    String,
    /// Truth value.
    Bool,
    /// 16-bit IEEE float.
    Float16,
    /// 64-bit float: computed in 32 bits.
    Double,
    /// 32-bit unsigned integer.
    Uint32,
    /// 64-bit unsigned integer.
    Uint64,
    /// The upper half of a 32-bit float.
    Bfloat16,
    /// 4-bit unsigned integer: packed in files.
    Uint4,
    /// 4-bit signed integer: packed in files.
    Int4,
}

/// Each with its number in the schema and its name there.
const ELEMENTS: &[(Element, i32, &str)] = &[
    (Element::Float, 1, "FLOAT"),
    (Element::Uint8, 2, "UINT8"),
    (Element::Int8, 3, "INT8"),
    (Element::Uint16, 4, "UINT16"),
    (Element::Int16, 5, "INT16"),
    (Element::Int32, 6, "INT32"),
    (Element::Int64, 7, "INT64"),
    (Element::String, 8, "STRING"),
    (Element::Bool, 9, "BOOL"),
    (Element::Float16, 10, "FLOAT16"),
    (Element::Double, 11, "DOUBLE"),
    (Element::Uint32, 12, "UINT32"),
    (Element::Uint64, 13, "UINT64"),
    (Element::Bfloat16, 16, "BFLOAT16"),
    (Element::Uint4, 21, "UINT4"),
    (Element::Int4, 22, "INT4"),
];

/// Names of the types that are out of range, for messages.
const OUT_OF_RANGE: &[(i32, &str)] = &[
    (0, "UNDEFINED"),
    (14, "COMPLEX64"),
    (15, "COMPLEX128"),
    (17, "FLOAT8E4M3FN"),
    (18, "FLOAT8E4M3FNUZ"),
    (19, "FLOAT8E5M2"),
    (20, "FLOAT8E5M2FNUZ"),
    (23, "FLOAT4E2M1"),
    (24, "FLOAT8E8M0"),
    (25, "UINT2"),
    (26, "INT2"),
    (27, "FLOAT6E2M3"),
    (28, "FLOAT6E3M2"),
];

impl Element {
    /// The type of a number of the schema; the type's name where it is out of range.
    pub fn from_number(number: i32) -> Result<Self, String> {
        if let Some((element, ..)) = ELEMENTS.iter().find(|(_, n, _)| *n == number) {
            return Ok(*element);
        }
        match OUT_OF_RANGE.iter().find(|(n, _)| *n == number) {
            Some((_, name)) => Err((*name).into()),
            None => Err(format!("type {number}, which the schema does not have")),
        }
    }

    /// The type of a name of the schema, as `FLOAT`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        ELEMENTS.iter().find(|(.., own)| own.eq_ignore_ascii_case(name)).map(|(element, ..)| *element)
    }

    /// Its number in the schema.
    pub fn number(self) -> i32 {
        ELEMENTS.iter().find(|(element, ..)| *element == self).map_or(0, |(_, number, _)| *number)
    }

    /// What holds it on a device; `None` for text.
    pub fn dtype(self) -> Option<DType> {
        Some(match self {
            Element::Float | Element::Double => DType::F32,
            Element::Float16 => DType::F16,
            Element::Bfloat16 => DType::BF16,
            Element::Bool => DType::Bool,
            Element::Uint32 => DType::U32,
            Element::String => return None,
            _ => DType::I32,
        })
    }

    /// Bits of one element in a file; none for text.
    pub fn bits(self) -> Option<usize> {
        Some(match self {
            Element::Uint4 | Element::Int4 => 4,
            Element::Uint8 | Element::Int8 | Element::Bool => 8,
            Element::Uint16 | Element::Int16 | Element::Float16 | Element::Bfloat16 => 16,
            Element::Float | Element::Int32 | Element::Uint32 => 32,
            Element::Int64 | Element::Uint64 | Element::Double => 64,
            Element::String => return None,
        })
    }

    /// Whether it is a float.
    pub fn is_float(self) -> bool {
        matches!(self, Element::Float | Element::Float16 | Element::Bfloat16 | Element::Double)
    }

    /// Whether it is an integer; truth values are none.
    pub fn is_integer(self) -> bool {
        !self.is_float() && !matches!(self, Element::Bool | Element::String)
    }

    /// Whether it is an integer with a sign.
    pub fn is_signed(self) -> bool {
        matches!(self, Element::Int4 | Element::Int8 | Element::Int16 | Element::Int32 | Element::Int64)
    }

    /// The smallest and the largest integer; `None` for what is none.
    pub fn range(self) -> Option<(i128, i128)> {
        let bits = self.bits().filter(|_| self.is_integer())?;
        Some(if self.is_signed() {
            (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        } else {
            (0, (1 << bits) - 1)
        })
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ELEMENTS.iter().find(|(element, ..)| element == self).map_or("?", |(_, _, name)| name);
        f.write_str(name)
    }
}
