//! The cases of the matrix product: around its tiles, transposed, in batches, long.

use crate::{Case, Tensor, Tolerance};

pub(in crate::ops) fn cases() -> Vec<Case> {
    fn turn(x: Tensor<'_>, yes: bool) -> Tensor<'_> {
        if yes { x.t() } else { x }
    }
    /// Gradients sum over rows, columns and batches, so they are allowed more.
    fn product(name: impl Into<String>, a: &[usize], b: &[usize], turned: (bool, bool)) -> Case {
        let terms = if turned.0 { a[a.len() - 2] } else { a[a.len() - 1] };
        let longest =
            (a.iter().product::<usize>() / terms.max(1)).max(b.iter().product::<usize>() / terms.max(1));
        Case::new(name, move |x| turn(x[0], turned.0).matmul(turn(x[1], turned.1)))
            .input(a)
            .input(b)
            .tolerance(Tolerance::sum(terms))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * longest) })
    }
    let mut cases = Vec::new();
    // Around the tiles; all sizes divide by four, some do, none does; one row, column or term.
    for [m, k, n] in [
        [1, 1, 1],
        [8, 4, 32],
        [9, 8, 36],
        [17, 20, 64],
        [33, 4, 68],
        [64, 64, 64],
        [7, 13, 17],
        [31, 7, 9],
        [65, 67, 63],
        [129, 65, 67],
        [24, 1, 12],
        [13, 1, 5],
        [1, 64, 128],
        [1, 33, 129],
        [131, 31, 1],
        [128, 36, 1],
        [1, 257, 1],
        [3, 2, 257],
        [64, 100, 10],
        [5, 700, 4],
    ] {
        cases.push(product(format!("matmul {m}x{k}x{n}"), &[m, k], &[k, n], (false, false)));
    }
    // Transposed operands are read where they stand.
    for [m, k, n] in [[36, 40, 64], [31, 19, 23], [32, 50, 64], [16, 7, 32], [4, 3, 8]] {
        let name = |which: &str| format!("matmul {m}x{k}x{n} transposed {which}");
        cases.push(product(name("a"), &[k, m], &[k, n], (true, false)));
        cases.push(product(name("b"), &[m, k], &[n, k], (false, true)));
        cases.push(product(name("both"), &[k, m], &[n, k], (true, true)));
    }
    // Batches: equal, broadcast on either side and on both, of one matrix.
    for (a, b) in [
        (&[5, 7, 11][..], &[5, 11, 3][..]),
        (&[2, 3, 9, 12], &[2, 3, 12, 8]),
        (&[4, 6, 5], &[5, 3]),
        (&[4, 8, 16], &[16, 32]),
        (&[6, 5], &[4, 5, 3]),
        (&[4, 1, 5, 3], &[2, 3, 6]),
        (&[2, 1, 8, 4], &[1, 3, 4, 32]),
        (&[2, 1, 2, 1, 2, 1, 3, 2], &[1, 2, 1, 3, 1, 2, 2, 3]),
        (&[3, 2, 4, 5], &[5, 1]),
        (&[3, 1, 8], &[3, 8, 4]),
    ] {
        cases.push(product(format!("matmul batch {a:?} {b:?}"), a, b, (false, false)));
    }
    // Long sums are cut into parts.
    for (a, b, turned) in [
        ([2, 70_001], [70_001, 3], (false, false)),
        ([5000, 4], [5000, 8], (true, false)),
        ([4, 4100], [8, 4100], (false, true)),
    ] {
        cases.push(product(format!("matmul long {a:?} {b:?}"), &a, &b, turned));
    }
    // Large enough for the largest tiles, of software adapters and of GPUs.
    cases.push(product("matmul large 1924x8x1928", &[1924, 8], &[8, 1928], (false, false)).forward_only());
    cases.push(
        product("matmul large 1924x12x1928 turned", &[12, 1924], &[1928, 12], (true, true)).forward_only(),
    );
    cases.push(product("matmul large 1923x7x1927", &[1923, 7], &[7, 1927], (false, false)).forward_only());
    cases.push(product("matmul large 516x36x516", &[516, 36], &[36, 516], (false, false)).forward_only());
    cases.push(product("matmul large 517x33x513", &[517, 33], &[33, 513], (false, false)).forward_only());
    cases.push(Case::new("matmul vectors", |x| x[0].matmul(x[1])).input(&[9]).input(&[9]));
    cases.push(Case::new("matmul vector matrix", |x| x[0].matmul(x[1])).input(&[9]).input(&[3, 9, 5]));
    cases.push(Case::new("matmul matrix vector", |x| x[0].matmul(x[1])).input(&[3, 4, 9]).input(&[9]));
    cases.push(Case::new("matmul no terms", |x| x[0].matmul(x[1]) + 1.0).input(&[3, 0]).input(&[0, 4]));
    cases.push(Case::new("matmul no rows", |x| x[0].matmul(x[1])).input(&[0, 3]).input(&[3, 4]));
    cases.push(Case::new("matmul of itself", |x| x[0].matmul(x[0])).input(&[12, 12]));
    cases.push(
        Case::new("matmul with a bias and relu", |x| (x[0].matmul(x[1]) + x[2]).relu())
            .input(&[18, 8])
            .input(&[8, 12])
            .input(&[12]),
    );
    cases.push(
        Case::new("matmul long with a bias", |x| x[0].matmul(x[1]) + x[2])
            .input(&[3, 4500])
            .input(&[4500, 4])
            .input(&[4])
            .tolerance(Tolerance::sum(4500)),
    );
    cases.push(
        Case::new("matmul of views", |x| {
            x[0].permute(&[1, 0, 2]).matmul(x[1].unsqueeze(0).broadcast_to(&[3, 4, 8]))
        })
        .input(&[8, 3, 4])
        .input(&[4, 8]),
    );
    cases.push(
        Case::new("matmul of matmuls", |x| x[0].matmul(x[1]).matmul(x[2].t()))
            .input(&[9, 5])
            .input(&[5, 12])
            .input(&[7, 12])
            .tolerance(Tolerance::sum(60)),
    );
    cases
}
