//! Recurrent layers, one on the other.

use anygrad_graph::{Tensor, ops::Activation};

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    if e.op() == "bidirectional_lstm" {
        let x = e.input("x");
        let one = |x: Tensor<'g>, way: &str| {
            let weight = |name: &str| e.input(&format!("{way}_{name}"));
            x.lstm(weight("kernel"), weight("recurrent_kernel"), Some(weight("bias")), None).sequence
        };
        let backwards = one(x.flip(&[1]), "bw").flip(&[1]);
        return Some(vec![e.graph.concat(&[one(x, "fw"), backwards], -1)]);
    }
    if !["lstm", "gru", "rnn"].contains(&e.op()) {
        return None;
    }
    let mut x = e.input("x");
    let mut last = Vec::new();
    for layer in 0..e.integer("layers") {
        if e.flag("go_backwards") {
            x = x.flip(&[1]);
        }
        let kernel = e.input(&format!("kernel{layer}"));
        let recurrent_kernel = e.input(&format!("recurrent_kernel{layer}"));
        let bias = e.optional(&format!("bias{layer}"));
        let hidden = e.optional(&format!("h0_{layer}"));
        (x, last) = match e.op() {
            "lstm" => {
                let initial = hidden.map(|hidden| (hidden, e.input(&format!("c0_{layer}"))));
                let y = x.lstm(kernel, recurrent_kernel, bias, initial);
                (y.sequence, vec![y.hidden, y.cell])
            }
            "gru" => {
                let (sequence, last) = x.gru(kernel, recurrent_kernel, bias, hidden, e.flag("reset_after"));
                (sequence, vec![last])
            }
            _ => {
                let activation = match e.text("activation") {
                    "relu" => Activation::Relu,
                    "tanh" => Activation::Tanh,
                    other => return Some(vec![e.unknown("activation", other)]),
                };
                let (sequence, last) = x.rnn(kernel, recurrent_kernel, bias, hidden, activation);
                (sequence, vec![last])
            }
        };
    }
    let y = if e.flag("return_sequences") { x } else { last[0] };
    Some([vec![y], last].concat())
}
