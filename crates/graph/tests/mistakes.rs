//! Arguments at random: a mistake gives an error, nothing panics, and what is no mistake runs on the
//! interpreter, gradients and all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::core::{Array, DType, Shape};
use anygrad_graph::ops::ScatterReduction;
use anygrad_graph::{Fill, Graph, Interpreter, Precision, Tensor};

/// Numbers that follow from a seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    /// Mostly an axis that exists.
    fn axis(&mut self, x: Tensor<'_>) -> isize {
        let rank = x.shape().rank() as isize;
        self.below(2 * rank as usize + 3) as isize - rank - 1
    }

    fn offset(&mut self) -> isize {
        self.below(9) as isize - 4
    }

    fn sizes(&mut self) -> Vec<usize> {
        (0..self.below(5)).map(|_| [0, 1, 2, 3, 4, 3, 2][self.below(7)]).collect()
    }
}

fn apply<'g>(draw: &mut Draw, x: Tensor<'g>, z: Tensor<'g>, i: Tensor<'g>, k: Tensor<'g>) -> Tensor<'g> {
    use ScatterReduction::{Add, Max, Min, Mul, Replace};
    let graph = x.graph();
    let (axis, offset, count) = (draw.axis(x), draw.offset(), draw.below(5));
    let reduction = [Replace, Add, Mul, Max, Min][draw.below(5)];
    let equation = ["ij,jk", "ii", "...i,...i", "i...->...", "ab,ab->ba", "->", "a,b,c", ",a", "aab->b"];
    match draw.below(30) {
        0 => x.cumsum(axis, count == 0, offset > 0),
        1 => x.cumprod(axis, count == 0, offset > 0),
        2 => x.sort(axis, count == 0).0,
        3 => x.topk(count, axis, offset > 0).0,
        4 => x.quantile(offset as f64 / 4.0, axis, count == 0),
        5 => x.gather_nd(i, count % 3),
        6 => x.scatter_nd(i, z, reduction),
        7 => x.scatter_reduce(axis, i, z, reduction),
        8 => x.scatter_reduce(axis, k, z, reduction),
        9 => x.index_select(axis, k),
        10 => x.index_copy(axis, k, z),
        11 => x.index_fill(axis, k, 2.0),
        12 => x.masked_fill(z.gt(0.0), 1),
        13 => x.gather_elements(axis, i),
        14 => x.repeat_interleave(count, axis),
        15 => x.expand(&[offset, -1, count as isize]),
        16 => x.diagonal(offset, axis, draw.axis(x)),
        17 => x.diag_embed(offset),
        18 => x.diag(offset),
        19 => x.tril(offset) + x.triu(offset),
        20 => x.trace(),
        21 => graph.einsum(equation[draw.below(9)], &[x, z][..1 + count % 2]),
        22 => x.tensordot(z, &[(axis, draw.axis(z))]),
        23 => x.outer(z),
        24 => x.dot(z),
        25 => x.bmm(z),
        26 => x.glu(axis),
        27 => x.sparsemax(axis),
        28 => x.norm([0.0, 1.0, 2.0, 3.0, f64::INFINITY][count], &[axis], offset > 0),
        _ => x.fmod(z).nan_to_num(0.0, 1.0, -1.0),
    }
}

#[test]
fn mistakes_give_errors_and_the_rest_runs() {
    let (mut ran, mut refused) = (0, 0);
    for seed in 0..6000 {
        let mut draw = Draw(seed * 77 + 1);
        let graph = Graph::new();
        let mut cpu = Interpreter::new(Precision::F64);
        let mut input = |name: &str, sizes: &[usize], dtype: DType| {
            let shape = Shape::new(sizes).unwrap();
            // Distinct, so that extremes are unique, and indices of which some lie outside.
            let fill = if dtype == DType::F32 { Fill::Distinct(-1.0, 1.0) } else { Fill::Below(6) };
            let numbers: Vec<f64> = fill.numbers(shape.elements(), seed).iter().map(|n| n - 1.0).collect();
            cpu.write(name, &Array::from_f64(shape, dtype, &numbers));
            graph.input(name, sizes, dtype)
        };
        let sizes = draw.sizes();
        let others = if draw.below(2) == 0 { sizes.clone() } else { draw.sizes() };
        let indices = if draw.below(2) == 0 { others.clone() } else { draw.sizes() };
        let x = input("x", &sizes, DType::F32);
        let z = input("z", &others, DType::F32);
        let i = input("i", &indices, DType::I32);
        let count = draw.below(4);
        let k = input("k", &[count], DType::I32);
        let y = apply(&mut draw, x, z, i, k);
        if graph.check().is_err() {
            refused += 1;
            continue;
        }
        let slope = graph.gradients(y.sum_all(), &[x])[0];
        let results = cpu.run(&graph, &[y, slope]).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(results[1].shape(), x.shape(), "seed {seed}");
        ran += 1;
    }
    assert!(ran > 1000 && refused > 1000, "{ran} ran, {refused} were refused");
}
