//! dlogits = dloss (p sum(q) - q), from what the way there kept of each row.

use anygrad_core::{Caps, Result};
use anygrad_shaders::{self as shaders, CrossEntropyGradParams};

use super::{Loss, STATS};
use crate::ops::by_formula::gradients_by_formula;
use crate::ops::rows::RowKernels;
use crate::{At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Values};

/// The gradient of the logits. Inputs: those of [`Loss`], its third output, and the gradient of the losses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) of: Loss,
}

impl Slope {
    /// The input that holds what is known of each row; the gradient of the losses is the next.
    fn stats(&self) -> usize {
        2 + usize::from(self.of.weighted)
    }
}

impl Op for Slope {
    fn name(&self) -> &'static str {
        "cross_entropy_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let classes = x[0].meta.shape[1];
        let stats = &x[self.stats()].data;
        let slopes = &x[self.stats() + 1].data;
        for (row, stat) in stats.chunks(STATS).enumerate() {
            let ignored = !self.of.shares && self.of.is_ignored(x[1].data[row]);
            let slope = if ignored { 0.0 } else { slopes[row] };
            for (c, wanted) in self.of.wanted(x, row).into_iter().enumerate() {
                let at = row * classes + c;
                let p = (x[0].data[at] - stat[0] - stat[1]).exp();
                y[0].data[at] = slope * (p * stat[2] - wanted);
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        gradients_by_formula(at, self.stats(), |x| {
            let wanted = self.of.wanted_of(x[0], x[1], x.get(2).copied().filter(|_| self.of.weighted));
            let sum = wanted.sum(&[1], true);
            (x[0].softmax(-1) * sum - wanted) * x[self.stats() + 1].unsqueeze(1)
        })
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        const KERNELS: RowKernels = RowKernels {
            alone: &shaders::CROSS_ENTROPY_GRAD_ALONE,
            subgroup: [&shaders::CROSS_ENTROPY_GRAD_SUBGROUP, &shaders::CROSS_ENTROPY_GRAD_SUBGROUP_VEC4],
            workgroup: [&shaders::CROSS_ENTROPY_GRAD_WORKGROUP, &shaders::CROSS_ENTROPY_GRAD_WORKGROUP_VEC4],
        };
        let (rows, classes) = (x[0].shape()[0], x[0].shape()[1]);
        let choice = KERNELS.choose(rows, classes, caps);
        let stats = self.stats();
        let one_for_all = rows != 1 && x[stats + 1].is_uniform();
        let mut overrides = self.of.overrides();
        overrides.push(("SLOPE_STEP", if one_for_all { 0.0 } else { 1.0 }));
        overrides.extend(choice.overrides);
        let mut bindings = vec![Operand::Input(0)];
        bindings.extend(self.of.bindings());
        bindings.extend([Operand::Input(stats), Operand::Input(stats + 1), Operand::Output(0)]);
        let params = self.of.params(rows, classes, choice.lanes);
        Ok(Kernels::one(Dispatch {
            kernel: choice.kernel,
            overrides,
            params: CrossEntropyGradParams {
                rows: params.rows,
                columns: params.columns,
                keep: params.keep,
                share: params.share,
                ignored: params.ignored,
            }
            .bytes(),
            bindings,
            workgroups: choice.workgroups,
        }))
    }

    /// One slope for all rows, as that of a mean, is read where it stands.
    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        layout.is_contiguous() || input == self.stats() + 1 && layout.is_uniform() && layout.offset == 0
    }

    fn rows(&self, x: &[Layout], _y: &[Meta]) -> Option<Rows> {
        let mut inputs = vec![true; x.len()];
        if self.of.weighted {
            inputs[2] = false;
        }
        inputs[self.stats() + 1] = !x[self.stats() + 1].is_uniform();
        Some(Rows { count: x[0].shape()[0], inputs, outputs: vec![true] })
    }
}
