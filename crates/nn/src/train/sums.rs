//! Loss and metrics over many batches: sums on the device, read when all is done, or later.

use std::collections::VecDeque;

use anygrad_core::{Array, DType, Result, Shape};
use anygrad_gpu::Pending;

use super::programs::Kind;
use super::{Scores, Trainer, data};
use crate::metrics::{Collected, Known, PARTS, Summed, figures};

/// Scores of rows on their way from the device, in their order.
#[derive(Default)]
pub(super) struct Collecting {
    pub(super) collected: Collected,
    coming: VecDeque<Pending>,
}

impl Collecting {
    pub(super) fn of(collected: Collected) -> Self {
        Collecting { collected, coming: VecDeque::new() }
    }

    /// Takes what has come; all of it where it is waited for.
    pub(super) async fn take(&mut self, wait: bool) -> Result<()> {
        while let Some(first) = self.coming.front() {
            if !wait && !first.is_ready()? {
                break;
            }
            if let Some(first) = self.coming.pop_front() {
                self.collected.scores.extend_from_slice(first.take().await?.as_f32()?);
            }
        }
        Ok(())
    }
}

/// Sums that were asked for.
pub(super) struct PendingSums {
    rows: usize,
    sums: Pending,
    counts: Option<Pending>,
}

impl PendingSums {
    pub(super) fn is_ready(&self) -> Result<bool> {
        Ok(self.sums.is_ready()? && self.counts.as_ref().map_or(Ok(true), Pending::is_ready)?)
    }
}

impl Trainer {
    /// Starts sums, counts and scores anew.
    pub(super) fn reset_sums(&mut self, kind: Kind) -> Result<()> {
        let tally = self.tally()?;
        let (sums, counts) = (tally.sums(), tally.counts());
        let [sums_name, part_name, counts_name] = kind.sums();
        self.session.write_state(sums_name, &Array::zeros(Shape::new(&[PARTS, sums])?, DType::F32))?;
        self.session.write_state(part_name, &Array::zeros(Shape::SCALAR, DType::U32))?;
        if counts > 0 {
            self.session.write_state(counts_name, &Array::zeros(Shape::new(&[counts])?, DType::U32))?;
        }
        *self.collecting(kind) = Collecting::default();
        Ok(())
    }

    /// Asks for the scores of the batch that was just run, where a metric needs them.
    pub(super) fn collect(&mut self, kind: Kind, targets: &Array) -> Result<()> {
        let tally = self.tally()?.clone();
        if !tally.collects {
            return Ok(());
        }
        let scores = self.program(kind, data::rows(targets))?.read_later(1)?;
        let loss = self.loss.clone();
        let collecting = self.collecting(kind);
        collecting.collected.add_truths(&tally, &loss, targets);
        collecting.coming.push_back(scores);
        Ok(())
    }

    pub(super) fn collecting(&mut self, kind: Kind) -> &mut Collecting {
        if kind.learns() { &mut self.collecting[0] } else { &mut self.collecting[1] }
    }

    fn tally(&self) -> Result<&crate::metrics::Tally> {
        self.tally.as_ref().ok_or_else(|| anygrad_core::Error::internal("the model is not built"))
    }

    /// Loss and metrics of all rows since the sums were reset.
    pub(super) async fn read_sums(&mut self, kind: Kind, rows: usize, known: &Known) -> Result<Scores> {
        let [sums, _, counts] = kind.sums();
        let sums = self.session.read_state(sums).await?;
        let counts = match self.tally()?.counts() {
            0 => None,
            _ => Some(self.session.read_state(counts).await?),
        };
        self.collecting(kind).take(true).await?;
        let collecting = std::mem::take(self.collecting(kind));
        let summed = Summed { rows, sums: &sums, counts: counts.as_ref() };
        Ok(figures(&self.metrics, self.tally()?, &summed, Some((known, &collecting.collected))))
    }

    /// The sums as they are after the steps so far, without waiting for these.
    pub(super) fn ask_for_sums(&self, kind: Kind, rows: usize) -> Result<PendingSums> {
        let [sums, _, counts] = kind.sums();
        let counts = match self.tally()?.counts() {
            0 => None,
            _ => Some(self.session.read_state_later(counts)?),
        };
        Ok(PendingSums { rows, sums: self.session.read_state_later(sums)?, counts })
    }

    /// What was asked for: the figures that do not need all rows.
    pub(super) async fn take_sums(&self, asked: PendingSums) -> Result<Scores> {
        let sums = asked.sums.take().await?;
        let counts = match asked.counts {
            Some(counts) => Some(counts.take().await?),
            None => None,
        };
        let summed = Summed { rows: asked.rows, sums: &sums, counts: counts.as_ref() };
        Ok(figures(&self.metrics, self.tally()?, &summed, None))
    }
}
