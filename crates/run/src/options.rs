use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anygrad_nn::{End, History};
use anygrad_store::{Keys, Lock, PublicKey, SecretKey};

use crate::Tested;

/// How a run is kept, beside what its recipe says.
#[derive(Debug, Default)]
pub struct RunOptions {
    /// Set from elsewhere, it ends the training after the step that is under way; the state is saved.
    pub stop: Arc<AtomicBool>,
    /// Steps between two checkpoints within an epoch; `None` for those at ends of epochs only.
    pub save_every: Option<usize>,
    /// Bytes of device memory that the training may take; more is refused. Where it is not told, what is known of
    /// the adapter counts.
    pub memory: Option<u64>,
    /// Whether figures are written as event files for TensorBoard, too; a run that has such goes on with them.
    pub tensorboard: bool,
    /// How checkpoints are encrypted.
    pub lock: Lock,
    /// What encrypted checkpoints are read with.
    pub keys: Keys,
    /// Every checkpoint is signed by this key.
    pub sign_with: Option<SecretKey>,
    /// Only checkpoints that this key signed are read.
    pub require: Option<PublicKey>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its folder.
    pub folder: PathBuf,
    /// All epochs, over all resumes.
    pub history: History,
    /// Why training ended.
    pub end: End,
    /// The last checkpoint that was saved, if one was.
    pub checkpoint: Option<PathBuf>,
    /// The figures on the test part, where there is one and training was not stopped.
    pub test: Option<Tested>,
    /// Seconds of training, over all resumes.
    pub seconds: f64,
}
