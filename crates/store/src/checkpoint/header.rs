//! The head of a checkpoint: the safetensors header, of which there is exactly one for given content.
//!
//! The file: 8 bytes, the length n of the header, little-endian; n bytes of JSON, padded with spaces
//! to a multiple of 8; the tensors one after the other, without gaps. Tensors of wider elements come
//! first, those of one width in the order of their names.
//!
//! A header is taken only if it is byte for byte the one that would be written for what it says. That
//! refuses every ambiguity of JSON (a key that comes twice, unknown keys, spaces) in one place.

use std::collections::BTreeMap;
use std::fmt;

use anygrad_core::{Context, DType, Error, Result, Shape};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::digest::DIGITS;

/// The format that this release writes and reads.
const FORMAT: &str = "anygrad-checkpoint/1";
/// Bytes of the length in front of the header.
pub(super) const LENGTH: usize = 8;
/// The longest header: one claimed longer is refused before it is read.
const MAX_HEADER: u64 = 64 << 20;
/// What stands before the digest in every header.
const BEFORE_DIGEST: &str = r#"{"__metadata__":{"digest":""#;

/// What a header says.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// What the file was saved as; empty where it was saved as nothing in particular.
    pub label: String,
    /// The SHA-256 of the file with zeros in this place, as hexadecimal digits.
    pub digest: String,
    /// JSON.
    pub meta: String,
    /// Type and shape of each tensor.
    pub tensors: BTreeMap<String, (DType, Shape)>,
}

/// Where a tensor lies behind the header.
pub(super) struct Place<'a> {
    pub name: &'a str,
    pub dtype: DType,
    pub shape: Shape,
    pub begin: u64,
    pub end: u64,
}

impl Header {
    /// Where the tensors lie, in the order of the file.
    pub fn places(&self) -> Result<Vec<Place<'_>>> {
        let mut order: Vec<_> = self.tensors.iter().collect();
        order.sort_by_key(|(name, (dtype, _))| (std::cmp::Reverse(width(*dtype)), *name));
        let mut begin = 0u64;
        order
            .into_iter()
            .map(|(name, &(dtype, shape))| {
                let bytes = shape.elements() as u64 * width(dtype);
                let end = begin.checked_add(bytes).ok_or_else(|| {
                    Error::input(format!("tensor {name:?}: the tensors take more bytes than can be counted"))
                })?;
                let place = Place { name, dtype, shape, begin, end };
                begin = end;
                Ok(place)
            })
            .collect()
    }

    /// The bytes of the header, with the length in front.
    pub fn render(&self) -> Result<Vec<u8>> {
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let mut json = format!(
            "{BEFORE_DIGEST}{}\",\"format\":{},\"label\":{},\"meta\":{}}}",
            self.digest,
            text(FORMAT),
            text(&self.label),
            text(&self.meta),
        );
        for Place { name, dtype, shape, begin, end } in self.places()? {
            let (name, dtype, sizes) = (text(name), name_of(dtype), shape.to_vec());
            let sizes = serde_json::Value::from(sizes);
            json +=
                &format!(r#",{name}:{{"dtype":"{dtype}","shape":{sizes},"data_offsets":[{begin},{end}]}}"#);
        }
        json.push('}');
        while !json.len().is_multiple_of(LENGTH) {
            json.push(' ');
        }
        check_length(json.len() as u64)?;
        Ok([&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat())
    }

    /// Reads the header of a file whose first bytes these are and which has `length` bytes.
    pub fn parse(head: &[u8], length: u64) -> Result<Self> {
        let json = head.get(LENGTH..).unwrap_or_default();
        let parsed: Parsed = serde_json::from_slice(json)
            .map_err(|error| Error::input(format!("the header is no checkpoint's: {error}")))?;
        let Some(metadata) = parsed.metadata else {
            return Err(Error::input("the header has no \"__metadata__\": this is no checkpoint of anygrad"));
        };
        if metadata.format != FORMAT {
            let message = format!("the format is {:?}, this release reads {FORMAT:?}", metadata.format);
            return Err(Error::unsupported(message));
        }
        let mut tensors = BTreeMap::new();
        for (name, entry) in &parsed.tensors {
            let typed = || Ok((dtype_of(&entry.dtype)?, Shape::new(&entry.shape)?));
            tensors.insert(name.clone(), typed().context(|| format!("tensor {name:?}"))?);
        }
        let Metadata { label, digest, meta, .. } = metadata;
        let header = Header { label, digest, meta, tensors };
        let places = header.places()?;
        for Place { name, dtype, shape, begin, end } in &places {
            let [from, to] = parsed.tensors[*name].data_offsets;
            if (from, to) != (*begin, *end) {
                return Err(Error::input(format!(
                    "tensor {name:?}: bytes {from} to {to} are claimed, {dtype} {shape} takes {begin} to {end}"
                )));
            }
        }
        let claimed = head.len() as u64 + places.last().map_or(0, |place| place.end);
        if claimed != length {
            let fault = if claimed > length { "it was cut off" } else { "something was added" };
            return Err(Error::input(format!(
                "the header tells of {claimed} bytes, the file has {length}: {fault}"
            )));
        }
        if header.render()? != head {
            return Err(Error::input("the header is not written as anygrad writes it"));
        }
        Ok(header)
    }
}

/// The length of the whole head, header and what stands before it, from the first bytes of a file of
/// `length` bytes.
pub(super) fn head_length(first: &[u8], length: u64) -> Result<u64> {
    let Some(claimed) = first.first_chunk::<LENGTH>().map(|bytes| u64::from_le_bytes(*bytes)) else {
        let message = format!("{length} bytes are too few for a checkpoint: it was cut off");
        return Err(Error::input(message));
    };
    check_length(claimed)?;
    let head = claimed + LENGTH as u64;
    if head > length {
        return Err(Error::input(format!(
            "a header of {claimed} bytes is claimed in a file of {length}: it is no checkpoint, or was cut off"
        )));
    }
    Ok(head)
}

fn check_length(header: u64) -> Result<()> {
    if header > MAX_HEADER {
        return Err(Error::input(format!("a header of {header} bytes, at most {MAX_HEADER} are supported")));
    }
    Ok(())
}

/// The range of the digest's digits in a head.
pub(super) fn digest_range() -> std::ops::Range<usize> {
    let begin = LENGTH + BEFORE_DIGEST.len();
    begin..begin + DIGITS
}

/// Bytes of an element in a file; a truth value takes one there.
fn width(dtype: DType) -> u64 {
    if dtype == DType::Bool { 1 } else { dtype.size() as u64 }
}

const NAMES: [(DType, &str); 6] = [
    (DType::F32, "F32"),
    (DType::F16, "F16"),
    (DType::BF16, "BF16"),
    (DType::I32, "I32"),
    (DType::U32, "U32"),
    (DType::Bool, "BOOL"),
];

fn name_of(dtype: DType) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == dtype).map_or("", |(_, name)| name)
}

fn dtype_of(name: &str) -> Result<DType> {
    NAMES.iter().find(|(_, known)| *known == name).map(|(dtype, _)| *dtype).ok_or_else(|| {
        let known = NAMES.map(|(_, name)| name).join(", ");
        Error::unsupported(format!("the type {name:?} is none of {known}"))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    digest: String,
    format: String,
    label: String,
    meta: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The JSON of a header, a key that comes twice refused.
#[derive(Default)]
struct Parsed {
    metadata: Option<Metadata>,
    tensors: BTreeMap<String, Entry>,
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Parsed;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Parsed, A::Error> {
                let mut parsed = Parsed::default();
                while let Some(key) = map.next_key::<String>()? {
                    let twice = if key == "__metadata__" {
                        parsed.metadata.replace(map.next_value()?).is_some()
                    } else {
                        parsed.tensors.insert(key.clone(), map.next_value()?).is_some()
                    };
                    if twice {
                        return Err(de::Error::custom(format!("the key {key:?} comes twice")));
                    }
                }
                Ok(parsed)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}
