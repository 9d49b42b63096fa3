//! Decision trees as tables, walked level by level: all trees of all rows at once.

use std::collections::HashMap;

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{constant, ints, numbers};
use crate::node::{Node, count};
use crate::value::{Stop, unsupported, wrong};

/// Numbers of one table at most.
const MOST: usize = 1 << 24;

/// When the branch of the true side is taken, of a feature x and the node's number v.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    Member,
    Leaf,
}

/// The modes by their names, without `BRANCH_`; the places are their numbers in `TreeEnsemble`.
pub(super) const MODES: &[(&str, Mode)] = &[
    ("LEQ", Mode::LessOrEqual),
    ("LT", Mode::Less),
    ("GTE", Mode::GreaterOrEqual),
    ("GT", Mode::Greater),
    ("EQ", Mode::Equal),
    ("NEQ", Mode::NotEqual),
    ("MEMBER", Mode::Member),
];

/// One node of a tree: its branches are places in the list of all nodes.
#[derive(Clone, Debug)]
pub(super) struct TreeNode {
    pub(super) mode: Mode,
    pub(super) feature: usize,
    pub(super) value: f64,
    /// Whether NaN goes to the true side.
    pub(super) missing_is_true: bool,
    pub(super) yes: usize,
    pub(super) no: usize,
    /// The set of a [`Mode::Member`].
    pub(super) members: Vec<f64>,
}

/// Trees, and what their leaves weigh.
pub(super) struct Forest {
    pub(super) nodes: Vec<TreeNode>,
    pub(super) roots: Vec<usize>,
    /// Leaf, target, weight.
    pub(super) weights: Vec<(usize, usize, f64)>,
}

/// How the weights of a target are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

impl Forest {
    /// From the attributes of `TreeEnsembleClassifier` and `TreeEnsembleRegressor`: nodes are named by a tree and a
    /// number in it, and `target` is what the weights are called there.
    pub(super) fn named(node: &Node<'_, '_>, target: &str, targets: &str) -> Result<Self, Stop> {
        let (trees, own) = (ints(node, "nodes_treeids"), ints(node, "nodes_nodeids"));
        let modes = node.texts("nodes_modes").unwrap_or_default();
        let (features, values) = (ints(node, "nodes_featureids"), numbers(node, "nodes_values")?);
        let (yes, no) = (ints(node, "nodes_truenodeids"), ints(node, "nodes_falsenodeids"));
        let missing = ints(node, "nodes_missing_value_tracks_true");
        let n = trees.len();
        if [own.len(), modes.len(), features.len(), values.len(), yes.len(), no.len()]
            .iter()
            .any(|&len| len != n)
        {
            return wrong(format!("the lists of {n} nodes differ in length"));
        }
        let place: HashMap<(i64, i64), usize> = trees.iter().copied().zip(own).zip(0..).collect();
        let find = |tree: i64, own: i64| match place.get(&(tree, own)) {
            Some(&place) => Ok(place),
            None => wrong(format!("there is no node {own} in tree {tree}")),
        };
        let mut nodes = Vec::with_capacity(n);
        let mut is_child = vec![false; n];
        for i in 0..n {
            let mode = match MODES.iter().find(|(name, _)| modes[i].strip_prefix("BRANCH_") == Some(name)) {
                Some((_, mode)) if *mode != Mode::Member => *mode,
                _ if modes[i] == "LEAF" => Mode::Leaf,
                _ => return unsupported(format!("nodes of the mode {:?}", modes[i])),
            };
            let mut branches = [i, i];
            if mode != Mode::Leaf {
                branches = [find(trees[i], yes[i])?, find(trees[i], no[i])?];
                branches.iter().for_each(|&child| is_child[child] = true);
            }
            nodes.push(TreeNode {
                mode,
                feature: count("a feature", features[i])?,
                value: values[i],
                missing_is_true: missing.get(i).is_some_and(|&flag| flag != 0),
                yes: branches[0],
                no: branches[1],
                members: Vec::new(),
            });
        }
        let roots = (0..n).filter(|&i| !is_child[i]).collect();
        let (leaf_trees, leaves) =
            (ints(node, &format!("{target}_treeids")), ints(node, &format!("{target}_nodeids")));
        let (ids, each) = (ints(node, targets), numbers(node, &format!("{target}_weights"))?);
        if [leaves.len(), ids.len(), each.len()].iter().any(|&len| len != leaf_trees.len()) {
            return wrong("the lists of weights differ in length");
        }
        let mut weights = Vec::with_capacity(each.len());
        for i in 0..each.len() {
            weights.push((find(leaf_trees[i], leaves[i])?, count("a target", ids[i])?, each[i]));
        }
        Ok(Forest { nodes, roots, weights })
    }

    /// The most branches on a way from a root to a leaf.
    fn depth(&self) -> Result<usize, Stop> {
        let mut level = self.roots.clone();
        let mut seen = vec![false; self.nodes.len()];
        let mut depth = 0;
        loop {
            let mut next = Vec::new();
            for &place in &level {
                if std::mem::replace(&mut seen[place], true) {
                    return wrong("a node of a tree is reached in two ways");
                }
                let node = &self.nodes[place];
                if node.mode != Mode::Leaf {
                    next.extend([node.yes, node.no]);
                }
            }
            if next.is_empty() {
                return Ok(depth);
            }
            (depth, level) = (depth + 1, next);
        }
    }

    /// What the trees say of rows `[batch, features]`: `[batch, targets]`; 0 for a target that no leaf weighs.
    pub(super) fn scores<'g>(
        &self,
        node: &Node<'_, 'g>,
        x: Tensor<'g>,
        targets: usize,
        aggregate: Aggregate,
    ) -> Result<Tensor<'g>, Stop> {
        let (features, trees) = (x.shape()[1], self.roots.len());
        if let Some(wrong_one) =
            self.nodes.iter().find(|node| node.mode != Mode::Leaf && node.feature >= features)
        {
            return wrong(format!("a node reads feature {} of {features}", wrong_one.feature));
        }
        if let Some((_, target, _)) = self.weights.iter().find(|(_, target, _)| *target >= targets) {
            return wrong(format!("a weight of target {target} of {targets}"));
        }
        let depth = self.depth()?;
        if trees == 0 {
            return wrong("there are no trees");
        }
        let roots: Vec<f64> = self.roots.iter().map(|&root| root as f64).collect();
        let mut at = constant(node, &[1, trees], &roots, DType::I32)?.broadcast_to(&[x.shape()[0], trees]);
        let tables = Tables::of(node, &self.nodes)?;
        for _ in 0..depth {
            at = tables.step(x, at);
        }
        // Rows of a table of the leaves alone, which is much smaller than one of all nodes.
        let mut row_of = vec![0.0; self.nodes.len()];
        let leaves: Vec<usize> =
            (0..self.nodes.len()).filter(|&i| self.nodes[i].mode == Mode::Leaf).collect();
        for (row, &leaf) in leaves.iter().enumerate() {
            row_of[leaf] = row as f64;
        }
        let nothing = match aggregate {
            Aggregate::Sum | Aggregate::Average => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        };
        if leaves.len().saturating_mul(targets) > MOST {
            return unsupported(format!("{} leaves with {targets} targets", leaves.len()));
        }
        let mut table = vec![nothing; leaves.len() * targets];
        for &(leaf, target, weight) in &self.weights {
            if self.nodes[leaf].mode != Mode::Leaf {
                return wrong("a weight of a node that is no leaf");
            }
            let known = &mut table[row_of[leaf] as usize * targets + target];
            *known = match aggregate {
                Aggregate::Sum | Aggregate::Average => *known + weight,
                Aggregate::Min => known.min(weight),
                Aggregate::Max => known.max(weight),
            };
        }
        let rows = constant(node, &[self.nodes.len()], &row_of, DType::I32)?.gather(0, at);
        let weights = constant(node, &[leaves.len(), targets], &table, DType::F32)?.gather(0, rows);
        Ok(match aggregate {
            Aggregate::Sum => weights.sum(&[1], false),
            Aggregate::Average => weights.sum(&[1], false) * (1.0 / trees as f64),
            Aggregate::Min => bounded(weights.min(&[1], false)),
            Aggregate::Max => bounded(weights.max(&[1], false)),
        })
    }
}

/// 0 for what no leaf weighed.
fn bounded(x: Tensor<'_>) -> Tensor<'_> {
    x.isinf().select(0.0, x)
}

/// The nodes as columns on the device, by place.
struct Tables<'g> {
    feature: Tensor<'g>,
    value: Tensor<'g>,
    yes: Tensor<'g>,
    no: Tensor<'g>,
    /// 1 where NaN goes to the true side.
    nan: Tensor<'g>,
    mode: Tensor<'g>,
    modes: Vec<Mode>,
    members: Option<Tensor<'g>>,
}

impl<'g> Tables<'g> {
    fn of(node: &Node<'_, 'g>, nodes: &[TreeNode]) -> Result<Self, Stop> {
        let column = |dtype: DType, number: &dyn Fn(&TreeNode) -> f64| {
            constant(node, &[nodes.len()], &nodes.iter().map(number).collect::<Vec<_>>(), dtype)
        };
        let mut modes: Vec<Mode> = Vec::new();
        for node in nodes {
            if node.mode != Mode::Leaf && !modes.contains(&node.mode) {
                modes.push(node.mode);
            }
        }
        let place = |mode: Mode| modes.iter().position(|&known| known == mode).unwrap_or(0) as f64;
        let most = nodes.iter().map(|node| node.members.len()).max().unwrap_or(0);
        if most.saturating_mul(nodes.len()) > MOST {
            return unsupported(format!("{} nodes with sets of {most}", nodes.len()));
        }
        let members = (most > 0).then(|| {
            // NaN is equal to nothing.
            let padded = nodes.iter().flat_map(|node| {
                let rest = std::iter::repeat_n(f64::NAN, most - node.members.len());
                node.members.iter().copied().chain(rest)
            });
            constant(node, &[nodes.len(), most], &padded.collect::<Vec<_>>(), DType::F32)
        });
        Ok(Tables {
            feature: column(DType::I32, &|node| {
                if node.mode == Mode::Leaf { 0.0 } else { node.feature as f64 }
            })?,
            value: column(DType::F32, &|node| node.value)?,
            yes: column(DType::I32, &|node| node.yes as f64)?,
            no: column(DType::I32, &|node| node.no as f64)?,
            nan: column(DType::I32, &|node| {
                f64::from(u8::from(node.missing_is_true || node.mode == Mode::NotEqual))
            })?,
            mode: column(DType::I32, &|node| place(node.mode))?,
            modes,
            members: members.transpose()?,
        })
    }

    /// From the places `[batch, trees]` one branch down; a leaf leads to itself.
    fn step(&self, x: Tensor<'g>, at: Tensor<'g>) -> Tensor<'g> {
        let of = |table: Tensor<'g>| table.gather(0, at);
        let (number, value) = (x.gather_elements(1, of(self.feature)), of(self.value));
        let holds = |mode: Mode| match mode {
            Mode::LessOrEqual | Mode::Leaf => number.le(value),
            Mode::Less => number.lt(value),
            Mode::GreaterOrEqual => number.ge(value),
            Mode::Greater => number.gt(value),
            Mode::Equal => number.eq(value),
            Mode::NotEqual => number.ne(value),
            Mode::Member => match self.members {
                Some(members) => number.unsqueeze(2).eq(members.gather(0, at)).any(&[2], false),
                None => number.isnan().logical_and(number.eq(value)),
            },
        };
        let mode = of(self.mode);
        let mut modes = self.modes.iter().enumerate();
        let first = modes.next().map_or(Mode::LessOrEqual, |(_, &mode)| mode);
        let mut taken = holds(first);
        for (place, &other) in modes {
            taken = mode.eq(place as i32).select(holds(other), taken);
        }
        let taken = number.isnan().select(of(self.nan).ne(0), taken);
        taken.select(of(self.yes), of(self.no))
    }
}
