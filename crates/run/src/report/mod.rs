//! What a run shows when it is over, or was stopped.
//!
//! A [`Report`] is plain data: what a folder of a run holds ([`Report::read`]), or what a program puts together.
//! [`Report::html`] is one page that needs no network and no script, [`plots`](Report::plots) are its pictures,
//! [`metrics_csv`] the figures of the epochs. [`Report::write`] writes page and pictures into a folder.
//!
//! ```
//! use anygrad_nn::{Epoch, History, Scores};
//! use anygrad_run::report::{Report, metrics_csv};
//!
//! let scores = |loss| Scores { loss, metrics: vec![("accuracy".into(), 0.5)], ..Scores::default() };
//! let epoch = Epoch { number: 1, train: scores(0.9), validation: Some(scores(1.1)), lr: None };
//! let history = History { epochs: vec![epoch], ..History::default() };
//! assert_eq!(
//!     metrics_csv(&history),
//!     "epoch,loss,accuracy,val_loss,val_accuracy\n1,0.9,0.5,1.1,0.5\n"
//! );
//! let page = Report { title: "digits".into(), history, ..Report::default() }.html()?;
//! assert!(page.contains("<title>digits</title>"));
//! # Ok::<(), anygrad_core::Error>(())
//! ```

mod circumstances;
mod csv;
pub(crate) mod escape;
mod figures;
mod folder;
pub(crate) mod page;
mod plots;
mod sections;
mod tested;

use anygrad_nn::{End, History, Scores};
use anygrad_store::audit::Head;

pub use csv::metrics_csv;
pub(crate) use escape::Escaped;
pub(crate) use figures::best;
pub use folder::{PAGE, PLOTS};
pub use plots::Plot;
pub use tested::{Compared, Curve, Tested};

use crate::RunInfo;

/// All that the page of a run tells. What is empty is left out of the page.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What the run is called.
    pub title: String,
    /// Where the run lies, as the commands that go on with it name it.
    pub folder: String,
    /// Circumstances.
    pub info: RunInfo,
    /// The recipe as resolved.
    pub recipe: String,
    /// All epochs, over all resumes.
    pub history: History,
    /// Figures of the test part, and what was predicted for it.
    pub tested: Option<Tested>,
    /// The checkpoints of the folder, oldest first.
    pub checkpoints: Vec<CheckpointFile>,
    /// The last line of the audit log.
    pub audit: Option<Head>,
}

/// A checkpoint as it lies in the folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckpointFile {
    /// The name of the file.
    pub name: String,
    /// The step of the training.
    pub step: u64,
    /// The figure by which checkpoints are compared.
    pub score: Option<f64>,
    /// Its size.
    pub bytes: u64,
}

/// Scores and the words for where they come from.
struct Told<'a> {
    scores: &'a Scores,
    of: String,
}

impl Report {
    /// How the run ended, in words.
    fn ending(&self) -> String {
        let epochs = self.history.epochs.len();
        let after = match epochs {
            0 => "before the first epoch was over".to_owned(),
            1 => "after 1 epoch".to_owned(),
            n => format!("after {n} epochs"),
        };
        match self.history.end {
            _ if epochs == 0 => format!("stopped {after}"),
            End::Finished => format!("finished {after}"),
            End::Stopped => format!("stopped {after}; it can be resumed"),
            End::StoppedEarly => format!("stopped early {after}: no more improvement"),
        }
    }

    /// The epoch whose figures stand for the run: whose parameters were restored, or else the best.
    fn best_epoch(&self) -> Option<u64> {
        self.history.restored.or_else(|| best(&self.history, self.info.monitor.as_deref()))
    }

    /// The scores that stand for the run, if they have what is wanted: those of the test part, or else of
    /// the best epoch on the validation part, or else on the training part.
    fn told(&self, has: impl Fn(&Scores) -> bool) -> Option<Told<'_>> {
        if let Some(tested) = self.tested.as_ref().filter(|tested| has(&tested.scores)) {
            return Some(Told { scores: &tested.scores, of: tested.told_of() });
        }
        let epoch = self.history.epochs.iter().find(|epoch| Some(epoch.number) == self.best_epoch())?;
        let (scores, part) = match &epoch.validation {
            Some(scores) => (scores, "validation part"),
            None => (&epoch.train, "training part"),
        };
        has(scores).then(|| Told { scores, of: format!("{part}, epoch {}", epoch.number) })
    }

    /// The name of a class: its number where it has none.
    fn class_names(&self, count: usize) -> Vec<String> {
        let names = self.tested.as_ref().map_or(&[][..], |tested| &tested.class_names);
        (0..count).map(|class| names.get(class).cloned().unwrap_or_else(|| class.to_string())).collect()
    }
}
