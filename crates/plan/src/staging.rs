//! Memory through which bytes go to a device and back: what a device keeps to, and a forecast counts.

/// Submits that may be on their way at once: three steps and a read. A submit costs the host far less
/// than the device, so without a limit a loop that never reads would queue up memory and seconds of
/// work; with this one the device has the next steps at hand when it finishes one.
pub const MAX_SUBMITS: usize = 4;

/// Bytes of uploads that may be on their way at once, in the driver's staging memory.
pub const MAX_UPLOAD_BYTES: u64 = 256 << 20;

/// Smallest staging buffer, so that small reads of different sizes share one.
const MIN_STAGING_BYTES: u64 = 4 << 10;

/// Size of the buffer that a read of so many bytes goes through.
pub fn staged(bytes: u64) -> u64 {
    bytes.next_power_of_two().max(MIN_STAGING_BYTES)
}
