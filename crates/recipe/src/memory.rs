//! Keys that take less memory.

use anygrad_core::DType;
use anygrad_nn::{MemoryOptions, Recompute};

use crate::node::{Mistake, Node, Value};
use crate::schema::Setting;
use crate::training::{Precision, Training};

/// Bytes, with their units by powers of 1,024 or of 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// The largest of each sort first.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl Bytes {
    fn of(text: &str) -> Option<Bytes> {
        let (unit, number) =
            UNITS.iter().find_map(|(name, bytes)| Some((*bytes, text.strip_suffix(name)?)))?;
        let number: f64 = number.trim().parse().ok()?;
        let bytes = (number * unit as f64).round();
        // A whole number of bytes in a TOML file has 63 bits.
        (bytes >= 1.0 && bytes < i64::MAX as f64).then_some(Bytes(bytes as u64))
    }
}

impl Setting for Bytes {
    fn kind() -> String {
        "a number of bytes, as `\"2 GiB\"` or `\"500 MB\"`".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let bytes = match &node.value {
            Value::Whole(whole) => u64::try_from(*whole).ok().filter(|bytes| *bytes > 0).map(Bytes),
            Value::Text(text) => Bytes::of(text),
            _ => None,
        };
        let wrong = || Mistake::new(&node.place, format!("{}: takes {}", node.told(), Self::kind()));
        bytes.ok_or_else(wrong)
    }

    fn write(&self) -> Option<Node> {
        let (name, unit) =
            UNITS.into_iter().find(|(_, unit)| self.0.is_multiple_of(*unit)).unwrap_or(("B", 1));
        Some(Node::text(&format!("{} {name}", self.0 / unit)))
    }
}

impl Setting for Recompute {
    fn kind() -> String {
        "`\"none\"`, `\"cheap\"`, `\"layers\"`, `\"auto\"` or a number of segments from 2".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let level = match &node.value {
            Value::Whole(count) => {
                usize::try_from(*count).ok().filter(|count| *count > 1).map(Recompute::Segments)
            }
            Value::Text(text) => match text.as_str() {
                "none" => Some(Recompute::None),
                "cheap" => Some(Recompute::Cheap),
                "layers" => Some(Recompute::Layers),
                "auto" => Some(Recompute::Auto),
                _ => None,
            },
            _ => None,
        };
        level.ok_or_else(|| Mistake::new(&node.place, format!("{}: takes {}", node.told(), Self::kind())))
    }

    fn write(&self) -> Option<Node> {
        Some(match self {
            Recompute::None => Node::text("none"),
            Recompute::Cheap => Node::text("cheap"),
            Recompute::Layers => Node::text("layers"),
            Recompute::Auto => Node::text("auto"),
            Recompute::Segments(count) => return count.write(),
        })
    }
}

impl Training {
    /// What these keys say of memory.
    pub(crate) fn memory_options(&self) -> MemoryOptions {
        let activations = match self.activations {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        };
        MemoryOptions { recompute: self.recompute, activations, limit: self.memory.map(|Bytes(bytes)| bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        let read = |text: &str| Bytes::of(text).map(|Bytes(bytes)| bytes);
        let known =
            [("2 GiB", 2 << 30), ("1.5MiB", 3 << 19), ("500 MB", 500_000_000), ("7 kB", 7000), ("9 B", 9)];
        for (text, bytes) in known {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
        for text in ["", "2", "GiB", "-1 B", "0 B", "nan B", "1e30 TiB", "2 gib"] {
            assert_eq!(read(text), None, "{text}");
        }
        for bytes in [1, 1000, 1024, 1 << 31, 12_345_678, 5_000_000_000] {
            let node = Bytes(bytes).write().unwrap();
            assert_eq!(Bytes::read(&node).map(|Bytes(bytes)| bytes).ok(), Some(bytes));
        }
    }
}
