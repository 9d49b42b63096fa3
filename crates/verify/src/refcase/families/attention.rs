//! Attention: alone, with its projections, and in a block of GPT-2.

use anygrad_graph::Tensor;
use anygrad_graph::ops::Attention;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let options = Attention { causal: e.flag("causal"), ..Attention::default() };
    let attend = |q: Tensor<'g>, k: Tensor<'g>, v: Tensor<'g>| q.scaled_dot_product_attention(k, v, options);
    Some(vec![match e.op() {
        "sdpa" => attend(e.input("q"), e.input("k"), e.input("v")),
        "multi_head_attention" => {
            let x = e.input("x");
            let context = e.optional("kv").unwrap_or(x);
            let heads = |x: Tensor<'g>, name: &str| {
                let kernel = e.input(&format!("{name}_kernel"));
                let [inputs, heads, width] = kernel.dims("the kernel");
                let bias = e.optional(&format!("{name}_bias")).map(|bias| bias.reshape(&[heads * width]));
                split(dense(x, kernel.reshape(&[inputs, heads * width]), bias), heads)
            };
            let y = attend(heads(x, "query"), heads(context, "key"), heads(context, "value"));
            let kernel = e.input("output_kernel");
            let [heads, width, outputs] = kernel.dims("the kernel");
            dense(join(y), kernel.reshape(&[heads * width, outputs]), e.optional("output_bias"))
        }
        "gpt2_block" => {
            let (x, eps) = (e.input("x"), e.number("ln_eps"));
            let norm = |x: Tensor<'g>, name: &str| {
                let weight = |which: &str| Some(e.input(&format!("{name}_{which}")));
                x.layer_norm(-1, weight("g"), weight("b"), eps)
            };
            let linear = |x: Tensor<'g>, name: &str| {
                dense(x, e.input(&format!("w{name}")), Some(e.input(&format!("b{name}"))))
            };
            let parts = linear(norm(x, "ln1"), "qkv").chunk(-1, 3);
            let [q, k, v] = [0, 1, 2].map(|part| split(parts[part], e.count("heads")));
            let x = x + linear(join(attend(q, k, v)), "o");
            x + linear(linear(norm(x, "ln2"), "1").gelu_tanh(), "2")
        }
        _ => return None,
    }])
}

/// x `[batch, time, inputs]` times kernel `[inputs, outputs]`, plus bias.
fn dense<'g>(x: Tensor<'g>, kernel: Tensor<'g>, bias: Option<Tensor<'g>>) -> Tensor<'g> {
    let y = x.matmul(kernel);
    bias.map_or(y, |bias| y + bias)
}

/// `[batch, time, heads width]` to `[batch, heads, time, width]`.
fn split(x: Tensor<'_>, heads: usize) -> Tensor<'_> {
    let [batch, time, all] = x.dims("what is split");
    x.reshape(&[batch, time, heads, all / heads.max(1)]).permute(&[0, 2, 1, 3])
}

/// The way back of [`split`].
fn join(x: Tensor<'_>) -> Tensor<'_> {
    let [batch, heads, time, width] = x.dims("what is joined");
    x.permute(&[0, 2, 1, 3]).reshape(&[batch, time, heads * width])
}
