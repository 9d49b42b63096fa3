//! What a model does with each of its parameters, and what that is called elsewhere.

use std::collections::{BTreeSet, HashMap};

use anygrad_core::{Error, Result};
use anygrad_graph::ops::{Activation, RecurrentCell};
use anygrad_graph::{Attributes, Composite, Graph, Origin, ValueId};

use super::Library;
use super::moves::{How, Move};

/// What reads a parameter: an operator or a method, with the name or number of its argument.
struct Use {
    by: &'static str,
    argument: String,
    /// The heads of the attention that the reader's layer has.
    label: Option<String>,
}

/// The moves of all parameters.
///
/// # Errors
/// A layer that the library has not.
pub(super) fn moves(graph: &Graph, names: &[String], library: Library) -> Result<Vec<Move>> {
    let uses = uses(graph);
    let composites = graph.composites();
    let heads = heads(graph, &composites);
    let id_of: HashMap<&str, ValueId> =
        names.iter().filter_map(|name| Some((name.as_str(), graph.find(name)?.id()))).collect();
    let mut done = BTreeSet::new();
    let mut moves = Vec::new();
    for composite in composites.iter().filter(|composite| composite.name == "recurrent") {
        recurrent(graph, composite, library, &mut done, &mut moves)?;
    }
    if library == Library::PyTorch {
        for name in names {
            joined(graph, name, &mut done, &mut moves);
        }
    }
    for name in names.iter().filter(|name| !done.contains(*name)) {
        let id = id_of.get(name.as_str()).copied().ok_or_else(|| Error::internal(format!("no {name:?}")))?;
        let sizes = graph.meta(id).shape.to_vec();
        moves.push(alone(name, &sizes, uses.get(&id), &heads, library));
    }
    Ok(moves)
}

/// The first reader of each state.
fn uses(graph: &Graph) -> HashMap<ValueId, Use> {
    let mut uses = HashMap::new();
    let is_state = |id: &ValueId| matches!(graph.origin(*id), Origin::State(_));
    let label = |label: &Option<std::sync::Arc<str>>| label.as_ref().map(ToString::to_string);
    for composite in graph.composites().iter().filter(|composite| known(composite.name)) {
        for (argument, id) in composite.inputs.iter().filter(|(_, id)| is_state(id)) {
            let argument = (*argument).to_owned();
            uses.entry(*id).or_insert(Use { by: composite.name, argument, label: label(&composite.label) });
        }
    }
    for node in graph.nodes() {
        for (at, id) in node.inputs.iter().enumerate().filter(|(_, id)| is_state(id)) {
            let (by, argument) = (node.op.name(), at.to_string());
            uses.entry(*id).or_insert(Use { by, argument, label: label(&node.label) });
        }
    }
    uses
}

/// Composites that tell what their arguments are.
fn known(name: &str) -> bool {
    matches!(
        name,
        "conv" | "batch_norm_inference" | "layer_norm" | "rms_norm" | "instance_norm" | "group_norm"
    )
}

/// Heads of queries and of keys of each layer with attention, by its path.
fn heads(graph: &Graph, composites: &[Composite]) -> HashMap<String, [usize; 2]> {
    let of = |composite: &Composite| {
        let heads = |name| composite.input(name).and_then(|id| graph.meta(id).shape.get(1).copied());
        Some((composite.label.as_ref()?.to_string(), [heads("query")?, heads("key")?]))
    };
    composites.iter().filter(|composite| composite.name == "attention").filter_map(of).collect()
}

/// A path of ours with another last part, as the library writes it.
fn path(name: &str, last: &str, library: Library) -> String {
    let layer = name.rsplit_once('.').map_or("", |(layer, _)| layer);
    let whole = if layer.is_empty() { last.to_owned() } else { format!("{layer}.{last}") };
    if library == Library::Keras { whole.replace('.', "/") } else { whole }
}

fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// A parameter that is moved by itself.
fn alone(
    name: &str,
    sizes: &[usize],
    found: Option<&Use>,
    heads: &HashMap<String, [usize; 2]>,
    library: Library,
) -> Move {
    let (by, argument) = found.map_or(("", ""), |found| (found.by, found.argument.as_str()));
    let to = |last: &str, how: How| Move::one(name, path(name, last, library), how);
    let is_pytorch = library == Library::PyTorch;
    let own = last(name);
    let attention = found.and_then(|found| found.label.as_ref()).and_then(|label| heads.get(label));
    if let Some(heads) = attention {
        return of_attention(name, sizes, *heads, library);
    }
    match (by, argument) {
        ("matmul", "1") if is_pytorch => to(&in_pytorch(own), How::Permuted(vec![1, 0])),
        ("gather", "0") if is_pytorch => to("weight", How::Same),
        ("conv", "weight") | ("conv1d" | "conv2d" | "conv3d", "1") => match is_pytorch {
            true => to("weight", How::Same),
            false => to(own, How::Permuted((2..sizes.len()).chain([1, 0]).collect())),
        },
        ("conv1d_input_grad" | "conv2d_input_grad" | "conv3d_input_grad", "1") => match is_pytorch {
            true => to("weight", How::Same),
            false => to(own, How::Permuted((2..sizes.len()).chain([1, 0]).collect())),
        },
        ("batch_norm_inference" | "layer_norm" | "rms_norm" | "instance_norm" | "group_norm", argument) => {
            let theirs = match argument {
                "scale" if is_pytorch => "weight",
                "bias" if is_pytorch => "bias",
                "mean" if is_pytorch => "running_mean",
                "variance" if is_pytorch => "running_var",
                // Keras's RMS norm calls it so.
                "scale" if by == "rms_norm" => "scale",
                _ => own,
            };
            to(theirs, How::Same)
        }
        _ => to(own, How::Same),
    }
}

/// `kernel` as PyTorch calls it, with what stands before it.
fn in_pytorch(own: &str) -> String {
    match own.strip_suffix("kernel") {
        Some("") => "weight".to_owned(),
        Some(first) => format!("{}.weight", first.trim_end_matches('_')),
        None => own.to_owned(),
    }
}

/// A projection of attention that is not joined with others.
fn of_attention(name: &str, sizes: &[usize], [queries, keys]: [usize; 2], library: Library) -> Move {
    let own = last(name);
    let Some((which, what)) = own.rsplit_once('_') else { return Move::same(name, path(name, own, library)) };
    let to = |last: &str, how: How| Move::one(name, path(name, last, library), how);
    if library == Library::PyTorch {
        let part = if which == "output" { "out_proj".to_owned() } else { format!("{which}_proj") };
        return match what {
            "kernel" => to(&format!("{part}.weight"), How::Permuted(vec![1, 0])),
            _ => to(&format!("{part}.bias"), How::Same),
        };
    }
    let part = if which == "output" { "attention_output" } else { which };
    let heads = if which == "query" || which == "output" { queries } else { keys };
    let theirs = match (sizes, which) {
        (&[rows, columns], "output") => vec![heads, rows / heads.max(1), columns],
        (&[rows, columns], _) => vec![rows, heads, columns / heads.max(1)],
        (&[columns], "output") => vec![columns],
        (&[columns], _) => vec![heads, columns / heads.max(1)],
        _ => sizes.to_vec(),
    };
    to(&format!("{part}.{what}"), How::Reshaped(sizes.to_vec(), theirs))
}

/// Queries, keys and values of as many features as the input has are one matrix in PyTorch.
fn joined(graph: &Graph, name: &str, done: &mut BTreeSet<String>, moves: &mut Vec<Move>) {
    for (what, theirs) in [("kernel", "in_proj_weight"), ("bias", "in_proj_bias")] {
        if last(name) != format!("query_{what}") {
            continue;
        }
        let layer = name.strip_suffix(last(name)).unwrap_or_default();
        let ours: Vec<String> =
            ["query", "key", "value"].map(|which| format!("{layer}{which}_{what}")).to_vec();
        let shapes: Vec<_> = ours.iter().filter_map(|name| Some(graph.find(name)?.shape())).collect();
        let same = shapes.len() == 3 && shapes.iter().all(|shape| *shape == shapes[0]);
        if same && shapes[0].iter().all(|size| *size == shapes[0][0]) {
            done.extend(ours.iter().cloned());
            moves.push(Move { ours, theirs: vec![path(name, theirs, Library::PyTorch)], how: How::Joined });
        }
    }
}

/// The weights of one recurrent layer in one direction.
fn recurrent(
    graph: &Graph,
    composite: &Composite,
    library: Library,
    done: &mut BTreeSet<String>,
    moves: &mut Vec<Move>,
) -> Result<()> {
    let name_of = |argument| {
        let id = composite.input(argument)?;
        match graph.origin(id) {
            Origin::State(name) => Some(name),
            _ => None,
        }
    };
    let (Some(kernel), Some(recurrent)) = (name_of("kernel"), name_of("recurrent_kernel")) else {
        return Ok(());
    };
    let ours: Vec<String> = [kernel.clone(), recurrent].into_iter().chain(name_of("bias")).collect();
    if !done.insert(kernel.clone()) {
        return Ok(());
    }
    done.extend(ours.iter().cloned());
    let cell = cell(&composite.attributes)?;
    if library == Library::Keras {
        let cell = composite.attributes.text("cell")?;
        let cell = if cell == "rnn" { "simple_rnn_cell" } else { &format!("{cell}_cell") };
        moves.extend(
            ours.iter().map(|name| Move::same(name, path(name, &format!("{cell}.{}", last(name)), library))),
        );
        return Ok(());
    }
    if name_of("peepholes").is_some() {
        return Err(Error::unsupported(format!("{kernel}: PyTorch has no LSTM with peepholes")));
    }
    // `kernel`, `kernel_1`, `backward.kernel` and so on.
    let own = last(&kernel);
    let layer = own.strip_prefix("kernel_").unwrap_or("0");
    let before = kernel.strip_suffix(own).unwrap_or_default();
    let (before, direction) = match before.strip_suffix("backward.") {
        Some(before) => (before, "_reverse"),
        None => (before, ""),
    };
    let theirs = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];
    let theirs = theirs[..if ours.len() == 3 { 4 } else { 2 }].iter();
    let theirs = theirs.map(|name| format!("{before}{name}_l{layer}{direction}")).collect();
    moves.push(Move { ours, theirs, how: How::Recurrent(cell) });
    Ok(())
}

fn cell(attributes: &Attributes) -> Result<RecurrentCell> {
    Ok(match attributes.text("cell")? {
        "lstm" => RecurrentCell::Lstm,
        "gru" => RecurrentCell::Gru { reset_after: attributes.is("reset_after") },
        _ if attributes.is("relu") => RecurrentCell::Rnn(Activation::Relu),
        _ => RecurrentCell::Rnn(Activation::Tanh),
    })
}
