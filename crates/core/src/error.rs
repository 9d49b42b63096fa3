use std::fmt;
use std::panic::Location;

/// The result of everything that can fail in anygrad.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Shape,
    Input,
    Device,
    DeviceLost,
    OutOfMemory,
    Unsupported,
    Internal,
}

/// One opaque error: a message with numbers, the place in the caller's code where that helps, and
/// the chain of what was being done.
///
/// Ask it questions ([`Error::is_shape`], [`Error::is_device`], ...) instead of matching on it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    message: String,
    place: Option<&'static Location<'static>>,
    context: Vec<String>,
}

macro_rules! kinds {
    ($($make:ident, $is:ident, $kind:ident, $doc:literal;)*) => {
        impl Error {
            $(
                #[doc = concat!("An error about ", $doc, ".")]
                pub fn $make(message: impl fmt::Display) -> Self { Self::new(Kind::$kind, message) }
                #[doc = concat!("Whether this is about ", $doc, ".")]
                pub fn $is(&self) -> bool { self.0.kind == Kind::$kind }
            )*
        }
    };
}

kinds! {
    shape, is_shape, Shape, "shapes, axes or dtypes that do not fit together";
    input, is_input, Input, "data or arguments that a person gave";
    device_fault, is_device_fault, Device, "an adapter or driver that refused or failed";
    device_lost, is_device_lost, DeviceLost, "a device that is gone; open a new one";
    out_of_memory, is_out_of_memory, OutOfMemory, "memory that the device does not have";
    unsupported, is_unsupported, Unsupported, "something that this release or adapter does not offer";
    internal, is_internal, Internal, "a fault of anygrad itself; please report it";
}

impl Error {
    fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Error(Box::new(Inner { kind, message: message.to_string(), place: None, context: Vec::new() }))
    }

    /// Whether the device is at fault in any way: refused, lost or out of memory.
    pub fn is_device(&self) -> bool {
        matches!(self.0.kind, Kind::Device | Kind::DeviceLost | Kind::OutOfMemory)
    }

    /// Adds the line of the caller, unless one is known already.
    pub fn at(mut self, place: &'static Location<'static>) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// Forgets the line of the caller, where it says nothing to whom the message is for.
    pub fn without_place(mut self) -> Self {
        self.0.place = None;
        self
    }

    /// Adds what was being done when it happened, outermost last.
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.context.push(doing.to_string());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for doing in self.0.context.iter().rev() {
            write!(f, "{doing}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(place) = self.0.place {
            write!(f, " ({}:{})", place.file(), place.line())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} error: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

/// Adds context to the error of a result.
pub trait Context<T> {
    /// Says what was being done, in the words of the caller.
    fn context<D: fmt::Display>(self, doing: impl FnOnce() -> D) -> Result<T>;
}

impl<T> Context<T> for Result<T> {
    fn context<D: fmt::Display>(self, doing: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|error| error.context(doing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_from_the_outside_in() {
        let error = Error::shape("inner sizes 784 and 128 differ").context("matmul").context("layer 2");
        assert_eq!(error.to_string(), "layer 2: matmul: inner sizes 784 and 128 differ");
        assert!(error.is_shape() && !error.is_device());
    }
}
