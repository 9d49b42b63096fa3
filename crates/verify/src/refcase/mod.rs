//! Cases that other libraries computed, in the format refcase/1: outputs and gradients of operators,
//! update rules, learning rates by step, and the losses of whole trainings.
//!
//! A folder holds `index.json` and, per case, a manifest and a file of tensors. A case passes when
//! `|got - want| <= atol + rtol |want|` for every element.
//!
//! To add an operator, name it in the file of its family below `families/`.

mod case;
mod compare;
mod expression;
mod families;
mod manifest;
mod optimizer;
mod sampled;
mod schedule;
mod tensors;
mod trained;
mod trajectory;
mod weights;

use std::path::Path;

use anygrad_core::{Error, Result};
use anygrad_gpu::Session;

use case::Case;

pub use compare::Outcome;
pub use manifest::{Entry, Kind};

/// The cases of a folder, in the order of its index.
///
/// # Errors
/// The index cannot be read, or is of another format.
pub fn entries(folder: &Path) -> Result<Vec<Entry>> {
    manifest::entries(folder)
}

/// Runs a case of a folder on a session.
///
/// # Errors
/// The case cannot be read, its operator is not known, or the session refused or failed.
pub async fn run(folder: &Path, entry: &Entry, session: &Session) -> Result<Outcome> {
    let run = async {
        let case = Case::load(folder, &entry.id)?;
        match case.manifest.kind {
            Kind::Optimizer => optimizer::run(&case, session).await,
            Kind::Trajectory => {
                let mut outcome = trajectory::run(&case, session).await?;
                trained::run(&case, session, &mut outcome).await?;
                Ok(outcome)
            }
            Kind::Sampled => sampled::run(&case, session).await,
            Kind::Op if case.op() == "lr_schedule" => schedule::run(&case),
            Kind::Op => expression::run(&case, session).await,
        }
    };
    run.await.map_err(|error| error.context(&entry.id))
}

/// The error for an operator or rule that no family has.
fn unknown(what: &str, name: &str) -> Error {
    Error::unsupported(format!("unknown {what} {name:?}"))
}
