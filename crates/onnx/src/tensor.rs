//! Tensors of files: every size is checked against what is really there before anything is allocated.

use std::path::Path;

use anygrad_core::{Error, Result};
use half::{bf16, f16};

use crate::external::External;
use crate::host::{elements, wrap};
use crate::proto::{DataLocation, SparseTensorProto, TensorProto};
use crate::{Data, Element, Host};

/// The tensor of a message. `folder` is the model's: data in other files must lie in it.
///
/// # Errors
/// The type is out of range, a size is negative, or there are more or fewer elements than the sizes tell.
pub(crate) fn decode(proto: &TensorProto, folder: Option<&Path>) -> Result<Host> {
    let name = proto.name.as_deref().unwrap_or("");
    decode_unnamed(proto, folder).map_err(|error| error.context(format!("tensor {name:?}")))
}

fn decode_unnamed(proto: &TensorProto, folder: Option<&Path>) -> Result<Host> {
    let element = Element::from_number(proto.data_type.unwrap_or(0))
        .map_err(|name| Error::unsupported(format!("elements of {name} are not supported")))?;
    let sizes = sizes(&proto.dims)?;
    let count = elements(&sizes)?;
    if proto.data_location == Some(DataLocation::External as i32) {
        let bytes = External::of(&proto.external_data)?.read(folder, byte_count(element, count)?)?;
        return from_raw(element, &sizes, &bytes);
    }
    if let Some(raw) = &proto.raw_data {
        let want = byte_count(element, count)?;
        if raw.len() as u64 != want {
            return Err(Error::input(format!(
                "{element}{sizes:?} takes {want} bytes, raw_data has {}",
                raw.len()
            )));
        }
        return from_raw(element, &sizes, raw);
    }
    from_typed(proto, element, &sizes, count)
}

/// Sizes that fit this machine.
pub(crate) fn sizes(dims: &[i64]) -> Result<Vec<usize>> {
    let size = |&dim: &i64| {
        usize::try_from(dim)
            .map_err(|_| Error::input(format!("{dims:?}: an axis cannot have the size {dim}")))
    };
    dims.iter().map(size).collect()
}

fn byte_count(element: Element, count: usize) -> Result<u64> {
    match element.bits() {
        Some(bits) => Ok((count as u64 * bits as u64).div_ceil(8)),
        None => Err(Error::input("STRING cannot come as raw bytes")),
    }
}

/// The elements of a file's bytes, little-endian; 4-bit integers two in a byte, the first in the lower half.
fn from_raw(element: Element, sizes: &[usize], bytes: &[u8]) -> Result<Host> {
    /// Whole elements of N bytes each.
    fn each<const N: usize, T>(bytes: &[u8], make: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| make(*chunk)).collect()
    }
    let data = match element {
        Element::Float => Data::F32(each(bytes, f32::from_le_bytes)),
        Element::Float16 => Data::F32(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Element::Bfloat16 => Data::F32(each(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        Element::Double => Data::F64(each(bytes, f64::from_le_bytes)),
        Element::Int8 => Data::Int(each(bytes, |b| i64::from(i8::from_le_bytes(b)))),
        Element::Uint8 => Data::Int(each(bytes, |b| i64::from(u8::from_le_bytes(b)))),
        Element::Bool => Data::Int(each(bytes, |[b]: [u8; 1]| i64::from(b != 0))),
        Element::Int16 => Data::Int(each(bytes, |b| i64::from(i16::from_le_bytes(b)))),
        Element::Uint16 => Data::Int(each(bytes, |b| i64::from(u16::from_le_bytes(b)))),
        Element::Int32 => Data::Int(each(bytes, |b| i64::from(i32::from_le_bytes(b)))),
        Element::Uint32 => Data::Int(each(bytes, |b| i64::from(u32::from_le_bytes(b)))),
        Element::Int64 | Element::Uint64 => Data::Int(each(bytes, i64::from_le_bytes)),
        Element::Int4 | Element::Uint4 => {
            let halves = bytes.iter().flat_map(|&b| [b & 15, b >> 4]);
            Data::Int(halves.take(elements(sizes)?).map(|b| wrap(element, i64::from(b))).collect())
        }
        Element::String => return Err(Error::input("STRING cannot come as raw bytes")),
    };
    Host::new(element, sizes, data)
}

/// The elements of the field that the schema gives each type.
fn from_typed(proto: &TensorProto, element: Element, sizes: &[usize], count: usize) -> Result<Host> {
    let int32 = || proto.int32_data.iter();
    let data = match element {
        Element::Float => Data::F32(proto.float_data.clone()),
        Element::Double => Data::F64(proto.double_data.clone()),
        Element::Int64 => Data::Int(proto.int64_data.clone()),
        Element::Uint64 | Element::Uint32 => {
            Data::Int(proto.uint64_data.iter().map(|&x| wrap(element, x as i64)).collect())
        }
        Element::String => Data::Text(proto.string_data.clone()),
        Element::Float16 => Data::F32(int32().map(|&x| f16::from_bits(x as u16).to_f32()).collect()),
        Element::Bfloat16 => Data::F32(int32().map(|&x| bf16::from_bits(x as u16).to_f32()).collect()),
        Element::Bool => Data::Int(int32().map(|&x| i64::from(x != 0)).collect()),
        Element::Int4 | Element::Uint4 => {
            let halves = int32().flat_map(|&x| [x & 15, (x >> 4) & 15]);
            Data::Int(halves.take(count).map(|x| wrap(element, i64::from(x))).collect())
        }
        _ => Data::Int(int32().map(|&x| wrap(element, i64::from(x))).collect()),
    };
    Host::new(element, sizes, data)
}

/// A tensor that gives only the elements that are not zero, filled up.
///
/// # Errors
/// The parts are missing or do not fit, or the whole is so large that the file cannot mean it.
pub(crate) fn decode_sparse(proto: &SparseTensorProto, folder: Option<&Path>) -> Result<Host> {
    /// Zeros are not in the file, so a small file could ask for any amount of memory: as many are filled up for each
    /// element that is there, and as many altogether.
    const MOST_EACH: usize = 1 << 12;
    const MOST: usize = 1 << 28;
    let missing = |what| Error::input(format!("a sparse tensor without {what}"));
    let values = decode(proto.values.as_ref().ok_or_else(|| missing("values"))?, folder)?;
    let indices = decode(proto.indices.as_ref().ok_or_else(|| missing("indices"))?, folder)?;
    let sizes = sizes(&proto.dims)?;
    let count = elements(&sizes)?;
    let most = MOST.min((values.len() + 16) * MOST_EACH);
    if count > most {
        return Err(Error::unsupported(format!(
            "a sparse tensor of {count} elements of which {} are given; at most {most} are filled up",
            values.len()
        )));
    }
    let rank = sizes.len();
    let flat = match indices.sizes() {
        [_] => indices.to_i64(),
        [_, axes] if *axes == rank => {
            let flat = |place: &[i64]| {
                place.iter().zip(&sizes).try_fold(0i64, |flat, (&i, &size)| {
                    let inside = (0..size as i64).contains(&i);
                    inside.then_some(flat * size as i64 + i)
                })
            };
            let places = indices.to_i64();
            let flat: Option<Vec<i64>> = places.chunks(rank.max(1)).map(flat).collect();
            flat.ok_or_else(|| Error::input(format!("an index outside of a sparse tensor {sizes:?}")))?
        }
        other => return Err(Error::input(format!("indices {other:?} of a sparse tensor of {rank} axes"))),
    };
    if flat.len() != values.len() {
        return Err(Error::input(format!("{} indices of {} values", flat.len(), values.len())));
    }
    let fill = Fill { places: &flat, count, sizes: &sizes };
    let data = match values.data() {
        Data::F32(v) => Data::F32(fill.with(v)?),
        Data::F64(v) => Data::F64(fill.with(v)?),
        Data::Int(v) => Data::Int(fill.with(v)?),
        Data::Text(_) => return Err(Error::unsupported("a sparse tensor of text")),
    };
    Host::new(values.element(), &sizes, data)
}

/// Where the elements of a sparse tensor go.
struct Fill<'p> {
    places: &'p [i64],
    count: usize,
    sizes: &'p [usize],
}

impl Fill<'_> {
    fn with<T: Copy + Default>(&self, values: &[T]) -> Result<Vec<T>> {
        let mut dense = vec![T::default(); self.count];
        for (&place, &value) in self.places.iter().zip(values) {
            let slot = usize::try_from(place).ok().and_then(|place| dense.get_mut(place));
            *slot.ok_or_else(|| {
                Error::input(format!("index {place} of a sparse tensor {:?}", self.sizes))
            })? = value;
        }
        Ok(dense)
    }
}

/// The message of a tensor: raw bytes, or text.
pub fn encode(name: &str, host: &Host) -> TensorProto {
    let element = host.element();
    let mut proto = TensorProto {
        dims: host.sizes().iter().map(|&size| size as i64).collect(),
        data_type: Some(element.number()),
        name: Some(name.into()),
        ..TensorProto::default()
    };
    let bytes: Vec<u8> = match host.data() {
        Data::Text(text) => {
            proto.string_data = text.clone();
            return proto;
        }
        Data::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::F32(v) => match element {
            Element::Float16 => v.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
            Element::Bfloat16 => v.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect(),
            _ => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        },
        Data::Int(v) => match element.bits().unwrap_or(64) {
            4 => v
                .chunks(2)
                .map(|two| (two[0] as u8 & 15) | (two.get(1).map_or(0, |&x| x as u8) << 4))
                .collect(),
            bits => v.iter().flat_map(|x| x.to_le_bytes().into_iter().take(bits / 8)).collect(),
        },
    };
    proto.raw_data = Some(bytes);
    proto
}
