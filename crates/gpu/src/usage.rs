//! What a device holds: bytes of buffers, objects of wgpu.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anygrad_core::Result;

use crate::device::Device;

/// Bytes of one sort of buffers.
#[derive(Default)]
pub(crate) struct Tally {
    live: AtomicU64,
    peak: AtomicU64,
}

impl Tally {
    /// Adds a buffer's bytes for as long as the result lives.
    pub(crate) fn count(self: &Arc<Self>, bytes: u64) -> Counted {
        let live = self.live.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(live, Ordering::Relaxed);
        Counted { tally: Arc::clone(self), bytes }
    }
}

/// The bytes of a buffer in a tally.
pub(crate) struct Counted {
    tally: Arc<Tally>,
    bytes: u64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.live.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of the buffers that are alive.
    pub buffers: u64,
    /// The most that `buffers` has been.
    pub peak: u64,
    /// Bytes of the buffers that reads go through; they are kept for later reads.
    pub staging: u64,
    /// Bytes that wgpu has allocated of the driver, these buffers and its own; `None` where it does not
    /// count them.
    pub driver: Option<u64>,
    /// Objects of wgpu that are alive; `None` in browsers.
    pub objects: Option<usize>,
}

impl Device {
    /// Bytes of the buffers that are alive.
    pub fn allocated(&self) -> u64 {
        self.inner().buffer_bytes.live.load(Ordering::Relaxed)
    }

    /// What the device holds. It takes some time: for tests, and for looking for leaks.
    ///
    /// # Errors
    /// The device failed.
    pub fn usage(&self) -> Result<Usage> {
        let inner = self.inner();
        let (driver, objects) = self.call("counting what is alive", || {
            let driver = inner.device.generate_allocator_report().map(|report| report.total_allocated_bytes);
            (driver, objects(&inner.instance))
        })?;
        Ok(Usage {
            buffers: self.allocated(),
            peak: inner.buffer_bytes.peak.load(Ordering::Relaxed),
            staging: inner.staging_bytes.live.load(Ordering::Relaxed),
            driver,
            objects,
        })
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn objects(instance: &wgpu::Instance) -> Option<usize> {
    let hub = instance.generate_report()?.hub;
    let sorts = [
        hub.pipeline_layouts,
        hub.shader_modules,
        hub.bind_group_layouts,
        hub.bind_groups,
        hub.command_encoders,
        hub.command_buffers,
        hub.compute_pipelines,
        hub.buffers,
        hub.compute_passes,
    ];
    Some(sorts.iter().map(|sort| sort.num_kept_from_user).sum())
}

#[cfg(target_arch = "wasm32")]
fn objects(_instance: &wgpu::Instance) -> Option<usize> {
    None
}
