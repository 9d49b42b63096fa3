//! y[n, c, h b + i, w b + j] = x[n, (i b + j) C + c, h, w], and the like: blocks of pixels and channels
//!
//! Views: elements are put elsewhere by reshaping and permuting, which costs one copy at most.

use anygrad_core::{Error, Result};

use crate::{Case, Tensor, Tolerance};

/// What the channels of a pixel are, outermost first, when they become a block of pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockOrder {
    /// Place in the block, then channel: TensorFlow, and ONNX's default `DCR`.
    #[default]
    DepthFirst,
    /// Channel, then place in the block: PyTorch's `pixel_shuffle`, ONNX's `CRD`.
    ChannelFirst,
}

/// Channels, height and width of an image whose sizes are multiples of these.
fn image(x: Tensor<'_>, multiples: [usize; 3]) -> Result<[usize; 4]> {
    let sizes = <[usize; 4]>::try_from(&x.shape()[..])
        .map_err(|_| Error::shape(format!("takes [n, c, h, w], {} was given", x.shape())))?;
    match (1..4).find(|&axis| multiples[axis - 1] == 0 || sizes[axis] % multiples[axis - 1] != 0) {
        None => Ok(sizes),
        Some(axis) => Err(Error::shape(format!(
            "{} along axis {axis} of {} is no multiple of {}",
            sizes[axis],
            x.shape(),
            multiples[axis - 1]
        ))),
    }
}

impl<'g> Tensor<'g> {
    /// Channels as blocks of pixels: `[n, c b^2, h, w]` becomes `[n, c, h b, w b]`.
    #[track_caller]
    pub fn depth_to_space(self, block: usize, order: BlockOrder) -> Tensor<'g> {
        let [n, channels, h, w] = match image(self, [block.saturating_mul(block), 1, 1]) {
            _ if self.is_poison() => return self,
            Ok(sizes) => sizes,
            Err(error) => return self.fail(error.context("depth_to_space")),
        };
        let c = channels / (block * block);
        let parts = match order {
            BlockOrder::DepthFirst => self.reshape(&[n, block, block, c, h, w]).permute(&[0, 3, 4, 1, 5, 2]),
            BlockOrder::ChannelFirst => {
                self.reshape(&[n, c, block, block, h, w]).permute(&[0, 1, 4, 2, 5, 3])
            }
        };
        parts.reshape(&[n, c, h * block, w * block])
    }

    /// Blocks of pixels as channels, the way back from [`Tensor::depth_to_space`]: `[n, c, h b, w b]`
    /// becomes `[n, c b^2, h, w]`. ONNX's operator is [`BlockOrder::DepthFirst`].
    #[track_caller]
    pub fn space_to_depth(self, block: usize, order: BlockOrder) -> Tensor<'g> {
        let [n, c, height, width] = match image(self, [1, block, block]) {
            _ if self.is_poison() => return self,
            Ok(sizes) => sizes,
            Err(error) => return self.fail(error.context("space_to_depth")),
        };
        let (h, w) = (height / block, width / block);
        let parts = self.reshape(&[n, c, h, block, w, block]);
        let parts = match order {
            BlockOrder::DepthFirst => parts.permute(&[0, 3, 5, 1, 2, 4]),
            BlockOrder::ChannelFirst => parts.permute(&[0, 1, 3, 5, 2, 4]),
        };
        parts.reshape(&[n, c * block * block, h, w])
    }

    /// PyTorch's name of [`Tensor::depth_to_space`], channels first.
    #[track_caller]
    pub fn pixel_shuffle(self, factor: usize) -> Tensor<'g> {
        self.depth_to_space(factor, BlockOrder::ChannelFirst)
    }

    /// PyTorch's name of [`Tensor::space_to_depth`], channels first.
    #[track_caller]
    pub fn pixel_unshuffle(self, factor: usize) -> Tensor<'g> {
        self.space_to_depth(factor, BlockOrder::ChannelFirst)
    }

    /// Channels of x `[n, c, ...]` in `groups` dealt out in turn: channel `g (c / groups) + k` goes to
    /// `k groups + g`, so that the next convolution in groups reads from each (Zhang et al. 2017,
    /// ShuffleNet).
    #[track_caller]
    pub fn channel_shuffle(self, groups: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        if shape.rank() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
            let message = format!("channel_shuffle: {shape} has no channels in {groups} groups");
            return self.fail(Error::shape(message));
        }
        // The axes behind the channels move as one.
        let (n, c) = (shape[0], shape[1]);
        let inner: usize = shape[2..].iter().product();
        self.reshape(&[n, groups, c / groups, inner]).permute(&[0, 2, 1, 3]).reshape(&shape)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    vec![
        exact(Case::new("depth_to_space 2", |x| x[0].depth_to_space(2, BlockOrder::DepthFirst)))
            .input(&[2, 12, 3, 2]),
        exact(Case::new("pixel_shuffle 3", |x| x[0].pixel_shuffle(3))).input(&[1, 18, 2, 5]),
        exact(Case::new("space_to_depth 3", |x| x[0].space_to_depth(3, BlockOrder::DepthFirst)))
            .input(&[2, 2, 6, 3]),
        exact(Case::new("pixel_unshuffle 2", |x| x[0].pixel_unshuffle(2))).input(&[2, 3, 4, 6]),
        exact(Case::new("channel_shuffle 3", |x| x[0].channel_shuffle(3))).input(&[2, 6, 2, 3]),
    ]
}

#[cfg(test)]
mod tests {
    use anygrad_core::{Array, DType};

    use super::*;
    use crate::{Graph, Interpreter, Precision};

    fn counted(sizes: &[usize], build: impl for<'g> Fn(Tensor<'g>) -> Tensor<'g>) -> Vec<f64> {
        let graph = Graph::new();
        let y = build(graph.input("x", sizes, DType::F32));
        let mut cpu = Interpreter::new(Precision::F32);
        let count = sizes.iter().product::<usize>();
        cpu.write("x", &Array::f32(sizes, (0..count).map(|i| i as f32).collect::<Vec<_>>()).unwrap());
        cpu.run(&graph, &[y]).unwrap()[0].to_f64()
    }

    #[test]
    fn blocks_by_hand() {
        // Eight channels of one pixel: two of a block of 2 x 2.
        let depth = counted(&[1, 8, 1, 1], |x| x.depth_to_space(2, BlockOrder::DepthFirst));
        assert_eq!(depth, [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
        assert_eq!(counted(&[1, 8, 1, 1], |x| x.pixel_shuffle(2)), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let deep = counted(&[1, 2, 2, 2], |x| x.space_to_depth(2, BlockOrder::DepthFirst));
        assert_eq!(deep, [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
        assert_eq!(counted(&[1, 6], |x| x.channel_shuffle(2)), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        for order in [BlockOrder::DepthFirst, BlockOrder::ChannelFirst] {
            let back = counted(&[2, 12, 3, 2], |x| x.depth_to_space(2, order).space_to_depth(2, order));
            assert!(back.iter().enumerate().all(|(i, &y)| y == i as f64), "{order:?}");
        }
    }

    #[test]
    fn sizes_that_are_no_multiples_are_errors_with_numbers() {
        for (part, build) in [
            ("6 along axis 1", (|x| x.pixel_shuffle(2)) as for<'g> fn(Tensor<'g>) -> Tensor<'g>),
            ("5 along axis 3", |x| x.pixel_unshuffle(2)),
            ("multiple of 0", |x| x.pixel_unshuffle(0)),
            ("takes [n, c, h, w]", |x| x.reshape(&[24, 10]).pixel_shuffle(2)),
            ("in 4 groups", |x| x.channel_shuffle(4)),
        ] {
            let graph = Graph::new();
            build(graph.input("x", &[2, 6, 4, 5], DType::F32));
            let error = graph.check().unwrap_err();
            assert!(error.is_shape() && error.to_string().contains(part), "{error}");
        }
    }
}
