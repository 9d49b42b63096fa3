//! Operators that the host computes between two submits, because the adapter's kernels for them are
//! excluded: slow, and right.

use std::sync::Arc;

use anygrad_core::{Array, Error, Result, Shape};
use anygrad_graph::{Layout, Meta, Op, Values};

use crate::device::Device;
use crate::region::Region;

/// One operator with its memory.
pub(crate) struct HostStep {
    pub(crate) op: Arc<dyn Op>,
    pub(crate) inputs: Vec<(Region, Layout)>,
    pub(crate) outputs: Vec<(Region, Meta)>,
}

impl HostStep {
    /// Reads the inputs, runs the reference, writes the outputs.
    pub(crate) fn run(&self, device: &Device) -> Result<()> {
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (region, layout) in &self.inputs {
            inputs.push(read(device, region, layout)?);
        }
        let mut outputs: Vec<Values> = self.outputs.iter().map(|(_, meta)| Values::zeros(*meta)).collect();
        self.op.reference(&inputs.iter().collect::<Vec<_>>(), &mut outputs);
        for ((region, _), values) in self.outputs.iter().zip(&outputs) {
            write_padded(device, region, &values.to_array())?;
        }
        Ok(())
    }
}

/// The elements of a region through a layout.
fn read(device: &Device, region: &Region, layout: &Layout) -> Result<Values> {
    let mut bytes = wait(device.read(&region.buffer, region.offset, region.bytes))??;
    let dtype = layout.meta.dtype;
    bytes.truncate(bytes.len() / dtype.size() * dtype.size());
    let whole = Array::from_bytes(Shape::new(&[bytes.len() / dtype.size()])?, dtype, &bytes)?.to_f64();
    let element = |position: usize| {
        let outside = || Error::internal(format!("{layout:?} leaves a region of {} bytes", region.bytes));
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
pub(crate) fn write_padded(device: &Device, region: &Region, array: &Array) -> Result<()> {
    let bytes = array.bytes();
    if bytes.len().is_multiple_of(4) {
        return device.write(&region.buffer, region.offset, bytes);
    }
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    device.write(&region.buffer, region.offset, &padded)
}
