//! The way back from the places of largest elements: who writes last to each place, and what.

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, LastWriterParams};

use super::super::gather::inside;
use super::IndexBase;
use crate::{
    At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, ValueId, Values, workgroups,
};

/// From indices `[count]`, for each of `size` places the last position that holds its number, -1 where
/// none does.
#[derive(Debug)]
struct LastWriters {
    size: usize,
}

impl<'g> Tensor<'g> {
    /// The elements of x `[n, c, ins...]` put where `indices` (`i32`, of x's shape) say, zeros
    /// elsewhere: `[n, c, sizes...]`, of which the indices count through one channel or all. The way
    /// back from [`Tensor::max_pool_with_indices`].
    ///
    /// Of elements for one place the last in row-major order stands there. An index outside puts its
    /// element nowhere.
    ///
    /// ONNX's MaxUnpool counts through the sizes that kernel, strides and pads imply; where its
    /// `output_shape` is larger, pad the result behind.
    #[track_caller]
    pub fn max_unpool(self, indices: Tensor<'g>, sizes: &[usize], base: IndexBase) -> Tensor<'g> {
        if self.is_poison() || indices.is_poison() {
            return self.graph().tensor(ValueId::POISON);
        }
        let shape = self.shape();
        let planes: usize = shape.iter().take(2).product();
        let output = Shape::new(&[&shape[..shape.rank().min(2)], sizes].concat());
        let fits = shape.rank() == sizes.len() + 2 && indices.shape() == shape;
        match output {
            Ok(output) if fits && indices.dtype() == DType::I32 && output.elements() <= i32::MAX as usize => {
                let (count, inputs) = (output.elements(), shape.elements());
                let plane = count / planes.max(1);
                let flat = indices.reshape(&[planes, inputs / planes.max(1)]);
                // An index outside must not reach into another channel.
                let flat = match base {
                    IndexBase::Tensor => flat,
                    IndexBase::Channel => flat.counted_by_row(plane),
                };
                let writers = flat.reshape(&[inputs]).last_writers(count);
                self.reshape(&[inputs]).gather(0, writers).reshape(&output)
            }
            Ok(_) => self.fail(Error::shape(format!(
                "max_unpool: {} at {} cannot become [n, c, sizes] with sizes {sizes:?}",
                self.meta(),
                indices.meta()
            ))),
            Err(error) => self.fail(error.context("max_unpool")),
        }
    }

    /// These places (`i32`, `[.., rows, k]`) counted from where each row of `step` places begins; -1
    /// for those that are not below `step`.
    #[track_caller]
    pub(super) fn counted_by_row(self, step: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let rows = shape[shape.rank() - 2];
        let firsts: Vec<i32> = (0..rows).map(|row| (row * step) as i32).collect();
        match Array::i32(&[rows, 1], firsts) {
            Ok(firsts) => {
                let firsts = self.graph().constant(firsts);
                let number = |number: f64| {
                    self.graph().constant(Array::from_f64(Shape::SCALAR, DType::I32, &[number]))
                };
                let inside = self.ge(number(0.0)).logical_and(self.lt(number(step as f64)));
                inside.select(self + firsts, number(-1.0))
            }
            Err(error) => self.fail(error.context("the places of a pooling")),
        }
    }

    /// For each of `size` places, the last position in these indices (`i32`, `[count]`) that names it;
    /// -1 where none does.
    #[track_caller]
    fn last_writers(self, size: usize) -> Tensor<'g> {
        self.apply(LastWriters { size }, &[self])
    }
}

impl Op for LastWriters {
    fn name(&self) -> &'static str {
        "last_writers"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if x[0].dtype != DType::I32 || x[0].shape.rank() != 1 {
            return Err(Error::shape(format!("takes i32 indices [count], {} was given", x[0])));
        }
        Ok(vec![x[0].with_shape(Shape::new(&[self.size])?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.fill(-1.0);
        for (position, &index) in x[0].data.iter().enumerate() {
            if let Some(index) = inside(index, self.size) {
                y[0].data[index] = position as f64;
            }
        }
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let count = x[0].shape().elements();
        let dispatch = |clear: bool, invocations: usize| Dispatch {
            kernel: &shaders::LAST_WRITER,
            overrides: vec![("CLEAR", f64::from(u8::from(clear)))],
            params: LastWriterParams { count: count as u32, size: self.size as u32 }.bytes(),
            bindings: vec![Operand::Input(0), Operand::Output(0)],
            workgroups: workgroups(invocations.div_ceil(64)),
        };
        let mut dispatches = vec![dispatch(true, self.size)];
        if count > 0 {
            dispatches.push(dispatch(false, count));
        }
        Ok(Lowering::Kernels(Kernels { scratch: vec![], dispatches }))
    }
}
