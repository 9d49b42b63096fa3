//! y = x, dx = 0
//!
//! A value that counts as a constant where gradients are taken: the same memory, no work.

use anygrad_core::{Caps, Result};

use crate::{At, Attributes, Case, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

#[derive(Debug)]
struct Detach;

impl<'g> Tensor<'g> {
    /// The same elements, through which no gradient flows.
    #[track_caller]
    pub fn detach(self) -> Tensor<'g> {
        self.apply(Detach, &[self])
    }
}

impl Op for Detach {
    fn name(&self) -> &'static str {
        "detach"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("same", true)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.copy_from_slice(&x[0].data);
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Ok(Lowering::View(x[0]))
    }

    fn accepts(&self, _input: usize, _layout: &Layout) -> bool {
        true
    }

    fn takes_halves(&self) -> bool {
        true
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("detach a view", |x| x[0].t().detach())
            .forward_only()
            .tolerance(Tolerance::EXACT)
            .input(&[3, 5]),
        // The slope with respect to the factor is zeros.
        Case::many("detach a factor", |x| {
            let y = x[0].detach() * x[1];
            vec![
                x[0].graph().gradients(y.sum_all(), &[x[1]])[0],
                x[0].graph().gradients(y.sum_all(), &[x[0]])[0],
            ]
        })
        .forward_only()
        .input(&[7])
        .input(&[7]),
    ]
}
