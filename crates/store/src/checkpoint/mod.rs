//! One checkpoint: tensors and what else a run needs to go on, as one safetensors file.

mod header;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use anygrad_core::{Array, Context, DType, Data, Error, Result};
use serde_json::Value;

use self::header::{Header, LENGTH, Place, digest_range, head_length};
use crate::digest::{DIGITS, sha256};
use crate::seal::{self, Keys};
use crate::sign::PublicKey;

/// What a run needs to go on: its states, and everything that is not a tensor.
///
/// The file is a safetensors file, which other programs read too; its metadata holds a format
/// version, the JSON of `meta`, and a SHA-256 over the whole file.
///
/// ```
/// use anygrad_core::Array;
/// use anygrad_store::Checkpoint;
///
/// let tensors = [("layer.weight".to_owned(), Array::f32(&[2, 2], [1.0, 2.0, 3.0, 4.0])?)];
/// let saved = Checkpoint { tensors: tensors.into(), meta: serde_json::json!({ "epoch": 3 }) };
/// assert_eq!(Checkpoint::from_bytes(&saved.to_bytes()?)?, saved);
/// # Ok::<(), anygrad_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Parameters, optimizer state, running sums, by name.
    pub tensors: BTreeMap<String, Array>,
    /// Anything else: the recipe, the position in the data, versions. Numbers come back with all
    /// their bits; JSON has no NaN and no infinities, which become `null`.
    pub meta: Value,
}

/// A checkpoint as the bytes of its file, in pieces.
pub(crate) struct Encoded<'a> {
    head: Vec<u8>,
    tensors: Vec<Cow<'a, [u8]>>,
}

impl Encoded<'_> {
    /// Writes all bytes.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        self.tensors.iter().try_for_each(|bytes| out.write_all(bytes))
    }
}

impl Checkpoint {
    /// As the bytes of a file.
    ///
    /// # Errors
    /// A tensor is named `__metadata__`, a truth value is neither 0 nor 1, or names and metadata
    /// take more than 64 MiB.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let encoded = self.encode("")?;
        Ok([encoded.head, encoded.tensors.concat()].concat())
    }

    /// From the bytes of a file.
    ///
    /// # Errors
    /// They are no checkpoint, not a whole one, or a changed one: sizes, offsets and shapes that do
    /// not fit the number of bytes, or another SHA-256 than the file states.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(Self::decode(bytes)?.1)
    }

    /// Reads a checkpoint from a file, which may be encrypted; where a key is required, only if it
    /// is signed by that key (see [`sign_file`](crate::sign_file)).
    ///
    /// # Errors
    /// The file cannot be read, or for one of the reasons of [`Checkpoint::from_bytes`]; it is
    /// encrypted and none of the keys opens it; the signature is missing, by another key, or wrong.
    pub fn read(path: &Path, keys: &Keys, require: Option<&PublicKey>) -> Result<Self> {
        Ok(read(path, keys, require)?.checkpoint)
    }

    /// The pieces of a file with the given label.
    pub(crate) fn encode(&self, label: &str) -> Result<Encoded<'_>> {
        if self.tensors.contains_key("__metadata__") {
            return Err(Error::input("a tensor cannot be named __metadata__: safetensors keeps that name"));
        }
        let describe = |array: &Array| (array.dtype(), array.shape());
        let mut header = Header {
            label: label.to_owned(),
            digest: "0".repeat(DIGITS),
            meta: self.meta.to_string(),
            tensors: self.tensors.iter().map(|(name, array)| (name.clone(), describe(array))).collect(),
        };
        let bytes_of = |place: Place<'_>| {
            file_bytes(&self.tensors[place.name]).context(|| format!("tensor {:?}", place.name))
        };
        let tensors = header.places()?.into_iter().map(bytes_of).collect::<Result<Vec<_>>>()?;
        let mut pieces = vec![header.render()?];
        header.digest = {
            let head = pieces.remove(0);
            let all: Vec<&[u8]> = std::iter::once(&*head).chain(tensors.iter().map(|t| &**t)).collect();
            sha256(&all)
        };
        Ok(Encoded { head: header.render()?, tensors })
    }

    /// The label and the checkpoint of a file's bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(String, Self)> {
        let length = bytes.len() as u64;
        let head = head_length(bytes, length)? as usize;
        let (head, data) = bytes.split_at(head);
        let header = Header::parse(head, length)?;
        let mut blank = head.to_vec();
        blank[digest_range()].fill(b'0');
        let digest = sha256(&[&blank, data]);
        if digest != header.digest {
            return Err(Error::input(format!(
                "the SHA-256 is {digest}, the file says {}: its bytes were changed",
                header.digest
            )));
        }
        let mut tensors = BTreeMap::new();
        for Place { name, dtype, shape, begin, end } in header.places()? {
            let bytes = &data[begin as usize..end as usize];
            let array = match dtype {
                DType::Bool => Array::bool_from_bytes(&shape, bytes),
                _ => Array::from_bytes(shape, dtype, bytes),
            };
            tensors.insert(name.to_owned(), array.context(|| format!("tensor {name:?}"))?);
        }
        let meta = serde_json::from_str(&header.meta)
            .map_err(|error| Error::input(format!("the metadata is not JSON: {error}")))?;
        Ok((header.label, Checkpoint { tensors, meta }))
    }
}

/// The elements as they stand in a file.
fn file_bytes(array: &Array) -> Result<Cow<'_, [u8]>> {
    let Data::Bool(values) = array.data() else { return Ok(Cow::Borrowed(array.bytes())) };
    let byte = |(at, &value): (usize, &u32)| match value {
        0 | 1 => Ok(value as u8),
        _ => Err(Error::input(format!("element {at} is {value}, a truth value is 0 or 1"))),
    };
    values.iter().enumerate().map(byte).collect::<Result<Vec<u8>>>().map(Cow::Owned)
}

/// What was read from a file.
pub(crate) struct FromFile {
    /// What the file says it was saved as.
    pub label: String,
    /// The SHA-256 of the file as it lies on the disk.
    pub sha256: String,
    pub checkpoint: Checkpoint,
}

/// Reads, verifies, decrypts and decodes a file; the bytes that are verified are those decoded.
pub(crate) fn read(path: &Path, keys: &Keys, require: Option<&PublicKey>) -> Result<FromFile> {
    let all = || {
        let bytes = read_bytes(path)?;
        let sha256 = sha256(&[&bytes]);
        if let Some(key) = require {
            key.verify_sha256(path, &sha256)?;
        }
        let plain = seal::open(&bytes, keys)?;
        let (label, checkpoint) = Checkpoint::decode(plain.as_deref().unwrap_or(&bytes))?;
        Ok(FromFile { label, sha256, checkpoint })
    };
    all().context(|| path.display())
}

/// The bytes of a file: no more than its header tells of, where it has one in the clear.
fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let cannot = |error: io::Error| Error::input(format!("cannot be read: {error}"));
    let mut file = std::fs::File::open(path).map_err(cannot)?;
    let found = file.metadata().map_err(cannot)?;
    if !found.is_file() {
        return Err(Error::input("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let mut read_up_to = |length: u64, bytes: &mut Vec<u8>| {
        let more = length.saturating_sub(bytes.len() as u64);
        (&mut file).take(more).read_to_end(bytes).map(|_| ()).map_err(cannot)
    };
    read_up_to(seal::MAGIC.len().max(LENGTH) as u64, &mut bytes)?;
    if !seal::is_sealed(&bytes) {
        let head = head_length(&bytes, found.len())?;
        read_up_to(head, &mut bytes)?;
        Header::parse(bytes.get(..head as usize).unwrap_or(&bytes), found.len())?;
    }
    read_up_to(found.len(), &mut bytes)?;
    Ok(bytes)
}
