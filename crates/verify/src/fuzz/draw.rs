//! Random graphs. A seed and a number of operators give a graph; fewer operators give its beginning.

use anygrad_core::{Array, DType, Random};
use anygrad_graph::ops::{Conv, Pool};
use anygrad_graph::{Graph, Tensor};

/// Sizes around vector widths, subgroups and tiles, small enough that references take no time.
const SIZES: [usize; 16] = [1, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65];

/// Most elements of one value.
const MAX_ELEMENTS: usize = 6_000;

/// A graph that was drawn.
pub(super) struct Drawn<'g> {
    /// The inputs by name: their numbers follow from the name.
    pub inputs: Vec<(String, Tensor<'g>)>,
    /// The last values, and the gradients of a loss made of them.
    pub outputs: Vec<Tensor<'g>>,
    /// The operators in the order they were drawn.
    pub story: Vec<&'static str>,
}

/// Draws values one after another.
struct Pen<'g> {
    graph: &'g Graph,
    random: Random,
    inputs: Vec<(String, Tensor<'g>)>,
    values: Vec<Tensor<'g>>,
    story: Vec<&'static str>,
}

/// A graph of at most so many operators that holds no mistake, with its gradients.
pub(super) fn sound(graph: &Graph, seed: u64, operators: usize) -> Drawn<'_> {
    let mut pen = Pen::new(graph, seed);
    for number in 0..operators {
        // A stream of its own, so that a shorter graph is the beginning of a longer one.
        pen.random = Random::stream(seed, number as u64 + 1);
        let x = pen.pick();
        let y = pen.operator(x);
        if !y.is_poison() && (1..=MAX_ELEMENTS).contains(&y.shape().elements()) && y.dtype() == DType::F32 {
            pen.values.push(y);
        }
    }
    let last = *pen.values.last().unwrap_or(&pen.values[0]);
    let before = pen.values[pen.values.len() / 2];
    let loss = (last.tanh() * 1.5).sum_all() + (before * before).mean_all();
    let with_respect_to: Vec<_> = pen.inputs.iter().map(|(_, x)| *x).collect();
    let gradients = graph.gradients(loss, &with_respect_to);
    Drawn { outputs: [vec![last, before, loss], gradients].concat(), inputs: pen.inputs, story: pen.story }
}

/// A graph drawn without looking at shapes, which most often holds a mistake.
pub(super) fn careless(graph: &Graph, seed: u64, operators: usize) -> Drawn<'_> {
    let mut pen = Pen::new(graph, seed);
    for number in 0..operators {
        pen.random = Random::stream(seed, number as u64 + 1);
        let (x, z) = (pen.pick(), pen.pick());
        let y = pen.careless(x, z);
        pen.values.push(y);
    }
    Drawn { outputs: vec![pen.values[pen.values.len() - 1]], inputs: pen.inputs, story: pen.story }
}

impl<'g> Pen<'g> {
    fn new(graph: &'g Graph, seed: u64) -> Self {
        let random = Random::stream(seed, 0);
        let mut pen = Pen { graph, random, inputs: Vec::new(), values: Vec::new(), story: Vec::new() };
        let rank = 1 + pen.random.below(4);
        let mut sizes = vec![1; rank];
        for axis in 0..rank {
            let size = pen.size();
            if sizes.iter().product::<usize>() * size <= MAX_ELEMENTS / 4 {
                sizes[axis] = size;
            }
        }
        let x = pen.input(&sizes);
        pen.values.push(x);
        pen
    }

    fn size(&mut self) -> usize {
        SIZES[self.random.below(SIZES.len())]
    }

    /// One of the values so far, later ones rather than earlier ones.
    fn pick(&mut self) -> Tensor<'g> {
        let count = self.values.len();
        let reach = if self.random.below(3) == 0 { count } else { count.min(2) };
        self.values[count - 1 - self.random.below(reach)]
    }

    fn input(&mut self, sizes: &[usize]) -> Tensor<'g> {
        let name = format!("x{}", self.inputs.len());
        let x = self.graph.input(&name, sizes, DType::F32);
        self.inputs.push((name, x));
        x
    }

    fn axis(&mut self, x: Tensor<'g>) -> usize {
        self.random.below(x.shape().rank().max(1))
    }

    fn note(&mut self, operator: &'static str, y: Tensor<'g>) -> Tensor<'g> {
        self.story.push(operator);
        y
    }

    /// An operator that fits the value.
    fn operator(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        match self.random.below(10) {
            0..=2 => self.unary(x),
            3..=4 => self.binary(x),
            5..=6 => self.movement(x),
            7 => self.reduction(x),
            _ => self.heavy(x),
        }
    }

    fn unary(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        match self.random.below(16) {
            0 => self.note("tanh", x.tanh()),
            1 => self.note("sigmoid", x.sigmoid()),
            2 => self.note("exp", x.tanh().exp()),
            3 => self.note("softplus", x.softplus()),
            4 => self.note("gelu", x.gelu()),
            5 => self.note("silu", x.silu()),
            6 => self.note("sin", x.sin()),
            7 => self.note("neg", -x),
            8 => self.note("abs", x.abs()),
            9 => self.note("relu", x.relu()),
            10 => self.note("leaky_relu", x.leaky_relu(0.1)),
            11 => self.note("log", (x.square() + 1.0).log()),
            12 => self.note("sqrt", (x.square() + 0.5).sqrt()),
            13 => self.note("reciprocal", (x.square() + 1.0).reciprocal()),
            14 => self.note("clip", x.clip(-0.75, 1.25)),
            _ => self.note("scale", x * 1.25 + 0.5),
        }
    }

    /// With another value of the shape, with a reduction of the same, or with an input that is
    /// broadcast.
    fn binary(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let alike: Vec<_> = self.values.iter().copied().filter(|z| z.shape() == x.shape()).collect();
        let z = match self.random.below(3) {
            0 => alike[self.random.below(alike.len())],
            1 => {
                let axis = self.axis(x) as isize;
                if x.shape().rank() == 0 { x } else { x.mean(&[axis], true) }
            }
            _ => {
                let sizes: Vec<usize> =
                    x.shape().iter().map(|&size| if self.random.below(2) == 0 { 1 } else { size }).collect();
                let drop = self.random.below(sizes.len() + 1);
                self.input(&sizes[drop..])
            }
        };
        match self.random.below(7) {
            0 => self.note("add", x + z),
            1 => self.note("sub", z - x),
            2 => self.note("mul", x * z),
            3 => self.note("div", x / (z.square() + 1.0)),
            4 => self.note("maximum", x.maximum(z)),
            5 => self.note("minimum", x.minimum(z)),
            _ => self.note("where", x.gt(z).select(x * 0.5, z)),
        }
    }

    fn movement(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let (shape, rank) = (x.shape(), x.shape().rank());
        if rank == 0 {
            return self.note("unsqueeze", x.unsqueeze(0));
        }
        let axis = self.axis(x);
        let size = shape[axis];
        match self.random.below(13) {
            0 => {
                let mut order: Vec<usize> = (0..rank).collect();
                self.random.shuffle(&mut order);
                self.note("permute", x.permute(&order))
            }
            1 => self.note("reshape", x.reshape(&[shape.elements()])),
            2 if rank > 1 => {
                let joined = [&shape[..axis.min(rank - 2)], &[0], &shape[axis.min(rank - 2) + 2..]].concat();
                let sizes: Vec<usize> = joined
                    .iter()
                    .enumerate()
                    .map(|(i, &size)| if i == axis.min(rank - 2) { shape[i] * shape[i + 1] } else { size })
                    .collect();
                self.note("reshape", x.reshape(&sizes))
            }
            3 => {
                let (from, step) = (self.random.below(size), [1, 2, 3, -1, -2][self.random.below(5)]);
                self.note("slice", x.slice(axis as isize, from..size, step))
            }
            4 => self.note("flip", x.flip(&[axis as isize])),
            5 => {
                let z = x * 0.5;
                self.note("concat", self.graph.concat(&[x, z, x], axis as isize))
            }
            6 => {
                let amounts: Vec<_> =
                    (0..rank).map(|_| (self.random.below(3), self.random.below(3))).collect();
                self.note("pad", x.pad(&amounts, 0.25))
            }
            7 => {
                let count = 1 + self.random.below(2 * size);
                let indices: Vec<i32> = (0..count).map(|_| self.random.below(size) as i32).collect();
                let Ok(indices) = Array::i32(&[count], indices) else { return x };
                self.note("gather", x.gather(axis as isize, self.graph.constant(indices)))
            }
            8 => {
                let shift = self.random.below(9) as isize - 4;
                self.note("roll", x.roll(axis as isize, shift))
            }
            9 => {
                let count = 1 + self.random.below(size);
                let indices: Vec<i32> = (0..count).map(|_| self.random.below(size) as i32).collect();
                let Ok(indices) = Array::i32(&[count], indices) else { return x };
                let updates = x.narrow(axis as isize, 0..count) * 0.5;
                self.note("index_copy", x.index_copy(axis as isize, self.graph.constant(indices), updates))
            }
            10 if rank > 1 => {
                let offset = self.random.below(5) as isize - 2;
                self.note("tril", x.tril(offset))
            }
            11 if rank > 1 => {
                let other = (axis + 1) % rank;
                self.note("diagonal", x.diagonal(0, axis as isize, other as isize))
            }
            _ if rank < 5 => {
                let wide = x.unsqueeze(axis);
                let mut sizes = wide.shape().to_vec();
                sizes[axis] = 1 + self.random.below(3);
                self.note("broadcast", wide.broadcast_to(&sizes))
            }
            _ => x,
        }
    }

    fn reduction(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let rank = x.shape().rank();
        if rank == 0 {
            return x;
        }
        let axis = self.axis(x) as isize;
        let second = self.axis(x) as isize;
        let axes = if second == axis { vec![axis] } else { vec![axis, second] };
        let keepdims = self.random.below(2) == 0;
        match self.random.below(11) {
            0 => self.note("sum", x.sum(&axes, keepdims)),
            1 => self.note("mean", x.mean(&axes, keepdims)),
            2 => self.note("max", x.max(&axes, keepdims)),
            3 => self.note("min", x.min(&axes, keepdims)),
            4 => self.note("logsumexp", x.logsumexp(&axes, keepdims)),
            5 => self.note("variance", x.variance(&axes, keepdims, 0)),
            6 => self.note("softmax", x.softmax(axis)),
            7 => self.note("cumsum", x.cumsum(axis, keepdims, second > 0)),
            8 => self.note("sort", x.sort(axis, keepdims).0),
            9 => self.note("norm", x.norm(2.0, &axes, keepdims)),
            _ => self.note("log_softmax", x.log_softmax(axis)),
        }
    }

    /// Products, convolutions, pooling, recurrence: x is brought into the rank that they take.
    fn heavy(&mut self, x: Tensor<'g>) -> Tensor<'g> {
        let shape = x.shape();
        let elements = shape.elements();
        let columns = shape.last().copied().unwrap_or(1);
        match self.random.below(5) {
            0 => {
                let n = self.size();
                let w = self.input(&[columns, n]);
                let x = if shape.rank() < 2 { x.reshape(&[elements / columns, columns]) } else { x };
                self.note("matmul", x.matmul(w) * (1.0 / (columns as f64).sqrt()))
            }
            1 if shape.rank() >= 2 => {
                let mut order: Vec<usize> = (0..shape.rank()).collect();
                order.swap(shape.rank() - 1, shape.rank() - 2);
                self.note("matmul", x.matmul(x.permute(&order)) * (1.0 / columns as f64))
            }
            2 | 3 => {
                let (channels, image) = self.image(x);
                let [_, _, h, w] = image.dims("an image");
                if self.random.below(3) == 0 {
                    let kernel = [h, w].map(|size| 1 + self.random.below(size.min(3)));
                    let stride = [1 + self.random.below(2), 1 + self.random.below(3)];
                    let pool = Pool { stride, ..Pool::new(kernel) };
                    return if self.random.below(2) == 0 {
                        self.note("max_pool", image.max_pool2d(pool))
                    } else {
                        self.note("avg_pool", image.avg_pool2d(pool, true))
                    };
                }
                let padding = [0; 2].map(|_: usize| [self.random.below(3), self.random.below(3)]);
                let reach = |size: usize, [before, behind]: [usize; 2]| (size + before + behind).min(3);
                let kernel = [
                    1 + self.random.below(reach(h, padding[0])),
                    1 + self.random.below(reach(w, padding[1])),
                ];
                let groups = if channels % 2 == 0 { 1 + self.random.below(2) } else { 1 };
                let out = groups * (1 + self.random.below(5));
                let weight = self.input(&[out, channels / groups, kernel[0], kernel[1]]);
                let stride = [1 + self.random.below(2), 1 + self.random.below(2)];
                let conv = Conv { stride, padding, groups, ..Conv::default() };
                self.note("conv2d", image.conv2d(weight, conv) * 0.5)
            }
            _ => {
                let units = [1, 3, 4, 8, 9][self.random.below(5)];
                let features = columns.min(9);
                let Some(sequence) = self.sequence(x, features) else { return x };
                let (kernel, recurrent) =
                    (self.input(&[features, 4 * units]), self.input(&[units, 4 * units]));
                let bias = self.input(&[4 * units]);
                self.note("lstm", sequence.lstm(kernel, recurrent * 0.5, Some(bias), None).sequence)
            }
        }
    }

    /// x as `[n, c, h, w]`, with the number of channels.
    fn image(&mut self, x: Tensor<'g>) -> (usize, Tensor<'g>) {
        let shape = x.shape();
        let mut sizes = [1; 4];
        match shape.rank() {
            0..=4 => sizes[4 - shape.rank()..].copy_from_slice(&shape),
            _ => sizes[3] = shape.elements(),
        }
        (sizes[1], x.reshape(&sizes))
    }

    /// Some of x as `[batch, time, features]`.
    fn sequence(&mut self, x: Tensor<'g>, features: usize) -> Option<Tensor<'g>> {
        let steps = x.shape().elements() / features.max(1);
        let time = (1 + self.random.below(5)).min(steps);
        let batch = (steps / time.max(1)).min(9);
        if batch == 0 || features == 0 {
            return None;
        }
        let flat = x.reshape(&[x.shape().elements()]);
        Some(flat.narrow(0, 0..batch * time * features).reshape(&[batch, time, features]))
    }

    /// An operator with any options at all.
    fn careless(&mut self, x: Tensor<'g>, z: Tensor<'g>) -> Tensor<'g> {
        let axis = self.random.below(7) as isize - 3;
        let sizes: Vec<usize> = (0..self.random.below(6)).map(|_| self.random.below(9)).collect();
        let [a, b, c, d] = [0; 4].map(|_: usize| self.random.below(5));
        match self.random.below(26) {
            0 => self.note("matmul", x.matmul(z)),
            1 => self.note("add", x + z),
            2 => self.note("reshape", x.reshape(&sizes)),
            3 => self.note("permute", x.permute(&sizes)),
            4 => self.note("broadcast", x.broadcast_to(&sizes)),
            5 => self.note("slice", x.slice(axis, a..b, c as isize - 2)),
            6 => self.note("sum", x.sum(&[axis, d as isize], a == 0)),
            7 => self.note("max", x.max(&[axis], a == 0)),
            8 => self.note("softmax", x.softmax(axis)),
            9 => self.note("concat", self.graph.concat(&[x, z], axis)),
            10 => self.note("pad", x.pad(&[(a, b), (c, d)], 1.0)),
            11 => self.note("gather", x.gather(axis, z)),
            12 => {
                let conv = Conv { stride: [a, b], padding: [[a, b], [c, d]], dilation: [b, c], groups: d };
                self.note("conv2d", x.conv2d(z, conv))
            }
            13 => {
                let pool = Pool { stride: [c, d], padding: [[a, 0], [0, b]], ..Pool::new([a, b]) };
                self.note("max_pool", x.max_pool2d(pool))
            }
            14 => self.note("squeeze", x.unsqueeze(a).squeeze(b)),
            15 => self.note("lstm", x.lstm(z, x, Some(z), None).sequence),
            16 => self.note("variance", x.variance(&[axis], false, a)),
            17 => self.note("one_hot", x.argmax(axis).one_hot(a)),
            18 => self.note("tile", x.tile(&sizes)),
            19 => self.note("cumsum", x.cumsum(axis, a == 0, b == 0)),
            20 => self.note("topk", x.topk(a, axis, b == 0).0),
            21 => self.note("diagonal", x.diagonal(a as isize - 2, axis, b as isize)),
            22 => {
                let equation = ["ij,jk", "...i,...i", "ii,jj->ij", "ab...,b->a..."][a % 4];
                self.note("einsum", self.graph.einsum(equation, &[x, z]))
            }
            23 => self.note("scatter", x.scatter(axis, z.argmax(b as isize), z)),
            _ => {
                let input = self.input(&sizes);
                self.note("input", input)
            }
        }
    }
}
