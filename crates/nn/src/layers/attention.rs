//! Attention and what transformers are made of, over x `[n, time, features]`.

use anygrad_core::{DType, Error};
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Attention, AttentionDropout, Rotary};

use super::{Dense, LayerNorm};
use crate::{Activation, Init, Layer, Scope};

/// Multi-head attention (Vaswani et al. 2017): queries, keys and values by projections, attention of each
/// head, and a projection back to the features of x.
///
/// As a layer it attends to its own input; [`MultiHeadAttention::attend`] takes another context. The
/// parameters are `query_kernel`, `key_kernel`, `value_kernel`, each `[features, heads * key_dim]` with the
/// heads one after another, and `output_kernel`, `[heads * key_dim, features]`, each with a bias: Keras's
/// arrays with two axes made one. PyTorch has the transposes, the first three below each other.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    name: Option<String>,
    num_heads: usize,
    kv_heads: usize,
    key_dim: Option<usize>,
    causal: bool,
    bias: bool,
    dropout: f64,
    rotary: Option<(Rotary, f64)>,
    kernel_init: Init,
}

impl MultiHeadAttention {
    /// So many heads, each of features / heads numbers.
    pub fn new(num_heads: usize) -> Self {
        MultiHeadAttention {
            name: None,
            num_heads,
            kv_heads: num_heads,
            key_dim: None,
            causal: false,
            bias: true,
            dropout: 0.0,
            rotary: None,
            kernel_init: Init::GlorotUniform,
        }
    }

    /// The heads of keys and values, a divisor of the others: neighbouring heads share them
    /// (grouped-query attention); one is multi-query attention.
    pub fn kv_heads(mut self, kv_heads: usize) -> Self {
        self.kv_heads = kv_heads;
        self
    }

    /// The numbers of each head; features / heads unless told otherwise.
    pub fn key_dim(mut self, key_dim: usize) -> Self {
        self.key_dim = Some(key_dim);
        self
    }

    /// Whether each time sees only itself and those before; no unless told otherwise.
    pub fn causal(mut self, causal: bool) -> Self {
        self.causal = causal;
        self
    }

    /// Whether the projections add a bias; yes unless told otherwise.
    pub fn bias(mut self, bias: bool) -> Self {
        self.bias = bias;
        self
    }

    /// The rate of dropout of the probabilities in training; none unless told otherwise.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// Turns queries and keys by their places; see [`Tensor::rotary`]. The usual base is 10,000.
    pub fn rotary(mut self, layout: Rotary, base: f64) -> Self {
        self.rotary = Some((layout, base));
        self
    }

    /// How the kernels start; Glorot uniform unless told otherwise.
    pub fn kernel_init(mut self, init: Init) -> Self {
        self.kernel_init = init;
        self
    }

    /// Names the layer.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Attention of x `[n, time, features]` to a context `[n, other time, other features]`, x itself
    /// unless one is given. Where `key_mask`, truth values `[n, other time]`, is false nothing is seen:
    /// padding of sentences.
    ///
    /// A model calls it within [`Scope::within`], which gives its parameters a path:
    ///
    /// ```
    /// use anygrad_graph::Tensor;
    /// use anygrad_nn::{MultiHeadAttention, Scope};
    ///
    /// fn decoded<'g>(scope: &mut Scope<'g>, x: Tensor<'g>, encoded: Tensor<'g>) -> Tensor<'g> {
    ///     let attention = MultiHeadAttention::new(4);
    ///     let attend = |scope: &mut Scope<'g>| (attention.attend(scope, x, Some(encoded), None), ());
    ///     scope.within("cross_attention", attend).0
    /// }
    /// # let _ = decoded;
    /// ```
    pub fn attend<'g>(
        &self,
        scope: &mut Scope<'g>,
        x: Tensor<'g>,
        context: Option<Tensor<'g>>,
        key_mask: Option<Tensor<'g>>,
    ) -> Tensor<'g> {
        let context = context.unwrap_or(x);
        if let Some(mistake) = [x, context].into_iter().chain(key_mask).find(|x| x.is_poison()) {
            return mistake;
        }
        let ([n, time, features], [contexts, other_time, _]) = match (sizes(x), sizes(context)) {
            (Some(x), Some(context)) if x[0] == context[0] && x[2] > 0 && context[2] > 0 => (x, context),
            _ => {
                let (x, context) = (x.shape(), context.shape());
                let message = format!("attention of [n, time, features], {x} was given, to {context}");
                return scope.fail(Error::shape(message));
            }
        };
        let (heads, kv_heads) = (self.num_heads, self.kv_heads);
        let width = self.key_dim.unwrap_or(features / heads.max(1));
        let whole = self.key_dim.is_some() || features.is_multiple_of(heads.max(1));
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) || width == 0 || !whole {
            return scope.fail(Error::shape(format!(
                "{heads} heads of queries and {kv_heads} of keys, of {width} numbers each, for {features} features"
            )));
        }
        if let Some(mask) = key_mask
            && (mask.shape()[..] != [contexts, other_time] || mask.dtype() != DType::Bool)
        {
            let message =
                format!("the key mask is bool[{contexts}, {other_time}], {} was given", mask.meta());
            return scope.fail(Error::shape(message));
        }
        let queries = self.project(scope, "query", x, heads, width);
        let keys = self.project(scope, "key", context, kv_heads, width);
        let values = self.project(scope, "value", context, kv_heads, width);
        let turned = |x: Tensor<'g>| match self.rotary {
            Some((layout, base)) => x.rotary(layout, base, 0),
            None => x,
        };
        let options = Attention {
            causal: self.causal,
            mask: key_mask.map(|mask| mask.reshape(&[contexts, 1, 1, other_time])),
            scale: None,
            dropout: self.drop(scope),
        };
        let y = turned(queries).scaled_dot_product_attention(turned(keys), values, options);
        let y = y.permute(&[0, 2, 1, 3]).reshape(&[n, time, heads * width]);
        self.dense(scope, "output", y, features)
    }

    /// `[n, time, features]` to `[n, heads, time, width]`.
    fn project<'g>(
        &self,
        scope: &mut Scope<'g>,
        name: &str,
        x: Tensor<'g>,
        heads: usize,
        width: usize,
    ) -> Tensor<'g> {
        let [n, time] = [x.shape()[0], x.shape()[1]];
        let y = self.dense(scope, name, x, heads * width);
        y.reshape(&[n, time, heads, width]).permute(&[0, 2, 1, 3])
    }

    fn dense<'g>(&self, scope: &mut Scope<'g>, name: &str, x: Tensor<'g>, outputs: usize) -> Tensor<'g> {
        let [n, time, inputs] = [x.shape()[0], x.shape()[1], x.shape()[2]];
        let kernel = scope.parameter(&format!("{name}_kernel"), &[inputs, outputs], self.kernel_init.clone());
        let mut y = x.reshape(&[n * time, inputs]).matmul(kernel);
        if self.bias {
            y = y + scope.parameter(&format!("{name}_bias"), &[outputs], Init::Zeros);
        }
        y.reshape(&[n, time, outputs])
    }

    fn drop<'g>(&self, scope: &mut Scope<'g>) -> Option<AttentionDropout<'g>> {
        if self.dropout == 0.0 {
            return None;
        }
        let seed = scope.random_seed();
        scope.training().then(|| AttentionDropout { rate: self.dropout, seed, counter: scope.step() })
    }
}

fn sizes(x: Tensor<'_>) -> Option<[usize; 3]> {
    <[usize; 3]>::try_from(&*x.shape()).ok()
}

impl Layer for MultiHeadAttention {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| "multi_head_attention".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        self.attend(scope, x, None, None)
    }
}

/// Adds a learned vector to each place: x `[n, time, features]`, embeddings `[max_len, features]`, time at
/// most `max_len`.
#[derive(Clone, Debug)]
pub struct PositionEmbedding {
    max_len: usize,
    init: Init,
}

impl PositionEmbedding {
    /// Vectors for so many places, normal of deviation 0.02 at first, as in GPT-2.
    pub fn new(max_len: usize) -> Self {
        PositionEmbedding { max_len, init: Init::Normal(0.0, 0.02) }
    }

    /// How the vectors start.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }
}

impl Layer for PositionEmbedding {
    fn name(&self) -> String {
        "position_embedding".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        match sizes(x) {
            _ if x.is_poison() => x,
            Some([_, time, features]) if time <= self.max_len => {
                let table = scope.parameter("embeddings", &[self.max_len, features], self.init.clone());
                x + table.narrow(0, 0..time)
            }
            _ => scope.fail(Error::shape(format!(
                "positions up to {} of [n, time, features], {} was given",
                self.max_len,
                x.shape()
            ))),
        }
    }
}

/// A transformer block with normalization in front (Xiong et al., "On layer normalization in the
/// transformer architecture", 2020): x + attention(norm(x)), then x + mlp(norm(x)).
#[derive(Clone, Debug)]
pub struct TransformerBlock {
    attention: MultiHeadAttention,
    norm: LayerNorm,
    hidden: Option<usize>,
    activation: Activation,
    dropout: f64,
}

impl TransformerBlock {
    /// A block of so many heads, with 4 times the features within the MLP, gelu, and PyTorch's eps of
    /// 1e-5.
    pub fn new(num_heads: usize) -> Self {
        TransformerBlock {
            attention: MultiHeadAttention::new(num_heads),
            norm: LayerNorm::new().eps(1e-5),
            hidden: None,
            activation: Activation::Gelu,
            dropout: 0.0,
        }
    }

    /// The attention, with options of its own.
    pub fn attention(mut self, attention: MultiHeadAttention) -> Self {
        self.attention = attention;
        self
    }

    /// Whether each time sees only itself and those before; no unless told otherwise.
    pub fn causal(mut self, causal: bool) -> Self {
        self.attention = self.attention.causal(causal);
        self
    }

    /// The units within the MLP; 4 times the features unless told otherwise.
    pub fn hidden(mut self, units: usize) -> Self {
        self.hidden = Some(units);
        self
    }

    /// The function within the MLP; gelu unless told otherwise.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// The rate of dropout behind attention and MLP in training; none unless told otherwise.
    pub fn dropout(mut self, rate: f64) -> Self {
        self.dropout = rate;
        self
    }

    /// The normalization.
    pub fn norm(mut self, norm: LayerNorm) -> Self {
        self.norm = norm;
        self
    }
}

impl Layer for TransformerBlock {
    fn name(&self) -> String {
        "transformer_block".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let features = x.shape().last().copied().unwrap_or(1);
        let dropped = |scope: &mut Scope<'g>, x: Tensor<'g>| {
            if self.dropout == 0.0 { x } else { scope.dropout(x, self.dropout) }
        };
        let inner = scope.layer(&self.norm, x);
        let inner = scope.layer(&self.attention, inner);
        let x = x + dropped(scope, inner);
        let inner = scope.layer(&self.norm, x);
        let hidden = Dense::new(self.hidden.unwrap_or(4 * features)).activation(self.activation);
        let inner = scope.layer(&hidden, inner);
        let inner = scope.layer(&Dense::new(features), inner);
        x + dropped(scope, inner)
    }
}
