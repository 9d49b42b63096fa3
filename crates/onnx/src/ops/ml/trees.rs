//! Ensembles of decision trees.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::forest::{Aggregate, Forest, MODES, Mode, TreeNode};
use super::labels::{ClassLabels, chosen};
use super::{constant, ints, numbers, rows, transformed};
use crate::Element;
use crate::node::{Node, count, typed};
use crate::ops::{Row, rounded};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(in crate::ops) const ROWS: &[Row] = &[
    ("TreeEnsemble", ensemble),
    ("TreeEnsembleClassifier", classifier),
    ("TreeEnsembleRegressor", regressor),
];

/// Scores with the base of each target added, or one base for all.
fn based<'g>(node: &Node<'_, 'g>, scores: Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    let (base, targets) = (numbers(node, "base_values")?, scores.shape()[1]);
    match base.len() {
        0 => Ok(scores),
        1 => Ok(scores + constant(node, &[], &base, DType::F32)?),
        n if n == targets => Ok(scores + constant(node, &[n], &base, DType::F32)?),
        n => wrong(format!("{n} base values for {targets} targets")),
    }
}

fn regressor<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let forest = Forest::named(node, "target", "target_ids")?;
    let aggregate = match node.text("aggregate_function", "SUM").as_str() {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => return unsupported(format!("aggregate_function is {other:?}")),
    };
    let targets = count("n_targets", node.int("n_targets", 1))?;
    let y = based(node, forest.scores(node, rows(node, 0)?, targets, aggregate)?)?;
    node.give(transformed(node, y)?, Element::Float)
}

/// The class with the highest sum. Two classes of which the leaves weigh one have one score: that of the second.
fn classifier<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let forest = Forest::named(node, "class", "class_ids")?;
    let labels = ClassLabels::of(node, "classlabels_int64s")?;
    let (x, classes) = (rows(node, 0)?, labels.len());
    let weighed = ints(node, "class_ids");
    let is_single = weighed.windows(2).all(|pair| pair[0] == pair[1]);
    if classes == 2 && is_single {
        if weighed.first() != Some(&0) {
            return unsupported("two classes of which the leaves weigh the second: implementations differ");
        }
        let one = based(node, forest.scores(node, x, 1, Aggregate::Sum)?)?;
        return single(node, &forest, &labels, one);
    }
    if classes < 2 {
        return unsupported(format!("{classes} class(es)"));
    }
    let scores = based(node, forest.scores(node, x, classes, Aggregate::Sum)?)?;
    Ok(vec![chosen(node, &labels, scores.argmax(1))?, typed(transformed(node, scores)?, Element::Float)])
}

/// One score s decides. Where no weight is negative, s is the share of the second class; otherwise its sign decides,
/// and the scores are -s and s.
fn single<'g>(node: &Node<'_, 'g>, forest: &Forest, labels: &ClassLabels, s: Tensor<'g>) -> Outputs<'g> {
    let positive = forest.weights.iter().all(|&(_, _, weight)| weight >= 0.0);
    let second = s.gt(if positive { 0.5 } else { 0.0 }).reshape(&[s.shape()[0]]).cast(DType::I32);
    let first = if positive { s * -1.0 + 1.0 } else { -s };
    let pair = node.graph.concat(&[first, s], 1);
    let scores = match (node.text("post_transform", "NONE").as_str(), positive) {
        ("NONE", _) | ("LOGISTIC", true) => pair,
        ("LOGISTIC", false) => pair.sigmoid(),
        (other, _) => return unsupported(format!("post_transform {other:?} of one score for two classes")),
    };
    Ok(vec![chosen(node, labels, second)?, typed(scores, Element::Float)])
}

/// Trees whose leaves stand in lists of their own.
fn ensemble<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let tensor = |name: &str| -> Result<Vec<f64>, Stop> {
        Ok(node.tensor_attribute(name)?.map_or_else(Vec::new, |host| host.to_f64()))
    };
    let (splits, modes, weights) = (tensor("nodes_splits")?, tensor("nodes_modes")?, tensor("leaf_weights")?);
    let (features, targets) = (ints(node, "nodes_featureids"), ints(node, "leaf_targetids"));
    let (yes, no) = (ints(node, "nodes_truenodeids"), ints(node, "nodes_falsenodeids"));
    let (yes_leaf, no_leaf) = (ints(node, "nodes_trueleafs"), ints(node, "nodes_falseleafs"));
    let missing = ints(node, "nodes_missing_value_tracks_true");
    let (n, leaves) = (splits.len(), weights.len());
    let lengths = [modes.len(), features.len(), yes.len(), no.len(), yes_leaf.len(), no_leaf.len()];
    if lengths.iter().any(|&len| len != n) || targets.len() != leaves {
        return wrong(format!("the lists of {n} nodes and {leaves} leaves differ in length"));
    }
    // Leaves stand behind the nodes.
    let child = |place: i64, is_leaf: i64| match usize::try_from(place) {
        Ok(leaf) if is_leaf != 0 && leaf < leaves => Ok(n + leaf),
        Ok(place) if is_leaf == 0 && place < n => Ok(place),
        _ => wrong(format!("a branch to {place} of {n} nodes and {leaves} leaves")),
    };
    let sets = tensor("membership_values")?;
    let mut sets = sets.split(|member| member.is_nan());
    let mut nodes = Vec::with_capacity(n + leaves);
    for i in 0..n {
        let Some((_, mode)) = MODES.get(modes[i] as usize) else {
            return wrong(format!("a node of mode {}", modes[i]));
        };
        let members =
            if *mode == Mode::Member { sets.next().unwrap_or_default().to_vec() } else { Vec::new() };
        nodes.push(TreeNode {
            mode: *mode,
            feature: count("a feature", features[i])?,
            value: splits[i],
            missing_is_true: missing.get(i).is_some_and(|&flag| flag != 0),
            yes: child(yes[i], yes_leaf[i])?,
            no: child(no[i], no_leaf[i])?,
            members,
        });
    }
    let mut leaf_weights = Vec::with_capacity(leaves);
    for leaf in 0..leaves {
        let place = n + leaf;
        leaf_weights.push((place, count("a target", targets[leaf])?, weights[leaf]));
        let (mode, members) = (Mode::Leaf, Vec::new());
        nodes.push(TreeNode {
            mode,
            feature: 0,
            value: 0.0,
            missing_is_true: false,
            yes: place,
            no: place,
            members,
        });
    }
    let mut roots = Vec::new();
    for &root in &ints(node, "tree_roots") {
        let root = child(root, 0)?;
        // A tree that is a leaf has a root with that leaf on both sides.
        roots.push(if nodes[root].yes == nodes[root].no && nodes[root].yes >= n {
            nodes[root].yes
        } else {
            root
        });
    }
    let forest = Forest { nodes, roots, weights: leaf_weights };
    let aggregates = [Aggregate::Average, Aggregate::Sum, Aggregate::Min, Aggregate::Max];
    let Some(&aggregate) =
        usize::try_from(node.int("aggregate_function", 1)).ok().and_then(|i| aggregates.get(i))
    else {
        return unsupported(format!("aggregate_function is {}", node.int("aggregate_function", 1)));
    };
    let transform = match node.int("post_transform", 0) {
        0 => "NONE",
        1 => "SOFTMAX",
        2 => "LOGISTIC",
        3 => "SOFTMAX_ZERO",
        4 => "PROBIT",
        other => return unsupported(format!("post_transform is {other}")),
    };
    let targets = count("n_targets", node.int("n_targets", 0))?;
    let y = super::transformed_by(forest.scores(node, rows(node, 0)?, targets, aggregate)?, transform)?;
    node.give(rounded(y, element), element)
}
