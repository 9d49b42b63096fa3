//! y = scale (x - mean) / sqrt(variance + eps) + bias over rows (Ba, Kiros, Hinton 2016), and
//! y = scale x / sqrt(mean square + eps), RMS norm (Zhang, Sennrich 2019)
//!
//! With h = (x - mean) r, r = 1 / sqrt(variance + eps) and g = dy scale:
//! dx = r (g - mean(g) - h mean(g h)), without mean(g) for RMS norm; dscale = sum over rows of dy h.

use anygrad_core::{Caps, DType, Error, Result};
use anygrad_shaders::{self as shaders, LayerNormGradParams, LayerNormParams, LayerNormWeightsParams};

use super::batch_norm::standardized;
use super::by_formula::gradients_by_formula;
use super::reduce::sum_of_parts;
use super::rows::{LONGEST_ROW, RowChoice, RowKernels};
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor,
    Tolerance, Values, workgroups,
};

/// What is normalized: whether the mean is subtracted, and what is added to the variance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    pub(super) center: bool,
    pub(super) eps: f64,
}

/// Over the last axis of x `[rows, columns]`. Inputs: x, scale and bias where there are. Outputs: y, and
/// `[rows, 4]` of the mean as an `f32` holds it, the rest of the mean, r, and 0.
#[derive(Clone, Copy, Debug)]
struct LayerNorm {
    norm: Norm,
    scale: bool,
    bias: bool,
}

/// Numbers that are kept of each row for the way back.
const STATS: usize = 4;

/// dx. Inputs: x, dy, the second output of [`LayerNorm`], scale where there is one.
#[derive(Clone, Copy, Debug)]
struct LayerNormGrad {
    norm: Norm,
    scale: bool,
}

/// dscale and, if wanted, dbias: `[1 or 2, columns]`. Inputs: x, dy, the second output of [`LayerNorm`].
#[derive(Clone, Copy, Debug)]
struct LayerNormWeights {
    norm: Norm,
    bias: bool,
}

impl<'g> Tensor<'g> {
    /// Layer normalization over `axis` (counted from the back when negative) and all axes behind it:
    /// mean 0 and variance 1, times `scale`, plus `bias`, which have the sizes of these axes.
    ///
    /// Keras's `eps` is 1e-3, PyTorch's and ONNX's 1e-5. A large mean does not harm the variance. A NaN
    /// makes its row NaN.
    #[track_caller]
    pub fn layer_norm(
        self,
        axis: isize,
        scale: Option<Tensor<'g>>,
        bias: Option<Tensor<'g>>,
        eps: f64,
    ) -> Tensor<'g> {
        let y = self.row_norm("layer_norm", axis, [scale, bias], Norm { center: true, eps });
        let attributes = Attributes::new().with("axis", axis).with("eps", eps);
        y.composed("layer_norm", attributes, &[("x", Some(self)), ("scale", scale), ("bias", bias)])
    }

    /// RMS normalization over `axis` (counted from the back when negative) and all axes behind it: mean
    /// square 1, times `scale`, which has the sizes of these axes.
    ///
    /// Keras's `eps` is 1e-6, ONNX's 1e-5, PyTorch's 2^-23.
    #[track_caller]
    pub fn rms_norm(self, axis: isize, scale: Option<Tensor<'g>>, eps: f64) -> Tensor<'g> {
        let y = self.row_norm("rms_norm", axis, [scale, None], Norm { center: false, eps });
        let attributes = Attributes::new().with("axis", axis).with("eps", eps);
        y.composed("rms_norm", attributes, &[("x", Some(self)), ("scale", scale)])
    }

    #[track_caller]
    fn row_norm(
        self,
        what: &str,
        axis: isize,
        [scale, bias]: [Option<Tensor<'g>>; 2],
        norm: Norm,
    ) -> Tensor<'g> {
        let weights = [scale, bias].into_iter().flatten();
        if let Some(mistake) = weights.clone().chain([self]).find(|x| x.is_poison()) {
            return mistake;
        }
        let shape = self.shape();
        let axis = match shape.axis(axis).and_then(|axis| check_eps(norm.eps).map(|()| axis)) {
            Ok(axis) => axis,
            Err(error) => return self.fail(error.context(what)),
        };
        let row = &shape[axis..];
        for weight in weights {
            if weight.shape()[..] != *row {
                let message =
                    format!("{what}: over {row:?} of {shape}, scale or bias of {} was given", weight.shape());
                return self.fail(Error::shape(message));
            }
        }
        let columns: usize = row.iter().product();
        if shape.elements() == 0 {
            return self;
        }
        let rows = self.reshape(&[shape.elements() / columns, columns]);
        let [scale, bias] = [scale, bias].map(|weight| weight.map(|weight| weight.reshape(&[columns])));
        if columns > LONGEST_ROW {
            // Reductions split rows that are too long for one kernel.
            let mut y = standardized(rows, &[1], norm, None, None).0;
            y = scale.map_or(y, |scale| y * scale);
            return bias.map_or(y, |bias| y + bias).reshape(&shape);
        }
        let inputs: Vec<Tensor<'g>> = [Some(rows), scale, bias].into_iter().flatten().collect();
        let op = LayerNorm { norm, scale: scale.is_some(), bias: bias.is_some() };
        rows.apply_all(op, &inputs)[0].reshape(&shape)
    }
}

/// What is added to a variance is not negative.
pub(super) fn check_eps(eps: f64) -> Result<()> {
    if eps >= 0.0 && eps.is_finite() {
        return Ok(());
    }
    Err(Error::input(format!("eps is {eps}; wanted is a finite number from 0")))
}

impl Norm {
    /// Mean and r of each row.
    fn moments(&self, x: &Values) -> Vec<(f64, f64)> {
        let columns = x.meta.shape[1];
        let share = 1.0 / columns as f64;
        let of_row = |row: &[f64]| {
            let mean = if self.center { row.iter().sum::<f64>() * share } else { 0.0 };
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() * share;
            (mean, 1.0 / (variance + self.eps).sqrt())
        };
        x.data.chunks(columns).map(of_row).collect()
    }

    /// h and r by simple operators.
    fn formula<'g>(&self, x: Tensor<'g>) -> (Tensor<'g>, Tensor<'g>) {
        let centered = if self.center { x - x.mean(&[1], true) } else { x };
        let root = (centered.square().mean(&[1], true) + self.eps).rsqrt();
        (centered * root, root)
    }
}

fn check_f32(x: &[Meta]) -> Result<()> {
    match x.iter().find(|meta| meta.dtype != DType::F32) {
        Some(other) => Err(Error::shape(format!("takes f32, {other} was given"))),
        None => Ok(()),
    }
}

/// Rows and columns of `[rows, columns]`.
fn sizes(x: &Layout) -> (usize, usize) {
    (x.shape()[0], x.shape()[1])
}

fn flag(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

impl LayerNorm {
    const KERNELS: RowKernels = RowKernels {
        alone: &shaders::LAYER_NORM_ALONE,
        subgroup: [&shaders::LAYER_NORM_SUBGROUP, &shaders::LAYER_NORM_SUBGROUP_VEC4],
        workgroup: [&shaders::LAYER_NORM_WORKGROUP, &shaders::LAYER_NORM_WORKGROUP_VEC4],
    };

    fn by(&self, choice: RowChoice, x: &Layout) -> Lowering {
        let (rows, columns) = sizes(x);
        let mut overrides =
            vec![("CENTER", flag(self.norm.center)), ("SCALE", flag(self.scale)), ("BIAS", flag(self.bias))];
        overrides.extend(choice.overrides);
        let or_x = |wanted: bool, input: usize| Operand::Input(if wanted { input } else { 0 });
        Kernels::one(Dispatch {
            kernel: choice.kernel,
            overrides,
            params: LayerNormParams {
                rows: rows as u32,
                columns: (columns / choice.lanes) as u32,
                share: 1.0 / columns as f32,
                epsilon: self.norm.eps as f32,
            }
            .bytes(),
            bindings: vec![
                Operand::Input(0),
                or_x(self.scale, 1),
                or_x(self.bias, 1 + usize::from(self.scale)),
                Operand::Output(0),
                Operand::Output(1),
            ],
            workgroups: choice.workgroups,
        })
    }
}

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        if self.norm.center { "layer_norm" } else { "rms_norm" }
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_f32(x)?;
        Ok(vec![x[0], Meta::f32(x[0].shape.with(1, STATS))])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let columns = x[0].meta.shape[1];
        let scale = self.scale.then(|| &x[1].data);
        let bias = self.bias.then(|| &x[1 + usize::from(self.scale)].data);
        for (row, (mean, root)) in self.norm.moments(x[0]).into_iter().enumerate() {
            for c in 0..columns {
                let at = row * columns + c;
                let h = (x[0].data[at] - mean) * root;
                y[0].data[at] = h * scale.map_or(1.0, |scale| scale[c]) + bias.map_or(0.0, |bias| bias[c]);
            }
            let coarse = f64::from(mean as f32);
            y[1].data[STATS * row..][..STATS].copy_from_slice(&[coarse, mean - coarse, root, 0.0]);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (x, stats, dy) = (at.x[0], at.y[1], at.dy());
        let mut inputs = vec![x, dy, stats];
        inputs.extend(self.scale.then(|| at.x[1]));
        let mut gradients = vec![None; at.x.len()];
        if at.wanted[0] {
            gradients[0] = Some(dy.apply(LayerNormGrad { norm: self.norm, scale: self.scale }, &inputs));
        }
        let bias = if self.bias { at.x.len() - 1 } else { 0 };
        let bias_wanted = self.bias && at.wanted[bias];
        if self.scale && at.wanted[1] {
            let sums = dy.apply(LayerNormWeights { norm: self.norm, bias: bias_wanted }, &[x, dy, stats]);
            gradients[1] = Some(sums.at(0, 0));
            if bias_wanted {
                gradients[bias] = Some(sums.at(0, 1));
            }
        } else if bias_wanted {
            gradients[bias] = Some(dy.sum(&[0], false));
        }
        gradients
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let (rows, columns) = sizes(&x[0]);
        Ok(self.by(LayerNorm::KERNELS.choose(rows, columns, caps), &x[0]))
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        let (rows, columns) = sizes(&x[0]);
        Ok(LayerNorm::KERNELS.all(rows, columns, caps).into_iter().map(|by| self.by(by, &x[0])).collect())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(sizes(&x[0]).1)
    }
}

impl LayerNormGrad {
    const KERNELS: RowKernels = RowKernels {
        alone: &shaders::LAYER_NORM_GRAD_ALONE,
        subgroup: [&shaders::LAYER_NORM_GRAD_SUBGROUP, &shaders::LAYER_NORM_GRAD_SUBGROUP_VEC4],
        workgroup: [&shaders::LAYER_NORM_GRAD_WORKGROUP, &shaders::LAYER_NORM_GRAD_WORKGROUP_VEC4],
    };

    fn by(&self, choice: RowChoice, x: &Layout) -> Lowering {
        let (rows, columns) = sizes(x);
        let mut overrides = vec![("CENTER", flag(self.norm.center)), ("SCALE", flag(self.scale))];
        overrides.extend(choice.overrides);
        Kernels::one(Dispatch {
            kernel: choice.kernel,
            overrides,
            params: LayerNormGradParams {
                rows: rows as u32,
                columns: (columns / choice.lanes) as u32,
                share: 1.0 / columns as f32,
            }
            .bytes(),
            bindings: vec![
                Operand::Input(0),
                Operand::Input(1),
                Operand::Input(2),
                Operand::Input(if self.scale { 3 } else { 0 }),
                Operand::Output(0),
            ],
            workgroups: choice.workgroups,
        })
    }
}

impl Op for LayerNormGrad {
    fn name(&self) -> &'static str {
        if self.norm.center { "layer_norm_grad" } else { "rms_norm_grad" }
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_f32(x)?;
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let columns = x[0].meta.shape[1];
        let share = 1.0 / columns as f64;
        for (row, stat) in x[2].data.chunks(STATS).enumerate() {
            let (mean, root) = (stat[0] + stat[1], stat[2]);
            let g = |c: usize| x[1].data[row * columns + c] * if self.scale { x[3].data[c] } else { 1.0 };
            let h = |c: usize| (x[0].data[row * columns + c] - mean) * root;
            let total: f64 = if self.norm.center { (0..columns).map(g).sum() } else { 0.0 };
            let along: f64 = (0..columns).map(|c| g(c) * h(c)).sum();
            for c in 0..columns {
                y[0].data[row * columns + c] = root * (g(c) - total * share - h(c) * along * share);
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        gradients_by_formula(at, 2, |x| {
            let (h, root) = self.norm.formula(x[0]);
            let g = if self.scale { x[1] * x[3] } else { x[1] };
            let slope = g - h * (g * h).mean(&[1], true);
            root * if self.norm.center { slope - g.mean(&[1], true) } else { slope }
        })
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let (rows, columns) = sizes(&x[0]);
        Ok(self.by(LayerNormGrad::KERNELS.choose(rows, columns, caps), &x[0]))
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        let (rows, columns) = sizes(&x[0]);
        Ok(LayerNormGrad::KERNELS.all(rows, columns, caps).into_iter().map(|by| self.by(by, &x[0])).collect())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(sizes(&x[0]).1)
    }
}

impl Op for LayerNormWeights {
    fn name(&self) -> &'static str {
        "layer_norm_weights"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_f32(x)?;
        Ok(vec![x[0].with_shape(x[0].shape.with(0, 1 + usize::from(self.bias)))])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let columns = x[0].meta.shape[1];
        for (i, (x_i, dy)) in x[0].data.iter().zip(&x[1].data).enumerate() {
            let stat = &x[2].data[STATS * (i / columns)..];
            y[0].data[i % columns] += dy * (x_i - stat[0] - stat[1]) * stat[2];
            if self.bias {
                y[0].data[columns + i % columns] += dy;
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        gradients_by_formula(at, 2, |x| {
            let along = (x[1] * self.norm.formula(x[0]).0).sum(&[0], true);
            if self.bias { along.graph().concat(&[along, x[1].sum(&[0], true)], 0) } else { along }
        })
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let (rows, columns) = sizes(&x[0]);
        let lanes = if columns.is_multiple_of(4) { 4 } else { 1 };
        sum_of_parts([rows, columns, y[0].shape[0]], caps, |terms, parts, to| Dispatch {
            kernel: if lanes == 4 { &shaders::LAYER_NORM_WEIGHTS_VEC4 } else { &shaders::LAYER_NORM_WEIGHTS },
            overrides: vec![("BIAS", flag(self.bias))],
            params: LayerNormWeightsParams {
                rows: rows as u32,
                columns: (columns / lanes) as u32,
                parts: parts as u32,
                terms: terms as u32,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Input(2), to],
            workgroups: workgroups((columns / lanes * parts).div_ceil(64)),
        })
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let wide = || Fill::Uniform(-2.0, 3.0);
    let weights = |case: Case, sizes: &[usize]| {
        case.filled(sizes, DType::F32, Fill::Uniform(0.5, 1.5)).filled(sizes, DType::F32, wide())
    };
    // Sums over the row, in numbers divided by the deviation.
    let tolerance = |columns: usize| Tolerance { relative: 1e-5, absolute: 1e-6 * (columns as f64).sqrt() };
    for columns in [1, 7, 31, 32, 33, 36, 64, 65, 257, 1024, 1027, 4100] {
        let rows = if columns < 40 { 67 } else { 3 };
        let case = Case::new(format!("layer_norm {rows}x{columns}"), |x| {
            x[0].layer_norm(-1, Some(x[1]), Some(x[2]), 1e-3)
        });
        let case = case.filled(&[rows, columns], DType::F32, wide());
        // A row of one is its mean: its gradient is a difference of what should be equal, over sqrt(eps).
        cases.push(weights(case, &[columns]).tolerance(tolerance(columns)).gradient_tolerance(Tolerance {
            relative: 2e-5,
            absolute: if columns == 1 { 1e-4 } else { 4e-6 * (columns.max(rows) as f64).sqrt() },
        }));
    }
    for columns in [17, 64, 1027, 1028] {
        let case = Case::new(format!("rms_norm 5x{columns}"), |x| x[0].rms_norm(1, Some(x[1]), 1e-5));
        cases.push(
            case.filled(&[5, columns], DType::F32, wide())
                .filled(&[columns], DType::F32, Fill::Uniform(0.5, 1.5))
                .tolerance(tolerance(columns))
                .gradient_tolerance(tolerance(4 * columns)),
        );
    }
    cases.push(Case::new("layer_norm alone", |x| x[0].layer_norm(-1, None, None, 1e-5)).input(&[9, 5]));
    cases.push(Case::new("rms_norm alone", |x| x[0].rms_norm(-1, None, 1e-5)).input(&[9, 5]));
    let case = Case::new("layer_norm with a scale", |x| x[0].layer_norm(1, Some(x[1]), None, 1e-5));
    cases.push(case.input(&[3, 2, 5]).input(&[2, 5]));
    let case = Case::new("layer_norm with a bias", |x| x[0].layer_norm(-2, None, Some(x[1]), 1e-5));
    cases.push(case.input(&[3, 2, 5]).input(&[2, 5]));
    // Rows in several parts for the sums over them.
    let many = Case::new("layer_norm of many rows", |x| x[0].layer_norm(-1, Some(x[1]), Some(x[2]), 1e-3));
    cases.push(
        weights(many.filled(&[1501, 12], DType::F32, wide()), &[12])
            .gradient_tolerance(Tolerance { relative: 2e-5, absolute: 2e-4 }),
    );
    // The mean is 1000 times the deviation.
    let far = Case::new("layer_norm far from zero", |x| x[0].layer_norm(-1, None, None, 1e-5));
    cases.push(far.filled(&[3, 70], DType::F32, Fill::Uniform(1000.0, 1003.5)).tolerance(tolerance(70)));
    let constant = Case::new("layer_norm of equal numbers", |x| x[0].layer_norm(-1, None, None, 1e-3));
    cases.push(
        constant
            .filled(&[3, 5], DType::F32, Fill::Given(vec![2.5]))
            .gradient_tolerance(Tolerance { relative: 2e-5, absolute: 1e-4 }),
    );
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let extremes = vec![1.0, nan, 3.0, 4.0, 1.0, 2.0, inf, 4.0, 1e4, 2e4, -1e4, 0.0, -inf, 1.0, 2.0, 3.0];
    let case = Case::new("layer_norm extremes", |x| x[0].layer_norm(-1, None, None, 1e-3)).forward_only();
    cases.push(case.filled(&[4, 4], DType::F32, Fill::Given(extremes)));
    let case = Case::new("layer_norm of a view", |x| x[0].t().layer_norm(-1, Some(x[1]), None, 1e-3));
    cases.push(case.input(&[6, 9]).input(&[6]));
    let long = LONGEST_ROW + 3;
    cases.push(
        Case::new("layer_norm long row", |x| x[0].layer_norm(-1, Some(x[1]), None, 1e-3) * 1e-3)
            .filled(&[2, long], DType::F32, wide())
            .input(&[long])
            .tolerance(tolerance(1)),
    );
    let case = Case::new("layer_norm of nothing", |x| x[0].layer_norm(-1, Some(x[1]), None, 1e-3));
    cases.push(case.input(&[0, 5]).input(&[5]));
    // The gradient of the gradient.
    let twice = |name: &str, build: for<'g> fn(&[Tensor<'g>]) -> Tensor<'g>| {
        Case::many(format!("{name} twice"), move |x| {
            let graph = x[0].graph();
            graph.gradients((build(x) * x[0].square() * x[1]).sum_all(), &[x[0], x[1]])
        })
        .input(&[3, 5])
        .filled(&[5], DType::F32, Fill::Uniform(0.5, 1.5))
        .gradient_tolerance(Tolerance { relative: 1e-4, absolute: 2e-5 })
    };
    cases.push(twice("layer_norm", |x| x[0].layer_norm(-1, Some(x[1]), Some(x[1]), 1e-2)));
    cases.push(twice("rms_norm", |x| x[0].rms_norm(-1, Some(x[1]), 1e-2)));
    cases
}
