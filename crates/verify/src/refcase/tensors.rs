//! Tensors of a safetensors file, whoever wrote it: nothing that its header claims is believed unchecked.
//!
//! The file: 8 bytes, the length of the header, little-endian; the header, JSON that has type, shape and place of each
//! tensor; the bytes of all tensors.

use std::collections::HashMap;

use anygrad_core::{Array, Context, DType, Error, Result, Shape};
use serde::Deserialize;
use serde_json::Value;

/// What stands in the header beside the tensors.
const METADATA: &str = "__metadata__";

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// All tensors of a file's bytes.
pub(super) fn tensors(bytes: &[u8]) -> Result<HashMap<String, Array>> {
    let wrong = |why: String| Error::input(format!("no safetensors file: {why}"));
    let cut_off = || wrong(format!("{} bytes are too few for its header", bytes.len()));
    let (length, rest) = bytes.split_first_chunk().ok_or_else(cut_off)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut_off())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(cut_off)?;
    let entries: HashMap<String, Value> =
        serde_json::from_slice(header).map_err(|error| wrong(error.to_string()))?;
    let tensor = |(name, entry): (String, Value)| {
        let array = array(entry, data).context(|| format!("tensor {name:?}"))?;
        Ok((name, array))
    };
    entries.into_iter().filter(|(name, _)| name != METADATA).map(tensor).collect()
}

fn array(entry: Value, data: &[u8]) -> Result<Array> {
    let Entry { dtype: name, shape, data_offsets: [begin, end] } =
        Entry::deserialize(entry).map_err(|error| Error::input(error.to_string()))?;
    let (dtype, width) = match name.as_str() {
        "F32" => (DType::F32, 4),
        "F64" => (DType::F32, 8),
        "I32" => (DType::I32, 4),
        "BOOL" => (DType::Bool, 1),
        _ => return Err(Error::unsupported(format!("its type is {name}, takes F32, F64, I32 and BOOL"))),
    };
    let shape = Shape::new(&shape)?;
    let size = shape.elements().checked_mul(width);
    let bytes = data.get(begin..end).filter(|bytes| Some(bytes.len()) == size).ok_or_else(|| {
        Error::input(format!("{name} {shape} does not stand in bytes {begin} to {end} of {}", data.len()))
    })?;
    let numbers: Vec<f64> = match name.as_str() {
        "F32" => words(bytes).map(|word| f64::from(f32::from_le_bytes(word))).collect(),
        "F64" => words(bytes).map(f64::from_le_bytes).collect(),
        "I32" => words(bytes).map(|word| f64::from(i32::from_le_bytes(word))).collect(),
        _ => bytes.iter().map(|&byte| f64::from(byte)).collect(),
    };
    Ok(Array::from_f64(shape, dtype, &numbers))
}

/// The bytes of each element.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks_exact(N).map(|chunk| {
        let mut word = [0; N];
        word.copy_from_slice(chunk);
        word
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn tensors_are_read() {
        let header = r#"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "n":{"dtype":"I32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"BOOL","shape":[1,2],"data_offsets":[12,14]},
            "d":{"dtype":"F64","shape":[1],"data_offsets":[14,22]},"none":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#;
        let numbers = [1f32.to_le_bytes(), (-2f32).to_le_bytes(), (-7i32).to_le_bytes()].concat();
        let data = [&numbers[..], &[1, 0], &0.5f64.to_le_bytes()].concat();
        let mut found = tensors(&file(header, &data)).unwrap();
        let mut take = |name: &str| found.remove(name).unwrap();
        assert_eq!(take("x"), Array::f32(&[2], [1.0, -2.0]).unwrap());
        assert_eq!(take("n"), Array::i32(&[], [-7]).unwrap());
        assert_eq!((take("b").dtype(), take("d")), (DType::Bool, Array::f32(&[1], [0.5]).unwrap()));
        assert_eq!(take("none").shape().elements(), 0);
        assert!(found.is_empty());
    }

    #[test]
    fn what_a_header_claims_is_checked() {
        let entry = |dtype: &str, shape: &str, offsets: &str| {
            file(
                &format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#),
                &[0; 8],
            )
        };
        let huge = u64::MAX.to_string();
        for (bytes, says) in [
            (vec![], "0 bytes are too few"),
            (u64::MAX.to_le_bytes().to_vec(), "8 bytes are too few"),
            (file("{", &[]), "no safetensors file: EOF"),
            (file(r#"{"x":3}"#, &[]), "tensor \"x\": invalid type"),
            (entry("F32", "[2]", "[0,4]"), "does not stand in bytes 0 to 4 of 8"),
            (entry("F32", "[2]", "[4,12]"), "does not stand in bytes 4 to 12 of 8"),
            (entry("F32", "[1]", "[8,4]"), "does not stand in bytes 8 to 4 of 8"),
            (entry("F32", "[1]", &format!("[{huge},{huge}]")), "does not stand in"),
            (entry("F32", &format!("[{huge},{huge}]"), "[0,8]"), "tensor \"x\": "),
            (entry("F32", "[4611686018427387905]", "[0,4]"), "tensor \"x\": "),
            (entry("F16", "[4]", "[0,8]"), "its type is F16"),
        ] {
            let error = tensors(&bytes).unwrap_err().to_string();
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
    }
}
