//! Regions: ranges of buffers, which most users of memory need not tell from buffers.

use std::sync::Arc;

use anygrad_core::Result;

use crate::buffer::Buffer;
use crate::guard::State;

/// A range of a buffer; a whole buffer where it was made from one.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The buffer.
    pub buffer: Buffer,
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

impl From<Buffer> for Region {
    fn from(buffer: Buffer) -> Self {
        Region { offset: 0, bytes: buffer.bytes(), buffer }
    }
}

impl Region {
    /// A range of this one; it is checked where it is used.
    pub fn part(&self, offset: u64, bytes: u64) -> Region {
        Region { buffer: self.buffer.clone(), offset: self.offset + offset, bytes }
    }

    /// Whether it is all of its buffer.
    pub fn is_whole(&self) -> bool {
        self.offset == 0 && self.bytes == self.buffer.bytes()
    }

    /// Checks what a copy of its first bytes touches.
    pub(crate) fn check_first(&self, state: &Arc<State>, bytes: u64) -> Result<()> {
        self.buffer.check_range(state, self.offset, bytes)
    }
}
