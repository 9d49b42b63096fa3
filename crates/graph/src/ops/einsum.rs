//! y[out] = sum over the letters that out lacks of a[..] b[..] ...
//!
//! Two operands at a time, those first that take the least work: the letters they share and that
//! are needed later become batch axes of one matrix product, those that are not its sum.

use std::collections::BTreeMap;

use anygrad_core::{Error, Result};

use crate::{Case, Graph, Tensor, Tolerance};

/// An axis in the equation: a letter, or an axis of the ellipsis counted from the back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Ellipsis(std::cmp::Reverse<usize>),
    Letter(char),
}

/// An operand on the way: a tensor and what its axes are called, each once.
#[derive(Clone, Debug)]
struct Term<'g> {
    tensor: Tensor<'g>,
    labels: Vec<Label>,
}

impl Graph {
    /// Einstein's summation convention as in NumPy: `"bij,bjk->bik"` is a product of batches of
    /// matrices. A letter that is repeated in an operand takes its diagonal, an ellipsis stands for
    /// the axes that have no letter, which broadcast. Without an arrow the result has the ellipsis
    /// and then, in alphabetical order, the letters that occur once. Sums are taken in `f32`.
    #[track_caller]
    pub fn einsum<'g>(&'g self, equation: &str, operands: &[Tensor<'g>]) -> Tensor<'g> {
        if let Some(poison) = operands.iter().find(|x| x.is_poison()) {
            return *poison;
        }
        match Equation::parse(equation, operands) {
            Ok((terms, result)) => contract(terms, &result),
            Err(error) => {
                self.fail(error.context(format!("einsum {equation:?}")).at(std::panic::Location::caller()))
            }
        }
    }
}

impl<'g> Tensor<'g> {
    /// The sum of the products of two vectors' elements.
    #[track_caller]
    pub fn dot(self, other: Tensor<'g>) -> Tensor<'g> {
        let [[_], [_]] = [self, other].map(|x| x.dims("an operand of dot"));
        self.matmul(other)
    }

    /// Every element of a vector `[m]` times every element of another `[n]`: `[m, n]`.
    #[track_caller]
    pub fn outer(self, other: Tensor<'g>) -> Tensor<'g> {
        let [[_], [_]] = [self, other].map(|x| x.dims("an operand of outer"));
        if self.is_poison() { self } else { self.unsqueeze(1) * other }
    }

    /// Products of the matrices of two batches: `[b, m, k]` times `[b, k, n]` is `[b, m, n]`.
    #[track_caller]
    pub fn bmm(self, other: Tensor<'g>) -> Tensor<'g> {
        let [[a, ..], [b, ..]] = [self, other].map(|x| x.dims::<3>("an operand of bmm"));
        if a != b {
            let message = format!("bmm: {} x {}: batches of {a} and {b}", self.shape(), other.shape());
            return self.fail(Error::shape(message));
        }
        self.matmul(other)
    }

    /// The sum of products over pairs of axes, the first of each pair in this: the other axes of
    /// this, then those of the other (NumPy's and PyTorch's `tensordot`).
    #[track_caller]
    pub fn tensordot(self, other: Tensor<'g>, axes: &[(isize, isize)]) -> Tensor<'g> {
        if self.is_poison() || other.is_poison() {
            return if self.is_poison() { self } else { other };
        }
        let name = |i: usize| Label::Letter((b'a' + i as u8) as char);
        let left: Vec<Label> = (0..self.shape().rank()).map(name).collect();
        let mut right: Vec<Label> = (0..other.shape().rank()).map(|i| name(8 + i)).collect();
        let mut summed = Vec::new();
        for &(a, b) in axes {
            let (x, y) = match (self.shape().axis(a), other.shape().axis(b)) {
                (Ok(x), Ok(y)) => (x, y),
                (Err(error), _) | (_, Err(error)) => return self.fail(error.context("tensordot")),
            };
            if self.shape()[x] != other.shape()[y] || summed.contains(&left[x]) || right[y] != name(8 + y) {
                let message = format!("tensordot: axes {axes:?} of {} and {}", self.shape(), other.shape());
                return self.fail(Error::shape(message));
            }
            right[y] = left[x];
            summed.push(left[x]);
        }
        let result: Vec<Label> =
            left.iter().chain(&right).copied().filter(|label| !summed.contains(label)).collect();
        contract(vec![Term { tensor: self, labels: left }, Term { tensor: other, labels: right }], &result)
    }
}

struct Equation;

impl Equation {
    /// The operands with named axes, and the names of the result's.
    fn parse<'g>(equation: &str, operands: &[Tensor<'g>]) -> Result<(Vec<Term<'g>>, Vec<Label>)> {
        let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (inputs, output) = match equation.split_once("->") {
            Some((inputs, output)) => (inputs, Some(output)),
            None => (&equation[..], None),
        };
        let inputs: Vec<&str> = inputs.split(',').collect();
        if inputs.len() != operands.len() {
            let message = format!("names {} operands, {} were given", inputs.len(), operands.len());
            return Err(Error::shape(message));
        }
        let mut terms = Vec::new();
        let mut sizes: BTreeMap<Label, usize> = BTreeMap::new();
        let mut count: BTreeMap<Label, usize> = BTreeMap::new();
        for (text, &tensor) in inputs.iter().zip(operands) {
            let shape = tensor.shape();
            let labels = labels(text, Some(shape.rank()))?;
            if labels.len() != shape.rank() {
                let message = format!("{text:?} names {} axes, {shape} was given", labels.len());
                return Err(Error::shape(message));
            }
            for (&label, &size) in labels.iter().zip(shape.iter()) {
                *count.entry(label).or_default() += 1;
                let known = sizes.entry(label).or_insert(size);
                if *known == 1 {
                    *known = size;
                } else if size != 1 && size != *known {
                    let message = format!("sizes {known} and {size} of {} differ", name(label));
                    return Err(Error::shape(message));
                }
            }
            terms.push(Term { tensor, labels });
        }
        let widest = |label: &Label| matches!(label, Label::Ellipsis(_));
        let result = match output {
            Some(text) => {
                let ellipsis = sizes.keys().filter(|label| widest(label)).count();
                let letters = text.replace("...", "").len();
                let labels = labels(text, Some(letters + ellipsis))?;
                if let Some(label) = labels.iter().find(|label| !sizes.contains_key(label)) {
                    return Err(Error::shape(format!("{} of the result is in no operand", name(*label))));
                }
                if (1..labels.len()).any(|i| labels[..i].contains(&labels[i])) {
                    return Err(Error::shape(format!("{text:?} names an axis of the result twice")));
                }
                labels
            }
            None => sizes.keys().copied().filter(|label| widest(label) || count[label] == 1).collect(),
        };
        let terms = terms.into_iter().map(|term| term.whole(&sizes)).collect();
        Ok((terms, result))
    }
}

/// The names of axes; an ellipsis stands for those of `rank` that have no letter.
fn labels(text: &str, rank: Option<usize>) -> Result<Vec<Label>> {
    let (before, behind) = text.split_once("...").unwrap_or((text, ""));
    if let Some(wrong) = before.chars().chain(behind.chars()).find(|c| !c.is_ascii_alphabetic()) {
        return Err(Error::shape(format!("{wrong:?} in {text:?} is no letter")));
    }
    let letters = before.len() + behind.len();
    let unnamed = if text.contains("...") { rank.unwrap_or(letters).saturating_sub(letters) } else { 0 };
    let ellipsis = (0..unnamed).rev().map(|back| Label::Ellipsis(std::cmp::Reverse(back)));
    Ok(before.chars().map(Label::Letter).chain(ellipsis).chain(behind.chars().map(Label::Letter)).collect())
}

fn name(label: Label) -> String {
    match label {
        Label::Letter(letter) => letter.to_string(),
        Label::Ellipsis(_) => "the ellipsis".into(),
    }
}

impl<'g> Term<'g> {
    /// Stretched to the sizes, and with the diagonal of repeated letters.
    fn whole(self, sizes: &BTreeMap<Label, usize>) -> Self {
        let wanted: Vec<usize> = self.labels.iter().map(|label| sizes[label]).collect();
        let Term { mut tensor, mut labels } = self;
        tensor = tensor.broadcast_to(&wanted);
        let twice = |labels: &[Label]| {
            (0..labels.len())
                .find_map(|a| Some((a, a + 1 + labels[a + 1..].iter().position(|l| *l == labels[a])?)))
        };
        while let Some((first, second)) = twice(&labels) {
            tensor = tensor.diagonal(0, first as isize, second as isize);
            let label = labels[first];
            labels.remove(second);
            labels.remove(first);
            labels.push(label);
        }
        Term { tensor, labels }
    }

    /// Summed over the axes that are not needed.
    fn without(self, needed: impl Fn(Label) -> bool) -> Self {
        let axes: Vec<isize> = (0..self.labels.len())
            .filter(|&axis| !needed(self.labels[axis]))
            .map(|axis| axis as isize)
            .collect();
        if axes.is_empty() {
            return self;
        }
        let labels = self.labels.into_iter().filter(|&label| needed(label)).collect();
        Term { tensor: self.tensor.sum(&axes, false), labels }
    }

    /// With its axes in this order; those that it lacks have size 1.
    fn ordered(&self, labels: &[Label]) -> Tensor<'g> {
        let own: Vec<usize> =
            labels.iter().filter_map(|label| self.labels.iter().position(|own| own == label)).collect();
        let mut tensor = self.tensor;
        if own.windows(2).any(|pair| pair[0] > pair[1]) {
            tensor = tensor.permute(&own);
        }
        let sizes: Vec<usize> = labels.iter().map(|&label| self.size(label)).collect();
        tensor.reshape(&sizes)
    }

    fn size(&self, label: Label) -> usize {
        let axis = self.labels.iter().position(|own| *own == label);
        // After a mistake a tensor may have fewer axes than names.
        axis.and_then(|axis| self.tensor.shape().get(axis).copied()).unwrap_or(1)
    }

    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }
}

/// The sum of the product of all terms, with its axes in the order of `result`.
#[track_caller]
fn contract<'g>(mut terms: Vec<Term<'g>>, result: &[Label]) -> Tensor<'g> {
    while terms.len() > 1 {
        // The pair whose product has the fewest elements before it is summed.
        let work = |a: usize, b: usize| -> u128 {
            let of_b = terms[b].labels.iter().filter(|label| !terms[a].has(**label));
            let sizes =
                terms[a].labels.iter().map(|&l| terms[a].size(l)).chain(of_b.map(|&l| terms[b].size(l)));
            sizes.map(|size| size as u128).product()
        };
        let pairs = (0..terms.len()).flat_map(|a| (a + 1..terms.len()).map(move |b| (a, b)));
        let Some((a, b)) = pairs.min_by_key(|&(a, b)| work(a, b)) else { break };
        let (right, left) = (terms.remove(b), terms.remove(a));
        let needed = |label: Label| result.contains(&label) || terms.iter().any(|term| term.has(label));
        let (in_left, in_right) = (left.labels.clone(), right.labels.clone());
        let left = left.without(|label| needed(label) || in_right.contains(&label));
        let right = right.without(|label| needed(label) || in_left.contains(&label));
        let product = multiply(left, right, needed);
        terms.insert(a, product);
    }
    match terms.pop() {
        Some(term) => term.without(|label| result.contains(&label)).ordered(result),
        None => unreachable!("there is a term for each operand, and at least one"),
    }
}

/// The product of two terms, summed over the axes that both have and nobody needs.
#[track_caller]
fn multiply<'g>(a: Term<'g>, b: Term<'g>, needed: impl Fn(Label) -> bool) -> Term<'g> {
    let (shared, left): (Vec<Label>, Vec<Label>) = a.labels.iter().partition(|label| b.has(**label));
    let right: Vec<Label> = b.labels.iter().copied().filter(|label| !a.has(*label)).collect();
    let (batch, summed): (Vec<Label>, Vec<Label>) = shared.iter().partition(|label| needed(**label));
    let labels = [&batch[..], &left, &right].concat();
    if summed.is_empty() {
        return Term { tensor: a.ordered(&labels) * b.ordered(&labels), labels };
    }
    let size = |term: &Term<'g>, labels: &[Label]| labels.iter().map(|&l| term.size(l)).product::<usize>();
    let batches = size(&a, &batch);
    let terms = size(&a, &summed);
    let rows = a.ordered(&[&batch[..], &left, &summed].concat()).reshape(&[batches, size(&a, &left), terms]);
    let columns =
        b.ordered(&[&batch[..], &summed, &right].concat()).reshape(&[batches, terms, size(&b, &right)]);
    let sizes: Vec<usize> = labels.iter().map(|&l| if a.has(l) { a.size(l) } else { b.size(l) }).collect();
    Term { tensor: rows.matmul(columns).reshape(&sizes), labels }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |equation: &'static str, operands: &[&[usize]]| {
        let case = Case::new(format!("einsum {equation}"), move |x| x[0].graph().einsum(equation, x));
        operands.iter().fold(case, |case, sizes| case.input(sizes)).tolerance(Tolerance::sum(64))
    };
    vec![
        case("ij->ji", &[&[3, 5]]),
        case("ij->", &[&[3, 5]]),
        case("ii->i", &[&[4, 4]]),
        case("iji", &[&[3, 5, 3]]),
        case("i,i", &[&[7], &[7]]),
        case("i,j->ij", &[&[4], &[6]]),
        case("ij,jk", &[&[5, 9], &[9, 4]]),
        case("ij,kj->ik", &[&[5, 8], &[12, 8]]),
        case("bhqd,bhkd->bhqk", &[&[2, 3, 5, 4], &[2, 3, 7, 4]]),
        case("bqhd,bkhd->bhqk", &[&[2, 5, 3, 4], &[2, 7, 3, 4]]),
        case("ijk,lk->il", &[&[3, 4, 6], &[2, 6]]),
        case("...ij,...jk->...ik", &[&[3, 1, 4, 5], &[2, 5, 6]]),
        case("...a,a...->...", &[&[2, 4], &[4, 3, 2]]),
        case("ab,bc,cd->da", &[&[2, 9], &[9, 3], &[3, 5]]),
        case("abc,ad,bd,ce->de", &[&[3, 4, 5], &[3, 6], &[4, 6], &[5, 2]]),
        case("ab,ab,b->a", &[&[3, 5], &[1, 5], &[5]]),
        case(",a->a", &[&[], &[6]]),
        case("ab,cd->ac", &[&[3, 4], &[2, 5]]),
        case("iij,jkk->ik", &[&[3, 3, 4], &[4, 2, 2]]),
        Case::new("tensordot", |x| x[0].tensordot(x[1], &[(0, 2), (-1, 0)]))
            .input(&[3, 2, 4])
            .input(&[4, 5, 3])
            .tolerance(Tolerance::sum(12)),
        Case::new("outer 5x7", |x| x[0].outer(x[1]) + x[0].dot(x[0])).input(&[5]).input(&[7]),
        Case::new("bmm 3", |x| x[0].bmm(x[1])).input(&[3, 4, 5]).input(&[3, 5, 2]),
    ]
}
