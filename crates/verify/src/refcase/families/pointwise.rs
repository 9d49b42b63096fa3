//! Functions of single elements.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let x = || e.input("x");
    let (a, b) = (|| e.input("a"), || e.input("b"));
    let y = match e.op() {
        "abs" => x().abs(),
        "acos" => x().acos(),
        "asin" => x().asin(),
        "atan" => x().atan(),
        "atanh" => x().atanh(),
        "clip" => x().clip(e.number("min"), e.number("max")),
        "cos" => x().cos(),
        "cosh" => x().cosh(),
        "cube" => x().cube(),
        "elu" => x().elu(e.number("alpha")),
        "erf" => x().erf(),
        "exp" => x().exp(),
        "gelu_erf" => x().gelu(),
        "gelu_tanh" => x().gelu_tanh(),
        "hard_sigmoid" => x().hard_sigmoid(),
        "hard_swish" => x().hard_swish(),
        "leaky_relu" => x().leaky_relu(e.number("alpha")),
        "log" => x().log(),
        "log1p" => x().log1p(),
        "log_sigmoid" => x().log_sigmoid(),
        "mish" => x().mish(),
        "neg" => -x(),
        "pow_2_5" => x().pow(e.number("exponent")),
        "prelu" => x().prelu(e.input("alpha")),
        "reciprocal" => x().reciprocal(),
        "relu" => x().relu(),
        "relu6" => x().relu6(),
        "rsqrt" => x().rsqrt(),
        "selu" => x().selu(),
        "sigmoid" => x().sigmoid(),
        "silu" => x().silu(),
        "sin" => x().sin(),
        "sinh" => x().sinh(),
        "softplus" => x().softplus(),
        "softsign" => x().softsign(),
        "sqrt" => x().sqrt(),
        "square" => x().square(),
        "tanh" => x().tanh(),
        "add" => {
            let operands = e.inputs(2);
            operands[0] + operands[1]
        }
        "sub" => a() - b(),
        "mul" => a() * b(),
        "div" => a() / b(),
        "pow" => a().pow(b()),
        "atan2" => a().atan2(b()),
        "maximum" => a().maximum(b()),
        "minimum" => a().minimum(b()),
        "squared_difference" => a().squared_difference(b()),
        "where" => e.input("cond").select(a(), b()),
        "compare" => {
            let less = a().lt(b());
            return Some(vec![less, a().ge(b()), a().eq(b()), less.logical_not()]);
        }
        "int_arith" => {
            let (a, b) = (a(), b());
            return Some(vec![a + b, a * b, a - b, a.floor_div(b), a.modulo(b), a.maximum(b)]);
        }
        "dropout_inference" => x().identity(),
        "dropout_mask" => {
            if !e.flag("inverted") {
                e.fail("only inverted dropout is known");
            }
            x() * e.input("keep").cast(DType::F32) * (1.0 / (1.0 - e.number("rate")))
        }
        "composite" => match e.text("formula") {
            "relu(a*x+b)*c+d" => (a() * x() + b()).relu() * e.input("c") + e.input("d"),
            "x*tanh(x) + sum(x*x, -1, keepdims)*x" => {
                let x = x();
                x * x.tanh() + (x * x).sum(&[-1], true) * x
            }
            "1.5*x+0.25" => x() * 1.5 + 0.25,
            other => e.unknown("formula", other),
        },
        _ => return None,
    };
    Some(vec![y])
}
