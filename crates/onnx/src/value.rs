//! What a name of a model stands for while the model becomes a graph.

use std::rc::Rc;
use std::sync::Arc;

use anygrad_core::Error;
use anygrad_graph::Tensor;

use crate::{Element, Host};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value<'g> {
    /// Numbers that are known now.
    Known(Arc<Host>),
    /// A value of the graph, and the type that it has in the model.
    Tensor(Tensor<'g>, Element),
    /// Several values.
    Sequence(Rc<Vec<Value<'g>>>),
    /// An optional value that is none.
    Nothing,
    /// It follows from something that must be computed first.
    Blocked,
}

impl<'g> Value<'g> {
    pub(crate) fn known(host: Host) -> Self {
        Value::Known(Arc::new(host))
    }

    /// Whether it, or a part of it, must be waited for.
    pub(crate) fn is_blocked(&self) -> bool {
        match self {
            Value::Blocked => true,
            Value::Sequence(parts) => parts.iter().any(Value::is_blocked),
            Value::Known(_) | Value::Tensor(..) | Value::Nothing => false,
        }
    }

    /// The type of a tensor's elements.
    pub(crate) fn element(&self) -> Result<Element, Stop> {
        match self {
            Value::Tensor(_, element) => Ok(*element),
            Value::Known(host) => Ok(host.element()),
            Value::Blocked => Err(Stop::Blocked),
            Value::Sequence(_) | Value::Nothing => wrong("a tensor was expected"),
        }
    }

    /// The sizes of a tensor's axes.
    pub(crate) fn sizes(&self) -> Result<Vec<usize>, Stop> {
        match self {
            Value::Tensor(tensor, _) => Ok(tensor.shape().to_vec()),
            Value::Known(host) => Ok(host.sizes().to_vec()),
            Value::Blocked => Err(Stop::Blocked),
            Value::Sequence(_) | Value::Nothing => wrong("a tensor was expected"),
        }
    }
}

impl From<Host> for Value<'_> {
    fn from(host: Host) -> Self {
        Value::known(host)
    }
}

impl From<Arc<Host>> for Value<'_> {
    fn from(host: Arc<Host>) -> Self {
        Value::Known(host)
    }
}

/// Why a node gives no values.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It needs numbers that the device must compute first; which, is noted in the importer.
    Blocked,
    /// This operator is known, but not with these settings or types.
    Unsupported(String),
    /// The model is wrong.
    Wrong(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        if error.is_unsupported() { Stop::Unsupported(error.to_string()) } else { Stop::Wrong(error) }
    }
}

/// What a rule gives: the outputs of a node in order; those at the end that nobody asked for may be left out.
pub(crate) type Outputs<'g> = Result<Vec<Value<'g>>, Stop>;

/// The refusal of settings or types.
pub(crate) fn unsupported<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Unsupported(why.into()))
}

/// The refusal of a model that is wrong.
pub(crate) fn wrong<T>(why: impl std::fmt::Display) -> Result<T, Stop> {
    Err(Stop::Wrong(Error::input(why)))
}
