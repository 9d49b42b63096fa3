//! The guard: every call into wgpu passes through this module.
//!
//! When a driver misbehaves, wgpu reports it in five different ways: by an error scope, by the
//! lost callback, by the error of a map, by a panic, or not at all. The guard turns them into one:
//! a [`Result`] that names the step, and a failed state that every later call sees first.
//!
//! What it does around a call: look at the failed state, open the three error scopes, catch
//! panics, close the scopes. What it does after a failure: nothing more with that device. Its
//! handles are leaked, because wgpu may panic or crash when handles of a failed device are polled
//! or dropped. Opening another device in the same process works.
//!
//! Catching panics needs `panic = "unwind"`. No panic hook is installed, so the standard hook
//! still prints the message of a caught panic to stderr; a program that minds sets its own hook.

use std::any::Any;
use std::fmt::Display;
use std::future::poll_fn;
use std::mem::{self, ManuallyDrop};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use anygrad_core::{Error, Result};

/// Whether a device still works, shared by everything that was made from it.
#[derive(Default)]
pub(crate) struct State {
    failed: AtomicBool,
    /// Set while the device is dropped in good health: wgpu calls its lost callback then too.
    closing: AtomicBool,
    /// The first failure; later ones are its consequences.
    failure: Mutex<Option<Failure>>,
}

struct Failure {
    lost: bool,
    message: String,
}

impl State {
    /// Marks the device as lost: removed, reset by its driver, or destroyed.
    pub(crate) fn lose(&self, message: impl Display) {
        self.fail(true, message);
    }

    /// Marks the device as failed in a way that leaves it in an unknown state.
    pub(crate) fn fault(&self, message: impl Display) {
        self.fail(false, message);
    }

    fn fail(&self, lost: bool, message: impl Display) {
        if !self.closing.load(Ordering::Acquire) {
            lock(&self.failure).get_or_insert_with(|| Failure { lost, message: message.to_string() });
            self.failed.store(true, Ordering::Release);
        }
    }

    /// Says that the device is about to be dropped in good health.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// The first failure as an error, if there was one. Costs one atomic load on a healthy device.
    pub(crate) fn check(&self) -> Result<()> {
        if self.failed() { Err(self.error()) } else { Ok(()) }
    }

    fn error(&self) -> Error {
        match &*lock(&self.failure) {
            Some(Failure { lost: true, message }) => {
                Error::device_lost(format!("the device is lost ({message}); open a new one"))
            }
            Some(Failure { lost: false, message }) => {
                Error::device_fault(format!("the device failed ({message}); open a new one"))
            }
            None => Error::device_fault("the device failed"),
        }
    }
}

/// Locks, also after another thread panicked while it held the lock: what our locks protect is
/// consistent between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `call` on a device that works, and reports whatever goes wrong, with `step` as context.
///
/// `call` must not call `guard` again. What it makes and could panic over must not be dropped by
/// unwinding: see [`keep`].
pub(crate) fn guard<T>(
    state: &State,
    device: &wgpu::Device,
    step: impl Display,
    call: impl FnOnce() -> T,
) -> Result<T> {
    let guarded = || {
        state.check()?;
        let (value, error) = contain(state, || {
            let scopes = keep(Scopes::open(device));
            let value = keep(call());
            let error = ManuallyDrop::into_inner(scopes).close();
            (ManuallyDrop::into_inner(value), error)
        })?;
        if matches!(error, Some(wgpu::Error::Validation { .. })) {
            // What was made on a lost device is not valid, and the loss may be told only when its work is done.
            contain(state, || settle(device))?;
        }
        let refusal = error.map(|error| refusal(state, error));
        if state.failed() {
            mem::forget(value);
            return Err(state.error());
        }
        match refusal {
            Some(error) => {
                contain(state, || drop(value))?;
                Err(error)
            }
            None => Ok(value),
        }
    };
    guarded().map_err(|error| error.context(step))
}

/// Waits for all work, where that is possible, so that a loss is told.
fn settle(device: &wgpu::Device) {
    let poll = if cfg!(target_arch = "wasm32") {
        wgpu::PollType::Poll
    } else {
        wgpu::PollType::Wait { submission_index: None, timeout: None }
    };
    // A timeout is the only error.
    let _ = device.poll(poll);
}

/// Runs `call` and turns a panic into the failed state and an error.
pub(crate) fn contain<T>(state: &State, call: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        state.fault(panic_message(&*panic));
        state.error()
    })
}

/// Awaits a future of wgpu with the same care as [`contain`]; a future that panicked is leaked.
pub(crate) async fn contain_future<F: Future>(state: &State, make: impl FnOnce() -> F) -> Result<F::Output> {
    let mut future = Some(Box::pin(contain(state, make)?));
    poll_fn(|context| {
        let Some(running) = &mut future else {
            return Poll::Ready(Err(state.error()));
        };
        match contain(state, || running.as_mut().poll(context)) {
            Ok(poll) => poll.map(Ok),
            Err(error) => {
                mem::forget(future.take());
                Poll::Ready(Err(error))
            }
        }
    })
    .await
}

/// Keeps a value from being dropped while a panic unwinds: dropping it could panic again, and a
/// second panic ends the process. [`ManuallyDrop::into_inner`] takes it out when all went well.
pub(crate) fn keep<T>(value: T) -> ManuallyDrop<T> {
    ManuallyDrop::new(value)
}

/// The three error scopes around a call.
///
/// In a browser the result of a scope arrives later, and an open scope would hide errors from the
/// handler for uncaptured ones; so there are none, and that handler marks the device as failed.
#[cfg(not(target_arch = "wasm32"))]
struct Scopes([wgpu::ErrorScopeGuard; 3]);

#[cfg(not(target_arch = "wasm32"))]
impl Scopes {
    fn open(device: &wgpu::Device) -> Self {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        Scopes([Validation, OutOfMemory, Internal].map(|filter| device.push_error_scope(filter)))
    }

    /// Closes the scopes in reverse order, as wgpu demands. A failed allocation is often followed by
    /// a validation error on what was not allocated, so the graver kind wins.
    fn close(self) -> Option<wgpu::Error> {
        let [validation, out_of_memory, internal] = self.0;
        let internal = ready(internal.pop()).flatten();
        let out_of_memory = ready(out_of_memory.pop()).flatten();
        let validation = ready(validation.pop()).flatten();
        internal.or(out_of_memory).or(validation)
    }
}

#[cfg(target_arch = "wasm32")]
struct Scopes;

#[cfg(target_arch = "wasm32")]
impl Scopes {
    fn open(_device: &wgpu::Device) -> Self {
        Scopes
    }

    fn close(self) -> Option<wgpu::Error> {
        None
    }
}

/// The output of a future that is ready at once, as all of wgpu's are outside browsers.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn ready<F: Future>(future: F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What an error scope caught, as an error of ours.
fn refusal(state: &State, error: wgpu::Error) -> Error {
    match error {
        // What a person can get wrong is checked before wgpu sees it, so this is a fault of ours.
        wgpu::Error::Validation { description, .. } => {
            Error::internal(format!("wgpu refused it: {}", description.trim()))
        }
        // The device stays usable.
        wgpu::Error::OutOfMemory { .. } => Error::out_of_memory("the device has no memory left for it"),
        wgpu::Error::Internal { description, .. } => {
            state.fault(description.trim());
            state.error()
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").trim()
}

/// A handle of wgpu: dropped with care on a healthy device, leaked on a failed one.
pub(crate) struct Handle<T> {
    /// `None` only while the handle is being dropped.
    value: Option<T>,
    state: Arc<State>,
}

impl<T> Handle<T> {
    pub(crate) fn new(value: T, state: &Arc<State>) -> Self {
        Handle { value: Some(value), state: Arc::clone(state) }
    }

    /// Whether the handle belongs to the device of this state.
    pub(crate) fn belongs_to(&self, state: &Arc<State>) -> bool {
        Arc::ptr_eq(&self.state, state)
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("a handle is emptied only while it is dropped"),
        }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        if self.state.failed() {
            mem::forget(value);
        } else {
            // A failure is noted in the state, which is all that a drop can do about it.
            let _ = contain(&self.state, || drop(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Counted<'a>(&'a AtomicUsize);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn handles_of_a_failed_device_are_never_dropped() {
        let drops = AtomicUsize::new(0);
        let state = Arc::new(State::default());
        drop(Handle::new(Counted(&drops), &state));
        assert_eq!(drops.load(Ordering::Relaxed), 1);

        let handle = Handle::new(Counted(&drops), &state);
        let error = contain(&state, || panic!("driver error {}", 4)).unwrap_err();
        assert!(error.is_device_fault());
        assert_eq!(error.to_string(), "the device failed (driver error 4); open a new one");
        drop(handle);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_first_failure_is_the_one_reported() {
        let state = State::default();
        assert!(state.check().is_ok());
        state.lose("reset");
        state.fault("a consequence");
        assert!(state.check().unwrap_err().is_device_lost());
    }

    #[test]
    fn a_drop_that_panics_fails_the_device() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("not idle");
            }
        }
        let state = Arc::new(State::default());
        drop(Handle::new(Bomb, &state));
        assert!(state.check().unwrap_err().is_device_fault());
    }
}
