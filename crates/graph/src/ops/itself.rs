//! y = x[0], with a gradient that is written out.
//!
//! What is made of simple operators can still have its gradient in one piece: a view of its result that
//! also takes what the gradient reads.

use std::fmt::Debug;

use anygrad_core::{Caps, Result};

use crate::{At, Attributes, Grads, Layout, Lowering, Meta, Op, Values};

/// The gradient of a result that simple operators have made.
pub(super) trait WrittenOut: Debug + Send + Sync {
    /// What the view is called in plans and errors.
    const NAME: &'static str;

    /// The gradients of all inputs. The first one, the result itself, gets none: it follows from the others.
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g>;
}

/// The first input itself, with the gradient that `G` writes out.
#[derive(Debug)]
pub(super) struct Itself<G>(pub(super) G);

impl<G: WrittenOut> Op for Itself<G> {
    fn name(&self) -> &'static str {
        G::NAME
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

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        self.0.gradient(at)
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Ok(Lowering::View(x[0]))
    }

    fn accepts(&self, _input: usize, _layout: &Layout) -> bool {
        true
    }
}
