//! Inputs and outputs of cases.

use std::path::{Path, PathBuf};

use crate::file::read;
use crate::model::Dim;
use crate::{Host, Item, Model, Port};
use anygrad_core::{Error, Result};

/// Inputs by name, and the outputs wanted, in the model's order.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) inputs: Vec<(String, Item)>,
    pub(super) outputs: Vec<Item>,
}

/// The sets of a case's folder.
pub(super) fn sets(model: &Model, folder: &Path) -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    for number in 0.. {
        let name = format!("test_data_set_{number}");
        let place = folder.join(&name);
        if !place.exists() {
            break;
        }
        let ports = model.inputs();
        let files = numbered(&place, "input");
        if files.len() > ports.len() {
            return Err(Error::input(format!(
                "{name}: {} inputs, the model has {}",
                files.len(),
                ports.len()
            )));
        }
        let mut inputs = Vec::new();
        for (file, port) in files.iter().zip(&ports) {
            inputs.push((port.name.clone(), read(file, model.type_of(&port.name))?));
        }
        let ports = model.outputs();
        let wanted = numbered(&place, "output");
        if wanted.is_empty() {
            return Err(Error::input(format!("{name}: no output is wanted")));
        }
        let outputs = wanted
            .iter()
            .enumerate()
            .map(|(index, file)| read(file, ports.get(index).and_then(|port| model.type_of(&port.name))));
        let outputs = outputs.collect::<Result<_>>()?;
        sets.push(Set { name, inputs, outputs });
    }
    if sets.is_empty() {
        return Err(Error::input(format!("{}: no test_data_set_0", folder.display())));
    }
    Ok(sets)
}

/// `PREFIX_0.pb`, `PREFIX_1.pb`, ... as far as they are there.
fn numbered(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    (0..).map(|index| folder.join(format!("{prefix}_{index}.pb"))).take_while(|path| path.exists()).collect()
}

/// The output file beside a model called `NAME.onnx`.
pub(super) fn light_output(model: &Path, index: usize) -> Option<PathBuf> {
    if model.extension()? != "onnx" {
        return None;
    }
    let stem = model.file_stem()?.to_str()?;
    Some(model.with_file_name(format!("{stem}_output_{index}.pb")))
}

/// The set of a model with no inputs beside it: they are made by the formula that the official tests use.
pub(super) fn light(model: &Model, path: &Path) -> Result<Set> {
    let inputs = model.inputs().into_iter().map(|port| Ok((port.name.clone(), Item::Tensor(made(&port)?))));
    let outputs = (0..).map_while(|index| light_output(path, index).filter(|file| file.exists()));
    let outputs = outputs.map(|file| read(&file, None)).collect::<Result<_>>()?;
    Ok(Set { name: "made inputs".into(), inputs: inputs.collect::<Result<_>>()?, outputs })
}

/// 0, 1, 2, ... over the number of elements, row-major; an axis that the model leaves open has size 1.
fn made(port: &Port) -> Result<Host> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => *size,
        Dim::Named(_) | Dim::Unknown => 1,
    };
    let (Some(dims), Some(element)) = (&port.dims, port.element) else {
        return Err(Error::input(format!("{:?} has no shape, so no input can be made", port.name)));
    };
    let sizes: Vec<usize> = dims.iter().map(size).collect();
    let count = crate::host::elements(&sizes)?;
    let numbers: Vec<f64> = (0..count).map(|i| i as f64 / count as f64).collect();
    Host::from_f64(element, &sizes, &numbers)
}
