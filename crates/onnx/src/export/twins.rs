//! One graph for two batches: which sizes are the batch's, and that nothing else differs.

use anygrad_core::{Error, Result};
use anygrad_graph::{Attributes, Composite, Graph, Node, Origin, ValueId};

use super::nodes;

/// A size of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Fixed(usize),
    /// So many times the rows of the batch.
    Batch(usize),
}

impl Size {
    pub(super) const ONE: Size = Size::Fixed(1);

    /// The number, unless it is the batch's.
    pub(super) fn fixed(self) -> Result<usize> {
        match self {
            Size::Fixed(size) => Ok(size),
            Size::Batch(_) => Err(Error::unsupported("it needs the number of rows of a batch: give one")),
        }
    }
}

/// A graph with its nodes and composites.
pub(super) struct Whole {
    pub(super) graph: Graph,
    pub(super) nodes: Vec<Node>,
    pub(super) composites: Vec<Composite>,
}

impl Whole {
    /// With what composites need beside their inputs.
    fn of(graph: Graph) -> Result<Self> {
        let composites = nodes::prepare(&graph)?;
        Ok(Whole { nodes: graph.nodes(), composites, graph })
    }
}

/// A graph, and the same for another batch.
pub(super) struct Twins {
    pub(super) first: Whole,
    other: Option<(Whole, [usize; 2])>,
}

impl Twins {
    pub(super) fn alone(graph: Graph) -> Result<Self> {
        Ok(Twins { first: Whole::of(graph)?, other: None })
    }

    /// Graphs of the same nodes.
    ///
    /// # Errors
    /// Another number of nodes, or another operator.
    pub(super) fn of(graph: Graph, other: Graph, batches: [usize; 2]) -> Result<Self> {
        let (first, other) = (Whole::of(graph)?, Whole::of(other)?);
        let [rows, others] = batches;
        let counts = [&first, &other].map(|whole| (whole.nodes.len(), whole.graph.values()));
        if counts[0] != counts[1] {
            let message = format!("{} nodes for {rows} rows, {} for {others}", counts[0].0, counts[1].0);
            return Err(Error::unsupported(message));
        }
        let differs = |(a, b): &(&Node, &Node)| {
            a.op.name() != b.op.name() || a.inputs != b.inputs || a.outputs != b.outputs
        };
        if let Some((a, b)) = first.nodes.iter().zip(&other.nodes).find(differs) {
            let message = format!("{} for {rows} rows, {} for {others}", a.op.name(), b.op.name());
            return Err(Error::unsupported(message).at(a.place));
        }
        Ok(Twins { first, other: Some((other, batches)) })
    }

    /// The sizes of all values.
    ///
    /// # Errors
    /// One grows with the batch in another way than in step.
    pub(super) fn sizes(&self) -> Result<Vec<Vec<Size>>> {
        self.first.graph.ids().map(|id| self.sizes_of(id)).collect()
    }

    fn sizes_of(&self, id: ValueId) -> Result<Vec<Size>> {
        let shape = self.first.graph.meta(id).shape;
        let Some((other, [rows, other_rows])) = &self.other else {
            return Ok(shape.iter().map(|&size| Size::Fixed(size)).collect());
        };
        let others = other.graph.meta(id).shape;
        let wrong = || Error::unsupported(format!("{shape} for {rows} rows is {others} for {other_rows}"));
        if shape.rank() != others.rank() {
            return Err(wrong());
        }
        let size = |(&size, &other): (&usize, &usize)| match size == other {
            true => Ok(Size::Fixed(size)),
            false if size % rows == 0 && size / rows * other_rows == other => Ok(Size::Batch(size / rows)),
            false => Err(wrong()),
        };
        shape.iter().zip(others.iter()).map(size).collect()
    }

    /// Whether a constant, or the name of a state, is the same in both.
    pub(super) fn is_same(&self, id: ValueId) -> bool {
        let Some((other, _)) = &self.other else { return true };
        match (self.first.graph.origin(id), other.graph.origin(id)) {
            // By their bytes: NaN is NaN.
            (Origin::Constant(one), Origin::Constant(other)) => {
                (one.dtype(), one.shape(), one.bytes()) == (other.dtype(), other.shape(), other.bytes())
            }
            (Origin::State(one), Origin::State(other)) => one == other,
            _ => true,
        }
    }

    /// The settings of a node.
    ///
    /// # Errors
    /// They are not the same in both.
    pub(super) fn node_attributes(&self, index: usize) -> Result<Attributes> {
        let attributes = |whole: &Whole| whole.nodes[index].op.attributes();
        self.same(attributes(&self.first), self.other.as_ref().map(|(other, _)| attributes(other)))
    }

    /// The settings of a composite.
    ///
    /// # Errors
    /// They are not the same in both.
    pub(super) fn composite_attributes(&self, index: usize) -> Result<Attributes> {
        let attributes = |whole: &Whole| whole.composites.get(index).map(|one| one.attributes.clone());
        let first = attributes(&self.first).unwrap_or_default();
        self.same(first, self.other.as_ref().map(|(other, _)| attributes(other).unwrap_or_default()))
    }

    fn same(&self, first: Attributes, other: Option<Attributes>) -> Result<Attributes> {
        match other {
            // As text: NaN is NaN.
            Some(other) if format!("{other:?}") != format!("{first:?}") => {
                Err(Error::unsupported("its settings depend on the number of rows of a batch: give one"))
            }
            _ => Ok(first),
        }
    }
}
