//! Buffers that the host maps: reads and writes without a copy in between, where device and host share
//! their memory.
//!
//! A buffer is mapped only while no submit is on its way and none can be made: a kernel must not see it
//! change, and wgpu refuses to submit what uses it. So a write ahead of work in flight goes through the
//! queue, as it does on other adapters; a read waits for the device anyhow.

use std::mem::ManuallyDrop;

use anygrad_core::{Error, Result};

use crate::buffer::Buffer;
use crate::device::Device;
use crate::guard::{keep, lock};
use crate::read::take_mapped;
#[cfg(not(target_arch = "wasm32"))]
use crate::{device::wait_for, read::Signal};

impl Device {
    /// Writes into mapped memory; `false` where the buffer cannot be mapped, or not now.
    pub(crate) fn write_mapped(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<bool> {
        if !can_map(buffer, offset, bytes.len() as u64) {
            return Ok(false);
        }
        let inner = self.inner();
        let mut in_flight = lock(&inner.in_flight);
        self.call("writing mapped memory", || {
            if !in_flight.is_idle(&inner.device) {
                return Ok(false);
            }
            self.map(buffer, wgpu::MapMode::Write, offset, bytes.len() as u64)?;
            let range = offset..offset + bytes.len() as u64;
            let mut view = keep(buffer.raw().get_mapped_range_mut(range).map_err(Error::internal)?);
            view.copy_from_slice(bytes);
            drop(ManuallyDrop::into_inner(view));
            buffer.raw().unmap();
            Ok(true)
        })?
    }

    /// Shows bytes of mapped memory after all that was submitted; `None` where the buffer cannot be mapped.
    pub(crate) fn read_mapped<T>(
        &self,
        buffer: &Buffer,
        offset: u64,
        bytes: u64,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>> {
        if !can_map(buffer, offset, bytes) {
            return Ok(None);
        }
        let _no_submits = lock(&self.inner().in_flight);
        self.call("reading mapped memory", || {
            self.map(buffer, wgpu::MapMode::Read, offset, bytes)?;
            take_mapped(buffer.raw(), offset, bytes, take).map(Some)
        })?
    }

    /// Maps a range, after all that was submitted. Runs inside a guard.
    #[cfg(not(target_arch = "wasm32"))]
    fn map(&self, buffer: &Buffer, mode: wgpu::MapMode, offset: u64, bytes: u64) -> Result<()> {
        let inner = self.inner();
        let mapped = Signal::default();
        let answer = mapped.clone();
        buffer.raw().map_async(mode, offset..offset + bytes, move |mapped| answer.set(mapped));
        wait_for(&inner.device, None);
        match mapped.wait(|| inner.state.failed()) {
            Some(Ok(())) => Ok(()),
            _ => {
                // Beside the lost callback this is the only way in which a loss shows.
                inner.state.lose("a buffer could not be mapped");
                inner.state.check()
            }
        }
    }

    /// No buffer is shared in a browser.
    #[cfg(target_arch = "wasm32")]
    fn map(&self, _buffer: &Buffer, _mode: wgpu::MapMode, _offset: u64, _bytes: u64) -> Result<()> {
        Err(Error::internal("a browser cannot wait for a mapped buffer"))
    }
}

fn can_map(buffer: &Buffer, offset: u64, bytes: u64) -> bool {
    buffer.is_shared() && bytes > 0 && offset.is_multiple_of(wgpu::MAP_ALIGNMENT)
}
