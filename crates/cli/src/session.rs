//! Where commands run.

use anygrad::core::Result;
use anygrad::gpu::{Choice, Session};

/// A session on an adapter as it is named, else as the variable ANYGRAD_ADAPTER names it, else on the best one.
pub(crate) fn open(adapter: Option<&str>) -> Result<Session> {
    let choice = adapter.map_or_else(Choice::from_env, |name| Choice::from(name.to_owned()));
    pollster::block_on(Session::open_or_interpreter(&choice))
}
