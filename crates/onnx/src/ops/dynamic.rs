//! Operators whose results have as many elements as the numbers say: computed on the host, between two stages.

use super::Row;
use crate::node::Node;
use crate::value::Outputs;
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[("NonZero", non_zero)];

/// Where the elements are that are not 0: [axes, count].
fn non_zero<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.host(0)?;
    let numbers = x.to_f64();
    let places: Vec<usize> = (0..numbers.len()).filter(|&p| numbers[p] != 0.0).collect();
    // A scalar counts as one axis.
    let sizes = if x.sizes().is_empty() { vec![1] } else { x.sizes().to_vec() };
    let along = |axis: usize| {
        let stride: usize = sizes[axis + 1..].iter().product();
        let size = sizes[axis];
        places.iter().map(move |&p| (p / stride.max(1) % size.max(1)) as i64)
    };
    let indices: Vec<i64> = (0..sizes.len()).flat_map(along).collect();
    Ok(vec![Host::new(Element::Int64, &[sizes.len(), places.len()], Data::Int(indices))?.into()])
}
