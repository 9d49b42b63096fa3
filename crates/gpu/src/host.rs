//! Operators that the host computes between two submits, because the adapter's kernels for them are
//! excluded: slow, and right.

use std::sync::Arc;

use anygrad_core::{Array, Error, Result, Shape};
use anygrad_graph::{Layout, Meta, Op, Values};

use crate::buffer::Buffer;
use crate::device::Device;

/// One operator with its buffers.
pub(crate) struct HostStep {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) inputs: Vec<(Buffer, Layout)>,
    pub(crate) outputs: Vec<(Buffer, Meta)>,
}

impl HostStep {
    /// Reads the inputs, runs the reference, writes the outputs.
    pub(crate) fn run(&self, device: &Device) -> Result<()> {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (buffer, layout) in &self.inputs {
            inputs.push(read(device, buffer, layout)?);
        }
        let mut outputs: Vec<Values> = self.outputs.iter().map(|(_, meta)| Values::zeros(*meta)).collect();
        self.op.reference(&inputs.iter().collect::<Vec<_>>(), &mut outputs);
        for ((buffer, _), values) in self.outputs.iter().zip(&outputs) {
            write_padded(device, buffer, &values.to_array())?;
        }
        Ok(())
    }
}

/// The elements of a buffer through a layout.
fn read(device: &Device, buffer: &Buffer, layout: &Layout) -> Result<Values> {
    let mut bytes = wait(device.read(buffer, 0, buffer.bytes()))??;
    let dtype = layout.meta.dtype;
    bytes.truncate(bytes.len() / dtype.size() * dtype.size());
    let whole = Array::from_bytes(Shape::new(&[bytes.len() / dtype.size()])?, dtype, &bytes)?.to_f64();
    let element = |position: usize| {
        let outside = || Error::internal(format!("{layout:?} leaves a buffer of {} bytes", buffer.bytes()));
        whole.get(position).copied().ok_or_else(outside)
    };
    let data = layout.positions().into_iter().map(element).collect::<Result<_>>()?;
    Ok(Values { meta: layout.meta, data })
}

/// The result of a read: outside browsers it is there at once.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn wait<F: Future>(read: F) -> Result<F::Output> {
    crate::guard::ready(read).ok_or_else(|| Error::internal("a read did not finish"))
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn wait<F: Future>(_read: F) -> Result<F::Output> {
    Err(Error::unsupported("a browser cannot wait for the device in the middle of a run"))
}

/// Writes an array; the last bytes of small elements are filled up to the four that a write moves.
pub(crate) fn write_padded(device: &Device, buffer: &Buffer, array: &Array) -> Result<()> {
    let bytes = array.bytes();
    if bytes.len().is_multiple_of(4) {
        return device.write(buffer, 0, bytes);
    }
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    device.write(buffer, 0, &padded)
}
