//! Until they are merged: slices, concatenation, products.

use anygrad_core::{Caps, Error, Result, Shape};

use crate::{At, Grads, Layout, Lowering, Meta, Op, Tensor, Values};

#[derive(Debug)]
struct Part(usize, usize, usize);
#[derive(Debug)]
struct Join(usize);
#[derive(Debug)]
struct Matmul;

pub(super) fn part(x: Tensor<'_>, axis: usize, from: usize, to: usize) -> Tensor<'_> {
    x.apply(Part(axis, from, to), &[x])
}
pub(super) fn join<'g>(x: &[Tensor<'g>], axis: usize) -> Tensor<'g> {
    x[0].apply(Join(axis), x)
}
pub(super) fn matmul<'g>(a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
    a.apply(Matmul, &[a, b])
}
fn split(shape: &Shape, axis: usize) -> (usize, usize) {
    (shape[..axis].iter().product(), shape[axis + 1..].iter().product())
}

impl Op for Part {
    fn name(&self) -> &'static str {
        "part"
    }
    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0].with_shape(x[0].shape.with(self.0, self.2 - self.1))])
    }
    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, inner) = split(&x[0].shape(), self.0);
        let (size, len) = (x[0].shape()[self.0], self.2 - self.1);
        for o in 0..outer {
            y[0].data[o * len * inner..][..len * inner]
                .copy_from_slice(&x[0].data[(o * size + self.1) * inner..][..len * inner]);
        }
    }
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (shape, dy) = (at.x[0].shape(), at.dy());
        let zeros = |n| dy.graph().scalar(0.0).broadcast_to(&shape.with(self.0, n));
        vec![Some(join(&[zeros(self.1), dy, zeros(shape[self.0] - self.2)], self.0))]
    }
    fn lower(&self, _x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Err(Error::internal("stand-in"))
    }
}

impl Op for Join {
    fn name(&self) -> &'static str {
        "join"
    }
    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let size = x.iter().map(|m| m.shape[self.0]).sum();
        Ok(vec![x[0].with_shape(x[0].shape.with(self.0, size))])
    }
    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, inner) = split(&x[0].shape(), self.0);
        let mut at = 0;
        for o in 0..outer {
            for x in x {
                let len = x.shape()[self.0] * inner;
                y[0].data[at..at + len].copy_from_slice(&x.data[o * len..][..len]);
                at += len;
            }
        }
    }
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let mut from = 0;
        at.x.iter()
            .map(|x| {
                let to = from + x.shape()[self.0];
                let dx = part(at.dy(), self.0, from, to);
                from = to;
                Some(dx)
            })
            .collect()
    }
    fn lower(&self, _x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Err(Error::internal("stand-in"))
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if x[0].shape[1] != x[1].shape[0] {
            return Err(Error::shape(format!("{} x {}", x[0].shape, x[1].shape)));
        }
        Ok(vec![Meta::f32(Shape::new(&[x[0].shape[0], x[1].shape[1]])?)])
    }
    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let [m, k, n] = [x[0].shape()[0], x[0].shape()[1], x[1].shape()[1]];
        for i in 0..m {
            for p in 0..k {
                for j in 0..n {
                    y[0].data[i * n + j] += x[0].data[i * k + p] * x[1].data[p * n + j];
                }
            }
        }
    }
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(matmul(at.dy(), at.x[1].t())), Some(matmul(at.x[0].t(), at.dy()))]
    }
    fn lower(&self, _x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Err(Error::internal("stand-in"))
    }
}
