//! y = sum over the keys of p v, p = exp(s - lse), s = scale q . k + mask, lse = log(sum of exp(s))
//!
//! With slope = p (dy . v - dy . y): dq = scale sum of slope k over the keys, dk = scale sum of slope q and
//! dv = sum of p dy over the queries. The kernels compute the scores anew, so memory grows with the
//! lengths and not with their product (Dao et al., "FlashAttention", 2022).

mod cases;
mod lower;
mod reference;

use std::fmt;

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};

use super::by_formula::gradients_by_formula;
use crate::{At, Attributes, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

pub(super) use cases::cases;

/// The options of [`Tensor::scaled_dot_product_attention`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Attention<'g> {
    /// Whether a query sees only the keys up to its own place. Places are counted from the ends, so
    /// that the last query sees the last key: with fewer queries than keys, the keys in front are the
    /// past of all of them.
    pub causal: bool,
    /// Truth values, of which true lets a query see a key, or numbers added to the scores; it
    /// broadcasts to `[batch, heads, queries, keys]`.
    pub mask: Option<Tensor<'g>>,
    /// What the scores are multiplied with; 1 / sqrt(width of the keys) unless told otherwise.
    pub scale: Option<f64>,
    /// Dropout of the probabilities.
    pub dropout: Option<AttentionDropout<'g>>,
}

/// Probabilities set to 0 at random, as [`Tensor::dropout`] does.
#[derive(Clone, Copy, Debug)]
pub struct AttentionDropout<'g> {
    /// The probability of 0, from 0 to 1.
    pub rate: f64,
    /// With the same seed and counter, the same ones are kept.
    pub seed: u32,
    /// A scalar `u32`.
    pub counter: Tensor<'g>,
}

/// Scores from here down, as those under a mask of minus infinity, have no weight.
const MASKED: f64 = -3.4e38;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mask {
    None,
    Truth,
    Added,
}

#[derive(Clone, Copy)]
struct Drop {
    rate: f64,
    seed: u32,
}

/// Without the seed: layers that differ in nothing else are one to the tuner.
impl fmt::Debug for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drop {{ rate: {} }}", self.rate)
    }
}

/// How queries and keys become probabilities.
#[derive(Clone, Copy, Debug)]
struct Scores {
    causal: bool,
    mask: Mask,
    scale: f64,
    drop: Option<Drop>,
}

/// Inputs: q `[batch, heads, queries, width]`, k and v `[batch, kv_heads, keys, width]`, the mask
/// `[batch, heads, queries, keys]` and the counter where there are. Outputs: y, and lse
/// `[batch, heads, queries]`, [`MASKED`] where a query sees nothing.
#[derive(Debug)]
struct Forward(Scores);

/// dq. Inputs: q, k, v, dy, `[batch, heads, queries, 2]` of lse and dy . y, mask, counter.
#[derive(Debug)]
struct QueryGrad(Scores);

/// dk and dv, `[2, batch, kv_heads, keys, width]`. Inputs as for [`QueryGrad`].
#[derive(Debug)]
struct KeyGrad(Scores);

/// Where the gradients' inputs have dy, and what follows from the others.
const DY: usize = 3;
const STATS: usize = 4;

impl<'g> Tensor<'g> {
    /// Attention of queries, this, `[batch, heads, queries, d]`, to keys `[batch, kv_heads, keys, d]` with
    /// values `[batch, kv_heads, keys, e]`: the means of the values, `[batch, heads, queries, e]`, by
    /// probabilities softmax(scale q . k + mask) (Vaswani et al. 2017). `kv_heads` divides `heads`;
    /// neighbouring heads share keys and values (grouped-query attention, Ainslie et al. 2023).
    ///
    /// The result of a query that sees no key is 0, and no gradient comes from it. A score of -3.4e38 or
    /// less, from a mask of minus infinity or the lowest `f32`, counts as not seen. Memory does not grow
    /// with the product of the lengths, but for the gradient of a mask of numbers and second derivatives.
    #[track_caller]
    pub fn scaled_dot_product_attention(
        self,
        key: Tensor<'g>,
        value: Tensor<'g>,
        options: Attention<'g>,
    ) -> Tensor<'g> {
        let optional = [options.mask, options.dropout.map(|dropout| dropout.counter)];
        let inputs = [self, key, value].into_iter().chain(optional.into_iter().flatten());
        if let Some(mistake) = inputs.clone().find(|x| x.is_poison()) {
            return mistake;
        }
        let what = "scaled_dot_product_attention";
        let sizes = match sizes(self, key, value).and_then(|sizes| check_options(&sizes, &options)) {
            Ok(sizes) => sizes,
            Err(error) => return self.fail(error.context(what)),
        };
        let Sizes { batch, heads, queries, keys, width, value_width, .. } = sizes;
        let result = [batch, heads, queries, value_width];
        let rate = options.dropout.map_or(0.0, |dropout| dropout.rate);
        if result.contains(&0) || keys == 0 || rate == 1.0 {
            return self.graph().scalar(0.0).broadcast_to(&result);
        }
        // Kernels read four numbers at a time; zeros change no product.
        let padded = width.max(value_width).next_multiple_of(4);
        let pad = |x: Tensor<'g>| {
            let missing = padded - x.shape()[3];
            if missing == 0 { x } else { x.pad(&[(0, 0), (0, 0), (0, 0), (0, missing)], 0.0) }
        };
        let mask = match options.mask.map(Tensor::dtype) {
            None => Mask::None,
            Some(DType::Bool) => Mask::Truth,
            Some(_) => Mask::Added,
        };
        let scores = Scores {
            causal: options.causal,
            mask,
            scale: options.scale.unwrap_or(1.0 / (width.max(1) as f64).sqrt()),
            drop: options.dropout.filter(|_| rate > 0.0).map(|dropout| Drop { rate, seed: dropout.seed }),
        };
        let mut inputs = vec![pad(self), pad(key), pad(value)];
        inputs.extend(options.mask.map(|mask| mask.broadcast_to(&[batch, heads, queries, keys])));
        inputs.extend(scores.drop.and(options.dropout).map(|dropout| dropout.counter));
        let y = self.apply_all(Forward(scores), &inputs)[0];
        let y = if padded == value_width { y } else { y.narrow(3, 0..value_width) };
        if scores.drop.is_some() {
            return y;
        }
        let attributes = Attributes::new().with("causal", scores.causal).with("scale", scores.scale);
        let inputs =
            [("query", Some(self)), ("key", Some(key)), ("value", Some(value)), ("mask", options.mask)];
        y.composed("attention", attributes, &inputs)
    }
}

/// The sizes of queries, keys and values as they were given.
struct Sizes {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
    value_width: usize,
}

fn sizes(query: Tensor<'_>, key: Tensor<'_>, value: Tensor<'_>) -> Result<Sizes> {
    let shapes = [query.shape(), key.shape(), value.shape()];
    let wrong = || {
        let [q, k, v] = shapes;
        Error::shape(format!(
            "queries {q}, keys {k}, values {v}; wanted are [batch, heads, queries, d], [batch, kv_heads, keys, d] \
             and [batch, kv_heads, keys, e], kv_heads a divisor of heads"
        ))
    };
    if let Some(other) = [query, key, value].iter().find(|x| x.dtype() != DType::F32) {
        return Err(Error::shape(format!("takes f32, {} was given", other.meta())));
    }
    let [Ok(q), Ok(k), Ok(v)] = shapes.map(|shape| <[usize; 4]>::try_from(&*shape)) else {
        return Err(wrong());
    };
    let [batch, heads, queries, width] = q;
    let [_, kv_heads, keys, _] = k;
    let fits = k == [batch, kv_heads, keys, width] && v == [batch, kv_heads, keys, v[3]];
    if !fits || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return Err(wrong());
    }
    Ok(Sizes { batch, heads, queries, keys, width, value_width: v[3] })
}

fn check_options(sizes: &Sizes, options: &Attention<'_>) -> Result<Sizes> {
    let Sizes { batch, heads, queries, keys, width, value_width } = *sizes;
    if let Some(mask) = options.mask {
        let whole = Shape::new(&[batch, heads, queries, keys])?;
        let fits = mask.shape().broadcast(&whole).is_ok_and(|shape| shape == whole);
        if !fits || !matches!(mask.dtype(), DType::Bool | DType::F32) {
            let message =
                format!("a mask of {}; wanted is bool or f32 that broadcasts to {whole}", mask.meta());
            return Err(Error::shape(message));
        }
    }
    if let Some(dropout) = options.dropout {
        if !(0.0..=1.0).contains(&dropout.rate) {
            let message = format!("the rate of dropout {} does not lie between 0 and 1", dropout.rate);
            return Err(Error::input(message));
        }
        super::dropout::check_counter(&dropout.counter.meta())?;
    }
    if options.scale.is_some_and(|scale| !scale.is_finite()) {
        return Err(Error::input(format!("the scale is {:?}", options.scale)));
    }
    Ok(Sizes { batch, heads, queries, keys, width, value_width })
}

impl Scores {
    /// Where the mask stands among the inputs, `first` being the first of the optional ones.
    fn mask_at(&self, first: usize) -> Option<usize> {
        (self.mask != Mask::None).then_some(first)
    }

    /// Where the counter stands.
    fn counter_at(&self, first: usize) -> Option<usize> {
        self.drop.map(|_| first + usize::from(self.mask != Mask::None))
    }

    /// The probabilities in simple operators, and with the factors of dropout.
    fn probabilities<'g>(&self, x: &[Tensor<'g>], first: usize) -> (Tensor<'g>, Tensor<'g>) {
        let (q, k) = (x[0], repeated(x[1], x[0].shape()[1]));
        let mut scores = q.matmul(k.t()) * self.scale;
        let mut seen: Option<Tensor<'g>> = None;
        if let Some(mask) = self.mask_at(first).map(|at| x[at]) {
            match self.mask {
                Mask::Added => {
                    scores = scores + mask;
                    seen = Some(scores.gt(MASKED));
                }
                _ => seen = Some(mask),
            }
        }
        if self.causal {
            let causal = before(q, k);
            seen = Some(seen.map_or(causal, |seen| seen.logical_and(causal)));
        }
        let p = match seen {
            // All scores of a query that sees nothing are equal: its probabilities are set to 0.
            Some(seen) => seen.select(seen.select(scores, MASKED).softmax(-1), 0.0),
            None => scores.softmax(-1),
        };
        let kept = match (self.drop, self.counter_at(first)) {
            (Some(drop), Some(at)) => p * p.full_like(1.0).dropout(drop.rate, drop.seed, x[at]),
            _ => p,
        };
        (p, kept)
    }

    /// The gradient of the scores and the probabilities after dropout in simple operators.
    fn slopes<'g>(&self, x: &[Tensor<'g>], first: usize, dy: Tensor<'g>) -> (Tensor<'g>, Tensor<'g>) {
        let (p, kept) = self.probabilities(x, first);
        let v = repeated(x[2], x[0].shape()[1]);
        let arrives = dy.matmul(v.t());
        let kept_slope = kept * arrives;
        (kept_slope - p * kept_slope.sum(&[-1], true), kept)
    }
}

/// Keys or values once for each of `heads` heads.
fn repeated(x: Tensor<'_>, heads: usize) -> Tensor<'_> {
    let [batch, kv_heads, keys, width] = x.dims("keys and values");
    if kv_heads == heads {
        return x;
    }
    let each = x.reshape(&[batch, kv_heads, 1, keys, width]);
    each.broadcast_to(&[batch, kv_heads, heads / kv_heads, keys, width]).reshape(&[batch, heads, keys, width])
}

/// Summed over the heads that share keys: the way back of [`repeated`].
fn shared(x: Tensor<'_>, kv_heads: usize) -> Tensor<'_> {
    let [batch, heads, keys, width] = x.dims("keys and values");
    x.reshape(&[batch, kv_heads, heads / kv_heads, keys, width]).sum(&[2], false)
}

/// Whether a key stands at the place of a query or before it, for all of them.
fn before<'g>(q: Tensor<'g>, k: Tensor<'g>) -> Tensor<'g> {
    let (queries, keys) = (q.shape()[2], k.shape()[2]);
    let count = |sizes: [usize; 2], from: usize| {
        let numbers: Vec<f64> = (0..sizes[0] * sizes[1]).map(|i| (from + i) as f64).collect();
        let shape = Shape::new(&sizes).unwrap_or(Shape::SCALAR);
        q.graph().constant(Array::from_f64(shape, DType::F32, &numbers))
    };
    count([1, keys], queries).le(count([queries, 1], keys)).broadcast_to(&[
        q.shape()[0],
        q.shape()[1],
        queries,
        keys,
    ])
}

/// Additions and multiplications of one product of all queries with all keys.
fn products(x: &[Meta]) -> f64 {
    2.0 * x[0].shape.elements() as f64 * x[1].shape[2] as f64
}

impl Op for Forward {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0], Meta::f32(Shape::new(&x[0].shape[..3])?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        reference::forward(&self.0, x, y);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        const FIRST: usize = 3;
        let (y, lse, dy) = (at.y[0], at.y[1], at.dy());
        let mut gradients = vec![None; at.x.len()];
        let stats = y.graph().stack(&[lse, (dy * y).sum(&[-1], false)], 3);
        let inputs = [&at.x[..FIRST], &[dy, stats], &at.x[FIRST..]].concat();
        if at.wanted[0] {
            gradients[0] = Some(dy.apply(QueryGrad(self.0), &inputs));
        }
        if at.wanted[1] || at.wanted[2] {
            let both = dy.apply(KeyGrad(self.0), &inputs);
            gradients[1] = at.wanted[1].then(|| both.at(0, 0));
            gradients[2] = at.wanted[2].then(|| both.at(0, 1));
        }
        if let Some(mask) = self.0.mask_at(FIRST).filter(|&mask| at.wanted[mask]) {
            // As large as the mask itself, unless that was broadcast.
            gradients[mask] = Some(self.0.slopes(at.x, FIRST, dy).0);
        }
        gradients
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::forward(&self.0, x, y, 0, caps)
    }

    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Lowering::distinct([0, 1].map(|narrower| lower::forward(&self.0, x, y, narrower, caps)))
    }

    /// 2 products of queries with keys or values.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        products(x) * 2.0
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        lower::tolerance(x)
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        lower::accepts(layout, self.0.mask_at(3) == Some(input))
    }
}

impl Op for QueryGrad {
    fn name(&self) -> &'static str {
        "attention_query_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        reference::query_gradient(&self.0, x, y);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        gradients_by_formula(at, STATS, |x| {
            let (slopes, _) = self.0.slopes(x, STATS + 1, x[DY]);
            slopes.matmul(repeated(x[1], x[0].shape()[1])) * self.0.scale
        })
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::query_gradient(&self.0, x, 0, caps)
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Lowering::distinct([0, 1].map(|narrower| lower::query_gradient(&self.0, x, narrower, caps)))
    }

    /// 3 products of queries with keys or values.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        products(x) * 3.0
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        lower::tolerance(x)
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        lower::accepts(layout, self.0.mask_at(STATS + 1) == Some(input))
    }
}

impl Op for KeyGrad {
    fn name(&self) -> &'static str {
        "attention_key_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let sizes = [&[2], &x[1].shape[..]].concat();
        Ok(vec![Meta::f32(Shape::new(&sizes)?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        reference::key_gradient(&self.0, x, y);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        gradients_by_formula(at, STATS, |x| {
            let (slopes, kept) = self.0.slopes(x, STATS + 1, x[DY]);
            let kv_heads = x[1].shape()[1];
            let of_keys = shared(slopes.t().matmul(x[0]) * self.0.scale, kv_heads);
            of_keys.graph().stack(&[of_keys, shared(kept.t().matmul(x[DY]), kv_heads)], 0)
        })
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::key_gradient(&self.0, x, 0, caps)
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Lowering::distinct([0, 1].map(|narrower| lower::key_gradient(&self.0, x, narrower, caps)))
    }

    /// 4 products of queries with keys or values.
    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        products(x) * 4.0
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        lower::tolerance(x)
    }

    fn accepts(&self, input: usize, layout: &Layout) -> bool {
        lower::accepts(layout, self.0.mask_at(STATS + 1) == Some(input))
    }
}
