//! Values of models in files: `.npy`, or `.pb` as the official ONNX tests have them.

use std::path::Path;

use anygrad::core::{DType, Error, Result};
use anygrad::data;
use anygrad::onnx::{Element, Host, Item, Model, encode, item_bytes};

/// The value of a file for an input of the model.
pub(super) fn read(model: &Model, name: &str, path: &Path) -> Result<Item> {
    if path.extension().is_some_and(|extension| extension == "npy") {
        let array = data::numpy::read_npy(path)?;
        let port = model.inputs().into_iter().find(|port| port.name == name);
        let element = port.and_then(|port| port.element).unwrap_or_else(|| element_of(array.dtype()));
        let fits = match array.dtype() {
            DType::F32 | DType::F16 | DType::BF16 => element.is_float(),
            DType::I32 | DType::U32 => element.is_integer(),
            DType::Bool => element == Element::Bool,
        };
        if !fits {
            let text = format!(
                "{}: the input {name:?} is {element}, the file holds {}",
                path.display(),
                array.dtype()
            );
            return Err(Error::input(text));
        }
        let host = Host::from_array(element, &array)?;
        if host.to_f64() != array.to_f64() && element.is_integer() {
            return Err(Error::input(format!("{}: a number does not fit {element}", path.display())));
        }
        return Ok(Item::Tensor(host));
    }
    model.read_input(name, path)
}

/// Writes a value into a folder: `NAME.npy`, or `NAME.pb` where NumPy has no such type.
pub(super) fn write(folder: &Path, name: &str, item: &Item) -> Result<String> {
    // Names of models may hold slashes and colons.
    let safe: String =
        name.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let numpy = match item {
        Item::Tensor(host) => {
            descr(host.element()).zip(encode(name, host).raw_data).map(|(d, bytes)| (d, host, bytes))
        }
        Item::Sequence(_) | Item::Nothing => None,
    };
    let file = match numpy {
        Some((descr, host, bytes)) => {
            let file = format!("{safe}.npy");
            data::numpy::write_npy_bytes(folder.join(&file), descr, host.sizes(), &bytes)?;
            file
        }
        None => {
            let file = format!("{safe}.pb");
            anygrad_examples::files::write_whole(&folder.join(&file), &item_bytes(name, item))?;
            file
        }
    };
    Ok(file)
}

/// NumPy's name of a type.
fn descr(element: Element) -> Option<&'static str> {
    Some(match element {
        Element::Float => "<f4",
        Element::Double => "<f8",
        Element::Float16 => "<f2",
        Element::Int8 => "|i1",
        Element::Int16 => "<i2",
        Element::Int32 => "<i4",
        Element::Int64 => "<i8",
        Element::Uint8 => "|u1",
        Element::Uint16 => "<u2",
        Element::Uint32 => "<u4",
        Element::Uint64 => "<u8",
        Element::Bool => "|b1",
        Element::Bfloat16 | Element::Int4 | Element::Uint4 | Element::String => return None,
    })
}

fn element_of(dtype: DType) -> Element {
    match dtype {
        DType::F32 => Element::Float,
        DType::F16 => Element::Float16,
        DType::BF16 => Element::Bfloat16,
        DType::I32 => Element::Int32,
        DType::U32 => Element::Uint32,
        DType::Bool => Element::Bool,
    }
}

/// A value in a few words: its type, its sizes, and its numbers as far as they fit in a line.
pub(super) fn describe(item: &Item) -> String {
    /// Numbers that are shown.
    const SHOWN: usize = 8;
    match item {
        Item::Nothing => "nothing".into(),
        Item::Sequence(items) => {
            format!("[{}]", items.iter().map(describe).collect::<Vec<_>>().join("; "))
        }
        Item::Tensor(host) => {
            let mut numbers: Vec<String> = match host.data() {
                anygrad::onnx::Data::Int(v) => v.iter().take(SHOWN).map(ToString::to_string).collect(),
                anygrad::onnx::Data::Text(v) => {
                    v.iter().take(SHOWN).map(|text| format!("{:?}", String::from_utf8_lossy(text))).collect()
                }
                anygrad::onnx::Data::F32(v) => v.iter().take(SHOWN).map(ToString::to_string).collect(),
                anygrad::onnx::Data::F64(v) => v.iter().take(SHOWN).map(ToString::to_string).collect(),
            };
            if host.len() > SHOWN {
                numbers.push("...".into());
            }
            format!("{host}: {}", numbers.join(", "))
        }
    }
}
