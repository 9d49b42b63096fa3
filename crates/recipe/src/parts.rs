//! Small choices that several tables share.

use anygrad_graph::ops::PadMode;
use anygrad_nn::{Activation, Clip, Init, Merge, Padding};

use crate::node::{Mistake, Node, Value};
use crate::schema::{ABOVE_0, AMOUNT, FROM_0, Limits, SIZE, Setting, choice};

choice! {
    /// A function of each number, or along the last axis.
    Activation: "activation", "type" {
        /// x
        "linear" => Linear {},
        /// max(x, 0)
        "relu" => Relu {},
        /// min(max(x, 0), 6)
        "relu6" => Relu6 {},
        /// x, or `negative_slope` x below 0
        "leaky_relu" => LeakyRelu {
            /// Keras has 0.2 as a function and 0.3 as a layer, PyTorch 0.01.
            [0] negative_slope: f64 = 0.01
        },
        /// x, or alpha (e^x - 1) below 0
        "elu" => Elu {
            /// The value far below 0, without its sign.
            [0] alpha: f64 = 1.0
        },
        /// 1.0507 elu(x, 1.67326)
        "selu" => Selu {},
        /// x Phi(x)
        "gelu" => Gelu {},
        /// The tanh approximation of gelu.
        "gelu_tanh" => GeluTanh {},
        /// x sigmoid(x)
        "silu" | "swish" => Silu {},
        /// 1 / (1 + e^-x)
        "sigmoid" => Sigmoid {},
        /// min(max(x / 6 + 1/2, 0), 1)
        "hard_sigmoid" => HardSigmoid {},
        /// The hyperbolic tangent.
        "tanh" => Tanh {},
        /// log(1 + e^x)
        "softplus" => Softplus {},
        /// x tanh(softplus(x))
        "mish" => Mish {},
        /// x / (1 + abs(x))
        "softsign" => Softsign {},
        /// log(sigmoid(x))
        "log_sigmoid" => LogSigmoid {},
        /// x hard_sigmoid(x)
        "hard_swish" | "hard_silu" => HardSwish {},
        /// min(max(x, -1), 1)
        "hard_tanh" => HardTanh {},
        /// x, or alpha (e^(x / alpha) - 1) below 0
        "celu" => Celu {
            /// The value far below 0, without its sign.
            [0] alpha: f64 = 1.0 => ABOVE_0
        },
        /// x nearer to 0 by `lambda`
        "soft_shrink" => SoftShrink {
            /// By how much.
            [0] lambda: f64 = 0.5 => FROM_0
        },
        /// x, or 0 where abs(x) is at most `lambda`
        "hard_shrink" => HardShrink {
            /// The border.
            [0] lambda: f64 = 0.5 => FROM_0
        },
        /// x - tanh(x)
        "tanh_shrink" => TanhShrink {},
        /// x above `threshold`, otherwise `value`
        "threshold" => Threshold {
            /// The border.
            [0] threshold: f64 = 0.0,
            /// What stands for the others.
            [1] value: f64 = 0.0
        },
        /// (x + sqrt(x^2 + b)) / 2
        "square_plus" => SquarePlus {
            /// How round it is at 0.
            [0] b: f64 = 4.0 => FROM_0
        },
        /// 0 up to -1, (x + 1)^2 / 4 up to 1, then x
        "sparse_plus" => SparsePlus {},
        /// min(max((x + 1) / 2, 0), 1)
        "sparse_sigmoid" => SparseSigmoid {},
        /// e^x
        "exponential" => Exponential {},
        /// The nearest point of the probability simplex along the last axis.
        "sparsemax" => Sparsemax {},
        /// e^x over its sum along the last axis. Losses that take logits want none.
        "softmax" => Softmax {},
        /// The logarithm of softmax.
        "log_softmax" => LogSoftmax {},
    }
}

choice! {
    /// How a parameter starts.
    Init: "initializer", "type" {
        /// All 0.
        "zeros" => Zeros {},
        /// All 1.
        "ones" => Ones {},
        /// All the same.
        "constant" => Constant {
            /// The number.
            [0] value: f64
        },
        /// Equal parts of the last axis, each of one number.
        "blocks" => Blocks {
            /// The numbers.
            [0] values: Vec<f64>
        },
        /// Uniform between two numbers.
        "uniform" | "random_uniform" => Uniform {
            /// The lowest.
            [0] low | minval: f64 = -0.05,
            /// The highest.
            [1] high | maxval: f64 = 0.05
        },
        /// Normal.
        "normal" | "random_normal" => Normal {
            /// Its mean.
            [0] mean: f64 = 0.0,
            /// Its deviation.
            [1] deviation | stddev | std: f64 = 0.05 => FROM_0
        },
        /// Normal, drawn again beyond two deviations.
        "truncated_normal" => TruncatedNormal {
            /// Its mean.
            [0] mean: f64 = 0.0,
            /// Its deviation before the ends are cut off.
            [1] deviation | stddev | std: f64 = 0.05 => FROM_0
        },
        /// Uniform within sqrt(6 / (fan-in + fan-out)).
        "glorot_uniform" | "xavier_uniform" => GlorotUniform {},
        /// Deviation sqrt(2 / (fan-in + fan-out)).
        "glorot_normal" | "xavier_normal" => GlorotNormal {},
        /// Uniform within sqrt(6 / fan-in).
        "he_uniform" | "kaiming_uniform" => HeUniform {},
        /// Deviation sqrt(2 / fan-in).
        "he_normal" | "kaiming_normal" => HeNormal {},
        /// Uniform within sqrt(3 / fan-in).
        "lecun_uniform" => LecunUniform {},
        /// Deviation sqrt(1 / fan-in).
        "lecun_normal" => LecunNormal {},
        /// Uniform within 1 / sqrt(fan-in): PyTorch's default.
        "fan_in_uniform" => FanInUniform {},
        /// Orthonormal rows or columns.
        "orthogonal" => Orthogonal {
            /// What they are multiplied by.
            [0] gain: f64 = 1.0
        },
    }
}

choice! {
    /// What the elements hold that padding adds, shown for `a b c d` and 2.
    PadMode: "padding mode", "type" {
        /// `0 0 a b c d 0 0`
        "zeros" | "constant" => Zeros {},
        /// `c b a b c d c b`
        "reflect" => Reflect {},
        /// `b a a b c d d c`
        "symmetric" => Symmetric {},
        /// `a a a b c d d d`
        "edge" | "replicate" => Edge {},
        /// `c d a b c d a b`
        "wrap" | "circular" => Wrap {},
    }
}

choice! {
    /// How two directions become one.
    Merge: "merge", "type" {
        /// Side by side, forwards first.
        "concat" => Concat {},
        /// Their sum.
        "sum" => Sum {},
        /// Their product.
        "mul" => Mul {},
        /// Their mean.
        "average" | "ave" => Average {},
    }
}

choice! {
    /// A limit for gradients.
    Clip: "clip", "type" {
        /// Every element between minus the limit and the limit.
        "value" => Value {
            /// The limit.
            [0] limit: f64 => ABOVE_0
        },
        /// The length of every gradient at most the limit.
        "norm" => Norm {
            /// The limit.
            [0] limit: f64 => ABOVE_0
        },
        /// The length of all gradients together at most the limit.
        "global_norm" => GlobalNorm {
            /// The limit.
            [0] limit: f64 => ABOVE_0
        },
    }
}

/// Whose formulas and usual values an optimizer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// Those of Keras.
    Keras,
    /// Those of PyTorch.
    PyTorch,
}

choice! {
    /// Whose formulas an optimizer follows where libraries differ, and whose values where none are given.
    Convention: "convention", "type" {
        /// Epsilon within the root; weight decay apart from the gradient.
        "keras" => Keras {},
        /// Epsilon beside the root; weight decay added to the gradient, but for AdamW.
        "pytorch" => PyTorch {},
    }
}

/// A number of units, given or from the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// A number.
    Given(usize),
    /// As many as the task asks for: classes, target numbers, or characters.
    Outputs,
    /// As many as the text has characters.
    Vocabulary,
}

/// The limits of a number of units.
const UNITS: Limits = SIZE;

impl Setting for Units {
    fn kind() -> String {
        "a whole number, \"outputs\" (as many as there are classes or target numbers) or \"vocabulary\""
            .into()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        match &node.value {
            Value::Text(text) if text == "outputs" => Ok(Units::Outputs),
            Value::Text(text) if text == "vocabulary" => Ok(Units::Vocabulary),
            Value::Whole(whole) if !UNITS.hold(*whole as f64) => {
                Err(Mistake::new(&node.place, format!("{whole} is out of range: takes {UNITS}")))
            }
            Value::Whole(_) => usize::read(node).map(Units::Given),
            _ => Err(Mistake::new(&node.place, format!("{}: takes {}", node.told(), Units::kind()))),
        }
    }

    fn write(&self) -> Option<Node> {
        match self {
            Units::Given(units) => units.write(),
            Units::Outputs => Some(Node::text("outputs")),
            Units::Vocabulary => Some(Node::text("vocabulary")),
        }
    }
}

/// A padding of `N` axes.
impl<const N: usize> Setting for Padding<N> {
    fn kind() -> String {
        let many = if N == 1 { String::new() } else { format!(", a list of {N}") };
        format!("\"valid\", \"same\", a whole number{many}, or {N} pairs of what stands before and behind")
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let wrong = || Mistake::new(&node.place, format!("{}: takes {}", node.told(), Self::kind()));
        let sides: Vec<[usize; 2]> = match &node.value {
            Value::Text(text) if text.eq_ignore_ascii_case("valid") => return Ok(Padding::Valid),
            Value::Text(text) if text.eq_ignore_ascii_case("same") => return Ok(Padding::Same),
            Value::Whole(_) => vec![[usize::read(node)?; 2]; N],
            // Of each axis one number, or what stands before and behind.
            Value::List(list) => list.iter().map(<[usize; 2]>::read).collect::<Result<_, _>>()?,
            _ => return Err(wrong()),
        };
        let most = sides.concat().numbers().into_iter().find(|&size| !AMOUNT.hold(size));
        match (most, sides.try_into()) {
            (Some(size), _) => {
                Err(Mistake::new(&node.place, format!("{size} is out of range: takes {AMOUNT}")))
            }
            (None, Ok(sides)) => Ok(Padding::Explicit(sides)),
            (None, Err(_)) => Err(wrong()),
        }
    }

    fn write(&self) -> Option<Node> {
        match self {
            Padding::Valid => Some(Node::text("valid")),
            Padding::Same => Some(Node::text("same")),
            Padding::Explicit(sides) => {
                let all = sides[..].iter().all(|[before, behind]| before == behind && *before == sides[0][0]);
                if all { sides[0][0].write() } else { sides.to_vec().write() }
            }
        }
    }
}
