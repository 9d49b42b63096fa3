//! Attention in plain loops, query by query.

use super::super::dropout::random_bits;
use super::{DY, MASKED, STATS, Scores};
use crate::Values;
use crate::ops::attention::Mask;

/// The inputs and their sizes.
struct Operands<'a> {
    scores: &'a Scores,
    x: &'a [&'a Values],
    /// The place of the first optional input.
    first: usize,
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
}

/// One query of one head, and the first keys that it may see.
struct Query {
    /// Its number among all queries of all heads.
    row: usize,
    /// The number of its first key among all keys.
    first_key: usize,
    /// For each key, the score; minus infinity where it is not seen.
    scores: Vec<f64>,
    /// For each key, what dropout multiplies its probability with.
    factors: Vec<f64>,
}

impl<'a> Operands<'a> {
    fn new(scores: &'a Scores, x: &'a [&'a Values], first: usize) -> Self {
        let (q, k) = (&x[0].meta.shape, &x[1].meta.shape);
        Operands {
            scores,
            x,
            first,
            batch: q[0],
            heads: q[1],
            kv_heads: k[1],
            queries: q[2],
            keys: k[2],
            width: q[3],
        }
    }

    /// Row `row` of an input of rows of this width.
    fn row(&self, input: usize, row: usize) -> &[f64] {
        &self.x[input].data[row * self.width..][..self.width]
    }

    fn queries(&self) -> impl Iterator<Item = Query> {
        (0..self.batch * self.heads * self.queries).map(|row| self.query(row))
    }

    fn query(&self, row: usize) -> Query {
        let (head, query) = (row / self.queries % self.heads, row % self.queries);
        let batch = row / self.queries / self.heads;
        let kv_head = head / (self.heads / self.kv_heads);
        let first_key = (batch * self.kv_heads + kv_head) * self.keys;
        let q = self.row(0, row);
        let score = |key: usize| {
            let product = dot(q, self.row(1, first_key + key)) * self.scores.scale;
            if self.scores.causal && key + self.queries > query + self.keys {
                return f64::NEG_INFINITY;
            }
            let mask = self.scores.mask_at(self.first).map(|at| self.x[at].data[row * self.keys + key]);
            let score = match (self.scores.mask, mask) {
                (Mask::Truth, Some(0.0)) => f64::NEG_INFINITY,
                (Mask::Added, Some(mask)) => product + mask,
                _ => product,
            };
            if score <= MASKED { f64::NEG_INFINITY } else { score }
        };
        let drop = self.scores.drop.zip(self.scores.counter_at(self.first));
        let factor = |key: usize| match drop {
            Some((drop, counter)) => {
                let index = (row * self.keys + key) as u32;
                let bits = random_bits(index, self.x[counter].data[0] as u32, drop.seed);
                if bits >= drop.threshold() { drop.kept() } else { 0.0 }
            }
            None => 1.0,
        };
        Query {
            row,
            first_key,
            scores: (0..self.keys).map(score).collect(),
            factors: (0..self.keys).map(factor).collect(),
        }
    }

    /// For each query: the probabilities after dropout, and the gradients of the scores.
    fn slopes(&self) -> impl Iterator<Item = (Query, Vec<f64>, Vec<f64>)> {
        self.queries().map(|query| {
            let (lse, delta) = (self.x[STATS].data[2 * query.row], self.x[STATS].data[2 * query.row + 1]);
            let dy = self.row(DY, query.row);
            let mut kept = Vec::with_capacity(self.keys);
            let mut slopes = Vec::with_capacity(self.keys);
            for key in 0..self.keys {
                let p = if query.scores[key] == f64::NEG_INFINITY {
                    0.0
                } else {
                    (query.scores[key] - lse).exp()
                };
                let arrives = dot(dy, self.row(2, query.first_key + key));
                kept.push(p * query.factors[key]);
                slopes.push(p * (arrives * query.factors[key] - delta));
            }
            (query, kept, slopes)
        })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, row: &[f64]) {
    to.iter_mut().zip(row).for_each(|(to, x)| *to += factor * x);
}

pub(super) fn forward(scores: &Scores, x: &[&Values], y: &mut [Values]) {
    let operands = Operands::new(scores, x, 3);
    let width = operands.width;
    for query in operands.queries() {
        let largest = query.scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let seen = |score: &f64| *score != f64::NEG_INFINITY;
        let weights: Vec<f64> =
            query.scores.iter().map(|s| if seen(s) { (s - largest).exp() } else { 0.0 }).collect();
        let total: f64 = weights.iter().sum();
        let nothing = total == 0.0;
        y[1].data[query.row] = if nothing { MASKED } else { largest + total.ln() };
        let to = &mut y[0].data[query.row * width..][..width];
        for (key, (weight, factor)) in weights.iter().zip(&query.factors).enumerate() {
            let p = if nothing { 0.0 } else { weight / total * factor };
            add(to, p, operands.row(2, query.first_key + key));
        }
    }
}

pub(super) fn query_gradient(scores: &Scores, x: &[&Values], y: &mut [Values]) {
    let operands = Operands::new(scores, x, STATS + 1);
    let width = operands.width;
    for (query, _, slopes) in operands.slopes() {
        let to = &mut y[0].data[query.row * width..][..width];
        for (key, slope) in slopes.iter().enumerate() {
            add(to, slope * scores.scale, operands.row(1, query.first_key + key));
        }
    }
}

pub(super) fn key_gradient(scores: &Scores, x: &[&Values], y: &mut [Values]) {
    let operands = Operands::new(scores, x, STATS + 1);
    let width = operands.width;
    let half = y[0].data.len() / 2;
    let (of_keys, of_values) = y[0].data.split_at_mut(half);
    for (query, kept, slopes) in operands.slopes() {
        let (q, dy) = (operands.row(0, query.row), operands.row(DY, query.row));
        for key in 0..operands.keys {
            let at = (query.first_key + key) * width;
            add(&mut of_keys[at..at + width], slopes[key] * scores.scale, q);
            add(&mut of_values[at..at + width], kept[key], dy);
        }
    }
}
