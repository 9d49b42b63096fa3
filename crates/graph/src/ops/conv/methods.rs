//! What users call: convolutions along one, two and three axes, and transposed ones.

use anygrad_core::{Error, Result};

use super::{Biased, Conv, Convolution, InputGrad, last, spread};
use crate::ops::itself::Itself;
use crate::{Tensor, ValueId};

/// Refuses other numbers of axes than those that have kernels.
fn check_axes(axes: usize) -> Result<()> {
    match axes {
        1..=3 => Ok(()),
        _ => Err(Error::shape(format!("slides along 1, 2 or 3 axes, {axes} were given"))),
    }
}

impl<'g> Tensor<'g> {
    /// Convolution (cross-correlation, as everywhere in deep learning) of x `[n, c, sizes...]` along
    /// `N` axes, 1 to 3, with `weight` `[out_c, c / groups, kernel...]`: `[n, out_c, outs...]` with
    /// `out = (size + padding - dilation * (kernel - 1) - 1) / stride + 1`.
    #[track_caller]
    pub fn conv_nd<const N: usize>(self, weight: Tensor<'g>, conv: Conv<N>) -> Tensor<'g> {
        match check_axes(N) {
            Ok(()) => self.apply(Convolution { conv: conv.in_space(), axes: N }, &[self, weight]),
            Err(error) => self.fail(error.context("conv_nd")),
        }
    }

    /// [`Tensor::conv_nd`] plus `bias` `[out_c]`, whose gradient is summed up with that of the weight.
    #[track_caller]
    pub fn conv_nd_with_bias<const N: usize>(
        self,
        weight: Tensor<'g>,
        bias: Tensor<'g>,
        conv: Conv<N>,
    ) -> Tensor<'g> {
        let y = self.conv_nd(weight, conv);
        if y.is_poison() || bias.is_poison() {
            return self.graph().tensor(ValueId::POISON);
        }
        if bias.shape()[..] != y.shape()[1..2] {
            let message = format!("conv_nd: {} channels take no bias {}", y.shape()[1], bias.shape());
            return self.fail(Error::shape(message));
        }
        let y = y + spread(bias, N);
        let y = y.apply(Itself(Biased { conv: conv.in_space(), axes: N }), &[y, self, weight, bias]);
        let inputs = [("x", Some(self)), ("weight", Some(weight)), ("bias", Some(bias))];
        y.composed("conv", conv.in_space().attributes(N), &inputs)
    }

    /// [`Tensor::conv_nd`] of lines: x `[n, c, l]` with `weight` `[out_c, c / groups, kernel]`.
    /// `padding` is `(before, after)`.
    #[track_caller]
    pub fn conv1d(
        self,
        weight: Tensor<'g>,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
        groups: usize,
    ) -> Tensor<'g> {
        let conv = Conv { stride: [stride], padding: [padding], dilation: [dilation], groups };
        self.conv_nd(weight, conv)
    }

    /// [`Tensor::conv_nd`] of images: x `[n, c, h, w]` with `weight`
    /// `[out_c, c / groups, kernel_h, kernel_w]`.
    #[track_caller]
    pub fn conv2d(self, weight: Tensor<'g>, conv: Conv) -> Tensor<'g> {
        self.conv_nd(weight, conv)
    }

    /// [`Tensor::conv_nd`] of volumes: x `[n, c, d, h, w]` with `weight`
    /// `[out_c, c / groups, kernel_d, kernel_h, kernel_w]`.
    #[track_caller]
    pub fn conv3d(self, weight: Tensor<'g>, conv: Conv<3>) -> Tensor<'g> {
        self.conv_nd(weight, conv)
    }

    /// Transposed convolution of x `[n, c, sizes...]` along `N` axes, 1 to 3, with `weight`
    /// `[c, out_c / groups, kernel...]`: `[n, out_c, outs...]` with
    /// `out = (size - 1) * stride - padding + dilation * (kernel - 1) + 1 + output_padding`.
    ///
    /// It is the gradient of [`Tensor::conv_nd`] with respect to its input; `output_padding`, less
    /// than the stride, chooses among the inputs that a stride maps to one size.
    #[track_caller]
    pub fn conv_transpose_nd<const N: usize>(
        self,
        weight: Tensor<'g>,
        conv: Conv<N>,
        output_padding: [usize; N],
    ) -> Tensor<'g> {
        if self.is_poison() || weight.is_poison() {
            return self.graph().tensor(ValueId::POISON);
        }
        let (x, w) = (self.shape(), weight.shape());
        let check = check_axes(N).and_then(|()| {
            if x.rank() != N + 2 || w.rank() != N + 2 {
                return Err(Error::shape(format!("takes {} axes, {x} with weight {w} were given", N + 2)));
            }
            Ok(())
        });
        if let Err(error) = check {
            return self.fail(error.context(InputGrad::transposed(N)));
        }
        if let Some(axis) = (0..N).find(|&axis| output_padding[axis] >= conv.stride[axis].max(1)) {
            return self.fail(Error::shape(format!(
                "{}: output padding {} is not less than the stride {}",
                InputGrad::transposed(N),
                output_padding[axis],
                conv.stride[axis]
            )));
        }
        let size = |axis: usize| {
            let (size, kernel) = (x[axis + 2], w[axis + 2]);
            let reach = size.checked_sub(1)?.checked_mul(conv.stride[axis])?;
            let span = kernel.checked_sub(1)?.checked_mul(conv.dilation[axis])?.checked_add(1)?;
            let all = reach.checked_add(span)?.checked_add(output_padding[axis])?;
            let [before, after] = conv.padding[axis];
            all.checked_sub(before.checked_add(after)?).filter(|&left| left > 0)
        };
        let sizes: Option<Vec<usize>> = (0..N).map(size).collect();
        match sizes {
            Some(sizes) => {
                let op = InputGrad { conv: conv.in_space(), axes: N, input: last(&sizes, 1) };
                self.apply(op, &[self, weight])
            }
            None => self.fail(Error::shape(format!(
                "{}: {x} with weight {w}, {conv:?} and output padding {output_padding:?} leaves no output",
                InputGrad::transposed(N)
            ))),
        }
    }

    /// [`Tensor::conv_transpose_nd`] of lines: x `[n, c, l]` with `weight` `[c, out_c / groups, kernel]`.
    #[track_caller]
    pub fn conv_transpose1d(self, weight: Tensor<'g>, conv: Conv<1>, output_padding: usize) -> Tensor<'g> {
        self.conv_transpose_nd(weight, conv, [output_padding])
    }

    /// [`Tensor::conv_transpose_nd`] of images: x `[n, c, h, w]` with `weight`
    /// `[c, out_c / groups, kernel_h, kernel_w]`.
    #[track_caller]
    pub fn conv_transpose2d(self, weight: Tensor<'g>, conv: Conv, output_padding: [usize; 2]) -> Tensor<'g> {
        self.conv_transpose_nd(weight, conv, output_padding)
    }

    /// [`Tensor::conv_transpose_nd`] of volumes: x `[n, c, d, h, w]` with `weight`
    /// `[c, out_c / groups, kernel_d, kernel_h, kernel_w]`.
    #[track_caller]
    pub fn conv_transpose3d(
        self,
        weight: Tensor<'g>,
        conv: Conv<3>,
        output_padding: [usize; 3],
    ) -> Tensor<'g> {
        self.conv_transpose_nd(weight, conv, output_padding)
    }
}
