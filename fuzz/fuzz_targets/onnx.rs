//! Reads a model, and makes a graph of it with small inputs.
#![no_main]

use anygrad_onnx::{Dim, Model};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = Model::from_bytes(bytes) else { return };
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => *size,
        Dim::Named(_) | Dim::Unknown => 2,
    };
    let ports = model.inputs();
    let sizes: Vec<Vec<usize>> =
        ports.iter().map(|port| port.dims.iter().flatten().map(size).collect()).collect();
    let inputs: Vec<(&str, &[usize])> =
        ports.iter().zip(&sizes).map(|(port, sizes)| (port.name.as_str(), sizes.as_slice())).collect();
    let _ = model.unsupported();
    let _ = model.shapes(&inputs);
});
