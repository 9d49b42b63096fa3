//! Values that were asked for and come later.

use anygrad_core::{Array, Context, Result};
use anygrad_graph::Meta;

use super::array_of;
use crate::device::Device;
use crate::read::PendingRead;
use crate::region::Region;

/// A value as it was when it was asked for, which the device may still have to compute. Programs may
/// run meanwhile; it does not change.
pub struct Pending(Source);

enum Source {
    Known(Array),
    Coming(PendingRead, Meta),
}

impl Pending {
    pub(super) fn known(array: Array) -> Self {
        Pending(Source::Known(array))
    }

    /// Has a copy made after all that was submitted.
    pub(super) fn read(device: &Device, region: &Region, meta: Meta) -> Result<Self> {
        let bytes = meta.bytes().next_multiple_of(4);
        if bytes == 0 {
            return Ok(Pending::known(Array::zeros(meta.shape, meta.dtype)));
        }
        let read = device.start_read(&region.buffer, region.offset, bytes);
        let read =
            read.context(|| format!("asking for {bytes} bytes of buffer {}", region.buffer.label()))?;
        Ok(Pending(Source::Coming(read, meta)))
    }

    /// Whether [`Pending::take`] would not wait.
    ///
    /// # Errors
    /// The device failed.
    pub fn is_ready(&self) -> Result<bool> {
        match &self.0 {
            Source::Known(_) => Ok(true),
            Source::Coming(read, _) => read.is_ready(),
        }
    }

    /// The value. Outside browsers the future is ready when it is first polled: it waits for the device.
    ///
    /// # Errors
    /// The device failed.
    pub async fn take(self) -> Result<Array> {
        match self.0 {
            Source::Known(array) => Ok(array),
            Source::Coming(read, meta) => {
                let array = read.finish(|view| array_of(meta, view)).await;
                array.context(|| format!("reading {meta}"))?
            }
        }
    }
}
