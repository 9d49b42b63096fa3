//! A disk that fails where a test says, in the thread of the test.

use std::cell::Cell;
use std::io;

use super::Point;

thread_local! {
    static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// The disk fails at the point, having let pass this many of its kind: bytes of writes, else calls.
#[derive(Clone, Copy, Debug)]
struct Fault {
    point: Point,
    left: usize,
}

/// Runs a function on a disk that fails: at `Write`, when more than `after` bytes were written; at
/// any other point, the first time that it is passed after `after` times.
pub(crate) fn with<T>(point: Point, after: usize, run: impl FnOnce() -> T) -> T {
    FAULT.set(Some(Fault { point, left: after }));
    let result = run();
    FAULT.set(None);
    result
}

pub(super) fn pass(point: Point) -> io::Result<()> {
    let Some(mut fault) = FAULT.get() else { return Ok(()) };
    let (same, count) = match (fault.point, point) {
        (Point::Write(_), Point::Write(bytes)) => (true, bytes),
        (wanted, here) => (wanted == here, 1),
    };
    if !same {
        return Ok(());
    }
    match fault.left.checked_sub(count) {
        Some(left) => {
            fault.left = left;
            FAULT.set(Some(fault));
            Ok(())
        }
        // A full disk stays full.
        None => {
            fault.left = 0;
            FAULT.set(Some(fault));
            Err(io::Error::new(io::ErrorKind::StorageFull, format!("no space left (injected at {point:?})")))
        }
    }
}
