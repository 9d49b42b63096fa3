//! Which kernel, function or joining is at fault when a case fails: the one without which it holds.

use anygrad_core::Caps;
use anygrad_gpu::Session;
use serde::Serialize;

use crate::check::{Checked, Prepared};

/// Something that plans must do without on this adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exclusion {
    /// The kernel or function, or [`Caps::FUSION`].
    pub name: String,
    /// The case that failed with it and holds without it.
    pub because: String,
}

/// Finds what is at fault in a case that failed, when what is `known` is excluded already. Nothing,
/// when that suffices, or when the case holds without nothing that could be excluded.
pub(crate) async fn blame(
    session: &Session,
    prepared: &Prepared<'_>,
    checked: &Checked,
    known: &[Exclusion],
) -> Vec<String> {
    let known: Vec<String> = known.iter().map(|exclusion| exclusion.name.clone()).collect();
    let holds_without = async |names: &[String]| {
        let excluded = [&known[..], names].concat();
        prepared.check(&session.excluding(&excluded)).await.failures.is_empty()
    };
    if holds_without(&[]).await {
        return Vec::new();
    }
    let mut suspects: Vec<String> = checked.kernels.iter().chain(&checked.functions).cloned().collect();
    suspects.push(Caps::FUSION.into());
    suspects.retain(|suspect| !known.contains(suspect));
    for suspect in &suspects {
        if holds_without(std::slice::from_ref(suspect)).await {
            return vec![suspect.clone()];
        }
    }
    if !holds_without(&suspects).await {
        return Vec::new();
    }
    // Several are at fault: leave out, one after the other, what is not needed.
    let mut guilty = suspects;
    let mut at = 0;
    while at < guilty.len() {
        let suspect = guilty.remove(at);
        if !holds_without(&guilty).await {
            guilty.insert(at, suspect);
            at += 1;
        }
    }
    guilty
}
