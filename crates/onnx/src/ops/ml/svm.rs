//! Support vectors.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::labels::{ClassLabels, chosen};
use super::{constant, floats, ints, rows, transformed};
use crate::Element;
use crate::node::{Node, count, typed};
use crate::ops::Row;
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(in crate::ops) const ROWS: &[Row] = &[("SVMClassifier", svm_classifier), ("SVMRegressor", svm_regressor)];

/// Classes whose probabilities are coupled at most.
const MOST_CLASSES: usize = 32;

/// Rounds of coupling: two to four are what random pairs of 2 to 10 classes take.
const MOST_ROUNDS: usize = 8;

/// What the kernel says of each row of x and each support vector: `[batch, vectors]`.
fn kernel<'g>(node: &Node<'_, 'g>, x: Tensor<'g>, vectors: Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    let params = floats(node, "kernel_params");
    let [gamma, offset, degree] = match params[..] {
        [] => [0.0; 3],
        [gamma, offset, degree] => [gamma, offset, degree],
        _ => return wrong(format!("kernel_params are {params:?}; 3 were expected")),
    };
    Ok(match node.text("kernel_type", "LINEAR").as_str() {
        "LINEAR" => x.matmul(vectors.t()),
        "POLY" => (x.matmul(vectors.t()) * gamma + offset).pow(degree),
        "SIGMOID" => (x.matmul(vectors.t()) * gamma + offset).tanh(),
        "RBF" => ((x.unsqueeze(1) - vectors.unsqueeze(0)).square().sum(&[2], false) * -gamma).exp(),
        other => return unsupported(format!("kernel_type is {other:?}")),
    })
}

fn support_vectors<'g>(node: &Node<'_, 'g>, count: usize, features: usize) -> Result<Tensor<'g>, Stop> {
    constant(node, &[count, features], &floats(node, "support_vectors"), DType::F32)
}

/// sum over the support vectors of coefficient kernel + rho; without support vectors the coefficients are weights.
fn svm_regressor<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = rows(node, 0)?;
    let vectors = count("n_supports", node.int("n_supports", 0))?;
    let (features, coefficients) = (x.shape()[1], floats(node, "coefficients"));
    let Some(&rho) = floats(node, "rho").first() else { return wrong("rho is missing") };
    let y = if vectors == 0 {
        x.matmul(constant(node, &[features, 1], &coefficients, DType::F32)?)
    } else {
        let kernel = kernel(node, x, support_vectors(node, vectors, features)?)?;
        kernel.matmul(constant(node, &[vectors, 1], &coefficients, DType::F32)?)
    } + rho;
    let y = if node.flag("one_class") { y.gt(0.0).select(1.0, y.full_like(-1.0)) } else { y };
    node.give(transformed(node, y)?, Element::Float)
}

/// Each pair of classes is decided by their support vectors, and each decision is a vote.
fn svm_classifier<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = rows(node, 0)?;
    let labels = ClassLabels::of(node, "classlabels_ints")?;
    let (classes, features) = (labels.len(), x.shape()[1]);
    let per_class = ints(node, "vectors_per_class");
    let per_class =
        per_class.iter().map(|&n| count("vectors_per_class", n)).collect::<Result<Vec<_>, Stop>>()?;
    let vectors = per_class.iter().try_fold(0usize, |sum, &n| sum.checked_add(n)).unwrap_or(0);
    if vectors == 0 || classes < 2 || per_class.len() != classes {
        return unsupported(format!("{classes} classes with support vectors {per_class:?}"));
    }
    if node.text("post_transform", "NONE") != "NONE" {
        return unsupported("a post_transform of support vectors");
    }
    let coefficients = constant(node, &[classes - 1, vectors], &floats(node, "coefficients"), DType::F32)?;
    let kernel = kernel(node, x, support_vectors(node, vectors, features)?)?;
    let starts: Vec<usize> = per_class
        .iter()
        .scan(0, |at, &n| {
            *at += n;
            Some(*at - n)
        })
        .collect();
    let (rho, a) = (floats(node, "rho"), floats(node, "prob_a"));
    let part = |row: usize, class: usize| {
        let range = starts[class]..starts[class] + per_class[class];
        kernel.narrow(1, range.clone()).matmul(coefficients.narrow(0, row..row + 1).narrow(1, range).t())
    };
    let mut decisions = Vec::new();
    let mut votes: Vec<Tensor<'g>> = vec![node.graph.zeros(&[x.shape()[0], 1]); classes];
    for (first, second) in pairs(classes) {
        let Some(&rho) = rho.get(decisions.len()) else {
            return wrong(format!("rho has {} numbers", rho.len()));
        };
        let decision = part(second - 1, first) + part(first, second) + rho;
        let won = decision.gt(0.0).cast(DType::F32);
        votes[first] = votes[first] + won;
        votes[second] = votes[second] + (1.0 - won);
        decisions.push(decision);
    }
    let label = chosen(node, &labels, node.graph.concat(&votes, 1).argmax(1))?;
    let scores = match (&decisions[..], a.is_empty()) {
        (decisions, false) => probabilities(node, decisions, classes)?,
        // Two classes have one decision, which is for the first; the pair of scores begins with its negative.
        ([one], true) => node.graph.concat(&[-*one, *one], 1),
        (decisions, true) => node.graph.concat(decisions, 1),
    };
    Ok(vec![label, typed(scores, Element::Float)])
}

/// Every two of so many classes, in the order of the model's lists.
fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(move |first| (first + 1..classes).map(move |second| (first, second)))
}

/// Probabilities of classes by those of pairs, 1 / (1 + e^(a s + b)) each (Platt 1999), coupled as libsvm does it (Wu,
/// Lin and Weng 2004, method 2), which goes on until no class is further off than a bound.
fn probabilities<'g>(
    node: &Node<'_, 'g>,
    decisions: &[Tensor<'g>],
    classes: usize,
) -> Result<Tensor<'g>, Stop> {
    let (a, b) = (floats(node, "prob_a"), floats(node, "prob_b"));
    if a.len() != decisions.len() || b.len() != decisions.len() || classes > MOST_CLASSES {
        let numbers = (a.len(), b.len());
        return unsupported(format!("probabilities of {classes} classes by {numbers:?} numbers for pairs"));
    }
    let (graph, batch) = (node.graph, decisions[0].shape()[0]);
    let mut pair = decisions.iter().zip(a.iter().zip(&b));
    let mut wins: Vec<Vec<Tensor<'g>>> = vec![vec![graph.zeros(&[batch, 1]); classes]; classes];
    for (first, second) in pairs(classes) {
        let Some((&decision, (&a, &b))) = pair.next() else { return wrong("a pair without a decision") };
        let win = (-(decision * a + b)).sigmoid().clip(1e-7, 1.0 - 1e-7);
        (wins[first][second], wins[second][first]) = (win, 1.0 - win);
    }
    // Row t of the matrix: the squares of the others' wins over t, and elsewhere minus the product of both.
    let row = |t: usize| {
        let column = |j: usize| match j == t {
            true => (0..classes).map(|j| wins[j][t].square()).reduce(|a, b| a + b).unwrap_or(wins[t][t]),
            false => -(wins[j][t] * wins[t][j]),
        };
        graph.concat(&(0..classes).map(column).collect::<Vec<_>>(), 1)
    };
    let rows: Vec<Tensor<'g>> = (0..classes).map(row).collect();
    let mut shares = graph.full(&[batch, classes], 1.0 / classes as f64);
    for _ in 0..MOST_ROUNDS {
        let products = |shares: Tensor<'g>| {
            let one = |row: &Tensor<'g>| (*row * shares).sum(&[1], true);
            graph.concat(&rows.iter().map(one).collect::<Vec<_>>(), 1)
        };
        let (mut next, mut product) = (shares, products(shares));
        let mut mean = (next * product).sum(&[1], true);
        let is_done = (product - mean).abs().max(&[1], true).lt(0.005 / classes as f64);
        for (t, row) in rows.iter().enumerate() {
            let own = row.narrow(1, t..t + 1);
            let step = (mean - product.narrow(1, t..t + 1)) / own;
            let whole = step + 1.0;
            mean = (mean + step * (step * own + product.narrow(1, t..t + 1) * 2.0)) / whole.square();
            product = (product + step * *row) / whole;
            let place: Vec<f64> = (0..classes).map(|class| f64::from(u8::from(class == t))).collect();
            next = (next + step * constant(node, &[classes], &place, DType::F32)?) / whole;
        }
        shares = is_done.select(shares, next);
    }
    Ok(shares)
}
