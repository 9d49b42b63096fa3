//! Files of values: a `TensorProto`, a `SequenceProto` or an `OptionalProto`, as the official tests have them.

use std::path::Path;

use anygrad_core::{Error, Result};
use prost::Message as _;

use crate::proto::{OptionalProto, SequenceProto, TensorProto, TypeProto, TypeValue};
use crate::{Item, Model, tensor};

impl Model {
    /// The value of a file for the input of this name. What message the file holds, the model's type tells.
    ///
    /// # Errors
    /// The file cannot be read, or holds no such message.
    pub fn read_input(&self, name: &str, path: impl AsRef<Path>) -> Result<Item> {
        read(path.as_ref(), self.type_of(name))
    }
}

/// The bytes of a file with a value.
pub fn item_bytes(name: &str, item: &Item) -> Vec<u8> {
    match item {
        Item::Tensor(host) => tensor::encode(name, host).encode_to_vec(),
        Item::Sequence(_) => sequence_of(name, item).encode_to_vec(),
        Item::Nothing => {
            OptionalProto { name: Some(name.into()), ..OptionalProto::default() }.encode_to_vec()
        }
    }
}

fn sequence_of(name: &str, item: &Item) -> SequenceProto {
    /// Numbers of the schema for what a sequence holds.
    const TENSORS: i32 = 1;
    const SEQUENCES: i32 = 3;
    let mut proto =
        SequenceProto { name: Some(name.into()), elem_type: Some(TENSORS), ..SequenceProto::default() };
    if let Item::Sequence(parts) = item {
        for part in parts {
            match part {
                Item::Tensor(host) => proto.tensor_values.push(tensor::encode("", host)),
                Item::Sequence(_) => {
                    proto.elem_type = Some(SEQUENCES);
                    proto.sequence_values.push(sequence_of("", part));
                }
                Item::Nothing => {}
            }
        }
    }
    proto
}

pub(crate) fn read(path: &Path, kind: Option<&TypeProto>) -> Result<Item> {
    let named = |error: Error| error.context(format!("{}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| named(Error::input(error)))?;
    decode(&bytes, kind).map_err(named)
}

/// The value of a file: what message it is, the model's type tells.
fn decode(bytes: &[u8], kind: Option<&TypeProto>) -> Result<Item> {
    let torn = |error: prost::DecodeError| Error::input(format!("no tensor: {error}"));
    match kind.and_then(|kind| kind.value.as_ref()) {
        Some(TypeValue::Sequence(_)) => sequence(&SequenceProto::decode(bytes).map_err(torn)?),
        Some(TypeValue::Optional(_)) => {
            let optional = OptionalProto::decode(bytes).map_err(torn)?;
            match (&optional.tensor_value, &optional.sequence_value) {
                (Some(proto), _) => Ok(Item::Tensor(tensor::decode(proto, None)?)),
                (None, Some(proto)) => sequence(proto),
                (None, None) => Ok(Item::Nothing),
            }
        }
        _ => Ok(Item::Tensor(tensor::decode(&TensorProto::decode(bytes).map_err(torn)?, None)?)),
    }
}

fn sequence(proto: &SequenceProto) -> Result<Item> {
    let tensors = proto.tensor_values.iter().map(|proto| Ok(Item::Tensor(tensor::decode(proto, None)?)));
    let inner = proto.sequence_values.iter().map(sequence);
    Ok(Item::Sequence(tensors.chain(inner).collect::<Result<_>>()?))
}
